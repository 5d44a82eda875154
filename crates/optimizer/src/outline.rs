//! Innermost loops as functions of their own, where several of them share an outer loop: what one of them keeps in
//! registers does not push out what another one keeps there.

use ir::loops::{Ex, FnId, Function, Local, Module, St, Turns, Ty};
use std::collections::{HashMap, HashSet};

/// Loops and calls that an outer loop has to have.
const MANY: usize = 3;
/// Loops of known length that are shorter stay where they are.
const SHORT: i64 = 64;
/// Values that are handed over at most.
const MOST: usize = 12;

pub fn outline(module: &mut Module) {
    let mut made = Vec::new();
    let first = module.functions.len();
    for function in &mut module.functions {
        let mut body = std::mem::take(&mut function.body);
        let mut changing = HashSet::new();
        note_set(&body, &mut changing);
        let (known, same) = (Vec::new(), HashMap::new());
        let mut outliner = Outliner { function, first, made: &mut made, changing, known, same };
        outliner.block(&mut body);
        function.body = body;
    }
    module.functions.extend(made);
}

struct Outliner<'a> {
    function: &'a mut Function,
    first: usize,
    made: &'a mut Vec<Function>,
    /// Locals that do not keep their first value.
    changing: HashSet<Local>,
    /// What the blocks around bind, and which of it is what an earlier local is: one of them is handed over.
    known: Vec<(Local, Ex)>,
    same: HashMap<Local, Local>,
}

impl Outliner<'_> {
    fn block(&mut self, body: &mut [St]) {
        for statement in body {
            match statement {
                St::For { body, .. } | St::Loop(body) => {
                    if parts(body) >= MANY {
                        self.inside(body);
                    } else {
                        self.block(body);
                    }
                }
                St::If(_, yes, no) => [yes, no].into_iter().for_each(|body| self.block(body)),
                St::Try { body, handler, .. } => [body, handler].into_iter().for_each(|body| self.block(body)),
                _ => {}
            }
        }
    }

    /// In a loop that has many.
    fn inside(&mut self, body: &mut [St]) {
        let before = self.known.len();
        for statement in body {
            if let St::Let(local, value) = statement {
                self.note(*local, value);
            }
            if let Some(call) = self.call(statement) {
                *statement = call;
                continue;
            }
            match statement {
                St::For { body, .. } | St::Loop(body) => self.inside(body),
                St::If(_, yes, no) => [yes, no].into_iter().for_each(|body| self.inside(body)),
                St::Try { body, handler, .. } => [body, handler].into_iter().for_each(|body| self.inside(body)),
                _ => {}
            }
        }
        self.known.truncate(before);
    }

    fn note(&mut self, local: Local, value: &Ex) {
        let mut is_fixed = !self.changing.contains(&local);
        value.walk(&mut |e| {
            is_fixed &= match e {
                Ex::Local(local) => !self.changing.contains(local),
                Ex::Load(..) | Ex::Math(..) => false,
                _ => true,
            };
        });
        if !is_fixed {
            return;
        }
        let mut value = value.clone();
        value.rename(&self.same);
        match self.known.iter().find(|(_, known)| *known == value) {
            Some((first, _)) => drop(self.same.insert(local, *first)),
            None => self.known.push((local, value)),
        }
    }

    /// The call that takes the place of a loop.
    fn call(&mut self, statement: &St) -> Option<St> {
        let St::For { var, lo, hi, turns: Turns::Free, body } = statement else { return None };
        if !is_innermost(lo, hi, body) {
            return None;
        }
        let (mut own, mut read, mut sets) = (HashSet::from([*var]), Vec::new(), Vec::new());
        let mut frames: Vec<u32> = Vec::new();
        let first = |local: &Local| self.same.get(local).copied().unwrap_or(*local);
        let mut note = |e: &Ex, own: &HashSet<Local>| {
            e.walk(&mut |e| match e {
                Ex::Local(local) if !own.contains(local) && !read.contains(&first(local)) => read.push(first(local)),
                Ex::Scratch(byte) if !frames.contains(byte) => frames.push(*byte),
                _ => {}
            });
        };
        [lo, hi].into_iter().for_each(|e| note(e, &HashSet::new()));
        for statement in body {
            match statement {
                St::Let(local, value) => {
                    note(value, &own);
                    own.insert(*local);
                }
                St::Set(local, value) => {
                    note(value, &own);
                    if own.contains(local) {
                        return None;
                    }
                    note(&Ex::Local(*local), &own);
                    if !sets.contains(local) {
                        sets.push(*local);
                    }
                }
                St::Store(_, base, index, value) => [base, index, value].into_iter().for_each(|e| note(e, &own)),
                _ => return None,
            }
        }
        if read.len() > MOST || sets.len() > 2 {
            return None;
        }
        let old = &self.function;
        let (mut locals, mut names, mut renamed) = (Vec::new(), Vec::new(), HashMap::new());
        let mut kept: Vec<Local> = own.into_iter().collect();
        kept.sort();
        for local in read.iter().chain(&kept) {
            renamed.insert(*local, Local(locals.len() as u32));
            locals.push(old.locals[local.0 as usize]);
            names.push(old.names[local.0 as usize].clone());
        }
        let others = self.same.iter().filter_map(|(local, first)| Some((*local, *renamed.get(first)?)));
        let others: Vec<(Local, Local)> = others.collect();
        renamed.extend(others);
        let mut params: Vec<Local> = (0..read.len() as u32).map(Local).collect();
        let mut args: Vec<Ex> = read.iter().map(|local| Ex::Local(*local)).collect();
        let mut framed = HashMap::new();
        for byte in frames {
            let local = Local(locals.len() as u32);
            locals.push(Ty::Ptr);
            names.push(String::new());
            params.push(local);
            args.push(Ex::Scratch(byte));
            framed.insert(byte, local);
        }
        let mut moved = vec![statement.clone()];
        moved.iter_mut().for_each(|statement| rename(statement, &renamed, &framed));
        moved.push(St::Return(sets.iter().map(|local| Ex::Local(renamed[local])).collect()));
        let results = sets.iter().map(|local| old.locals[local.0 as usize]).collect();
        let func = FnId((self.first + self.made.len()) as u32);
        let (name, span) = (format!("{}, a loop", old.name), old.span);
        let body = moved;
        self.made.push(Function { name, params, results, locals, names, scratch: 0, body, recursive: false, span });
        Some(St::Call { func, args, results: sets })
    }
}

