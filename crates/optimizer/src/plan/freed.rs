//! Steps within steps whose cells do not need each other.
//!
//! Where cells of one step read others of that step, they are computed one after the other. Often those that are read
//! belong to one clause, as the diagonal does in `l[i, j] = (a[i, j] - sum[s in 0..j](l[i, s] * l[j, s])) / l[j, j]` for
//! `i > j`. Then each clause can have all of its cells computed before the next one begins, and its cells are free.

use super::bounds::{Cells, Place, disjoint};
use super::function::Lower;
use super::linear::{Definitions, Linear, definitions, definitions_of};
use ir::{Binder, Clause, Expr, ExprKind, Load, Op, Reduce, Slot, VarId, WhereItem};
use std::collections::HashMap;

impl Lower<'_, '_> {
    /// The clauses of a family in an order in which, at a step along `outer`, no cell needs one of its own or of a later
    /// clause.
    pub fn freed(&self, var: VarId, cells: &Cells, outer: usize) -> Option<Vec<usize>> {
        let clauses = &cells.family.clauses;
        let is_stored = matches!(cells.place, Place::Memory(_)) && !self.windows.of.contains_key(&var);
        let is_whole = |clause: &Clause| clause.slots.len() == cells.dims.len();
        if self.options().opt_level == 0 || !cells.painted || !is_stored || !clauses.iter().all(is_whole) {
            return None;
        }
        // For each clause the others that come before it.
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); clauses.len()];
        for (at, clause) in clauses.iter().enumerate() {
            let reader = Reader::of(clause, outer, var)?;
            for (read, ranges) in &reader.reads {
                for (other, written) in clauses.iter().enumerate() {
                    if reader.may_meet(read, ranges, written, outer) {
                        before[at].push(other);
                    }
                }
            }
            for (other, earlier) in clauses[..at].iter().enumerate() {
                if !disjoint(&cells.bounds[other], &cells.bounds[at]) && !exclude(earlier, clause) {
                    before[at].push(other);
                }
            }
        }
        let mut order: Vec<usize> = Vec::new();
        while order.len() < clauses.len() {
            let is_next = |at: &usize| !order.contains(at) && before[*at].iter().all(|other| order.contains(other));
            order.push((0..clauses.len()).find(is_next)?);
        }
        Some(order)
    }
}

/// A coordinate and its range.
type Range = (VarId, Linear, Linear);

/// A clause that reads cells of its own family.
struct Reader<'e> {
    definitions: Definitions<'e>,
    /// The step of the clause.
    step: Linear,
    /// With the coordinates around.
    reads: Vec<(&'e Load, Vec<Range>)>,
}

