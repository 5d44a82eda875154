//! Extents of what is lifted out of its coordinates: a number that covers all of them.

use super::place::Item;
use super::{Normaliser, Outcome, Unsupported, make};
use ir::*;

impl Normaliser<'_> {
    fn item(&self, var: VarId) -> Option<&Item> {
        self.scope.iter().rev().find(|item| match item {
            Item::Coord { binder, .. } => binder.var == var,
            Item::Def(other, _) => *other == var,
            _ => false,
        })
    }

    /// Whether an expression reads coordinates or definitions of the scope.
    pub(super) fn is_inside(&self, e: &Expr) -> bool {
        visit::free_vars(e).into_iter().any(|var| self.item(var).is_some())
    }

    /// The expression itself where it can be evaluated outside of the scope, else an upper bound.
    pub(super) fn visible(&mut self, e: &Expr) -> Outcome<Expr> {
        if self.is_inside(e) { self.bound(e, true) } else { Ok(self.fresh(e)) }
    }

    /// A number that is never below (`upper`) or never above the value at any coordinates of the scope.
    fn bound(&mut self, e: &Expr, upper: bool) -> Outcome<Expr> {
        if !self.is_inside(e) {
            return Ok(self.fresh(e));
        }
        Ok(match &e.kind {
            ExprKind::Var(var) => match self.item(*var).cloned() {
                Some(Item::Coord { binder, .. }) if upper => {
                    let hi = self.bound(&binder.hi, true)?;
                    make::cast(make::sub(hi, make::int(1, Type::I64, e.span)), Type::I32)
                }
                Some(Item::Coord { binder, .. }) => make::cast(self.bound(&binder.lo, false)?, Type::I32),
                Some(Item::Def(_, value)) => self.bound(&value, upper)?,
                _ => return Err(Unsupported),
            },
            ExprKind::Cast(inner) => make::cast(self.bound(inner, upper)?, e.ty.clone()),
            ExprKind::Op(Op::Add, items) => make::add(self.bound(&items[0], upper)?, self.bound(&items[1], upper)?),
            ExprKind::Op(Op::Sub, items) => make::sub(self.bound(&items[0], upper)?, self.bound(&items[1], !upper)?),
            ExprKind::Op(Op::Mul, items) => match (make::constant(&items[0]), make::constant(&items[1])) {
                (Some(factor), _) if factor >= 0 => {
                    make::op(Op::Mul, vec![items[0].clone(), self.bound(&items[1], upper)?])
                }
                (_, Some(factor)) if factor >= 0 => {
                    make::op(Op::Mul, vec![self.bound(&items[0], upper)?, items[1].clone()])
                }
                _ => return Err(Unsupported),
            },
            ExprKind::Op(Op::Div, items) if make::constant(&items[1]).is_some_and(|by| by > 0) => {
                make::op(Op::Div, vec![self.bound(&items[0], upper)?, items[1].clone()])
            }
            ExprKind::Op(op @ (Op::Min | Op::Max), items) => {
                make::op(*op, vec![self.bound(&items[0], upper)?, self.bound(&items[1], upper)?])
            }
            ExprKind::If(_, yes, no) => {
                let larger = if upper { Op::Max } else { Op::Min };
                make::op(larger, vec![self.bound(yes, upper)?, self.bound(no, upper)?])
            }
            _ => return Err(Unsupported),
        })
    }

    /// Whether an integer is known not to be negative, so that it can be an index.
    pub(super) fn is_natural(&self, e: &Expr) -> bool {
        if let Some(value) = make::constant(e) {
            return value >= 0;
        }
        match &e.kind {
            ExprKind::Dim(..) => true,
            ExprKind::Var(var) => match self.item(*var) {
                Some(Item::Coord { binder, .. }) => self.is_natural(&binder.lo),
                Some(Item::Def(_, value)) => self.is_natural(value),
                _ => false,
            },
            ExprKind::Cast(inner) => inner.ty.scalar().is_some_and(Scalar::is_int) && self.is_natural(inner),
            ExprKind::Op(Op::Add | Op::Mul | Op::Min | Op::Div | Op::Rem, items) => {
                items.iter().all(|item| self.is_natural(item))
            }
            ExprKind::Op(Op::Max, items) => items.iter().any(|item| self.is_natural(item)),
            _ => false,
        }
    }
}
