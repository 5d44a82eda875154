//! Families that the pass writes down: over the axes of a tensor, without names.

use crate::build::*;
use crate::reverse::new_var;
use diagnostics::{Span, Symbol};
use ir::{Axis, Binder, Clause, Expr, ExprKind, Family, Program, Scalar, Slot, Type, VarKind};

/// Zeros in the shape of a variable.
pub(crate) fn zeros_like(program: &mut Program, like: &Expr, span: Span) -> Expr {
    let zero = float(0.0, like.ty.elem(), span);
    let axes = dims(like, like.ty.rank(), span);
    if axes.is_empty() {
        return zero;
    }
    let binders = fresh_binders(program, &axes, span);
    family_expr(binders, axes, zero, span)
}

/// The first axes of a tensor.
pub(crate) fn dims(of: &Expr, count: usize, span: Span) -> Vec<Axis> {
    (0..count)
        .map(|k| {
            let dim = expr(ExprKind::Dim(Box::new(of.clone()), k), Type::I32, span);
            Axis { name: None, extent: expr(ExprKind::Cast(Box::new(dim)), Type::I64, span) }
        })
        .collect()
}

pub(crate) fn fresh_binders(program: &mut Program, axes: &[Axis], span: Span) -> Vec<Binder> {
    axes.iter()
        .map(|axis| {
            let v = new_var(program, "", &Type::I32, span);
            program.vars[v.index()].kind = VarKind::Coord;
            Binder { var: v, lo: int(0, Scalar::I64, span), hi: axis.extent.clone() }
        })
        .collect()
}

pub(crate) fn family_expr(binders: Vec<Binder>, axes: Vec<Axis>, cell: Expr, span: Span) -> Expr {
    let (elem, rank) = (cell.ty.clone(), axes.len());
    let clause = Clause {
        slots: binders.into_iter().map(Slot::Coord).collect(),
        wheres: Vec::new(),
        body: cell,
        otherwise: None,
        span,
    };
    let family = Family { name: Symbol::new(""), axes, elem: elem.clone(), clauses: vec![clause], span };
    expr(ExprKind::Family(Box::new(family)), Type::tensor(elem, rank), span)
}
