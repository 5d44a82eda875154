//! Reductions: a nest of loops around an accumulator.
//!
//! Sums of `f32` and of half floats are added up in `f64`, sums of `f64` in blocks with the rounding errors between them
//! beside: both are at least as close as a pairwise sum.

use super::bounds::constant;
use super::function::Lower;
use super::limits::{Item, Limits, is_index, keeps_value};
use super::value::Part;
use crate::facts::never_empty;
use diagnostics::Span;
use ir::loops::{Bin, Cmp, Convert, Local, Turns, Ty, Un};
use ir::{Binder, Expr, ExprKind, Op, Reduce, ReduceOp, Scalar, Type, VarId};
use std::collections::HashMap;

/// So few numbers are added up plainly.
const SHORT_SUM: i64 = 128;
/// A body and its points of so few nodes are written out.
const WRITTEN_OUT: i64 = 160;

/// Points that are written out may wait for each other, so many in a row.
const IN_A_ROW: i64 = 5;

/// How points are folded into what is known of the points before, which is a few numbers.
#[derive(Clone, Copy)]
pub struct Folding {
    pub op: ReduceOp,
    pub scalar: Scalar,
    way: Way,
    /// The last number counts points (`mean`), or says whether there was one.
    notes: bool,
    /// There is a point for certain.
    certain: bool,
    span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `acc = acc op value`
    Plain,
    /// A sum in `f64`.
    Sum,
    /// A sum and what its additions rounded off.
    Compensated,
    /// The best value and where it stands.
    Best,
}

impl Folding {
    /// `many` says that the points may be more than what is added up plainly.
    pub fn new(reduce: &Reduce, many: bool, span: Span) -> Folding {
        let scalar = reduce.body.ty.scalar().unwrap_or(Scalar::Bool);
        let certain = never_empty(reduce);
        let (way, notes) = match reduce.op {
            ReduceOp::Sum | ReduceOp::Mean if scalar.is_float() => {
                let way = if scalar == Scalar::F64 && many { Way::Compensated } else { Way::Sum };
                (way, reduce.op == ReduceOp::Mean)
            }
            ReduceOp::ArgMax | ReduceOp::ArgMin => (Way::Best, true),
            ReduceOp::Max | ReduceOp::Min => (Way::Plain, !scalar.is_float() && !certain),
            _ => (Way::Plain, false),
        };
        Folding { op: reduce.op, scalar, way, notes, certain, span }
    }

    /// Whether it matters in which order points are folded in: `NaN` and ties are the same in any.
    pub fn turns(&self) -> Turns {
        match self.way {
            Way::Sum => Turns::Free,
            Way::Plain if self.op != ReduceOp::Prod || !self.scalar.is_float() => Turns::Free,
            _ => Turns::Up,
        }
    }

    /// Whether points must be folded in upwards; a sum may be taken in any order that is as exact.
    pub fn is_ordered(&self) -> bool {
        self.turns() == Turns::Up && self.way != Way::Compensated
    }

    /// Whether there is an error where there is no point.
    pub fn can_fail(&self) -> bool {
        self.notes && !self.certain
    }

    /// Whether what is known of some points can be folded into what is known of others, like one more point.
    fn joins(&self) -> bool {
        self.scalar.is_float() && !self.notes && self.turns() == Turns::Free
    }

    /// How the points of a block of a long sum are added up, before their sum is added exactly.
    pub fn in_blocks(&self) -> Option<Folding> {
        (self.way == Way::Compensated && !self.notes).then_some(Folding { way: Way::Sum, ..*self })
    }

    /// What is known before the first point.
    pub fn first(&self) -> Vec<Part> {
        let ty = Ty::of(self.scalar);
        let mut first = match self.way {
            Way::Plain => vec![self.neutral(ty)],
            Way::Sum => vec![Part::float(Ty::F64, 0.0)],
            Way::Compensated => vec![Part::float(Ty::F64, 0.0), Part::float(Ty::F64, 0.0)],
            Way::Best => vec![Part::zero(ty), Part::index(0)],
        };
        if self.notes {
            first.push(if self.op == ReduceOp::Mean { Part::index(0) } else { Part::int(Ty::I8, 0) });
        }
        first
    }

    fn neutral(&self, ty: Ty) -> Part {
        let (least, most) = self.scalar.int_range().unwrap_or((0, 1));
        match self.op {
            ReduceOp::Prod if ty.is_float() => Part::float(ty, 1.0),
            ReduceOp::Prod => Part::int(ty, 1),
            ReduceOp::Max if ty.is_float() => Part::float(ty, f64::NEG_INFINITY),
            ReduceOp::Min if ty.is_float() => Part::float(ty, f64::INFINITY),
            ReduceOp::Max => Part::int(ty, least),
            ReduceOp::Min => Part::int(ty, most),
            ReduceOp::All => Part::int(Ty::I8, 1),
            _ => Part::zero(ty),
        }
    }
}

