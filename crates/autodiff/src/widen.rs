//! Every float of a program as an `f64`: derivatives are compared with differences where these have digits to show.

use crate::build::{coord, expr, load, var};
use crate::reverse::new_var;
use crate::{dims, family_expr, fresh_binders};
use ir::{Builtin, Expr, ExprKind, Program, Scalar, Stmt, Type};
use std::rc::Rc;

pub(crate) fn widen(program: &mut Program) {
    for var in &mut program.vars {
        wide(&mut var.ty);
    }
    for info in &mut program.structs {
        info.fields.iter_mut().for_each(|(_, ty)| wide(ty));
    }
    for variant in program.enums.iter_mut().flat_map(|info| &mut info.variants) {
        variant.fields.iter_mut().for_each(wide);
    }
    program.funcs.iter_mut().for_each(|func| wide(&mut func.result));
    program.rewrite(|body, program, _| widen_all(body, program));
}

fn widen_all(e: &mut Expr, program: &mut Program) {
    if matches!(e.kind, ExprKind::Builtin(Builtin::Settle, _)) && crate::terms::is_float(&e.ty) {
        *e = loaded(e.clone(), program);
        return;
    }
    wide(&mut e.ty);
    match &mut e.kind {
        ExprKind::Family(family) => wide(&mut family.elem),
        ExprKind::Block(statements, _) => {
            for statement in statements {
                if let Stmt::Rec(rec) = statement {
                    Rc::make_mut(rec).families.iter_mut().for_each(|(_, family)| wide(&mut family.elem));
                }
            }
        }
        _ => {}
    }
    e.for_each_child_mut(|child| widen_all(child, program));
}

fn wide(ty: &mut Type) {
    match ty {
        Type::Scalar(scalar) if scalar.is_float() => *scalar = Scalar::F64,
        Type::Tensor(elem, _) | Type::List(elem) => {
            let mut inner = (**elem).clone();
            wide(&mut inner);
            *elem = inner.into();
        }
        Type::Tuple(items) => {
            let mut items = items.to_vec();
            items.iter_mut().for_each(wide);
            *ty = Type::Tuple(items.into());
        }
        _ => {}
    }
}

/// A file keeps the element type that it was written with: it is read in that, and then cast.
fn loaded(read: Expr, program: &mut Program) -> Expr {
    let (ty, span) = (read.ty.clone(), read.span);
    let v = new_var(program, "", &ty, span);
    let axes = dims(&var(v, ty.clone(), span), ty.rank(), span);
    let binders = fresh_binders(program, &axes, span);
    let index = binders.iter().map(|b| coord(b.var, span)).collect();
    let cell = expr(ExprKind::Cast(Box::new(load(v, &ty, index, span))), Type::F64, span);
    let family = family_expr(binders, axes, cell, span);
    let ty = family.ty.clone();
    expr(ExprKind::Block(vec![Stmt::Let(v, read)], Box::new(family)), ty, span)
}
