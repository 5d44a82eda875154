//! Cells that a closed gate leaves without a value are zero: a family whose only clause has gates says so itself, and so
//! stores each cell once instead of filling its memory with zeros first.
//!
//! Gates that cut the loops of the clause (`j <= i`) stay: their loops leave out more than they would store.

use ir::{Clause, Expr, ExprKind, Family, Program, Scalar, Slot, Stmt, VarId, WhereItem};
use std::rc::Rc;

pub fn close(program: &mut Program) {
    for func in &mut program.funcs {
        func.body.walk_mut(&mut |e| match &mut e.kind {
            ExprKind::Family(family) => family_of(family),
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    if let Stmt::Rec(recurrence) = stmt {
                        Rc::make_mut(recurrence).families.iter_mut().for_each(|(_, family)| family_of(family));
                    }
                }
            }
            _ => {}
        });
    }
}

fn family_of(family: &mut Family) {
    let rank = family.axes.len();
    let ([clause], Some(scalar)) = (&mut family.clauses[..], family.elem.scalar()) else { return };
    let coords: Vec<VarId> = clause
        .slots
        .iter()
        .filter_map(|slot| match slot {
            Slot::Coord(binder) => Some(binder.var),
            Slot::Fixed(_) => None,
        })
        .collect();
    let guards = || {
        clause.wheres.iter().filter_map(|item| match item {
            WhereItem::Guard(guard) => Some(guard),
            WhereItem::Def(..) => None,
        })
    };
    let defines = clause.wheres.iter().any(|item| matches!(item, WhereItem::Def(..)));
    if rank == 0
        || clause.slots.len() < rank
        || clause.otherwise.is_some()
        || defines
        || guards().next().is_none()
        || guards().any(|guard| cuts(guard, &coords))
    {
        return;
    }
    clause.otherwise = Some(zero(clause, scalar));
}

fn zero(clause: &Clause, scalar: Scalar) -> Expr {
    let kind = match scalar {
        Scalar::Bool => ExprKind::Bool(false),
        scalar if scalar.is_float() => ExprKind::Float(0.0),
        _ => ExprKind::Int(0),
    };
    Expr { kind, ty: ir::Type::Scalar(scalar), span: clause.span }
}

/// Whether a gate asks a coordinate itself, not only cells at it.
fn cuts(guard: &Expr, coords: &[VarId]) -> bool {
    match &guard.kind {
        ExprKind::Load(_) => false,
        ExprKind::Var(var) => coords.contains(var),
        _ => {
            let mut found = false;
            guard.for_each_child(|child| found |= cuts(child, coords));
            found
        }
    }
}