/// A range in pieces that need not wait for each other.
fn in_groups(lo: i64, hi: i64) -> Vec<(i64, i64)> {
    let first = (lo..hi).step_by(IN_A_ROW as usize - 1);
    first.map(|first| (first, (first + IN_A_ROW - 1).min(hi))).collect()
}

impl Lower<'_, '_> {
    pub fn reduce(&mut self, reduce: &Reduce, ty: &Type, span: Span) -> Part {
        let folding = Folding::new(reduce, !self.is_short(reduce), span);
        if let Some(ranges) = self.written_out(reduce) {
            let kernel = std::mem::replace(&mut self.kernel, true);
            let known = self.point_by_point(reduce, &ranges, &mut Vec::new(), &folding, folding.first());
            self.kernel = kernel;
            return self.reduced(&folding, known, ty);
        }
        let state = self.variables(folding.first());
        let kernel = std::mem::replace(&mut self.kernel, true);
        let vars = reduce.binders.iter().map(|binder| binder.var);
        let (late, vars): (Vec<_>, Vec<_>) = vars.partition(|var| self.windows.unrolled.coords.contains(var));
        let limits = self.limits(&Item::all(&reduce.wheres), &vars, &late);
        self.reduce_nest(reduce, &limits, &mut Vec::new(), &folding, &state);
        self.kernel = kernel;
        let known = state.iter().map(|local| self.read(*local)).collect();
        self.reduced(&folding, known, ty)
    }

    /// The ranges of a reduction over so few points that it needs no loop.
    fn written_out(&self, reduce: &Reduce) -> Option<Vec<(i64, i64)>> {
        if self.options().opt_level == 0 || !reduce.wheres.is_empty() {
            return None;
        }
        let range = |binder: &Binder| Some((constant(&binder.lo)?, constant(&binder.hi)?));
        let ranges: Vec<(i64, i64)> = reduce.binders.iter().map(range).collect::<Option<_>>()?;
        let mut nodes = 0i64;
        let mut is_plain = true;
        reduce.body.walk(&mut |e| {
            nodes += 1;
            is_plain &= !matches!(e.kind, ExprKind::Reduce(_) | ExprKind::Family(_) | ExprKind::Block(..));
        });
        let points = ranges.iter().try_fold(nodes, |all, (lo, hi)| all.checked_mul((hi - lo).max(1)))?;
        (is_plain && points <= WRITTEN_OUT).then_some(ranges)
    }

    fn point_by_point(
        &mut self,
        reduce: &Reduce,
        ranges: &[(i64, i64)],
        at: &mut Vec<Part>,
        folding: &Folding,
        mut known: Vec<Part>,
    ) -> Vec<Part> {
        let Some((lo, hi)) = ranges.get(at.len()).copied() else {
            let mark = self.region().temps.len();
            let point = at.first().cloned().unwrap_or(Part::index(0));
            let value = self.scalar(&reduce.body);
            let new = self.folded(folding, known, value, &point);
            known = new.into_iter().map(|part| self.atom(part)).collect();
            self.release_temps(mark);
            return known;
        };
        let can_wait = hi - lo <= IN_A_ROW || !folding.joins();
        for (lo, hi) in if can_wait { vec![(lo, hi)] } else { in_groups(lo, hi) } {
            let mut own = if can_wait { std::mem::take(&mut known) } else { folding.first() };
            for point in lo..hi {
                self.bind_coord(reduce.binders[at.len()].var, Part::index(point));
                at.push(Part::index(point));
                own = self.point_by_point(reduce, ranges, at, folding, own);
                at.pop();
            }
            known = match (can_wait, own.pop()) {
                (false, Some(value)) => self.folded(folding, known, value, &Part::index(lo)),
                (_, value) => own.into_iter().chain(value).collect(),
            };
        }
        known
    }

    pub fn variables(&mut self, first: Vec<Part>) -> Vec<Local> {
        first.into_iter().map(|part| self.variable(part, "")).collect()
    }

