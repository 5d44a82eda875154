//! Reductions: a nest of loops around an accumulator.
//!
//! Sums of `f32` and of half floats are added up in `f64`, sums of `f64` in blocks with the rounding errors between them
//! beside: both are at least as close as a pairwise sum.

use super::function::Lower;
use super::value::Part;
use crate::facts::never_empty;
use diagnostics::Span;
use ir::loops::{Bin, Cmp, Convert, Local, Turns, Ty, Un};
use ir::{Op, Reduce, ReduceOp, Scalar, Type};

/// So few numbers are added up plainly.
const SHORT_SUM: i64 = 128;

/// What the loops carry.
enum Carry {
    /// `acc = acc op value`
    Fold {
        acc: Local,
        seen: Option<Local>,
    },
    /// A sum and what its additions rounded off.
    Compensated {
        sum: Local,
        lost: Local,
        count: Option<Local>,
    },
    Sum {
        sum: Local,
        count: Option<Local>,
    },
    Best {
        best: Local,
        at: Local,
        seen: Local,
    },
}

impl Carry {
    /// Whether it matters in which order points are folded in: `NaN` and ties are the same in any.
    fn turns(&self, op: ReduceOp, scalar: Scalar) -> Turns {
        match self {
            Carry::Sum { .. } => Turns::Free,
            Carry::Fold { .. } if op != ReduceOp::Prod || !scalar.is_float() => Turns::Free,
            _ => Turns::Up,
        }
    }
}

impl Lower<'_, '_> {
    pub fn reduce(&mut self, reduce: &Reduce, ty: &Type, span: Span) -> Part {
        let scalar = reduce.body.ty.scalar().unwrap_or(Scalar::Bool);
        let carry = self.new_carry(reduce, scalar);
        let kernel = std::mem::replace(&mut self.kernel, true);
        self.reduce_nest(reduce, 0, &mut Vec::new(), &carry, scalar, span);
        self.kernel = kernel;
        self.reduced(reduce, carry, scalar, ty, span)
    }

    fn new_carry(&mut self, reduce: &Reduce, scalar: Scalar) -> Carry {
        let ty = Ty::of(scalar);
        let counts = matches!(reduce.op, ReduceOp::Mean);
        match reduce.op {
            ReduceOp::Sum | ReduceOp::Mean if scalar.is_float() => {
                let sum = self.variable(Part::float(Ty::F64, 0.0), "");
                let count = counts.then(|| self.variable(Part::index(0), ""));
                if scalar == Scalar::F64 && !is_short(reduce) {
                    let lost = self.variable(Part::float(Ty::F64, 0.0), "");
                    Carry::Compensated { sum, lost, count }
                } else {
                    Carry::Sum { sum, count }
                }
            }
            ReduceOp::ArgMax | ReduceOp::ArgMin => Carry::Best {
                best: self.variable(Part::zero(ty), ""),
                at: self.variable(Part::index(0), ""),
                seen: self.variable(Part::int(Ty::I8, 0), ""),
            },
            op => {
                let limits = |which: fn((i64, i64)) -> i64| Part::int(ty, which(scalar.int_range().unwrap_or((0, 1))));
                let first = match op {
                    ReduceOp::Prod if scalar.is_float() => Part::float(ty, 1.0),
                    ReduceOp::Prod => Part::int(ty, 1),
                    ReduceOp::Max if scalar.is_float() => Part::float(ty, f64::NEG_INFINITY),
                    ReduceOp::Min if scalar.is_float() => Part::float(ty, f64::INFINITY),
                    ReduceOp::Max => limits(|(min, _)| min),
                    ReduceOp::Min => limits(|(_, max)| max),
                    ReduceOp::All => Part::int(Ty::I8, 1),
                    _ => Part::zero(ty),
                };
                let acc = self.variable(first, "");
                let needs_one =
                    matches!(op, ReduceOp::Max | ReduceOp::Min) && !scalar.is_float() && !never_empty(reduce);
                let seen = needs_one.then(|| self.variable(Part::int(Ty::I8, 0), ""));
                Carry::Fold { acc, seen }
            }
        }
    }

