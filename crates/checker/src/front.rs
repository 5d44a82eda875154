//! Values that a range follows from. `sum[i](pool(x)[i])` is as long as what `pool` gives, so that is computed in front
//! of the sum, where its coordinate gets its range.

use crate::sym::Sym;
use crate::ty::Val;
use crate::types::is_unknown;
use crate::{Checker, errors};
use diagnostics::Span;
use ir::{Expr, ExprKind, Stmt, VarId, WhereItem};
use std::collections::{HashMap, HashSet};

impl Checker<'_> {
    /// Takes out of some cells what the ranges of their coordinates follow from, and puts it into the sink at `place`.
    /// False, and reported, where that is not the same for all of the cells.
    pub(crate) fn put_in_front(
        &mut self,
        coords: &[VarId],
        items: &mut Vec<WhereItem>,
        body: &mut Val,
        place: usize,
    ) -> bool {
        let mut wanted: Vec<(VarId, For)> = Vec::new();
        for (k, coord) in coords.iter().enumerate() {
            if let Some((lo, hi)) = self.facts.ranges.get(coord) {
                let vars = lo.vars().into_iter().chain(hi.vars());
                // Coordinates that stand before it have their values.
                wanted.extend(vars.filter(|v| !coords[..=k].contains(v)).map(|v| (v, For::Range(*coord))));
            }
        }
        // So are extents that are compared in front.
        for statement in &self.cx.sink[place..] {
            if let Stmt::Do(check) = statement {
                wanted.extend(ir::visit::free_vars(check).into_iter().map(|v| (v, For::Check(check.span))));
            }
        }
        let extents: Vec<Sym> = body.ty.axes().iter().map(|axis| self.facts_extent(&axis.extent)).collect();
        if wanted.is_empty() && extents.iter().all(|extent| extent.is_const() || is_unknown(extent)) {
            return true;
        }
        let mut inside = Inside::of(coords, items, &body.expr);
        inside.bound.extend(&self.cx.group);
        wanted.retain(|(v, ..)| inside.bound.contains(v));
        let mut taken: HashSet<VarId> = HashSet::new();
        for (var, purpose) in wanted {
            match (inside.needs_of(var), purpose) {
                (Some(needs), _) => taken.extend(needs),
                (None, For::Range(coord)) => {
                    let info = &self.program.vars[coord.index()];
                    self.report(errors::range_unknown(info.span, info.name, None, None));
                    self.poison(coord);
                    return false;
                }
                (None, For::Check(span)) => {
                    self.report(errors::extent_of_a_cell(span));
                    return false;
                }
            }
        }
        // So are the extents of slices, if they are the same for all cells.
        let mut axes = body.ty.axes().to_vec();
        for (axis, extent) in axes.iter_mut().zip(extents) {
            let within: Vec<VarId> = extent.vars().into_iter().filter(|v| inside.bound.contains(v)).collect();
            let needs: Option<Vec<Vec<VarId>>> = within.iter().map(|var| inside.needs_of(*var)).collect();
            axis.extent = match needs {
                Some(needs) => {
                    taken.extend(needs.into_iter().flatten());
                    extent
                }
                None => self.unknown_extent(),
            };
        }
        if !axes.is_empty() {
            body.ty = body.ty.with_axes(axes);
        }
        if taken.is_empty() {
            return true;
        }
        let stays: HashSet<VarId> = inside.bound.difference(&taken).copied().collect();
        let mut front = Vec::new();
        items.retain_mut(|item| match item {
            WhereItem::Def(var, value) if taken.contains(var) => {
                front.push(Stmt::Let(*var, value.clone()));
                false
            }
            _ => true,
        });
        take_out(&mut body.expr, &taken, &stays, &mut front);
        self.cx.sink.splice(place..place, front);
        true
    }
}

/// What a value is needed for in front of the cells.
#[derive(Clone, Copy)]
enum For {
    Range(VarId),
    Check(Span),
}

/// What cells bind, and the values of definitions among that.
struct Inside {
    bound: HashSet<VarId>,
    values: HashMap<VarId, Expr>,
}

impl Inside {
    fn of(coords: &[VarId], items: &[WhereItem], body: &Expr) -> Inside {
        let mut inside = Inside { bound: coords.iter().copied().collect(), values: HashMap::new() };
        for item in items {
            match item {
                WhereItem::Def(var, value) => {
                    inside.bound.insert(*var);
                    inside.values.insert(*var, value.clone());
                    inside.look_into(value);
                }
                WhereItem::Guard(test) => inside.look_into(test),
            }
        }
        inside.look_into(body);
        inside
    }

    /// A variable and what its value needs of the inside; `None` if it differs between the cells.
    fn needs_of(&self, var: VarId) -> Option<Vec<VarId>> {
        let mut needs = vec![var];
        let mut at = 0;
        while at < needs.len() {
            for free in ir::visit::free_vars(self.values.get(&needs[at])?) {
                if self.bound.contains(&free) && !needs.contains(&free) {
                    needs.push(free);
                }
            }
            at += 1;
        }
        Some(needs)
    }

    fn look_into(&mut self, e: &Expr) {
        e.walk(&mut |e| {
            e.for_each_binding(|var| {
                self.bound.insert(*var);
            });
            if let ExprKind::Block(statements, _) = &e.kind {
                for statement in statements {
                    if let Stmt::Let(var, value) = statement {
                        self.values.insert(*var, value.clone());
                    }
                }
            }
        });
    }
}

/// Moves definitions out of the blocks of an expression, with the checks that stand in front of them and can move, too.
fn take_out(e: &mut Expr, taken: &HashSet<VarId>, stays: &HashSet<VarId>, front: &mut Vec<Stmt>) {
    e.for_each_child_mut(|child| take_out(child, taken, stays, front));
    let ExprKind::Block(statements, _) = &mut e.kind else { return };
    let is_taken = |s: &Stmt| matches!(s, Stmt::Let(var, _) if taken.contains(var));
    let Some(last) = statements.iter().rposition(is_taken) else { return };
    let behind = statements.split_off(last + 1);
    for statement in std::mem::take(statements) {
        let moves = match &statement {
            Stmt::Do(check) => ir::visit::free_vars(check).iter().all(|v| !stays.contains(v)),
            other => is_taken(other),
        };
        if moves { front.push(statement) } else { statements.push(statement) }
    }
    statements.extend(behind);
}
