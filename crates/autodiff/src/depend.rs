//! What moves with what: how variables depend on each other through statements.

use crate::errors::Blocked;
use crate::terms::is_float;
use ir::{Expr, ExprKind, ReduceOp, Stmt, VarId};
use std::collections::HashSet;

/// The variables that an expression's value moves with, other than those that it binds. Extents never move, and
/// `stop_gradient` holds still.
pub(crate) fn moves_with(e: &Expr) -> Vec<VarId> {
    values_read(e, &|e| matches!(e.kind, ExprKind::Dim(..) | ExprKind::StopGradient(_)))
}

/// The variables of which an expression reads more than extents.
fn values_of(e: &Expr) -> Vec<VarId> {
    values_read(e, &|e| matches!(e.kind, ExprKind::Dim(..)))
}

fn values_read(e: &Expr, is_cut: &dyn Fn(&Expr) -> bool) -> Vec<VarId> {
    fn visit(e: &Expr, is_cut: &dyn Fn(&Expr) -> bool, bound: &mut HashSet<VarId>, used: &mut Vec<VarId>) {
        if is_cut(e) {
            return;
        }
        e.for_each_binding(|v| {
            bound.insert(*v);
        });
        e.for_each_use(|v| used.push(*v));
        e.for_each_child(|child| visit(child, is_cut, bound, used));
    }
    let (mut bound, mut used) = (HashSet::new(), Vec::new());
    visit(e, is_cut, &mut bound, &mut used);
    used.retain(|v| !bound.contains(v));
    used
}

pub(crate) fn bound_by(statement: &Stmt, bound: &mut HashSet<VarId>) {
    match statement {
        Stmt::Let(v, _) => {
            bound.insert(*v);
        }
        Stmt::Rec(rec) => bound.extend(rec.families.iter().map(|(v, _)| *v)),
        Stmt::Do(_) => {}
    }
}

pub(crate) fn reads_of(statement: &Stmt) -> Vec<VarId> {
    let mut reads = Vec::new();
    statement.for_each_child(|e| reads.extend(ir::visit::free_vars(e)));
    reads
}

/// Everything whose value moves with that of some variables.
pub(crate) fn forward(statements: &[&Stmt], from: &[VarId]) -> HashSet<VarId> {
    spread(statements, from, &moves_with)
}

/// Everything that depends on some variables, also where `stop_gradient` says that it does not count.
pub(crate) fn touched(statements: &[&Stmt], from: &[VarId]) -> HashSet<VarId> {
    spread(statements, from, &values_of)
}

fn spread(statements: &[&Stmt], from: &[VarId], reads: &dyn Fn(&Expr) -> Vec<VarId>) -> HashSet<VarId> {
    let mut dependent: HashSet<VarId> = from.iter().copied().collect();
    for statement in statements {
        match statement {
            Stmt::Let(v, e) => {
                if reads(e).iter().any(|r| dependent.contains(r)) {
                    dependent.insert(*v);
                }
            }
            // Members wait for each other, so that one may move by another that stands behind it.
            Stmt::Rec(rec) => loop {
                let before = dependent.len();
                for (v, family) in &rec.families {
                    let mut moves = false;
                    family.for_each_child(|e| moves |= reads(e).iter().any(|r| dependent.contains(r)));
                    if moves {
                        dependent.insert(*v);
                    }
                }
                if dependent.len() == before {
                    break;
                }
            },
            Stmt::Do(_) => {}
        }
    }
    dependent
}

/// Everything whose value a variable moves with.
pub(crate) fn leading(statements: &[&Stmt], y: VarId) -> HashSet<VarId> {
    needed(statements, y, |statement, found| statement.for_each_child(|e| found.extend(moves_with(e))))
}

/// Everything that a variable needs.
pub(crate) fn backward(statements: &[&Stmt], y: VarId) -> HashSet<VarId> {
    needed(statements, y, |statement, found| found.extend(reads_of(statement)))
}

/// A variable and, from the last statement to the first, what those ask for that bind something that is needed.
fn needed(statements: &[&Stmt], y: VarId, asks: impl Fn(&Stmt, &mut HashSet<VarId>)) -> HashSet<VarId> {
    let mut needed = HashSet::from([y]);
    for statement in statements.iter().rev() {
        let mut bound = HashSet::new();
        bound_by(statement, &mut bound);
        if bound.iter().any(|v| needed.contains(v)) {
            needed.extend(bound);
            asks(statement, &mut needed);
        }
    }
    needed
}

/// Where a value on the way stopped moving: the first argmax, comparison or cast that made the integer.
pub(crate) fn origin_of(blocked: &Blocked, statements: &[&Stmt], dependent: &HashSet<VarId>) -> Blocked {
    let mut found: Option<Blocked> = None;
    for statement in statements {
        let mut bound = HashSet::new();
        bound_by(statement, &mut bound);
        if !bound.iter().any(|v| dependent.contains(v)) {
            continue;
        }
        statement.for_each_child(|e| {
            e.walk(&mut |e| {
                let stops = match &e.kind {
                    ExprKind::Reduce(r) => matches!(r.op, ReduceOp::ArgMax | ReduceOp::ArgMin),
                    ExprKind::Cast(inner) => is_float(&inner.ty) && !is_float(&e.ty),
                    _ => false,
                };
                if stops && found.is_none() && moves_with(e).iter().any(|v| dependent.contains(v)) {
                    found = Some(Blocked::through(e));
                }
            });
        });
    }
    found.unwrap_or(Blocked { span: blocked.span, what: blocked.what.clone() })
}