    fn reduce_nest(
        &mut self,
        reduce: &Reduce,
        depth: usize,
        at: &mut Vec<Part>,
        carry: &Carry,
        scalar: Scalar,
        span: Span,
    ) {
        let Some(binder) = reduce.binders.get(depth) else {
            let mark = self.region().temps.len();
            let point = at.first().cloned().unwrap_or(Part::index(0));
            self.gate(
                &reduce.wheres,
                &mut |lower| {
                    let value = lower.scalar(&reduce.body);
                    lower.fold_in(reduce.op, value, &point, carry, scalar, span);
                },
                None,
            );
            self.release_temps(mark);
            return;
        };
        let lo = self.index(&binder.lo);
        let hi = self.index(&binder.hi);
        let name = self.program().vars[binder.var.index()].name.as_str();
        let mut turns = |lower: &mut Self, range: (Part, Part), carry: &Carry| {
            lower.for_loop(range, carry.turns(reduce.op, scalar), name, |lower, var| {
                let index = lower.read(var);
                lower.bind_coord(binder.var, index.clone());
                at.push(index);
                lower.reduce_nest(reduce, depth + 1, at, carry, scalar, span);
                at.pop();
            });
        };
        match carry {
            Carry::Compensated { sum, lost, count } if depth + 1 == reduce.binders.len() => {
                let (lo, hi) = (self.atom(lo), self.atom(hi));
                self.blocks((lo, hi), |lower, block| {
                    let part = lower.variable(Part::float(Ty::F64, 0.0), "");
                    turns(lower, block, &Carry::Sum { sum: part, count: *count });
                    let part = lower.read(part);
                    lower.add_exactly(part, *sum, *lost);
                });
            }
            _ => turns(self, (lo, hi), carry),
        }
    }

    /// Cuts a range into blocks of at most `SHORT_SUM` points.
    fn blocks(&mut self, (lo, hi): (Part, Part), mut block: impl FnMut(&mut Self, (Part, Part))) {
        if let (Some(from), Some(to)) = (lo.as_int(), hi.as_int())
            && to - from <= SHORT_SUM
        {
            return block(self, (lo, hi));
        }
        let length = Part::index(SHORT_SUM);
        let points = hi.clone().bin(Bin::Sub, lo.clone()).bin(Bin::Add, Part::index(SHORT_SUM - 1));
        let count = points.bin(Bin::SDiv, length.clone());
        self.for_loop((Part::index(0), count), Turns::Up, "", |lower, var| {
            let from = lo.bin(Bin::Add, lower.read(var).bin(Bin::Mul, length.clone()));
            let from = lower.atom(from);
            let to = lower.atom(from.clone().bin(Bin::Add, length).bin(Bin::SMin, hi));
            block(lower, (from, to));
        });
    }

    /// Adds a number to a sum, and what that rounds off to what was lost before.
    fn add_exactly(&mut self, value: Part, sum: Local, lost: Local) {
        let value = self.atom(value);
        let old = self.read(sum);
        let new = self.bound(old.clone().bin(Bin::Add, value.clone()), "");
        let added = self.bound(new.clone().bin(Bin::Sub, old.clone()), "");
        let of_old = old.bin(Bin::Sub, new.clone().bin(Bin::Sub, added.clone()));
        let of_value = value.bin(Bin::Sub, added);
        let total = self.read(lost).bin(Bin::Add, of_old.bin(Bin::Add, of_value));
        self.set(lost, total);
        self.set(sum, new);
    }

    fn fold_in(&mut self, op: ReduceOp, value: Part, point: &Part, carry: &Carry, scalar: Scalar, span: Span) {
        match carry {
            Carry::Sum { sum, count } => {
                let value = if value.ty == Ty::F32 { value.convert(Convert::Float(Ty::F64), Ty::F64) } else { value };
                let total = self.read(*sum).bin(Bin::Add, value);
                self.set(*sum, total);
                self.count_up(*count);
            }
            Carry::Compensated { sum, lost, count } => {
                self.add_exactly(value, *sum, *lost);
                self.count_up(*count);
            }
            Carry::Fold { acc, seen } => {
                let old = self.read(*acc);
                let new = match op {
                    ReduceOp::Sum => self.fold_arithmetic(Op::Add, old, value, scalar, span),
                    ReduceOp::Prod => self.fold_arithmetic(Op::Mul, old, value, scalar, span),
                    ReduceOp::Max => self.extreme(Op::Max, old, value, scalar, span),
                    ReduceOp::Min => self.extreme(Op::Min, old, value, scalar, span),
                    ReduceOp::All => old.bin(Bin::And, value),
                    _ => old.bin(Bin::Or, value),
                };
                self.set(*acc, new);
                if let Some(seen) = seen {
                    self.set(*seen, Part::int(Ty::I8, 1));
                }
            }
            Carry::Best { best, at, seen } => {
                let value = self.atom(value);
                let old = self.read(*best);
                let signed = super::cast::is_signed(scalar);
                let cmp = match (op == ReduceOp::ArgMax, signed) {
                    (true, true) => Cmp::SGt,
                    (true, false) => Cmp::UGt,
                    (false, true) => Cmp::SLt,
                    (false, false) => Cmp::ULt,
                };
                let mut wins = value.clone().cmp(cmp, old.clone());
                if scalar.is_float() {
                    // The first NaN beats every number, and nothing beats it.
                    let nan = value.clone().cmp(Cmp::Ne, value.clone());
                    wins = wins.bin(Bin::Or, nan.bin(Bin::And, old.clone().cmp(Cmp::Eq, old)));
                }
                let wins = wins.bin(Bin::Or, self.read(*seen).un(Un::Not));
                let wins = self.bound(wins, "");
                let kept = wins.clone().select(value, self.read(*best));
                self.set(*best, kept);
                let kept = wins.select(point.clone(), self.read(*at));
                self.set(*at, kept);
                self.set(*seen, Part::int(Ty::I8, 1));
            }
        }
    }

