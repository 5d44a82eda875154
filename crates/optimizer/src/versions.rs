//! Checks and decisions of innermost loops, made once for all turns.
//!
//! A branch that goes the same way in all turns stands around the loop instead of in it.
//!
//! An index that grows or falls evenly is in bounds in all turns if it is in the first and in the last. A loop with such
//! checks becomes two: where all of them hold, one without, and otherwise the loop as it was, which finds out which fails.

use ir::loops::{Bin, Cmp, Ex, Function, Local, Module, St, Turns, Ty};
use std::collections::{HashMap, HashSet};

pub fn versions(module: &mut Module) {
    for function in &mut module.functions {
        let mut body = std::mem::take(&mut function.body);
        Pass { function }.block(&mut body);
        function.body = body;
    }
}

struct Pass<'a> {
    function: &'a mut Function,
}

impl Pass<'_> {
    fn block(&mut self, body: &mut Vec<St>) {
        for statement in std::mem::take(body) {
            match self.checked_once(&statement).or_else(|| self.decided_once(&statement)) {
                Some(versions) => body.extend(versions),
                None => {
                    body.push(statement);
                    match body.last_mut().expect("just pushed") {
                        St::If(_, yes, no) => [yes, no].into_iter().for_each(|body| self.block(body)),
                        St::For { body, .. } | St::Loop(body) => self.block(body),
                        St::Try { body, handler, .. } => [body, handler].into_iter().for_each(|body| self.block(body)),
                        _ => {}
                    }
                }
            }
        }
    }

    fn checked_once(&mut self, statement: &St) -> Option<Vec<St>> {
        let St::For { var, lo, hi, turns, body } = statement else { return None };
        let mut own = HashMap::new();
        let mut changing = HashSet::from([*var]);
        for statement in body {
            match statement {
                St::Let(local, value) => {
                    own.insert(*local, value);
                    changing.insert(*local);
                }
                St::Set(local, _) => drop(changing.insert(*local)),
                St::Store(..) => {}
                St::If(_, yes, no) if matches!(yes[..], [St::Fail { .. }]) && no.is_empty() => {}
                _ => return None,
            }
        }
        // What the loop reads of memory, it may also have stored.
        let (mut plain, mut tests) = (Vec::new(), Vec::new());
        for statement in body {
            let check = match statement {
                St::If(Ex::Cmp(Cmp::UGe, index, extent), yes, _) if matches!(yes[..], [St::Fail { .. }]) => {
                    is_fixed(extent, &changing)
                        .then(|| step(index, *var, &own, &changing))
                        .flatten()
                        .map(|step| (step, (**index).clone(), (**extent).clone()))
                }
                St::If(..) => return None,
                _ => {
                    plain.push(statement.clone());
                    continue;
                }
            };
            tests.push(check?);
        }
        if tests.is_empty() || *turns == Turns::Down {
            return None;
        }
        let [low, high, fits] = [Ty::I64, Ty::I64, Ty::I8].map(|ty| {
            self.function.locals.push(ty);
            self.function.names.push(String::new());
            Local(self.function.locals.len() as u32 - 1)
        });
        let last = bin(Bin::Sub, Ex::Local(high), Ex::Int(Ty::I64, 1));
        let mut all: Option<Ex> = None;
        for (_, index, extent) in tests {
            let index = opened(&index, &own);
            for at in [Ex::Local(low), last.clone()] {
                let place = with(&index, *var, &at);
                let inside = Ex::Cmp(Cmp::ULt, Box::new(place), Box::new(extent.clone()));
                all = Some(match all {
                    None => inside,
                    Some(all) => bin(Bin::And, all, inside),
                });
            }
        }
        let (lo, hi) = (lo.clone(), hi.clone());
        let range = || (Ex::Local(low), Ex::Local(high));
        let version = |body: Vec<St>| {
            let (lo, hi) = range();
            vec![St::For { var: *var, lo, hi, turns: *turns, body }]
        };
        let names = self.fresh(own.keys().chain([var]));
        let mut fast = version(plain);
        rename(&mut fast, &names);
        let slow = version(body.clone());
        Some(vec![
            St::Let(low, lo),
            St::Let(high, hi),
            St::Let(fits, all.expect("a test")),
            St::If(Ex::Local(fits), fast, slow),
        ])
    }
}

