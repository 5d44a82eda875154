//! The order of the factors of a derivative.

use crate::build::*;
use ir::{Expr, ExprKind, Op, Program, VarId, VarKind};

/// A product with the cotangent first, then constants, then the other factors as they stand in the source.
pub(super) fn in_source_order(e: Expr, cotangent: VarId, program: &Program) -> Expr {
    if e.ty.scalar().is_none() {
        return e;
    }
    let (ty, span) = (e.ty.clone(), e.span);
    match e.kind {
        ExprKind::If(c, a, b) => {
            let (a, b) = (in_source_order(*a, cotangent, program), in_source_order(*b, cotangent, program));
            expr(ExprKind::If(c, Box::new(a), Box::new(b)), ty, span)
        }
        ExprKind::Op(Op::Mul | Op::Div | Op::Neg, _) => {
            let mut factors = Factors::default();
            factors.take(e);
            factors.product(float(1.0, &ty, span), cotangent, program)
        }
        kind => Expr { kind, ty, span },
    }
}

#[derive(Default)]
struct Factors {
    above: Vec<Expr>,
    below: Vec<Expr>,
    negative: bool,
}

impl Factors {
    fn take(&mut self, e: Expr) {
        match e.kind {
            ExprKind::Op(Op::Mul, factors) => factors.into_iter().for_each(|factor| self.take(factor)),
            ExprKind::Op(Op::Div, mut parts) => {
                self.below.extend(parts.pop());
                parts.into_iter().for_each(|part| self.take(part));
            }
            ExprKind::Op(Op::Neg, operand) => {
                self.negative = !self.negative;
                operand.into_iter().for_each(|operand| self.take(operand));
            }
            ExprKind::Float(-1.0) => self.negative = !self.negative,
            _ => self.above.push(e),
        }
    }

    fn product(mut self, one: Expr, cotangent: VarId, program: &Program) -> Expr {
        let is_first = |e: &Expr| match &e.kind {
            ExprKind::Var(v) => *v == cotangent || program.vars[v.index()].kind == VarKind::Temp,
            ExprKind::Load(load) => matches!(load.tensor.kind, ExprKind::Var(v) if v == cotangent),
            _ => false,
        };
        let leads = self.above.first().is_some_and(is_first);
        let rest = if leads { self.above.split_off(1) } else { std::mem::take(&mut self.above) };
        let (constants, mut others): (Vec<Expr>, Vec<Expr>) =
            rest.into_iter().partition(|e| matches!(e.kind, ExprKind::Float(_)));
        others.sort_by_key(|e| e.span);
        let all = self.above.into_iter().chain(constants).chain(others);
        let product = all.reduce(mul).unwrap_or(one);
        let product = self.below.into_iter().fold(product, |above, below| {
            let (ty, span) = (above.ty.clone(), above.span);
            expr(ExprKind::Op(Op::Div, vec![above, below]), ty, span)
        });
        if self.negative { neg(product) } else { product }
    }
}
