//! A long `main` as several functions, so that compiling it takes time in proportion to its length.
//!
//! Variables that more than one of them reads live in a common frame: raw memory of the entry, one word for each part.
//! The frame owns their counts.

use super::Shared;
use super::function::{Frame, Lower};
use super::life::{BlockKey, LastUses};
use super::value::{Part, Value, flattened};
use ir::loops::{Ex, FnId, Function, Local, St, Ty};
use ir::{Expr, ExprKind, FuncId, Stmt, VarId};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Statements of one function.
const CHUNK: usize = 60;

/// The entry, which makes the frame and calls the parts, and the parts, the first of which is `first`.
pub fn long_main(shared: &mut Shared, main: FuncId, first: FnId) -> (Function, Vec<Function>) {
    let func = &shared.program.funcs[main.index()];
    let ExprKind::Block(stmts, value) = &func.body.kind else { unreachable!("a long main is a block") };
    let last = Rc::new(LastUses::new(&func.body));
    let (frame, words) = frame_of(shared, stmts, value);
    let frame = Rc::new(frame);
    let mut parts = Vec::new();
    for start in (0..stmts.len()).step_by(CHUNK) {
        let end = (start + CHUNK).min(stmts.len());
        let mut lower = Lower::with_uses(shared, last.clone());
        let param = lower.named(Ty::Ptr, "frame");
        lower.frame = Some((param, frame.clone()));
        lower.stmts(stmts, start..end);
        if end == stmts.len() {
            lower.current.insert(BlockKey::of(stmts), end);
            lower.lower(value);
            lower.release_temps(0);
            lower.release_dead(BlockKey::of(stmts), end);
        }
        lower.emit(St::Return(Vec::new()));
        let name = format!("{}_{}", func.name, start / CHUNK);
        parts.push(lower.finish(name, vec![param], Vec::new(), false, func.span));
    }
    let mut lower = Lower::with_uses(shared, last);
    lower.reserve(words.max(1));
    for part in 0..parts.len() {
        let func = FnId(first.0 + part as u32);
        lower.emit(St::Call { func, args: vec![Ex::Scratch(0)], results: Vec::new() });
    }
    lower.emit(St::Return(Vec::new()));
    (lower.finish(func.name.to_string(), Vec::new(), Vec::new(), false, func.span), parts)
}

/// The variables that are read in another part than the one that binds them, and how many words they take.
fn frame_of(shared: &Shared, stmts: &[Stmt], value: &Expr) -> (Frame, usize) {
    let mut home: HashMap<VarId, usize> = HashMap::new();
    let mut crossing: Vec<VarId> = Vec::new();
    let mut seen = HashSet::new();
    let mut note = |e: &Expr, part: usize, home: &HashMap<VarId, usize>| {
        e.walk(&mut |e| {
            e.for_each_use(|var| {
                if home.get(var).is_some_and(|at| *at != part) && seen.insert(*var) {
                    crossing.push(*var);
                }
            })
        });
    };
    for (k, stmt) in stmts.iter().enumerate() {
        let part = k / CHUNK;
        stmt.for_each_child(|e| note(e, part, &home));
        match stmt {
            Stmt::Let(var, _) => drop(home.insert(*var, part)),
            Stmt::Rec(recurrence) => home.extend(recurrence.families.iter().map(|(var, _)| (*var, part))),
            Stmt::Do(_) => {}
        }
    }
    note(value, (stmts.len() - 1) / CHUNK, &home);
    let mut words = 0;
    let frame = crossing
        .into_iter()
        .map(|var| {
            let first = words;
            words += flattened(shared.program, &shared.program.vars[var.index()].ty).len();
            (var, first)
        })
        .collect();
    (frame, words)
}

impl Lower<'_, '_> {
    /// Stores a new variable for the other parts, which own it from now on.
    pub fn put_in_frame(&mut self, var: VarId) {
        let Some((base, first)) = self.place_in_frame(var) else { return };
        for (k, part) in self.vars[&var].parts.clone().into_iter().enumerate() {
            if let Some(local) = part.local().filter(|_| part.ty == Ty::Ptr) {
                if self.owned_by.get(&local) == Some(&var) {
                    self.owned_by.remove(&local);
                    self.info[local.0 as usize].owner = None;
                    self.emit(St::Disown(local));
                } else {
                    self.emit(St::Retain(Ex::Local(local)));
                }
            }
            let at = Ex::Int(Ty::I64, word_index(first + k, part.ty));
            self.emit(St::Store(part.ty, Ex::Local(base), at, part.ex));
        }
    }

    fn place_in_frame(&self, var: VarId) -> Option<(Local, usize)> {
        let (base, frame) = self.frame.as_ref()?;
        Some((*base, *frame.get(&var)?))
    }

    /// A variable of another part, read once in this one.
    pub fn framed(&mut self, var: VarId) -> Option<Value> {
        let (base, first) = self.place_in_frame(var)?;
        let info = &self.program().vars[var.index()];
        let parts = self.flat(&info.ty);
        let value = self.at(0, |lower| {
            let parts = parts.into_iter().enumerate().map(|(k, (ty, _))| {
                let at = Part::index(word_index(first + k, ty));
                let word = Part::load(ty, lower.read(base), at);
                lower.bound(word, info.name.as_str())
            });
            Value { parts: parts.collect() }
        });
        self.vars.insert(var, value.clone());
        Some(value)
    }

    /// Gives back what the frame owns of a variable.
    pub fn release_framed(&mut self, var: VarId) {
        for local in self.var(var).parts.iter().filter(|part| part.ty == Ty::Ptr).filter_map(Part::local) {
            self.emit(St::Own(local));
            self.emit(St::Release(local));
        }
    }

    pub fn is_framed(&self, var: VarId) -> bool {
        self.place_in_frame(var).is_some()
    }
}

/// Index of a word, in elements of a type.
fn word_index(word: usize, ty: Ty) -> i64 {
    (word * (8 / ty.size())) as i64
}
