//! Functions of the library in innermost loops, a tile of turns at a time.
//!
//! A loop whose turns are free and that only computes, stores and folds is cut into tiles. For every function call in it
//! that has a kernel for many numbers, a loop writes the arguments of one tile to the function's own memory, the kernel
//! replaces them by the results, and the loops after it read those. What the arguments are made of is computed again.

use ir::loops::{Bin, Ex, Function, Local, Module, St, Turns, Ty};
use std::collections::{HashMap, HashSet};

/// Turns of a tile: its numbers stay in the nearest cache.
const TILE: i64 = 256;
/// Loops of known length that are shorter stay as they are.
const SHORT: i64 = 16;
/// Kernels of one loop at most, so that the function's frame stays small.
const MOST: usize = 8;

pub fn tile(module: &mut Module) {
    for function in &mut module.functions {
        let mut body = std::mem::take(&mut function.body);
        let mut tiler = Tiler { first: function.scratch.next_multiple_of(64), used: 0, function };
        tiler.block(&mut body);
        if tiler.used > 0 {
            function.scratch = tiler.first + tiler.used;
        }
        function.body = body;
    }
}

/// The kernel that takes many numbers, of a function that takes one.
fn kernel(name: &str) -> Option<&'static str> {
    Some(match name {
        "f32_exp" => "f32_exp_tile",
        "f64_exp" => "f64_exp_tile",
        "f32_tanh" => "f32_tanh_tile",
        "f64_tanh" => "f64_tanh_tile",
        "f32_ln" => "f32_ln_tile",
        _ => return None,
    })
}

struct Tiler<'a> {
    function: &'a mut Function,
    /// Where tiles begin in the function's own memory, and how many bytes they take.
    first: u32,
    used: u32,
}

impl Tiler<'_> {
    fn block(&mut self, body: &mut Vec<St>) {
        for statement in std::mem::take(body) {
            match statement {
                St::For { var, lo, hi, turns: Turns::Free, body: inner } if self.is_worth(var, &lo, &hi, &inner) => {
                    self.tiled(var, lo, hi, inner, body);
                }
                mut other => {
                    self.inside(&mut other);
                    body.push(other);
                }
            }
        }
    }

    fn inside(&mut self, statement: &mut St) {
        match statement {
            St::If(_, yes, no) => [yes, no].into_iter().for_each(|body| self.block(body)),
            St::For { body, .. } | St::Loop(body) => self.block(body),
            St::Try { body, handler, .. } => [body, handler].into_iter().for_each(|body| self.block(body)),
            _ => {}
        }
    }

    fn is_worth(&self, var: Local, lo: &Ex, hi: &Ex, body: &[St]) -> bool {
        if matches!((lo, hi), (Ex::Int(_, lo), Ex::Int(_, hi)) if hi - lo < SHORT) {
            return false;
        }
        let mut changing = HashSet::from([var]);
        let (mut calls, mut is_plain) = (0, true);
        for statement in body {
            match statement {
                St::Let(local, value) => {
                    changing.insert(*local);
                    calls += calls_in(value, &changing);
                }
                St::Set(_, value) => calls += calls_in(value, &changing),
                St::Store(_, _, _, value) => calls += calls_in(value, &changing),
                _ => is_plain = false,
            }
        }
        // What a turn sets, another statement of the turn might read.
        let sets = body.iter().filter_map(|statement| match statement {
            St::Set(local, _) => Some(*local),
            _ => None,
        });
        let is_read = |local: Local| body.iter().any(|s| matches!(s, St::Let(_, value) if reads(value, local)));
        is_plain && (1..=MOST).contains(&calls) && !sets.into_iter().any(is_read)
    }

    /// The loops that take the place of one.
    fn tiled(&mut self, var: Local, lo: Ex, hi: Ex, mut body: Vec<St>, out: &mut Vec<St>) {
        let [low, high, number, from, to] = [(); 5].map(|()| self.local(Ty::I64));
        out.extend([St::Let(low, lo), St::Let(high, hi)]);
        let tile = Ex::Int(Ty::I64, TILE);
        let length = bin(Bin::Add, bin(Bin::Sub, Ex::Local(high), Ex::Local(low)), Ex::Int(Ty::I64, TILE - 1));
        let tiles = bin(Bin::SDiv, length, tile.clone());
        let start = bin(Bin::Add, Ex::Local(low), bin(Bin::Mul, Ex::Local(number), tile.clone()));
        let end = bin(Bin::SMin, bin(Bin::Add, Ex::Local(from), tile), Ex::Local(high));
        let mut inner = vec![St::Let(from, start), St::Let(to, end)];
        let mut changing = HashSet::from([var]);
        let mut room = 0;
        for at in 0..body.len() {
            while let Some((name, ty, argument)) = innermost_call(&mut body[at], &changing, &mut |ty| {
                let here = bin(Bin::Sub, Ex::Local(var), Ex::Local(from));
                Ex::Load(ty, Box::new(Ex::Scratch(self.first + room)), Box::new(here))
            }) {
                let place = Ex::Scratch(self.first + room);
                room += TILE as u32 * ty.size() as u32;
                inner.push(self.arguments(var, [from, to], &body[..at], place.clone(), ty, argument));
                let count = bin(Bin::Sub, Ex::Local(to), Ex::Local(from));
                inner.push(St::Rt { name, args: vec![place, count], results: Vec::new(), site: None });
            }
            if let St::Let(local, _) = &body[at] {
                changing.insert(*local);
            }
        }
        self.used = self.used.max(room);
        let (lo, hi) = (Ex::Local(from), Ex::Local(to));
        inner.push(St::For { var, lo, hi, turns: Turns::Free, body });
        let lo = Ex::Int(Ty::I64, 0);
        out.push(St::For { var: number, lo, hi: tiles, turns: Turns::Up, body: inner });
    }

    /// A loop that writes the arguments of a tile.
    fn arguments(&mut self, var: Local, [from, to]: [Local; 2], before: &[St], place: Ex, ty: Ty, argument: Ex) -> St {
        let mut needed = HashSet::new();
        used_locals(&argument, &mut needed);
        let mut lets = Vec::new();
        for statement in before.iter().rev() {
            if let St::Let(local, value) = statement
                && needed.contains(local)
            {
                used_locals(value, &mut needed);
                lets.push((*local, value.clone()));
            }
        }
        lets.reverse();
        let own = self.local(Ty::I64);
        let mut names = HashMap::from([(var, own)]);
        let mut body = Vec::new();
        for (local, mut value) in lets {
            rename(&mut value, &names);
            let fresh = self.local(self.function.locals[local.0 as usize]);
            names.insert(local, fresh);
            body.push(St::Let(fresh, value));
        }
        let mut argument = argument;
        rename(&mut argument, &names);
        let here = bin(Bin::Sub, Ex::Local(own), Ex::Local(from));
        body.push(St::Store(ty, place, here, argument));
        St::For { var: own, lo: Ex::Local(from), hi: Ex::Local(to), turns: Turns::Free, body }
    }

    fn local(&mut self, ty: Ty) -> Local {
        self.function.locals.push(ty);
        self.function.names.push(String::new());
        Local(self.function.locals.len() as u32 - 1)
    }
}

