//! Families and reductions: clause by clause, with what surrounds their cells in scope.

use super::place::Item;
use super::value::{Cells, Tensor};
use super::{Normaliser, Outcome, Unsupported, make};
use ir::*;

/// The axes along which the recurrence steps that the family belongs to.
pub(super) struct Steps {
    pub depth: usize,
    pub axes: Vec<usize>,
}

impl Normaliser<'_> {
    pub(super) fn extents_of(&mut self, family: &Family) -> Outcome<Vec<Expr>> {
        family.axes.iter().map(|axis| self.cell(&axis.extent, false)).collect()
    }

    /// The family with clauses that fill all slots with cells, still inside the scope.
    pub(super) fn clauses(&mut self, family: &Family, extents: &[Expr], steps: Option<&Steps>) -> Outcome<Family> {
        let mut clauses = Vec::new();
        for clause in &family.clauses {
            let mark = self.scope.len();
            let clause = self.clause(family, clause, extents, steps)?;
            self.scope.truncate(mark);
            clauses.push(clause);
        }
        let axes = family.axes.iter().zip(extents);
        let axes = axes.map(|(axis, extent)| Axis { name: axis.name, extent: self.fresh(extent) }).collect();
        Ok(Family { name: family.name, axes, elem: family.elem.clone(), clauses, span: family.span })
    }

    fn clause(&mut self, family: &Family, clause: &Clause, extents: &[Expr], steps: Option<&Steps>) -> Outcome<Clause> {
        let filled = clause.slots.len();
        let step = |axis: usize| steps.filter(|steps| steps.axes.contains(&axis)).map(|steps| (steps.depth, axis));
        if (filled..extents.len()).any(|axis| step(axis).is_some()) {
            return Err(Unsupported);
        }
        let mut slots = Vec::new();
        for (axis, slot) in clause.slots.iter().enumerate() {
            let (name, extent) = (family.axes[axis].name, extents[axis].clone());
            match slot {
                Slot::Fixed(at) => {
                    if let Some(step) = step(axis) {
                        self.scope.push(Item::Fixed { at: *at, extent, step, name });
                    }
                    slots.push(Slot::Fixed(*at));
                }
                Slot::Coord(binder) => {
                    let (lo, hi) = (self.cell(&binder.lo, false)?, self.cell(&binder.hi, false)?);
                    let binder = Binder { var: binder.var, lo, hi };
                    self.scope.push(Item::Coord { binder: binder.clone(), extent, step: step(axis), name });
                    slots.push(Slot::Coord(binder));
                }
            }
        }
        let (wheres, otherwise) = self.wheres(&clause.wheres, clause.otherwise.as_ref(), filled == extents.len())?;
        let otherwise_rest;
        let body = if filled == extents.len() {
            otherwise_rest = otherwise;
            self.cell(&clause.body, true)?
        } else {
            if clause.otherwise.is_some() {
                return Err(Unsupported);
            }
            otherwise_rest = None;
            let slice = self.tensor(&clause.body)?;
            let rest = self.slice_coords(family, &slice, extents, filled)?;
            let mut coords = Vec::new();
            for (binder, extent) in rest.into_iter().zip(&extents[filled..]) {
                coords.push(binder.var);
                slots.push(Slot::Coord(binder.clone()));
                let name = Some(self.program.vars[binder.var.index()].name);
                self.scope.push(Item::Coord { binder, extent: extent.clone(), step: None, name });
            }
            self.read_at(&slice, &coords)?
        };
        Ok(Clause { slots, wheres, body, otherwise: otherwise_rest, span: clause.span })
    }

    /// Coordinates for the axes that a slice fills, which must have the extents of the family.
    fn slice_coords(
        &mut self,
        family: &Family,
        slice: &Tensor,
        extents: &[Expr],
        filled: usize,
    ) -> Outcome<Vec<Binder>> {
        let mut binders = Vec::new();
        for (k, axis) in family.axes[filled..].iter().enumerate() {
            let (wanted, found) = (&extents[filled + k], &slice.extents[k]);
            if !make::same(wanted, found) {
                self.same_extent(family, axis, wanted, found)?;
            }
            let var = self.new_coord(axis.name.or(slice.names[k]), slice.span);
            binders.push(Binder { var, lo: make::int(0, Type::I64, slice.span), hi: self.fresh(wanted) });
        }
        Ok(binders)
    }

    fn same_extent(&mut self, family: &Family, axis: &Axis, wanted: &Expr, found: &Expr) -> Outcome<()> {
        let span = family.span;
        let text = |text: &str| make::expr(ExprKind::Str(text.into()), Type::Str, span);
        let coordinate = axis.name.map_or("", |name| name.as_str());
        let items = vec![
            self.fresh(wanted),
            self.fresh(found),
            text(coordinate),
            text(family.name.as_str()),
            text("the slice"),
        ];
        self.effect(make::expr(ExprKind::Builtin(Builtin::SameExtent, items), Type::Unit, span))
    }

    /// The items in normal form, left in scope, and the `else`, which sees only what stands before the first guard.
    pub(super) fn wheres(
        &mut self,
        items: &[WhereItem],
        otherwise: Option<&Expr>,
        scalar: bool,
    ) -> Outcome<(Vec<WhereItem>, Option<Expr>)> {
        let mut done = Vec::new();
        let mut other = None;
        let guards = items.iter().filter(|item| matches!(item, WhereItem::Guard(_))).count();
        for item in items {
            match item {
                WhereItem::Def(var, e) => {
                    if let Some(value) = self.define(*var, e)? {
                        done.push(WhereItem::Def(*var, value));
                    }
                }
                WhereItem::Guard(e) => {
                    let guard = self.cell(e, false)?;
                    if let (Some(otherwise), None, true) = (otherwise, &other, scalar) {
                        let mark = self.scope.len();
                        if guards == 1 {
                            self.push_guard(make::not(guard.clone()));
                        } else if make::has_reduction(otherwise) {
                            return Err(Unsupported);
                        }
                        other = Some(self.cell(otherwise, false)?);
                        self.scope.truncate(mark);
                    }
                    self.push_guard(guard.clone());
                    done.push(WhereItem::Guard(guard));
                }
            }
        }
        Ok((done, other))
    }

    /// A reduction, which stays where it is only as the whole of a cell.
    pub(super) fn reduce(&mut self, e: &Expr, reduce: &Reduce, root: bool) -> Outcome<Expr> {
        let mark = self.scope.len();
        let mut binders = Vec::new();
        for binder in &reduce.binders {
            let (lo, hi) = (self.cell(&binder.lo, false)?, self.cell(&binder.hi, false)?);
            let name = Some(self.program.vars[binder.var.index()].name);
            let binder = Binder { var: binder.var, lo, hi };
            self.scope.push(Item::Coord { extent: binder.hi.clone(), binder: binder.clone(), step: None, name });
            binders.push(binder);
        }
        let (wheres, _) = self.wheres(&reduce.wheres, None, true)?;
        let body = self.cell(&reduce.body, false)?;
        self.scope.truncate(mark);
        let reduce = ExprKind::Reduce(Box::new(Reduce { op: reduce.op, binders, wheres, body }));
        let reduce = make::expr(reduce, e.ty.clone(), e.span);
        if root { Ok(reduce) } else { self.extract(reduce) }
    }

    /// A cell of its own for what cannot stand inside another one.
    pub(super) fn extract(&mut self, e: Expr) -> Outcome<Expr> {
        let like = self.temporary(e.ty.clone(), e.span);
        self.place_scalar(like, None, e)
    }

    /// A family as a tensor: not stored yet if each of its cells is one expression.
    pub(super) fn family(&mut self, family: &Family, name: Option<VarId>) -> Outcome<Tensor> {
        let extents = self.extents_of(family)?;
        let own = self.clauses(family, &extents, None)?;
        let names = own.axes.iter().map(|axis| axis.name).collect();
        match whole_range(&own) {
            Some(coords) => {
                let (elem, span) = (own.elem.clone(), own.span);
                let Some(clause) = own.clauses.into_iter().next() else { return Err(Unsupported) };
                Ok(Tensor { elem, extents, names, cells: Cells::Pending { coords, cell: clause.body }, span })
            }
            None => self.stored_family(own, name, names, extents),
        }
    }
}

/// The coordinates of a family with one clause that defines all cells.
fn whole_range(family: &Family) -> Option<Vec<VarId>> {
    let [clause] = &family.clauses[..] else { return None };
    if !clause.wheres.is_empty() || clause.otherwise.is_some() {
        return None;
    }
    let slots = clause.slots.iter().zip(&family.axes);
    slots
        .map(|(slot, axis)| match slot {
            Slot::Coord(binder) if make::constant(&binder.lo) == Some(0) && make::same(&binder.hi, &axis.extent) => {
                Some(binder.var)
            }
            _ => None,
        })
        .collect()
}
