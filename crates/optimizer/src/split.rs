//! Clauses are split where a condition on one coordinate alone decides over a reduction: `sum[b](…) where l == 2` then is
//! all that the clause for `l` in `2..3` has, to be planned like any other, and nothing in the others.
//!
//! A recurrence whose diagonal is computed otherwise than the rest becomes two clauses, too: one of them may need nothing
//! of its own step.
//!
//! Conditions that decide over single numbers stay: loops are cut for them (`plan::pieces`).

use crate::overrides::{Range, part};
use crate::plan::bounds::constant;
use crate::plan::freed::coordinate;
use crate::plan::linear::{Definitions, Linear, definitions_of};
use crate::plan::pieces::Cuts;
use ir::{Binder, Clause, Expr, ExprKind, Family, Op, Program, Reduce, ReduceOp, Slot, Stmt, VarId, WhereItem};
use std::collections::HashMap;
use std::rc::Rc;

/// So many clauses one becomes at most.
const MOST_PIECES: usize = 8;
/// Nodes of a clause and its copies at most.
const MOST_NODES: usize = 4000;

pub fn split(program: &mut Program) {
    program.rewrite(|body, program, _| expr(body, program));
}

fn expr(e: &mut Expr, program: &mut Program) {
    e.for_each_child_mut(|child| expr(child, program));
    match &mut e.kind {
        ExprKind::Family(family) if family.clauses.iter().any(has_conditional_sum) => {
            let pieces = |clause: &Clause| pieces(family, clause, program);
            family.clauses = family.clauses.iter().flat_map(pieces).collect();
        }
        ExprKind::Block(stmts, _) => {
            for stmt in stmts {
                if let Stmt::Rec(recurrence) = stmt {
                    let families = &mut Rc::make_mut(recurrence).families;
                    for (_, family) in families.iter_mut() {
                        let parts = |clause: &Clause| diagonal(family, clause, program).unwrap_or(vec![clause.clone()]);
                        family.clauses = family.clauses.iter().flat_map(parts).collect();
                    }
                    let clauses = families.iter_mut().flat_map(|(_, family)| &mut family.clauses);
                    clauses.filter(|clause| has_conditional_sum(clause)).for_each(simplify_clause);
                }
            }
        }
        _ => {}
    }
}

/// A clause of a recurrence that computes its diagonal otherwise than the rest (`if i == j { … } else { … }`) as two.
fn diagonal(family: &Family, clause: &Clause, program: &mut Program) -> Option<Vec<Clause>> {
    let ExprKind::If(cond, yes, no) = &clause.body.kind else { return None };
    let is_whole = clause.slots.len() == family.axes.len() && clause.otherwise.is_none();
    // A clause that gives all cells a value is worth more than what two of them save.
    let has_guards = !clause.wheres.is_empty() && clause.wheres.iter().all(|item| matches!(item, WhereItem::Guard(_)));
    let axes = compared(cond, clause, |op| op == Op::Eq)?;
    let mut nodes = 0;
    clause.for_each_child(|e| e.walk(&mut |_| nodes += 1));
    if !is_whole || !has_guards || !(reduces(yes) || reduces(no)) || nodes > MOST_NODES {
        return None;
    }
    let whole = vec![Range::Slot; family.axes.len()];
    let mut parts = vec![part(family, clause, &whole, program), part(family, clause, &whole, program)];
    for (own, part) in parts.iter_mut().enumerate() {
        let ExprKind::If(cond, yes, no) = part.body.kind.clone() else { return None };
        if own == 0 {
            part.wheres.push(WhereItem::Guard(*cond));
            part.body = *yes;
            continue;
        }
        part.body = *no;
        let slots = part.clone();
        let strict = part.wheres.iter_mut().find_map(|item| match item {
            WhereItem::Guard(guard) if compared(guard, &slots, |op| matches!(op, Op::Le | Op::Ge)) == Some(axes) => {
                Some(guard)
            }
            _ => None,
        });
        match strict.map(|guard| &mut guard.kind) {
            Some(ExprKind::Op(op, _)) => *op = if *op == Op::Le { Op::Lt } else { Op::Gt },
            _ => {
                let mut other = *cond;
                if let ExprKind::Op(op, _) = &mut other.kind {
                    *op = Op::Ne;
                }
                part.wheres.push(WhereItem::Guard(other));
            }
        }
    }
    Some(parts)
}