/// The locals that are set again.
fn note_set(body: &[St], changing: &mut HashSet<Local>) {
    for statement in body {
        match statement {
            St::Set(local, _) => drop(changing.insert(*local)),
            St::For { body, .. } | St::Loop(body) => note_set(body, changing),
            St::If(_, yes, no) => [yes, no].into_iter().for_each(|body| note_set(body, changing)),
            St::Try { body, handler, .. } => [body, handler].into_iter().for_each(|body| note_set(body, changing)),
            _ => {}
        }
    }
}

/// Innermost loops and calls below.
fn parts(body: &[St]) -> usize {
    let part = |statement: &St| match statement {
        St::For { lo, hi, body, .. } if is_innermost(lo, hi, body) => 1,
        St::For { body, .. } | St::Loop(body) => parts(body),
        St::If(_, yes, no) => parts(yes) + parts(no),
        St::Try { body, handler, .. } => parts(body) + parts(handler),
        St::Call { .. } | St::Rt { .. } => 1,
        _ => 0,
    };
    body.iter().map(part).sum()
}

/// Whether a loop only computes, stores and folds, long enough to be worth a call.
fn is_innermost(lo: &Ex, hi: &Ex, body: &[St]) -> bool {
    let is_short = matches!((lo, hi), (Ex::Int(_, lo), Ex::Int(_, hi)) if hi - lo < SHORT);
    !is_short && body.iter().all(|statement| matches!(statement, St::Let(..) | St::Set(..) | St::Store(..)))
}

fn rename(statement: &mut St, names: &HashMap<Local, Local>, frames: &HashMap<u32, Local>) {
    let each = |e: &mut Ex| {
        e.rename(names);
        into_frame(e, frames);
    };
    match statement {
        St::Let(local, value) | St::Set(local, value) => {
            *local = names[local];
            each(value);
        }
        St::Store(_, base, index, value) => [base, index, value].into_iter().for_each(each),
        St::For { var, lo, hi, body, .. } => {
            *var = names[var];
            [lo, hi].into_iter().for_each(each);
            body.iter_mut().for_each(|statement| rename(statement, names, frames));
        }
        _ => unreachable!("the loop only computes, stores and folds"),
    }
}

/// The caller's own memory, by the addresses that the caller gave.
fn into_frame(e: &mut Ex, frames: &HashMap<u32, Local>) {
    if let Ex::Scratch(byte) = e {
        *e = Ex::Local(frames[byte]);
    }
    e.children_mut().into_iter().for_each(|child| into_frame(child, frames));
}