impl Pass<'_> {
    /// Other names: a version has locals of its own, so that each is bound once.
    fn fresh<'l>(&mut self, locals: impl Iterator<Item = &'l Local>) -> HashMap<Local, Local> {
        let mut locals: Vec<Local> = locals.copied().collect();
        locals.sort();
        let mut names = HashMap::new();
        for local in locals {
            self.function.locals.push(self.function.locals[local.0 as usize]);
            self.function.names.push(self.function.names[local.0 as usize].clone());
            names.insert(local, Local(self.function.locals.len() as u32 - 1));
        }
        names
    }

    fn decided_once(&mut self, statement: &St) -> Option<Vec<St>> {
        let St::For { var, lo, hi, turns, body } = statement else { return None };
        let is_plain = |statement: &St| matches!(statement, St::Let(..) | St::Set(..) | St::Store(..));
        let mut branches = body.iter().enumerate().filter(|(_, statement)| !is_plain(statement));
        let (Some((at, St::If(cond @ Ex::Local(decision), yes, no))), None) = (branches.next(), branches.next()) else {
            return None;
        };
        let mut changing = HashSet::from([*var]);
        for statement in body.iter().chain(yes) {
            match statement {
                St::Let(local, _) | St::Set(local, _) => drop(changing.insert(*local)),
                _ => {}
            }
        }
        if changing.contains(decision) || !yes.iter().all(is_plain) {
            return None;
        }
        let with = |inner: &[St]| {
            let body = [&body[..at], inner, &body[at + 1..]].concat();
            St::For { var: *var, lo: lo.clone(), hi: hi.clone(), turns: *turns, body }
        };
        let mut first = [with(yes)];
        let bound = |statement: &St| match statement {
            St::Let(local, _) => Some(*local),
            _ => None,
        };
        let own: Vec<Local> = body.iter().chain(yes).filter_map(bound).chain([*var]).collect();
        let names = self.fresh(own.iter());
        rename(&mut first, &names);
        Some(vec![St::If(cond.clone(), first.to_vec(), vec![with(no)])])
    }
}

fn bin(op: Bin, a: Ex, b: Ex) -> Ex {
    Ex::Bin(op, Box::new(a), Box::new(b))
}

fn is_fixed(e: &Ex, changing: &HashSet<Local>) -> bool {
    let mut fixed = true;
    e.walk(&mut |e| {
        fixed &= match e {
            Ex::Local(local) => !changing.contains(local),
            Ex::Load(..) => false,
            _ => true,
        };
    });
    fixed
}

/// By how much an index grows from turn to turn, if that is known.
fn step(e: &Ex, var: Local, own: &HashMap<Local, &Ex>, changing: &HashSet<Local>) -> Option<i64> {
    if is_fixed(e, changing) {
        return Some(0);
    }
    match e {
        Ex::Local(local) if *local == var => Some(1),
        Ex::Local(local) => step(own.get(local)?, var, own, changing),
        Ex::Bin(Bin::Add, a, b) => step(a, var, own, changing)?.checked_add(step(b, var, own, changing)?),
        Ex::Bin(Bin::Sub, a, b) => step(a, var, own, changing)?.checked_sub(step(b, var, own, changing)?),
        Ex::Bin(Bin::Mul, a, b) => match (&**a, &**b) {
            (a, Ex::Int(_, times)) | (Ex::Int(_, times), a) => step(a, var, own, changing)?.checked_mul(*times),
            _ => None,
        },
        _ => None,
    }
}

/// An index without the locals of the loop.
fn opened(e: &Ex, own: &HashMap<Local, &Ex>) -> Ex {
    let mut e = match e {
        Ex::Local(local) if own.contains_key(local) => return opened(own[local], own),
        e => e.clone(),
    };
    for child in e.children_mut() {
        *child = opened(child, own);
    }
    e
}

/// An index at a turn.
fn with(e: &Ex, var: Local, at: &Ex) -> Ex {
    let mut e = match e {
        Ex::Local(local) if *local == var => return at.clone(),
        e => e.clone(),
    };
    for child in e.children_mut() {
        *child = with(child, var, at);
    }
    e
}

fn rename(body: &mut [St], names: &HashMap<Local, Local>) {
    let new = |local: &mut Local| *local = names.get(local).copied().unwrap_or(*local);
    for statement in body {
        match statement {
            St::Let(local, value) | St::Set(local, value) => {
                new(local);
                value.rename(names);
            }
            St::Store(_, base, index, value) => [base, index, value].into_iter().for_each(|e| e.rename(names)),
            St::For { var, lo, hi, body, .. } => {
                new(var);
                [lo, hi].into_iter().for_each(|e| e.rename(names));
                rename(body, names);
            }
            _ => unreachable!("a loop without checks only computes, stores and folds"),
        }
    }
}