    fn reduce_nest(
        &mut self,
        reduce: &Reduce,
        limits: &Limits,
        at: &mut Vec<Part>,
        folding: &Folding,
        state: &[Local],
    ) {
        let Some(binder) = reduce.binders.get(at.len()) else {
            let mark = self.region().temps.len();
            let point = at.first().cloned().unwrap_or(Part::index(0));
            self.gate(
                &limits.items,
                &mut |lower| {
                    let value = lower.scalar(&reduce.body);
                    lower.fold_in(folding, value, &point, state);
                },
                None,
            );
            self.release_temps(mark);
            return;
        };
        let lo = self.index(&binder.lo);
        let hi = self.index(&binder.hi);
        if let (Some(lo), Some(hi)) = (lo.as_int(), hi.as_int()) {
            if self.windows.unrolled.coords.contains(&binder.var) {
                for index in lo..hi {
                    self.bind_coord(binder.var, Part::index(index));
                    at.push(Part::index(index));
                    self.reduce_nest(reduce, limits, at, folding, state);
                    at.pop();
                }
                return;
            }
            self.ranges.insert(binder.var, (lo, hi));
        }
        let (lo, hi) = self.narrowed(binder.var, (lo, hi), limits);
        self.note_most(binder.var, &hi);
        let name = self.program().vars[binder.var.index()].name.as_str();
        let is_innermost = at.len() + 1 == reduce.binders.len();
        let mut turns = |lower: &mut Self, range: (Part, Part), folding: &Folding, state: &[Local]| {
            lower.for_loop(range, folding.turns(), name, |lower, var| {
                let index = lower.read(var);
                lower.bind_coord(binder.var, index.clone());
                at.push(index);
                lower.reduce_nest(reduce, limits, at, folding, state);
                at.pop();
            });
        };
        match state {
            [sum, lost, count @ ..] if folding.way == Way::Compensated && is_innermost => {
                let (lo, hi) = (self.atom(lo), self.atom(hi));
                let plain = Folding { way: Way::Sum, ..*folding };
                self.blocks((lo, hi), |lower, block| {
                    let part = lower.variable(Part::float(Ty::F64, 0.0), "");
                    let mut partial = vec![part];
                    partial.extend(count);
                    turns(lower, block, &plain, &partial);
                    let known = vec![lower.read(*sum), lower.read(*lost)];
                    let exact = lower.added_exactly(known, lower.read(part));
                    lower.set_all(&[*sum, *lost], exact);
                });
            }
            _ => turns(self, (lo, hi), folding, state),
        }
        self.ranges.remove(&binder.var);
    }

    /// Whether there are so few points, by what is known of the ranges around, that they are added up plainly.
    pub fn is_short(&self, reduce: &Reduce) -> bool {
        let mut most = HashMap::new();
        let points = reduce.binders.iter().try_fold(1i64, |points, Binder { var, lo, hi }| {
            let hi = self.most_of(hi, &most)?;
            most.insert(*var, hi - 1);
            points.checked_mul(hi.checked_sub(constant(lo)?)?.max(0))
        });
        points.is_some_and(|points| points <= SHORT_SUM)
    }

    /// The greatest value of an index that is known before the program runs.
    fn most_of(&self, e: &Expr, own: &HashMap<VarId, i64>) -> Option<i64> {
        match &e.kind {
            ExprKind::Var(var) => own.get(var).or_else(|| self.most.get(var)).copied(),
            ExprKind::Cast(inner) if keeps_value(e, inner) => self.most_of(inner, own),
            ExprKind::Op(Op::Add, operands) if is_index(e) => {
                self.most_of(&operands[0], own)?.checked_add(self.most_of(&operands[1], own)?)
            }
            _ => constant(e),
        }
    }

    /// Keeps how far a coordinate goes.
    pub fn note_most(&mut self, var: VarId, hi: &Part) {
        if let Some(hi) = hi.as_int() {
            self.most.insert(var, hi - 1);
        }
    }