    fn count_up(&mut self, count: Option<Local>) {
        if let Some(count) = count {
            let next = self.read(count).bin(Bin::Add, Part::index(1));
            self.set(count, next);
        }
    }

    fn fold_arithmetic(&mut self, op: Op, old: Part, value: Part, scalar: Scalar, span: Span) -> Part {
        if scalar.is_float() {
            return old.bin(if op == Op::Add { Bin::Add } else { Bin::Mul }, value);
        }
        self.int_op(op, vec![old, value], scalar, span)
    }

    fn extreme(&mut self, op: Op, old: Part, value: Part, scalar: Scalar, span: Span) -> Part {
        if scalar.is_float() {
            return old.bin(if op == Op::Max { Bin::FMax } else { Bin::FMin }, value);
        }
        self.int_op(op, vec![old, value], scalar, span)
    }

    fn reduced(&mut self, reduce: &Reduce, carry: Carry, scalar: Scalar, ty: &Type, span: Span) -> Part {
        let name = reduce.op.name();
        match carry {
            Carry::Fold { acc, seen } => {
                if let Some(seen) = seen {
                    let empty = self.read(seen).un(Un::Not);
                    self.fail_if(empty, "E0909", span, &[name], Vec::new());
                }
                let total = self.read(acc);
                self.rounded(total, scalar)
            }
            Carry::Sum { sum, count } => {
                let total = self.read(sum);
                self.averaged(reduce, total, count, scalar, span)
            }
            Carry::Compensated { sum, lost, count } => {
                // Where the sum is infinite there is no error to add, only a NaN.
                let lost = self.read(lost);
                let known = lost.clone().cmp(Cmp::Eq, lost.clone());
                let exact = self.read(sum).bin(Bin::Add, lost);
                let total = known.select(exact, self.read(sum));
                self.averaged(reduce, total, count, scalar, span)
            }
            Carry::Best { at, seen, .. } => {
                if !never_empty(reduce) {
                    let empty = self.read(seen).un(Un::Not);
                    self.fail_if(empty, "E0909", span, &[name], Vec::new());
                }
                super::cast::resized(self.read(at), true, Ty::of(ty.scalar().unwrap_or(Scalar::I32)))
            }
        }
    }

    /// The sum, or the mean if points were counted, in the type of the body.
    fn averaged(&mut self, reduce: &Reduce, total: Part, count: Option<Local>, scalar: Scalar, span: Span) -> Part {
        let total = match count {
            None => total,
            Some(count) => {
                let empty = self.read(count).cmp(Cmp::Eq, Part::index(0));
                if !never_empty(reduce) {
                    self.fail_if(empty, "E0909", span, &[reduce.op.name()], Vec::new());
                }
                let points = self.read(count).convert(Convert::SintToFloat(Ty::F64), Ty::F64);
                total.bin(Bin::FDiv, points)
            }
        };
        let total = if scalar == Scalar::F64 { total } else { total.convert(Convert::Float(Ty::F32), Ty::F32) };
        let total = self.rounded(total, scalar);
        self.bound(total, "")
    }
}

fn is_short(reduce: &Reduce) -> bool {
    let points = reduce.binders.iter().try_fold(1i64, |points, binder| {
        let lo = super::bounds::constant(&binder.lo)?;
        let hi = super::bounds::constant(&binder.hi)?;
        points.checked_mul(hi.checked_sub(lo)?.max(0))
    });
    points.is_some_and(|points| points <= SHORT_SUM)
}
