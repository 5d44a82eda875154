//! Statements, families and recurrences.

use super::{Checked, Verifier, fits, need};
use crate::expr::*;
use crate::types::*;

impl<'a> Verifier<'a> {
    pub(super) fn stmt(&mut self, stmt: &'a Stmt, scope: &mut Vec<VarId>) -> Checked {
        match stmt {
            Stmt::Do(e) => self.expr(e),
            Stmt::Let(var, value) => {
                self.expr(value)?;
                self.fits(value, &self.var(*var)?.ty)?;
                self.bind(*var, scope)
            }
            Stmt::Rec(recurrence) => {
                for (_, family) in &recurrence.families {
                    self.extents(family)?;
                }
                for (var, family) in &recurrence.families {
                    self.bind(*var, scope)?;
                    let ty = Type::tensor(family.elem.clone(), family.axes.len());
                    need(self.var(*var)?.ty == ty, 5, || format!("the family `{}` has another type", family.name))?;
                }
                for (_, family) in &recurrence.families {
                    self.clauses(family)?;
                }
                self.order(recurrence)
            }
        }
    }

    pub(super) fn binder(&mut self, binder: &'a Binder, scope: &mut Vec<VarId>) -> Checked {
        self.expr(&binder.lo)?;
        self.expr(&binder.hi)?;
        let info = self.var(binder.var)?;
        let holds = info.ty == Type::I32
            && info.kind == VarKind::Coord
            && fits(&binder.lo.ty, &Type::I64)
            && fits(&binder.hi.ty, &Type::I64);
        need(holds, 11, || format!("coordinate `{}` ({})", info.name, binder.var))?;
        self.bind(binder.var, scope)
    }

    pub(super) fn wheres(&mut self, wheres: &'a [WhereItem], scope: &mut Vec<VarId>) -> Checked {
        wheres.iter().try_for_each(|item| match item {
            WhereItem::Guard(e) => {
                self.expr(e)?;
                self.cond(e)
            }
            WhereItem::Def(var, e) => {
                self.expr(e)?;
                self.fits(e, &self.var(*var)?.ty)?;
                self.bind(*var, scope)
            }
        })
    }

    pub(super) fn extents(&mut self, family: &'a Family) -> Checked {
        let cells = family.elem.scalar().is_some() || family.elem == Type::Str;
        need(cells, 13, || format!("`{}` has cells of type `{}`", family.name, self.name(&family.elem)))?;
        self.ty(&family.elem)?;
        for axis in &family.axes {
            need(fits(&axis.extent.ty, &Type::I64), 13, || format!("an extent of `{}`", family.name))?;
            self.expr(&axis.extent)?;
        }
        Ok(())
    }

    pub(super) fn clauses(&mut self, family: &'a Family) -> Checked {
        for clause in &family.clauses {
            let Some(left) = family.axes.len().checked_sub(clause.slots.len()) else {
                return need(false, 13, || format!("a clause of `{}` has more slots than it has axes", family.name));
            };
            let wanted = Type::tensor(family.elem.clone(), left);
            let before_guard = clause.wheres.iter().take_while(|item| matches!(item, WhereItem::Def(..))).count();
            let (early, late) = clause.wheres.split_at(before_guard);
            self.scope(|v, scope| {
                for slot in &clause.slots {
                    if let Slot::Coord(binder) = slot {
                        v.binder(binder, scope)?;
                    }
                }
                v.wheres(early, scope)?;
                if let Some(otherwise) = &clause.otherwise {
                    v.expr(otherwise).map_err(|broken| broken.replacen("invariant 4", "invariant 14", 1))?;
                    v.fits(otherwise, &wanted)?;
                }
                v.wheres(late, scope)?;
                v.expr(&clause.body)?;
                need(fits(&clause.body.ty, &wanted), 13, || {
                    format!("a body of `{}` has type `{}`", family.name, v.name(&clause.body.ty))
                })
            })?;
        }
        Ok(())
    }

    fn order(&self, recurrence: &Recurrence) -> Checked {
        let mut stepped = vec![Vec::new(); recurrence.families.len()];
        let mut seen = vec![false; recurrence.families.len()];
        for order in &recurrence.order {
            covered(order, recurrence, &mut stepped, &mut seen)?;
        }
        match seen.iter().position(|seen| !seen) {
            Some(k) => need(false, 15, || format!("no order for `{}`", recurrence.families[k].1.name)),
            None => Ok(()),
        }
    }
}

fn covered(order: &Order, recurrence: &Recurrence, stepped: &mut [Vec<usize>], seen: &mut [bool]) -> Checked {
    match order {
        Order::Cells(k) => {
            let new = seen.get(*k).is_some_and(|seen| !seen);
            need(new, 15, || format!("family {k} of an order is unknown, or stands there twice"))?;
            seen[*k] = true;
            Ok(())
        }
        Order::Steps { axes, body, .. } => {
            for &(k, axis) in axes {
                let known = recurrence.families.get(k).is_some_and(|(_, family)| axis < family.axes.len());
                need(known && !stepped[k].contains(&axis), 15, || format!("steps along axis {axis} of family {k}"))?;
                stepped[k].push(axis);
            }
            let before = seen.to_vec();
            for inner in body {
                covered(inner, recurrence, stepped, seen)?;
            }
            for k in 0..seen.len() {
                let inside = seen[k] && !before[k];
                let steps = axes.iter().filter(|(other, _)| *other == k).count();
                need(steps == usize::from(inside), 15, || format!("steps of family {k} around other cells"))?;
            }
            for &(k, _) in axes {
                stepped[k].pop();
            }
            Ok(())
        }
    }
}