impl<'e> Reader<'e> {
    fn of(clause: &'e Clause, outer: usize, var: VarId) -> Option<Reader<'e>> {
        let mut known = definitions_of(&clause.wheres);
        clause.for_each_child(|e| known.extend(definitions(e)));
        let step = match &clause.slots[outer] {
            Slot::Coord(binder) => Linear::var(binder.var),
            Slot::Fixed(at) => Linear::constant(*at),
        };
        let mut reader = Reader { definitions: known, step, reads: Vec::new() };
        let mut ranges = Vec::new();
        for slot in &clause.slots {
            if let Slot::Coord(binder) = slot {
                reader.range(binder, &mut ranges);
            }
        }
        let mut is_known = true;
        clause.for_each_child(|e| is_known &= reader.expr(e, var, &mut ranges));
        is_known.then_some(reader)
    }

    fn range(&self, Binder { var, lo, hi }: &Binder, ranges: &mut Vec<Range>) {
        if let (Some(lo), Some(hi)) = (Linear::of(lo, &self.definitions), Linear::of(hi, &self.definitions)) {
            ranges.push((*var, lo, hi));
        }
    }

    /// Notes reads; whether that is all that is made of the family.
    fn expr(&mut self, e: &'e Expr, var: VarId, ranges: &mut Vec<Range>) -> bool {
        match &e.kind {
            ExprKind::Var(other) => *other != var,
            ExprKind::Dim(tensor, _) if matches!(tensor.kind, ExprKind::Var(_)) => true,
            ExprKind::Load(load) if matches!(load.tensor.kind, ExprKind::Var(other) if other == var) => {
                self.reads.push((load, ranges.clone()));
                load.index.iter().fold(true, |fine, e| fine & self.expr(e, var, ranges))
            }
            ExprKind::Reduce(reduce) => {
                let Reduce { binders, wheres, body, .. } = &**reduce;
                let before = ranges.len();
                let mut fine = true;
                for binder in binders {
                    fine &= self.expr(&binder.lo, var, ranges) & self.expr(&binder.hi, var, ranges);
                    self.range(binder, ranges);
                }
                for item in wheres {
                    let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
                    fine &= self.expr(e, var, ranges);
                }
                fine &= self.expr(body, var, ranges);
                ranges.truncate(before);
                fine
            }
            _ => {
                let mut fine = true;
                e.for_each_child(|child| fine &= self.expr(child, var, ranges));
                fine
            }
        }
    }

    /// Whether a read may go to a cell that a clause writes in the step that the reader is in.
    fn may_meet(&self, load: &Load, ranges: &[Range], written: &Clause, outer: usize) -> bool {
        let index: Vec<Option<Linear>> = load.index.iter().map(|e| Linear::of(e, &self.definitions)).collect();
        let differs = |a: &Linear, b: &Linear| {
            let way = a.minus(b);
            let (least, most) = (way.as_ref().and_then(|w| least(w, ranges)), way.and_then(|w| most(&w, ranges)));
            least.is_some_and(|least| least > 0) || most.is_some_and(|most| most < 0)
        };
        if index[outer].as_ref().is_some_and(|at| differs(at, &self.step)) {
            return false;
        }
        // What the coordinates of the clause are where it writes the cell.
        let (mut at, mut unknown) = (HashMap::new(), Vec::new());
        for (slot, index) in written.slots.iter().zip(&index) {
            match (slot, index) {
                (Slot::Fixed(place), Some(index)) if differs(index, &Linear::constant(*place)) => return false,
                (Slot::Coord(binder), Some(index)) => drop(at.insert(binder.var, index.clone())),
                (Slot::Coord(binder), None) => unknown.push(binder.var),
                _ => {}
            }
        }
        let known = definitions_of(&written.wheres);
        let there = |e: &Expr| Linear::of(e, &known)?.with(&at, &unknown);
        for slot in &written.slots {
            let Slot::Coord(Binder { var, lo, hi }) = slot else { continue };
            let Some(index) = at.get(var) else { continue };
            let below = there(lo).and_then(|lo| most(&index.minus(&lo)?, ranges)).is_some_and(|way| way < 0);
            let behind = there(hi).and_then(|hi| least(&index.minus(&hi)?, ranges)).is_some_and(|way| way >= 0);
            if below || behind {
                return false;
            }
        }
        let is_closed = |guard: &Expr| {
            let ExprKind::Op(op, operands) = &guard.kind else { return false };
            let [a, b] = &operands[..] else { return false };
            let Some(way) = there(a).zip(there(b)).and_then(|(a, b)| a.minus(&b)) else { return false };
            let (least, most) = (least(&way, ranges), most(&way, ranges));
            let is_least = |test: fn(i64) -> bool| least.is_some_and(test);
            let is_most = |test: fn(i64) -> bool| most.is_some_and(test);
            match op {
                Op::Lt => is_least(|way| way >= 0),
                Op::Le => is_least(|way| way > 0),
                Op::Gt => is_most(|way| way <= 0),
                Op::Ge => is_most(|way| way < 0),
                Op::Eq => is_least(|way| way > 0) || is_most(|way| way < 0),
                Op::Ne => is_least(|way| way == 0) && is_most(|way| way == 0),
                _ => false,
            }
        };
        written.otherwise.is_some()
            || !written.wheres.iter().any(|item| matches!(item, WhereItem::Guard(guard) if is_closed(guard)))
    }
}

/// The least value that is known of a number, the ranges being not empty.
fn least(number: &Linear, ranges: &[Range]) -> Option<i64> {
    let mut number = number.clone();
    for (var, lo, hi) in ranges.iter().rev() {
        let end = if number.factor(*var) > 0 { lo.clone() } else { hi.minus(&Linear::constant(1))? };
        number = number.with(&HashMap::from([(*var, end)]), &[])?;
        if let Some(known) = number.as_constant() {
            return Some(known);
        }
    }
    number.as_constant()
}

fn most(number: &Linear, ranges: &[Range]) -> Option<i64> {
    least(&Linear::constant(0).minus(number)?, ranges)?.checked_neg()
}

/// Whether comparisons of their coordinates keep two clauses from having a cell in common.
pub fn exclude(a: &Clause, b: &Clause) -> bool {
    if a.otherwise.is_some() || b.otherwise.is_some() {
        return false;
    }
    let (a, b) = (comparisons(a), comparisons(b));
    a.iter().any(|(axes, op)| b.iter().any(|(others, other)| axes == others && op & other == 0))
}

/// The axes that guards compare, and the signs that their difference may have, as bits.
fn comparisons(clause: &Clause) -> Vec<([usize; 2], u8)> {
    let axis = |e: &Expr| {
        let var = coordinate(e)?;
        clause.slots.iter().position(|slot| matches!(slot, Slot::Coord(binder) if binder.var == var))
    };
    let comparison = |item: &WhereItem| {
        let WhereItem::Guard(Expr { kind: ExprKind::Op(op, operands), .. }) = item else { return None };
        let [a, b] = &operands[..] else { return None };
        let (less, same, more) = (1, 2, 4);
        let signs = match op {
            Op::Lt => less,
            Op::Le => less | same,
            Op::Eq => same,
            Op::Ge => same | more,
            Op::Gt => more,
            Op::Ne => less | more,
            _ => return None,
        };
        let (a, b) = (axis(a)?, axis(b)?);
        let turned = signs & same | (signs & less) << 2 | (signs & more) >> 2;
        Some(if a < b { ([a, b], signs) } else { ([b, a], turned) })
    };
    clause.wheres.iter().filter_map(comparison).collect()
}

/// The variable that an index is.
pub fn coordinate(e: &Expr) -> Option<VarId> {
    match &e.kind {
        ExprKind::Var(var) => Some(*var),
        ExprKind::Cast(inner) if e.ty.scalar().is_some_and(|scalar| scalar.is_int()) => coordinate(inner),
        _ => None,
    }
}
