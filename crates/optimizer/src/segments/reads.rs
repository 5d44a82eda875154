//! How the steps of families are read: at the reader's own step, at a step that stands for itself, by a sum over steps,
//! or in a way that asks for all of them.

use crate::facts::FunctionFacts;
use crate::plan::linear::{Definitions, Linear};
use ir::{Binder, Expr, ExprKind, Load, Reduce, ReduceOp, Slot, VarId, WhereItem, visit};
use std::collections::{HashMap, HashSet};

/// A family that can be computed segment by segment: where it stands, and along which of its axes its steps go.
#[derive(Clone, Debug)]
pub struct Tape {
    pub member: usize,
    pub axis: usize,
    /// Something needs all of its steps, so that they are stored anyway.
    pub whole: bool,
    /// Steps before the first one of a segment are asked for (behind the last one, where steps go down).
    pub carried: bool,
}

/// What one read asks for.
pub enum Read {
    /// So many steps after the reader's own.
    At(i64),
    /// A step that no coordinate of the reader says, and whether it is known to exist.
    Step(Expr, bool),
    Whole,
}

/// A sum over the steps of families.
pub struct Sum {
    pub reduce: Reduce,
    /// Which coordinate of the reduction is the step.
    pub step: usize,
    /// Behind its last step.
    pub end: Expr,
    /// The coordinates around that it depends on.
    pub coords: Vec<Binder>,
    pub reads: Vec<(VarId, Read)>,
    /// Variables of the block that it reads.
    pub free: Vec<VarId>,
}

pub struct Reader<'e> {
    pub tapes: HashMap<VarId, Tape>,
    pub known: &'e Definitions<'e>,
    pub facts: &'e FunctionFacts,
    /// What the region itself binds: no step may depend on it.
    pub late: HashSet<VarId>,
}

/// Steps of a clause whose slot is a number are compared up to this distance.
const NEAR: i64 = 8;

