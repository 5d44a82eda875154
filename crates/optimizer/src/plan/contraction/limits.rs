//! Guards of a contraction that cut off points at the ends of coordinates' ranges.

use super::{Coord, mentioned, step};
use crate::plan::function::Lower;
use crate::plan::value::Part;
use ir::loops::Bin;
use ir::{Expr, ExprKind, Op, Scalar, VarId};

/// A condition on one coordinate at most.
pub enum Limit<'e> {
    /// Compares coordinate number `coord`, plus something, with what mentions no coordinate.
    End { coord: usize, left: &'e Expr, op: Op, right: &'e Expr },
    /// Is the same for all points.
    All(&'e Expr),
}

impl<'e> Limit<'e> {
    /// The coordinates that it limits, as bits.
    pub fn mentions(&self) -> u64 {
        match self {
            Limit::End { coord, .. } => 1 << coord,
            Limit::All(_) => 0,
        }
    }

    pub fn operands(&self) -> Vec<&'e Expr> {
        match self {
            Limit::End { left, right, .. } => vec![left, right],
            Limit::All(condition) => vec![condition],
        }
    }
}

/// A guard as limits of coordinates, if it is nothing else.
pub fn limits_of<'e>(guard: &'e Expr, vars: &[VarId], limits: &mut Vec<Limit<'e>>) -> Option<()> {
    match &guard.kind {
        ExprKind::Bool(true) => return Some(()),
        ExprKind::And(a, b) => {
            limits_of(a, vars, limits)?;
            return limits_of(b, vars, limits);
        }
        _ if mentioned(guard, vars) == 0 => limits.push(Limit::All(guard)),
        ExprKind::Op(op @ (Op::Lt | Op::Le | Op::Gt | Op::Ge), operands) => {
            let (a, b) = (&operands[0], &operands[1]);
            let (left, op, right) = match (mentioned(a, vars), mentioned(b, vars)) {
                (_, 0) => (a, *op, b),
                (0, _) => (b, mirrored(*op), a),
                _ => return None,
            };
            let bits = mentioned(left, vars);
            if bits.count_ones() != 1 || !matches!(left.ty.scalar(), Some(Scalar::I32 | Scalar::I64)) {
                return None;
            }
            let coord = bits.trailing_zeros() as usize;
            if step(left, vars[coord]) != Some(1) {
                return None;
            }
            limits.push(Limit::End { coord, left, op, right });
        }
        _ => return None,
    }
    Some(())
}

pub fn mirrored(op: Op) -> Op {
    match op {
        Op::Lt => Op::Gt,
        Op::Le => Op::Ge,
        Op::Gt => Op::Lt,
        _ => Op::Le,
    }
}

impl Lower<'_, '_> {
    /// Cuts off the points of a coordinate where a guard is closed.
    pub fn narrow(&mut self, coord: &mut Coord, limit: &Limit) {
        let Limit::End { left, op, right, .. } = limit else { return };
        self.bind_coord(coord.var, Part::index(0));
        let distance = self.index(left);
        let bound = self.index(right);
        let bound = bound.bin(Bin::Sub, distance);
        let behind = bound.clone().bin(Bin::Add, Part::index(1));
        match op {
            Op::Lt => coord.hi = self.joined_end(Bin::SMin, &coord.hi, bound),
            Op::Le => coord.hi = self.joined_end(Bin::SMin, &coord.hi, behind),
            Op::Gt => coord.lo = self.joined_end(Bin::SMax, &coord.lo, behind),
            _ => coord.lo = self.joined_end(Bin::SMax, &coord.lo, bound),
        }
    }

    fn joined_end(&mut self, bin: Bin, end: &Part, bound: Part) -> Part {
        let end = end.clone().bin(bin, bound);
        self.atom(end)
    }
}