fn bin(op: Bin, a: Ex, b: Ex) -> Ex {
    Ex::Bin(op, Box::new(a), Box::new(b))
}

/// Takes the first call with a kernel out of a statement, arguments before calls, and puts something in its place.
fn innermost_call(
    statement: &mut St,
    changing: &HashSet<Local>,
    result: &mut dyn FnMut(Ty) -> Ex,
) -> Option<(&'static str, Ty, Ex)> {
    match statement {
        St::Let(_, value) | St::Set(_, value) | St::Store(_, _, _, value) => take_call(value, changing, result),
        _ => None,
    }
}

fn take_call(
    e: &mut Ex,
    changing: &HashSet<Local>,
    result: &mut dyn FnMut(Ty) -> Ex,
) -> Option<(&'static str, Ty, Ex)> {
    let inside = children_mut(e).into_iter().find_map(|child| take_call(child, changing, result));
    if inside.is_some() {
        return inside;
    }
    let (name, ty) = match e {
        Ex::Math(name, ty, arguments) if arguments.iter().any(|a| changing.iter().any(|l| reads(a, *l))) => {
            (kernel(name)?, *ty)
        }
        _ => return None,
    };
    let Ex::Math(_, _, mut arguments) = std::mem::replace(e, result(ty)) else { unreachable!("it was a call") };
    Some((name, ty, arguments.remove(0)))
}

fn calls_in(e: &Ex, changing: &HashSet<Local>) -> usize {
    let own = match e {
        Ex::Math(name, _, _) if kernel(name).is_some() => usize::from(changing.iter().any(|local| reads(e, *local))),
        _ => 0,
    };
    own + children(e).into_iter().map(|child| calls_in(child, changing)).sum::<usize>()
}

fn reads(e: &Ex, local: Local) -> bool {
    matches!(e, Ex::Local(other) if *other == local) || children(e).into_iter().any(|child| reads(child, local))
}

fn used_locals(e: &Ex, used: &mut HashSet<Local>) {
    if let Ex::Local(local) = e {
        used.insert(*local);
    }
    children(e).into_iter().for_each(|child| used_locals(child, used));
}

fn rename(e: &mut Ex, names: &HashMap<Local, Local>) {
    if let Ex::Local(local) = e {
        *local = names.get(local).copied().unwrap_or(*local);
    }
    children_mut(e).into_iter().for_each(|child| rename(child, names));
}

macro_rules! children {
    ($name:ident $($mutable:tt)?) => {
        fn $name(e: &$($mutable)? Ex) -> Vec<&$($mutable)? Ex> {
            match e {
                Ex::Int(..) | Ex::F32(_) | Ex::F64(_) | Ex::Data(_) | Ex::Scratch(_) | Ex::Local(_) => Vec::new(),
                Ex::Un(_, a) | Ex::Convert(_, a) | Ex::Data0(a) | Ex::Dim(a, _) => vec![a],
                Ex::Bin(_, a, b) | Ex::Cmp(_, a, b) | Ex::Load(_, a, b) => vec![a, b],
                Ex::Select(condition, a, b) => vec![condition, a, b],
                Ex::Math(_, _, arguments) => arguments.into_iter().collect(),
            }
        }
    };
}

children!(children);
children!(children_mut mut);
