//! What is known about integers at one place of a program.

use super::{Atom, Sym};
use ir::{Binder, Expr, ExprKind, Op, Scalar, VarId};
use std::collections::HashMap;

/// Variables are bound once in the whole program, so ranges, extents and definitions only grow; what guards and
/// branches say, and that a coordinate is in scope at all, holds until the [`Mark`] in front of it is reset.
#[derive(Default, Debug)]
pub struct Facts {
    /// Coordinates with their range `lo..hi`.
    pub ranges: HashMap<VarId, (Sym, Sym)>,
    /// Axes of tensors that more is known of than that they are not negative.
    pub extents: HashMap<(VarId, usize), Sym>,
    /// Integer bindings.
    pub defs: HashMap<VarId, Sym>,
    /// The least and the greatest number of tensors that the program writes down.
    pub contents: HashMap<VarId, (i64, i64)>,
    /// Each is at least zero.
    pub known: Vec<Sym>,
    /// Each is at least zero, too: what statements in front have compared, and what they will have compared.
    pub checked: Vec<Sym>,
    pub promised: Vec<Sym>,
    /// `hi - lo - 1` of the coordinates in scope: where a coordinate has a value, its range has one.
    pub(super) inhabited: Vec<Sym>,
    /// Conditions in force that `known` does not say in full.
    pub(super) unsaid: usize,
}

/// Where the facts of an inner scope begin.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    known: usize,
    inhabited: usize,
    unsaid: usize,
}

impl Facts {
    pub fn mark(&self) -> Mark {
        Mark { known: self.known.len(), inhabited: self.inhabited.len(), unsaid: self.unsaid }
    }

    /// Forgets what was assumed since the mark.
    pub fn reset(&mut self, mark: Mark) {
        self.known.truncate(mark.known);
        self.inhabited.truncate(mark.inhabited);
        self.unsaid = mark.unsaid;
    }

    /// A coordinate that is in scope until the next reset. One whose range has no symbolic form can be anything.
    pub fn bind(&mut self, binder: &Binder) {
        self.bind_range(binder.var, &binder.lo, &binder.hi);
    }

    pub fn bind_range(&mut self, var: VarId, lo: &Expr, hi: &Expr) {
        if let (Some(lo), Some(hi)) = (self.of(lo), self.of(hi)) {
            let room = hi.sub(&lo).offset(-1);
            if room.as_const().is_none_or(|room| room < 0) {
                self.inhabited.push(room);
            }
            self.ranges.insert(var, (lo, hi));
        }
    }

    /// A `let` of an integer. Others have no symbolic value.
    pub fn define(&mut self, var: VarId, value: &Expr) {
        if let Some(value) = self.of(value) {
            self.defs.insert(var, value);
        }
    }

    /// What was assumed between two marks: conditions, and the room in the ranges of coordinates in scope. `None` if
    /// it cannot all be said.
    pub fn between(&self, from: Mark, to: Mark) -> Option<(&[Sym], &[Sym])> {
        let said = from.unsaid == to.unsaid;
        said.then(|| (&self.known[from.known..to.known], &self.inhabited[from.inhabited..to.inhabited]))
    }

    /// Asks a question with other facts in place of those since the mark.
    pub fn instead<T>(&mut self, since: Mark, facts: Vec<Sym>, ask: impl FnOnce(&Facts) -> T) -> T {
        let known = self.known.split_off(since.known);
        let inhabited = self.inhabited.split_off(since.inhabited);
        self.known.extend(facts);
        let answer = ask(self);
        self.known.truncate(since.known);
        self.known.extend(known);
        self.inhabited.extend(inhabited);
        answer
    }

    pub fn extent(&self, tensor: VarId, axis: usize) -> Sym {
        self.extents.get(&(tensor, axis)).cloned().unwrap_or_else(|| Sym::extent(tensor, axis))
    }

    /// The symbolic value of an integer expression.
    pub fn of(&self, e: &Expr) -> Option<Sym> {
        let ty = e.ty.scalar().filter(|s| s.is_int() || matches!(s, Scalar::Open(_)))?;
        let value = match &e.kind {
            ExprKind::Int(value) => Sym::constant(*value),
            ExprKind::Var(var) => self.defs.get(var).cloned().unwrap_or_else(|| Sym::var(*var)),
            ExprKind::Cast(inner) => {
                let value = self.of(inner)?;
                let from = inner.ty.scalar()?;
                // What wrapped around in the narrow type is not what the wide type would have computed.
                if !lossless(from, ty) || !self.fits(&value, from) {
                    return None;
                }
                if from == Scalar::I64 && ty == Scalar::I32 && !(self.is_near(inner) && self.fits(&value, ty)) {
                    return None;
                }
                value
            }
            ExprKind::Dim(tensor, axis) => match &tensor.kind {
                ExprKind::Var(tensor) => self.extent(*tensor, *axis),
                _ => return None,
            },
            ExprKind::Op(op, operands) => self.of_op(*op, operands)?,
            _ => return None,
        };
        value.is_tame().then_some(value)
    }