impl Reader<'_> {
    pub fn tape(&self, e: &Expr) -> Option<(VarId, &Tape)> {
        match e.kind {
            ExprKind::Var(var) => self.tapes.get(&var).map(|tape| (var, tape)),
            _ => None,
        }
    }

    /// `inner` is what the statement around binds.
    pub fn read(&self, load: &Load, axis: usize, step: Option<&Linear>, inner: &HashSet<VarId>) -> Read {
        let index = &load.index[axis];
        if load.proven[axis]
            && let Some(step) = step
            && let Some(ahead) = Linear::of(index, self.known).and_then(|at| at.minus(step)?.as_constant())
            && (step.as_constant().is_none() || ahead.abs() <= NEAR)
        {
            return Read::At(ahead);
        }
        let is_known = |var: &VarId| !inner.contains(var) && !self.late.contains(var);
        let facts = self.facts.of(index, true);
        if visit::free_vars(index).iter().all(is_known) && !facts.traps && !facts.effects {
            return Read::Step(index.clone(), load.proven[axis]);
        }
        Read::Whole
    }

    /// Calls `f` with every read of a tape; what sums over steps read is left to `sums`, where there is one.
    pub fn reads(
        &self,
        e: &Expr,
        step: Option<&Linear>,
        inner: &HashSet<VarId>,
        sums: Option<&mut Sums>,
        f: &mut dyn FnMut(VarId, Read),
    ) {
        let mut none = Sums::default();
        let allowed = sums.is_some();
        let sums = sums.unwrap_or(&mut none);
        self.reads_of(e, step, inner, allowed, sums, f);
    }

    fn reads_of(
        &self,
        e: &Expr,
        step: Option<&Linear>,
        inner: &HashSet<VarId>,
        allowed: bool,
        sums: &mut Sums,
        f: &mut dyn FnMut(VarId, Read),
    ) {
        match &e.kind {
            ExprKind::Load(load) => {
                if let Some((var, tape)) = self.tape(&load.tensor) {
                    let axis = tape.axis;
                    let read = self.read(load, axis, step, inner);
                    for (k, index) in load.index.iter().enumerate() {
                        if k != axis || !matches!(read, Read::At(_)) {
                            self.reads_of(index, step, inner, allowed, sums, f);
                        }
                    }
                    return f(var, read);
                }
            }
            ExprKind::Dim(of, _) if self.tape(of).is_some() => return,
            ExprKind::Var(_) => {
                if let Some((var, _)) = self.tape(e) {
                    f(var, Read::Whole);
                }
                return;
            }
            ExprKind::Reduce(reduce) => {
                if allowed && let Some(sum) = self.sum(reduce, &sums.scope, inner) {
                    sums.found.push(sum);
                    return;
                }
                let depth = sums.scope.len();
                sums.scope.extend(reduce.binders.iter().cloned());
                e.for_each_child(|child| self.reads_of(child, step, inner, allowed, sums, f));
                sums.scope.truncate(depth);
                return;
            }
            ExprKind::Family(family) => {
                family.axes.iter().for_each(|axis| self.reads_of(&axis.extent, step, inner, allowed, sums, f));
                for clause in &family.clauses {
                    let depth = sums.scope.len();
                    sums.scope.extend(clause.slots.iter().filter_map(|slot| match slot {
                        Slot::Coord(binder) => Some(binder.clone()),
                        Slot::Fixed(_) => None,
                    }));
                    clause.for_each_child(|child| self.reads_of(child, step, inner, allowed, sums, f));
                    sums.scope.truncate(depth);
                }
                return;
            }
            _ => {}
        }
        e.for_each_child(|child| self.reads_of(child, step, inner, allowed, sums, f));
    }

    /// A reduction as a sum over steps, if it can be taken segment by segment.
    pub fn sum(&self, reduce: &Reduce, scope: &[Binder], inner: &HashSet<VarId>) -> Option<Sum> {
        let is_guarded = reduce.wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)));
        if reduce.op != ReduceOp::Sum && (reduce.op != ReduceOp::Mean || is_guarded) {
            return None;
        }
        let parts = || {
            let wheres = reduce.wheres.iter().map(|item| {
                let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
                e
            });
            wheres.chain([&reduce.body])
        };
        let fails = |e: &Expr| {
            let facts = self.facts.of(e, true);
            facts.traps || facts.effects
        };
        if parts().any(fails) {
            return None;
        }
        let is_fixed = |e: &Expr| !visit::free_vars(e).iter().any(|var| inner.contains(var) || self.late.contains(var));
        'steps: for (k, binder) in reduce.binders.iter().enumerate() {
            if !matches!(binder.lo.kind, ExprKind::Int(lo) if lo >= 0) || !is_fixed(&binder.hi) {
                continue;
            }
            let others = || reduce.binders.iter().enumerate().filter(|(other, _)| *other != k).map(|(_, b)| b);
            let ends = || others().flat_map(|b| [&b.lo, &b.hi]);
            if ends().any(|end| visit::free_vars(end).contains(&binder.var))
                || reduce.op == ReduceOp::Mean && !ends().all(is_fixed)
            {
                continue;
            }
            let step = Linear::var(binder.var);
            let (mut reads, mut fits) = (Vec::new(), true);
            for e in parts().chain(ends()) {
                self.reads(e, Some(&step), inner, None, &mut |var, read| {
                    fits &= !matches!(read, Read::Whole);
                    reads.push((var, read));
                });
            }
            if !fits || !reads.iter().any(|(_, read)| matches!(read, Read::At(_))) {
                continue;
            }
            // What it depends on around it.
            let own: HashSet<VarId> = {
                let mut own = HashSet::new();
                let mut note = |var: &VarId| {
                    own.insert(*var);
                };
                reduce.binders.iter().for_each(|binder| note(&binder.var));
                for item in &reduce.wheres {
                    if let WhereItem::Def(var, _) = item {
                        note(var);
                    }
                }
                own
            };
            let (mut coords, mut free): (Vec<Binder>, Vec<VarId>) = (Vec::new(), Vec::new());
            for var in parts().chain(ends()).chain([&binder.hi]).flat_map(visit::free_vars) {
                if own.contains(&var) || coords.iter().any(|coord| coord.var == var) {
                    continue;
                }
                if !inner.contains(&var) {
                    free.push(var);
                    continue;
                }
                match scope.iter().find(|around| around.var == var) {
                    Some(around) if is_fixed(&around.lo) && is_fixed(&around.hi) => coords.push(around.clone()),
                    _ => continue 'steps,
                }
            }
            return Some(Sum { reduce: reduce.clone(), step: k, end: binder.hi.clone(), coords, reads, free });
        }
        None
    }
}

/// Sums over steps in the order in which they stand, and the coordinates around the place that is looked at.
#[derive(Default)]
pub struct Sums {
    pub scope: Vec<Binder>,
    pub found: Vec<Sum>,
}

/// What a statement binds, inside of its cells too.
pub fn bound_inside(stmt: &ir::Stmt) -> HashSet<VarId> {
    let mut bound = HashSet::new();
    let mut note = |var: &VarId| {
        bound.insert(*var);
    };
    if let ir::Stmt::Rec(recurrence) = stmt {
        recurrence.families.iter().for_each(|(_, family)| family.for_each_binding(&mut note));
    }
    stmt.for_each_child(|e| e.walk(&mut |e| e.for_each_binding(&mut note)));
    bound
}

/// What a statement binds for those behind it.
pub fn bound_by(stmt: &ir::Stmt) -> Vec<VarId> {
    match stmt {
        ir::Stmt::Let(var, _) => vec![*var],
        ir::Stmt::Rec(recurrence) => recurrence.families.iter().map(|(var, _)| *var).collect(),
        ir::Stmt::Do(_) => Vec::new(),
    }
}

/// The variables that a statement reads, of its own cells too.
pub fn free_in(stmt: &ir::Stmt) -> HashSet<VarId> {
    let mut free = HashSet::new();
    stmt.for_each_child(|e| e.walk(&mut |e| e.for_each_use(|var| free.extend([*var]))));
    free
}