/// The two axes whose coordinates a condition compares.
fn compared(cond: &Expr, clause: &Clause, is_op: impl Fn(Op) -> bool) -> Option<[usize; 2]> {
    let ExprKind::Op(op, operands) = &cond.kind else { return None };
    let [a, b] = &operands[..] else { return None };
    let axis = |e: &Expr| {
        let var = coordinate(e)?;
        clause.slots.iter().position(|slot| matches!(slot, Slot::Coord(binder) if binder.var == var))
    };
    let (a, b) = (axis(a)?, axis(b)?);
    (is_op(*op) && a != b).then_some([a.min(b), a.max(b)])
}

/// The clauses that take the place of one.
fn pieces(family: &Family, clause: &Clause, program: &mut Program) -> Vec<Clause> {
    let boxes = boxes(family, clause);
    let mut pieces = match &boxes[..] {
        [_] => vec![clause.clone()],
        boxes => boxes.iter().map(|piece| part(family, clause, piece, program)).collect(),
    };
    pieces.iter_mut().for_each(simplify_clause);
    pieces
}

/// The ranges of the clauses that take the place of one.
fn boxes(family: &Family, clause: &Clause) -> Vec<Vec<Range>> {
    let mut boxes = vec![vec![Range::Slot; family.axes.len()]];
    if clause.slots.len() < family.axes.len() {
        return boxes;
    }
    let mut nodes = 0;
    clause.for_each_child(|e| e.walk(&mut |_| nodes += 1));
    for (axis, slot) in clause.slots.iter().enumerate() {
        let Slot::Coord(binder) = slot else { continue };
        let Some(range) = constant_range(binder) else { continue };
        let ranges = cuts(clause, binder.var, range);
        let count = ranges.len() * boxes.len();
        if ranges.len() == 1 || count > MOST_PIECES || count * nodes > MOST_NODES {
            continue;
        }
        let cut = |piece: Vec<Range>| {
            ranges.clone().into_iter().map(move |(lo, hi)| {
                let mut part = piece.clone();
                part[axis] = Range::Cut(lo, hi);
                part
            })
        };
        boxes = boxes.into_iter().flat_map(cut).collect();
    }
    boxes
}

fn constant_range(binder: &Binder) -> Option<(i64, i64)> {
    constant(&binder.lo).zip(constant(&binder.hi)).filter(|(lo, hi)| lo < hi)
}

/// Leaves out what the ranges of the coordinates decide.
fn simplify_clause(clause: &mut Clause) {
    let ranges = clause.slots.iter().filter_map(|slot| match slot {
        Slot::Coord(binder) => Some((binder.var, constant_range(binder)?)),
        Slot::Fixed(_) => None,
    });
    let ranges: HashMap<VarId, (i64, i64)> = ranges.collect();
    let wheres = clause.wheres.clone();
    let definitions = definitions_of(&wheres);
    clause.for_each_child_mut(|e| simplify(e, &ranges, &definitions));
}

/// The range of a coordinate, cut where conditions on it that decide over reductions change.
fn cuts(clause: &Clause, var: VarId, range: (i64, i64)) -> Vec<(i64, i64)> {
    let mut cuts = Cuts::new(var, range, definitions_of(&clause.wheres));
    clause.for_each_child(|e| {
        e.walk(&mut |e| match &e.kind {
            ExprKind::Reduce(reduce) => guards(reduce).for_each(|guard| cuts.conditions(guard)),
            ExprKind::If(cond, yes, no) if reduces(yes) || reduces(no) => cuts.conditions(cond),
            _ => {}
        });
    });
    cuts.all()
}

fn guards(reduce: &Reduce) -> impl Iterator<Item = &Expr> {
    reduce.wheres.iter().filter_map(|item| match item {
        WhereItem::Guard(guard) => Some(guard),
        WhereItem::Def(..) => None,
    })
}

fn reduces(e: &Expr) -> bool {
    let mut found = false;
    e.walk(&mut |e| found |= matches!(e.kind, ExprKind::Reduce(_)));
    found
}

