//! A kernel without what its derivatives give, so that both can be measured.

use crate::errors;
use diagnostics::Diagnostic;
use ir::{Expr, ExprKind, FuncId, Program, Stmt, Type, VarId};
use std::collections::HashSet;

/// Leaves of the kernel's results those that need no quotient.
pub fn values_only(program: &mut Program) -> Option<Diagnostic> {
    let bench = program.bench?;
    let derives = with_quotients(program);
    let kernel = &mut program.funcs[bench.kernel.index()];
    let ExprKind::Block(stmts, value) = &mut kernel.body.kind else { return None };
    let mut derived = HashSet::new();
    for stmt in stmts.iter() {
        let mut needs = false;
        stmt.for_each_child(|e| needs |= needs_quotient(e, &derived, &derives));
        if needs {
            derived.extend(bound_by(stmt));
        }
    }
    let items = match std::mem::replace(&mut value.kind, ExprKind::Unit) {
        ExprKind::Tuple(items) => items,
        kind => vec![Expr { kind, ..(**value).clone() }],
    };
    let mut kept: Vec<Expr> = items.into_iter().filter(|item| !needs_quotient(item, &derived, &derives)).collect();
    if kept.is_empty() {
        return Some(errors::only_derivatives(kernel.span));
    }
    stmts.retain(|stmt| !bound_by(stmt).iter().any(|var| derived.contains(var)));
    let result = match &mut kept[..] {
        [_] => kept.remove(0),
        _ => {
            let ty = Type::Tuple(kept.iter().map(|item| item.ty.clone()).collect());
            Expr { kind: ExprKind::Tuple(kept), ty, span: value.span }
        }
    };
    let ty = result.ty.clone();
    **value = result;
    (kernel.body.ty, kernel.result) = (ty.clone(), ty.clone());
    // Until it gives the arguments, what makes the inputs ends in a call of the kernel.
    let inputs = &mut program.funcs[bench.inputs.index()];
    if let ExprKind::Block(_, call) = &mut inputs.body.kind {
        call.ty = ty.clone();
    }
    (inputs.body.ty, inputs.result) = (ty.clone(), ty);
    None
}

fn bound_by(stmt: &Stmt) -> Vec<VarId> {
    match stmt {
        Stmt::Let(var, _) => vec![*var],
        Stmt::Rec(recurrence) => recurrence.families.iter().map(|(var, _)| *var).collect(),
        Stmt::Do(_) => Vec::new(),
    }
}

/// The functions that have a quotient in them, or in what they call.
fn with_quotients(program: &Program) -> HashSet<FuncId> {
    let mut found = HashSet::new();
    loop {
        let before = found.len();
        for (k, func) in program.funcs.iter().enumerate() {
            if needs_quotient(&func.body, &HashSet::new(), &found) {
                found.insert(FuncId(k as u32));
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

fn needs_quotient(e: &Expr, derived: &HashSet<VarId>, derives: &HashSet<FuncId>) -> bool {
    let mut needs = false;
    e.walk(&mut |e| {
        needs |= match &e.kind {
            ExprKind::Quotient(_) | ExprKind::Tangent(..) => true,
            ExprKind::Call(func, _) => derives.contains(func),
            ExprKind::Var(var) => derived.contains(var),
            _ => false,
        }
    });
    needs
}
