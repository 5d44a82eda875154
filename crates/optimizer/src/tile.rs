//! Functions of the library in innermost loops, a tile of turns at a time.
//!
//! A loop whose turns are free and that only computes, stores and folds is cut into tiles. For every function call in it
//! that has a kernel for many numbers, a loop writes the arguments of one tile to the function's own memory, the kernel
//! replaces them by the results, and the loops after it read those. What the arguments are made of is computed again.
//! Results that are nothing but stored, one next to the other, are computed where they are stored.

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
pub fn kernel(name: &str) -> Option<&'static str> {
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
        let is_read = |local: Local| body.iter().any(|s| matches!(s, St::Let(_, value) if value.reads(local)));
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
        let target = self.target(var, &body);
        let mut is_done = false;
        for at in 0..body.len() {
            while let Some((name, ty, argument)) = innermost_call(&mut body[at], &changing, &mut |ty| {
                let here = bin(Bin::Sub, Ex::Local(var), Ex::Local(from));
                Ex::Load(ty, Box::new(Ex::Scratch(self.first + room)), Box::new(here))
            }) {
                let place = match &target {
                    Some((last, base, index)) if *last == at && is_result(&body[at]) => {
                        is_done = true;
                        let mut start = index.clone();
                        start.rename(&HashMap::from([(var, from)]));
                        let bytes = bin(Bin::Mul, start, Ex::Int(Ty::I64, ty.size() as i64));
                        let place = self.local(Ty::Ptr);
                        inner.push(St::Let(place, bin(Bin::Add, base.clone(), bytes)));
                        Ex::Local(place)
                    }
                    _ => {
                        room += TILE as u32 * ty.size() as u32;
                        Ex::Scratch(self.first + room - TILE as u32 * ty.size() as u32)
                    }
                };
                inner.push(self.arguments(var, [from, to], &body[..at], place.clone(), ty, argument));
                let count = bin(Bin::Sub, Ex::Local(to), Ex::Local(from));
                inner.push(St::Rt { name, args: vec![place, count], results: Vec::new(), site: None });
            }
            if let St::Let(local, _) = &body[at] {
                changing.insert(*local);
            }
        }
        self.used = self.used.max(room);
        if !is_done {
            let (lo, hi) = (Ex::Local(from), Ex::Local(to));
            inner.push(St::For { var, lo, hi, turns: Turns::Free, body });
        }
        let lo = Ex::Int(Ty::I64, 0);
        out.push(St::For { var: number, lo, hi: tiles, turns: Turns::Up, body: inner });
    }

    /// The statement whose result is all that the loop stores, and where: the index grows by one with each turn.
    fn target(&self, var: Local, body: &[St]) -> Option<(usize, Ex, Ex)> {
        let (St::Store(ty, base, index, value), lets) = body.split_last()? else { return None };
        let bound = |local: &Local| {
            lets.iter().enumerate().find_map(|(at, statement)| match statement {
                St::Let(other, value) if other == local => Some((at, value)),
                _ => None,
            })
        };
        let call = |e: &Ex| matches!(e, Ex::Math(name, result, _) if kernel(name).is_some() && result == ty);
        let last = match value {
            Ex::Local(local) => bound(local).filter(|(_, value)| call(value))?.0,
            value if call(value) => lets.len(),
            _ => return None,
        };
        let is_own = |e: &Ex| e.reads(var) || lets.iter().any(|s| matches!(s, St::Let(local, _) if e.reads(*local)));
        let index = match index {
            Ex::Local(local) => bound(local).map_or(index, |(_, value)| value),
            index => index,
        };
        let goes = match index {
            Ex::Local(local) => *local == var,
            Ex::Bin(Bin::Add, a, b) => matches!(**b, Ex::Local(local) if local == var) && !is_own(a),
            _ => false,
        };
        let is_let = |statement: &St| matches!(statement, St::Let(..));
        (goes && !is_own(base) && lets.iter().all(is_let)).then(|| (last, base.clone(), index.clone()))
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
            value.rename(&names);
            let fresh = self.local(self.function.locals[local.0 as usize]);
            names.insert(local, fresh);
            body.push(St::Let(fresh, value));
        }
        let mut argument = argument;
        argument.rename(&names);
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

/// Whether a statement does nothing but hand on what a kernel left.
fn is_result(statement: &St) -> bool {
    match statement {
        St::Let(_, value) | St::Store(_, _, _, value) => {
            matches!(value, Ex::Load(_, base, _) if matches!(**base, Ex::Scratch(_)))
        }
        _ => false,
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
    let inside = e.children_mut().into_iter().find_map(|child| take_call(child, changing, result));
    if inside.is_some() {
        return inside;
    }
    let (name, ty) = match e {
        Ex::Math(name, ty, arguments) if arguments.iter().any(|a| changing.iter().any(|l| a.reads(*l))) => {
            (kernel(name)?, *ty)
        }
        _ => return None,
    };
    let Ex::Math(_, _, mut arguments) = std::mem::replace(e, result(ty)) else { unreachable!("it was a call") };
    Some((name, ty, arguments.remove(0)))
}

fn calls_in(e: &Ex, changing: &HashSet<Local>) -> usize {
    let own = match e {
        Ex::Math(name, _, _) if kernel(name).is_some() => usize::from(changing.iter().any(|local| e.reads(*local))),
        _ => 0,
    };
    own + e.children().into_iter().map(|child| calls_in(child, changing)).sum::<usize>()
}

fn used_locals(e: &Ex, used: &mut HashSet<Local>) {
    e.walk(&mut |e| {
        if let Ex::Local(local) = e {
            used.insert(*local);
        }
    });
}