    /// Cuts a range into blocks of at most `SHORT_SUM` points.
    pub fn blocks(&mut self, (lo, hi): (Part, Part), mut block: impl FnMut(&mut Self, (Part, Part))) {
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

    /// A sum and what it lost, with one more number.
    fn added_exactly(&mut self, known: Vec<Part>, value: Part) -> Vec<Part> {
        let [old, lost] = &known[..] else { unreachable!("a sum and what it lost") };
        let value = self.atom(value);
        let new = self.bound(old.clone().bin(Bin::Add, value.clone()), "");
        let added = self.bound(new.clone().bin(Bin::Sub, old.clone()), "");
        let of_old = old.clone().bin(Bin::Sub, new.clone().bin(Bin::Sub, added.clone()));
        let of_value = value.bin(Bin::Sub, added);
        let lost = self.bound(lost.clone().bin(Bin::Add, of_old.bin(Bin::Add, of_value)), "");
        vec![new, lost]
    }

    pub fn fold_in(&mut self, folding: &Folding, value: Part, point: &Part, state: &[Local]) {
        let known = state.iter().map(|local| self.read(*local)).collect();
        let new = self.folded(folding, known, value, point);
        self.set_all(state, new);
    }

    fn set_all(&mut self, locals: &[Local], parts: Vec<Part>) {
        for (local, part) in locals.iter().zip(parts) {
            self.set(*local, part);
        }
    }

    /// What is known with one more point. No part of it reads more than its own predecessor of what was `known`.
    pub fn folded(&mut self, folding: &Folding, mut known: Vec<Part>, value: Part, point: &Part) -> Vec<Part> {
        let Folding { op, scalar, span, .. } = *folding;
        let note = folding.notes.then(|| known.pop().expect("a note"));
        match folding.way {
            Way::Sum => {
                let value = if value.ty == Ty::F32 { value.convert(Convert::Float(Ty::F64), Ty::F64) } else { value };
                let mut known = vec![known.remove(0).bin(Bin::Add, value)];
                known.extend(note.map(one_more));
                known
            }
            Way::Compensated => {
                let mut known = self.added_exactly(known, value);
                known.extend(note.map(one_more));
                known
            }
            Way::Plain => {
                let old = known.remove(0);
                let new = match op {
                    ReduceOp::Sum => self.fold_arithmetic(Op::Add, old, value, scalar, span),
                    ReduceOp::Prod => self.fold_arithmetic(Op::Mul, old, value, scalar, span),
                    ReduceOp::Max => self.extreme(Op::Max, old, value, scalar, span),
                    ReduceOp::Min => self.extreme(Op::Min, old, value, scalar, span),
                    ReduceOp::All => old.bin(Bin::And, value),
                    _ => old.bin(Bin::Or, value),
                };
                let mut known = vec![new];
                known.extend(note.map(|_| Part::int(Ty::I8, 1)));
                known
            }
            Way::Best => {
                let [old, at] = &known[..] else { unreachable!("a value and where it stands") };
                let seen = note.expect("whether there was a point");
                let value = self.atom(value);
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
                    wins = wins.bin(Bin::Or, nan.bin(Bin::And, old.clone().cmp(Cmp::Eq, old.clone())));
                }
                let wins = wins.bin(Bin::Or, seen.un(Un::Not));
                let wins = self.bound(wins, "");
                let best = wins.clone().select(value, old.clone());
                let place = wins.select(point.clone(), at.clone());
                vec![best, place, Part::int(Ty::I8, 1)]
            }
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

    /// The value of a reduction, of type `ty`, when all points are known.
    pub fn reduced(&mut self, folding: &Folding, mut known: Vec<Part>, ty: &Type) -> Part {
        let note = folding.notes.then(|| known.pop().expect("a note"));
        if let Some(note) = note.clone().filter(|_| !folding.certain) {
            let empty = if note.ty == Ty::I8 { note.un(Un::Not) } else { note.cmp(Cmp::Eq, Part::index(0)) };
            self.fail_if(empty, "E0909", folding.span, &[folding.op.name()], Vec::new());
        }
        match folding.way {
            Way::Plain => self.rounded(known.remove(0), folding.scalar),
            Way::Sum => self.averaged(folding, known.remove(0), note),
            Way::Compensated => {
                // Where the sum is infinite there is no error to add, only a NaN.
                let [sum, lost] = &known[..] else { unreachable!("a sum and what it lost") };
                let is_known = lost.clone().cmp(Cmp::Eq, lost.clone());
                let exact = sum.clone().bin(Bin::Add, lost.clone());
                let total = is_known.select(exact, sum.clone());
                self.averaged(folding, total, note)
            }
            Way::Best => {
                let at = known.remove(1);
                super::cast::resized(at, true, Ty::of(ty.scalar().unwrap_or(Scalar::I32)))
            }
        }
    }

    /// The sum, or the mean if points were counted, in the type of the body.
    fn averaged(&mut self, folding: &Folding, total: Part, count: Option<Part>) -> Part {
        let total = match count {
            None => total,
            Some(count) => total.bin(Bin::FDiv, count.convert(Convert::SintToFloat(Ty::F64), Ty::F64)),
        };
        let scalar = folding.scalar;
        let total = if scalar == Scalar::F64 { total } else { total.convert(Convert::Float(Ty::F32), Ty::F32) };
        let total = self.rounded(total, scalar);
        self.bound(total, "")
    }
}

fn one_more(count: Part) -> Part {
    count.bin(Bin::Add, Part::index(1))
}