    /// Whether what a wide integer is made of is no larger than coordinates and extents are.
    fn is_near(&self, e: &Expr) -> bool {
        let ranged = |atom: &Atom| match atom {
            Atom::Var(var) => self.ranges.contains_key(var),
            Atom::Extent(..) => true,
            _ => false,
        };
        let mut near = true;
        e.walk(&mut |e| {
            if let (ExprKind::Var(var), Some(Scalar::I64)) = (&e.kind, e.ty.scalar()) {
                near &= match self.defs.get(var) {
                    Some(value) => value.terms.iter().all(|(atom, _)| ranged(atom)),
                    None => self.ranges.contains_key(var),
                };
            }
        });
        near
    }

    fn of_op(&self, op: Op, operands: &[Expr]) -> Option<Sym> {
        let a = self.of(operands.first()?)?;
        if op == Op::Neg {
            return Some(a.neg());
        }
        let b = self.of(operands.get(1)?)?;
        let fit = || operands.iter().zip([&a, &b]).all(|(e, s)| e.ty.scalar().is_some_and(|ty| self.fits(s, ty)));
        match op {
            Op::Add => Some(a.add(&b)),
            Op::Sub => Some(a.sub(&b)),
            Op::Mul => Some(a.times(&b)),
            Op::Div => b.as_const().filter(|d| *d > 0 && fit()).map(|d| a.div(d)),
            Op::Rem => b.as_const().filter(|d| *d > 0 && fit()).map(|d| a.rem(d)),
            Op::Min => fit().then(|| a.lesser(&b)),
            Op::Max => fit().then(|| a.greater(&b)),
            _ => None,
        }
    }

    /// Whether a value that was computed in a type can be taken for the exact one. Sums and products are exact up
    /// to multiples of the type's range, which an index that is within bounds cannot be off by; where the value
    /// itself decides (division, comparison, widening) it must not have wrapped around. Unknown values are taken
    /// to keep a distance from the ends of their type.
    pub(super) fn fits(&self, value: &Sym, ty: Scalar) -> bool {
        let Some((least, greatest)) = ty.int_range() else { return true };
        if value.terms.iter().all(|(atom, c)| c.abs() == 1 && matches!(atom, Atom::Var(_) | Atom::Extent(..)))
            && value.terms.len() <= 1
            && value.constant.abs() <= 1
        {
            return true;
        }
        let (mut lowest, mut highest) = (value.constant, value.constant);
        for (atom, c) in &value.terms {
            let atom = Sym::atom(atom.clone());
            let share = (greatest as i128) / 64;
            let low = self.minimum(&atom).map_or(-share, |low| low as i128);
            let high = self.maximum(&atom).map_or(share, |high| high as i128);
            let (a, b) = (low.saturating_mul(*c), high.saturating_mul(*c));
            lowest = lowest.saturating_add(a.min(b));
            highest = highest.saturating_add(a.max(b));
        }
        lowest >= least as i128 && highest <= greatest as i128
    }

    /// What follows from a condition being true, or false. Conditions on data say nothing.
    pub fn assume(&mut self, cond: &Expr, truth: bool) {
        match &cond.kind {
            ExprKind::Bool(value) if *value == truth => {}
            ExprKind::And(a, b) if truth => {
                self.assume(a, true);
                self.assume(b, true);
            }
            ExprKind::Or(a, b) if !truth => {
                self.assume(a, false);
                self.assume(b, false);
            }
            ExprKind::Op(Op::Not, operands) => self.assume(&operands[0], !truth),
            ExprKind::Op(op, operands) if op.is_comparison() => {
                if !self.assume_comparison(*op, operands, truth) {
                    self.unsaid += 1;
                }
            }
            _ => self.unsaid += 1,
        }
    }

    fn assume_comparison(&mut self, op: Op, operands: &[Expr], truth: bool) -> bool {
        let exact = |e: &Expr| {
            let value = self.of(e)?;
            self.fits(&value, e.ty.scalar()?).then_some(value)
        };
        let (Some(a), Some(b)) = (exact(&operands[0]), exact(&operands[1])) else { return false };
        let (above, below) = (a.sub(&b), b.sub(&a));
        let facts = match (op, truth) {
            (Op::Lt, true) | (Op::Ge, false) => vec![below.offset(-1)],
            (Op::Le, true) | (Op::Gt, false) => vec![below],
            (Op::Gt, true) | (Op::Le, false) => vec![above.offset(-1)],
            (Op::Ge, true) | (Op::Lt, false) => vec![above],
            (Op::Eq, true) | (Op::Ne, false) => vec![above, below],
            _ if self.nonneg(&above) => vec![above.offset(-1)],
            _ if self.nonneg(&below) => vec![below.offset(-1)],
            _ => return false,
        };
        self.known.extend(facts.into_iter().filter(|fact| fact.is_tame()));
        true
    }
}

/// Casts that keep every value that a coordinate or an extent can have: both fit 32 bits. Others may still be cut.
fn lossless(from: Scalar, to: Scalar) -> bool {
    let wide = |s: Scalar| matches!(s, Scalar::I32 | Scalar::I64 | Scalar::Open(_));
    from == to || wide(to) && from.is_int() || wide(from) && wide(to)
}