fn has_conditional_sum(clause: &Clause) -> bool {
    let mut found = false;
    clause.for_each_child(|e| {
        e.walk(&mut |e| {
            found |= match &e.kind {
                ExprKind::Reduce(reduce) => guards(reduce).next().is_some(),
                ExprKind::If(_, yes, no) => reduces(yes) || reduces(no),
                _ => false,
            };
        });
    });
    found
}

fn simplify(e: &mut Expr, ranges: &HashMap<VarId, (i64, i64)>, definitions: &Definitions) {
    e.for_each_child_mut(|child| simplify(child, ranges, definitions));
    let known = match &mut e.kind {
        ExprKind::Op(op, operands) => match (*op, &operands[..]) {
            (Op::Not, [Expr { kind: ExprKind::Bool(value), .. }]) => Some(ExprKind::Bool(!value)),
            (Op::Add, [sum, zero]) if is_sum(sum) && is_zero(zero) => Some(sum.kind.clone()),
            (Op::Add, [zero, sum]) if is_zero(zero) && (is_sum(sum) || is_zero(sum)) => Some(sum.kind.clone()),
            (op, [a, b]) => holds(op, a, b, ranges, definitions).map(ExprKind::Bool),
            _ => None,
        },
        ExprKind::And(a, b) => match (&a.kind, &b.kind) {
            (ExprKind::Bool(true), other) | (other, ExprKind::Bool(true)) => Some(other.clone()),
            (ExprKind::Bool(false), _) => Some(ExprKind::Bool(false)),
            _ => None,
        },
        ExprKind::Or(a, b) => match (&a.kind, &b.kind) {
            (ExprKind::Bool(false), other) | (other, ExprKind::Bool(false)) => Some(other.clone()),
            (ExprKind::Bool(true), _) => Some(ExprKind::Bool(true)),
            _ => None,
        },
        ExprKind::If(cond, yes, no) => match cond.kind {
            ExprKind::Bool(holds) => {
                let chosen = if holds { yes } else { no };
                (chosen.ty == e.ty).then(|| chosen.kind.clone())
            }
            _ => None,
        },
        ExprKind::Reduce(reduce) => {
            reduce.wheres.retain(|item| !matches!(item, WhereItem::Guard(guard) if is_bool(guard, true)));
            let is_closed = matches!(reduce.wheres.first(), Some(WhereItem::Guard(guard)) if is_bool(guard, false));
            (is_closed && reduce.op == ReduceOp::Sum).then(|| match e.ty.scalar() {
                Some(scalar) if scalar.is_float() => ExprKind::Float(0.0),
                _ => ExprKind::Int(0),
            })
        }
        _ => None,
    };
    if let Some(kind) = known {
        e.kind = kind;
    }
}

/// Whether a comparison is decided for all points of some ranges.
fn holds(op: Op, a: &Expr, b: &Expr, ranges: &HashMap<VarId, (i64, i64)>, definitions: &Definitions) -> Option<bool> {
    if !op.is_comparison() {
        return None;
    }
    let difference = Linear::of(a, definitions)?.minus(&Linear::of(b, definitions)?)?;
    let (least, most) = difference.range(ranges)?;
    let (yes, no) = match op {
        Op::Lt => (most < 0, least >= 0),
        Op::Le => (most <= 0, least > 0),
        Op::Gt => (least > 0, most <= 0),
        Op::Ge => (least >= 0, most < 0),
        Op::Eq => (least == 0 && most == 0, least > 0 || most < 0),
        Op::Ne => (least > 0 || most < 0, least == 0 && most == 0),
        _ => return None,
    };
    if yes || no { Some(yes) } else { None }
}

fn is_bool(e: &Expr, value: bool) -> bool {
    matches!(e.kind, ExprKind::Bool(own) if own == value)
}

/// Which is never a negative zero.
fn is_sum(e: &Expr) -> bool {
    matches!(&e.kind, ExprKind::Reduce(reduce) if reduce.op == ReduceOp::Sum)
}

fn is_zero(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Float(value) if value == 0.0 && value.is_sign_positive())
}
