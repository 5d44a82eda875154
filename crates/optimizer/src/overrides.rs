//! Clauses keep only the cells that no later clause gives a value for certain. What is left of a box of cells without
//! a box inside is cut into boxes again, so that the loops over them test nothing.

use crate::plan::bounds::{End, is_firm};
use ir::{Binder, Clause, Expr, ExprKind, Family, Program, Recurrence, Slot, Stmt, Type, visit};
use std::rc::Rc;

/// So many boxes a clause becomes at most.
const MOST_PIECES: usize = 6;

pub fn overrides(program: &mut Program) {
    program.rewrite(|body, program, _| expr(body, program));
}

fn expr(e: &mut Expr, program: &mut Program) {
    e.for_each_child_mut(|child| expr(child, program));
    match &mut e.kind {
        ExprKind::Family(family) => cut(family, program),
        ExprKind::Block(stmts, _) => {
            for stmt in stmts {
                if let Stmt::Rec(recurrence) = stmt {
                    let Recurrence { families, .. } = Rc::make_mut(recurrence);
                    families.iter_mut().for_each(|(_, family)| cut(family, program));
                }
            }
        }
        _ => {}
    }
}

/// One range for each axis.
type Cells = Vec<Range>;

#[derive(Clone, Copy, PartialEq)]
pub enum Range {
    /// As the slot has it.
    Slot,
    Cut(i64, i64),
}

fn cut(family: &mut Family, program: &mut Program) {
    let rank = family.axes.len();
    if family.clauses.len() < 2 {
        return;
    }
    let mut clauses = Vec::new();
    for (k, clause) in family.clauses.iter().enumerate() {
        let whole = vec![Range::Slot; rank];
        let mut pieces = vec![whole.clone()];
        if clause.slots.len() == rank {
            for later in family.clauses[k + 1..].iter().filter(|later| is_firm(later)) {
                pieces = pieces.into_iter().flat_map(|piece| without(clause, piece, later)).collect();
            }
        }
        if pieces.len() > MOST_PIECES || pieces == [whole] {
            clauses.push(clause.clone());
            continue;
        }
        clauses.extend(pieces.into_iter().map(|piece| part(family, clause, &piece, program)));
    }
    // A family has at least one clause: the last one stays.
    family.clauses = clauses;
}

/// What is left of some cells of a clause without those of a later one.
fn without(clause: &Clause, mut piece: Cells, later: &Clause) -> Vec<Cells> {
    let whole = piece.clone();
    let mut inside = Vec::new();
    for (axis, slot) in later.slots.iter().enumerate() {
        let (own, other) = (ends(&clause.slots[axis], piece[axis]), ends(slot, Range::Slot));
        if other.0.at_most(own.0) && own.1.at_most(other.1) {
            continue;
        }
        let (End::Const(lo), End::Const(hi)) = own else { return vec![whole] };
        let (End::Const(from), End::Const(to)) = other else { return vec![whole] };
        let (from, to) = (from.max(lo), to.min(hi));
        if from >= to {
            return vec![whole];
        }
        inside.push((axis, [lo, from, to, hi]));
    }
    let mut left = Vec::new();
    for (axis, [lo, from, to, hi]) in inside {
        for (lo, hi) in [(lo, from), (to, hi)] {
            if lo < hi {
                let mut beside = piece.clone();
                beside[axis] = Range::Cut(lo, hi);
                left.push(beside);
            }
        }
        piece[axis] = Range::Cut(from, to);
    }
    left
}

fn ends(slot: &Slot, range: Range) -> (End<'_>, End<'_>) {
    match (range, slot) {
        (Range::Cut(lo, hi), _) => (End::Const(lo), End::Const(hi)),
        (Range::Slot, Slot::Fixed(at)) => (End::Const(*at), End::Const(at + 1)),
        (Range::Slot, Slot::Coord(binder)) => (End::of(&binder.lo), End::of(&binder.hi)),
    }
}

/// A clause for some of the cells of another one.
pub fn part(family: &Family, clause: &Clause, piece: &[Range], program: &mut Program) -> Clause {
    let alone = Family { clauses: vec![clause.clone()], ..family.clone() };
    let ty = Type::tensor(family.elem.clone(), family.axes.len());
    let alone = Expr { kind: ExprKind::Family(Box::new(alone)), ty, span: clause.span };
    let ExprKind::Family(copy) = visit::refresh(&alone, program).kind else { unreachable!("a copy of a family") };
    let mut copy = copy.clauses.into_iter().next().expect("one clause");
    for (slot, range) in copy.slots.iter_mut().zip(piece) {
        if let (Slot::Coord(Binder { lo, hi, .. }), Range::Cut(from, to)) = (slot, range) {
            let end = |value: i64| Expr { kind: ExprKind::Int(value), ty: Type::I64, span: clause.span };
            (*lo, *hi) = (end(*from), end(*to));
        }
    }
    copy
}
