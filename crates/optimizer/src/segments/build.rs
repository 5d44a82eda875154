//! Small expressions of the compiler's own: whole numbers with the obvious foldings, and cells at indices that exist.

use diagnostics::{Span, Symbol};
use ir::{Axis, Binder, Expr, ExprKind, Load, Op, Program, Scalar, Type, Var, VarId, VarKind};

pub fn expr(kind: ExprKind, ty: Type, span: Span) -> Expr {
    Expr { kind, ty, span }
}

pub fn int(value: i64, span: Span) -> Expr {
    expr(ExprKind::Int(value), Type::I64, span)
}

pub fn variable(var: VarId, ty: &Type, span: Span) -> Expr {
    expr(ExprKind::Var(var), ty.clone(), span)
}

pub fn as_int(e: &Expr) -> Option<i64> {
    match e.kind {
        ExprKind::Int(value) => Some(value),
        _ => None,
    }
}

pub fn cast(e: Expr, scalar: Scalar) -> Expr {
    let (ty, span) = (Type::Scalar(scalar), e.span);
    match e.kind {
        _ if e.ty == ty => e,
        ExprKind::Int(value) if scalar.int_range().is_some_and(|(lo, hi)| (lo..=hi).contains(&value)) => {
            expr(ExprKind::Int(value), ty, span)
        }
        _ => expr(ExprKind::Cast(Box::new(e)), ty, span),
    }
}

/// A coordinate as an `i64`.
pub fn wide(coord: VarId, span: Span) -> Expr {
    cast(variable(coord, &Type::I32, span), Scalar::I64)
}

fn op(op: Op, a: Expr, b: Expr) -> Expr {
    let (ty, span) = (a.ty.clone(), a.span);
    expr(ExprKind::Op(op, vec![a, b]), ty, span)
}

pub fn plus(a: Expr, b: Expr) -> Expr {
    match (as_int(&a), as_int(&b)) {
        (Some(a), Some(b)) if a.checked_add(b).is_some() => int(a + b, Span::default()),
        (_, Some(0)) => a,
        (Some(0), _) => b,
        (_, Some(less)) if less < 0 => {
            let span = b.span;
            op(Op::Sub, a, int(-less, span))
        }
        _ => op(Op::Add, a, b),
    }
}

pub fn minus(a: Expr, b: Expr) -> Expr {
    match (as_int(&a), as_int(&b)) {
        (Some(a), Some(b)) if a.checked_sub(b).is_some() => int(a - b, Span::default()),
        (_, Some(0)) => a,
        _ => op(Op::Sub, a, b),
    }
}

pub fn times(a: Expr, b: Expr) -> Expr {
    match (as_int(&a), as_int(&b)) {
        (Some(a), Some(b)) if a.checked_mul(b).is_some() => int(a * b, Span::default()),
        (Some(1), _) => b,
        (_, Some(1)) => a,
        _ => op(Op::Mul, a, b),
    }
}

pub fn over(a: Expr, b: Expr) -> Expr {
    op(Op::Div, a, b)
}

pub fn rest(a: Expr, b: Expr) -> Expr {
    op(Op::Rem, a, b)
}

pub fn larger(a: Expr, b: Expr) -> Expr {
    match (as_int(&a), as_int(&b)) {
        (Some(a), Some(b)) => int(a.max(b), Span::default()),
        _ => op(Op::Max, a, b),
    }
}

pub fn smaller(a: Expr, b: Expr) -> Expr {
    match (as_int(&a), as_int(&b)) {
        (Some(a), Some(b)) => int(a.min(b), Span::default()),
        _ => op(Op::Min, a, b),
    }
}

pub fn sum_of(a: Expr, b: Expr) -> Expr {
    op(Op::Add, a, b)
}

pub fn difference(a: Expr, b: Expr) -> Expr {
    op(Op::Sub, a, b)
}

pub fn compare(which: Op, a: Expr, b: Expr) -> Expr {
    let span = a.span;
    expr(ExprKind::Op(which, vec![a, b]), Type::BOOL, span)
}

pub fn both(a: Expr, b: Expr) -> Expr {
    let span = a.span;
    expr(ExprKind::And(Box::new(a), Box::new(b)), Type::BOOL, span)
}

pub fn choice(cond: Expr, yes: Expr, no: Expr) -> Expr {
    let (ty, span) = (yes.ty.clone(), yes.span);
    expr(ExprKind::If(Box::new(cond), Box::new(yes), Box::new(no)), ty, span)
}

pub fn zero(scalar: Scalar, span: Span) -> Expr {
    let kind = match scalar {
        Scalar::Bool => ExprKind::Bool(false),
        scalar if scalar.is_float() => ExprKind::Float(0.0),
        _ => ExprKind::Int(0),
    };
    expr(kind, Type::Scalar(scalar), span)
}

/// A cell that exists.
pub fn load(tensor: VarId, elem: &Type, index: Vec<Expr>, span: Span) -> Expr {
    let rank = index.len();
    let tensor = variable(tensor, &Type::tensor(elem.clone(), rank), span);
    let load = Load { id: 0, tensor, index, proven: vec![true; rank], spans: vec![span; rank] };
    expr(ExprKind::Load(Box::new(load)), elem.clone(), span)
}

pub fn new_var(program: &mut Program, name: &str, ty: &Type, kind: VarKind, span: Span) -> VarId {
    let var = VarId(program.vars.len() as u32);
    program.vars.push(Var { name: Symbol::new(name), ty: ty.clone(), span, kind, coords: vec![None; ty.rank()] });
    var
}

pub fn new_coord(program: &mut Program, name: &str, span: Span) -> VarId {
    new_var(program, name, &Type::I32, VarKind::Coord, span)
}

/// Coordinates along whole axes.
pub fn along(program: &mut Program, axes: &[Axis], span: Span) -> Vec<Binder> {
    axes.iter()
        .map(|axis| {
            let var = new_coord(program, axis.name.map_or("", |name| name.as_str()), span);
            Binder { var, lo: int(0, span), hi: axis.extent.clone() }
        })
        .collect()
}

pub fn coords_of(binders: &[Binder], span: Span) -> Vec<Expr> {
    binders.iter().map(|binder| variable(binder.var, &Type::I32, span)).collect()
}
