//! Small expressions with the obvious foldings: zeros vanish, ones disappear.

use crate::solve::same;
use diagnostics::Span;
use ir::{Binder, Expr, ExprKind, Load, Op, Reduce, ReduceOp, Scalar, Type, VarId, WhereItem};

pub fn expr(kind: ExprKind, ty: Type, span: Span) -> Expr {
    Expr { kind, ty, span }
}

pub fn int(value: i64, scalar: Scalar, span: Span) -> Expr {
    expr(ExprKind::Int(value), Type::Scalar(scalar), span)
}

pub fn float(value: f64, like: &Type, span: Span) -> Expr {
    expr(ExprKind::Float(value), like.clone(), span)
}

pub fn truth(value: bool, span: Span) -> Expr {
    expr(ExprKind::Bool(value), Type::BOOL, span)
}

pub fn var(var: VarId, ty: Type, span: Span) -> Expr {
    expr(ExprKind::Var(var), ty, span)
}

/// A coordinate's value.
pub fn coord(var: VarId, span: Span) -> Expr {
    expr(ExprKind::Var(var), Type::I32, span)
}

pub fn is_number(e: &Expr, value: f64) -> bool {
    match &e.kind {
        ExprKind::Float(v) => *v == value,
        ExprKind::Int(v) => *v as f64 == value,
        ExprKind::Cast(inner) => is_number(inner, value),
        _ => false,
    }
}

/// `a * b`, the cotangent first.
pub fn mul(a: Expr, b: Expr) -> Expr {
    if is_number(&a, 0.0) || is_number(&b, 1.0) {
        return a;
    }
    if is_number(&b, 0.0) || is_number(&a, 1.0) {
        return b;
    }
    if is_number(&b, -1.0) {
        return neg(a);
    }
    // `a * (1 / b)` reads better, and rounds better, as `a / b`.
    if let ExprKind::Op(Op::Div, args) = &b.kind
        && is_number(&args[0], 1.0)
    {
        let (ty, span) = (a.ty.clone(), a.span);
        return expr(ExprKind::Op(Op::Div, vec![a, args[1].clone()]), ty, span);
    }
    if let ExprKind::Op(Op::Neg, args) = &b.kind {
        return neg(mul(a, args[0].clone()));
    }
    binary(Op::Mul, a, b)
}

pub fn add(a: Expr, b: Expr) -> Expr {
    if is_number(&a, 0.0) {
        return b;
    }
    if is_number(&b, 0.0) {
        return a;
    }
    if let ExprKind::Op(Op::Neg, args) = &b.kind {
        let subtrahend = args[0].clone();
        return binary(Op::Sub, a, subtrahend);
    }
    binary(Op::Add, a, b)
}

/// A sum in which what is gated alike stands behind one gate, and what is gated the other way behind its `else`.
pub fn plus(a: Expr, b: Expr) -> Expr {
    if let ExprKind::Op(Op::Add, args) = &a.kind
        && let ExprKind::If(..) = args[1].kind
        && let Some(last) = merged(&args[1], &b)
    {
        return binary(Op::Add, args[0].clone(), last);
    }
    merged(&a, &b).unwrap_or_else(|| add(a, b))
}

fn merged(a: &Expr, b: &Expr) -> Option<Expr> {
    let (ExprKind::If(open, x, none), ExprKind::If(test, y, nothing)) = (&a.kind, &b.kind) else { return None };
    if !is_number(none, 0.0) || !is_number(nothing, 0.0) || a.ty != b.ty {
        return None;
    }
    let choice = |x: Expr, y: Expr| expr(ExprKind::If(open.clone(), Box::new(x), Box::new(y)), a.ty.clone(), a.span);
    if same(open, test) {
        return Some(choice(plus((**x).clone(), (**y).clone()), (**none).clone()));
    }
    let closed = match &test.kind {
        ExprKind::Op(Op::Not, args) => same(open, &args[0]),
        _ => match &open.kind {
            ExprKind::Op(Op::Not, args) => same(test, &args[0]),
            _ => false,
        },
    };
    closed.then(|| choice((**x).clone(), (**y).clone()))
}

pub fn neg(a: Expr) -> Expr {
    match &a.kind {
        ExprKind::Op(Op::Neg, args) => args[0].clone(),
        ExprKind::Float(value) => expr(ExprKind::Float(-value), a.ty.clone(), a.span),
        _ => {
            let (ty, span) = (a.ty.clone(), a.span);
            expr(ExprKind::Op(Op::Neg, vec![a]), ty, span)
        }
    }
}

pub fn binary(op: Op, a: Expr, b: Expr) -> Expr {
    let (ty, span) = (if op.is_comparison() { Type::BOOL } else { a.ty.clone() }, a.span);
    expr(ExprKind::Op(op, vec![a, b]), ty, span)
}

/// Integer arithmetic on coordinates, folded where both sides are constant or one side is neutral.
pub fn shift(op: Op, a: Expr, b: Expr) -> Expr {
    let value = |e: &Expr| match e.kind {
        ExprKind::Int(v) => Some(v),
        _ => None,
    };
    match (op, value(&a), value(&b)) {
        (Op::Add, Some(x), Some(y)) => return Expr { kind: ExprKind::Int(x + y), ..a },
        (Op::Sub, Some(x), Some(y)) => return Expr { kind: ExprKind::Int(x - y), ..a },
        (Op::Add | Op::Sub, _, Some(0)) | (Op::Div, _, Some(1)) => return a,
        (Op::Add, Some(0), _) => return b,
        // `a - -1` is `a + 1`.
        (Op::Sub, None, Some(y)) if y < 0 => return binary(Op::Add, a, Expr { kind: ExprKind::Int(-y), ..b }),
        (Op::Add, None, Some(y)) if y < 0 => return binary(Op::Sub, a, Expr { kind: ExprKind::Int(-y), ..b }),
        _ => {}
    }
    binary(op, a, b)
}

pub fn and(a: Expr, b: Expr) -> Expr {
    match (&a.kind, &b.kind) {
        (ExprKind::Bool(true), _) | (_, ExprKind::Bool(false)) => b,
        (_, ExprKind::Bool(true)) | (ExprKind::Bool(false), _) => a,
        _ => {
            let span = a.span;
            expr(ExprKind::And(Box::new(a), Box::new(b)), Type::BOOL, span)
        }
    }
}

pub fn not(a: Expr) -> Expr {
    let span = a.span;
    match a.kind {
        ExprKind::Bool(value) => truth(!value, span),
        ExprKind::Op(Op::Not, mut args) => args.pop().expect("one operand"),
        kind => expr(ExprKind::Op(Op::Not, vec![Expr { kind, ..a }]), Type::BOOL, span),
    }
}

/// `if c { a } else { 0 }`
pub fn gated(c: Expr, a: Expr) -> Expr {
    match c.kind {
        ExprKind::Bool(true) => a,
        _ => {
            let (ty, span) = (a.ty.clone(), a.span);
            let zero = zero(&ty, span);
            expr(ExprKind::If(Box::new(c), Box::new(a), Box::new(zero)), ty, span)
        }
    }
}

/// Zero of a scalar type, or a tuple of zeros.
pub fn zero(ty: &Type, span: Span) -> Expr {
    match ty {
        Type::Scalar(Scalar::Bool) => truth(false, span),
        Type::Scalar(s) if s.is_int() => int(0, *s, span),
        Type::Tuple(items) => {
            let items = items.iter().map(|t| zero(t, span)).collect();
            expr(ExprKind::Tuple(items), ty.clone(), span)
        }
        Type::Unit => expr(ExprKind::Unit, Type::Unit, span),
        _ => float(0.0, ty, span),
    }
}

/// A read that is in bounds by construction.
pub fn load(tensor: VarId, ty: &Type, index: Vec<Expr>, span: Span) -> Expr {
    if index.is_empty() {
        return var(tensor, ty.clone(), span);
    }
    let rank = index.len();
    let tensor = var(tensor, ty.clone(), span);
    let load = Load { id: 0, tensor, proven: vec![true; rank], spans: vec![span; rank], index };
    expr(ExprKind::Load(Box::new(load)), ty.elem().clone(), span)
}

/// `sum[binders](value where items)`; without binders, the value where all guards are open.
pub fn sum(binders: Vec<Binder>, items: Vec<WhereItem>, value: Expr) -> Expr {
    let (ty, span) = (value.ty.clone(), value.span);
    if binders.is_empty() {
        return behind(items, value);
    }
    let reduce = Reduce { op: ReduceOp::Sum, binders, wheres: items, body: value };
    expr(ExprKind::Reduce(Box::new(reduce)), ty, span)
}

/// A value behind definitions and guards: zero where one is closed.
pub fn behind(items: Vec<WhereItem>, value: Expr) -> Expr {
    if !items.iter().any(|i| matches!(i, WhereItem::Guard(_))) {
        let unused = value.clone();
        return behind_or(items, value, &unused);
    }
    let closed = zero(&value.ty, value.span);
    behind_or(items, value, &closed)
}

/// A value behind definitions and guards, or another where one is closed.
pub fn behind_or(items: Vec<WhereItem>, value: Expr, closed: &Expr) -> Expr {
    let mut value = value;
    for item in items.into_iter().rev() {
        value = match item {
            WhereItem::Def(v, e) => {
                let (ty, span) = (value.ty.clone(), value.span);
                match value.kind {
                    ExprKind::Block(mut lets, inner) => {
                        lets.insert(0, ir::Stmt::Let(v, e));
                        expr(ExprKind::Block(lets, inner), ty, span)
                    }
                    kind => expr(
                        ExprKind::Block(vec![ir::Stmt::Let(v, e)], Box::new(Expr { kind, ty: ty.clone(), span })),
                        ty,
                        span,
                    ),
                }
            }
            WhereItem::Guard(g) if matches!(g.kind, ExprKind::Bool(true)) => value,
            WhereItem::Guard(g) if matches!(&value.kind, ExprKind::If(_, _, none) if is_number(none, 0.0) && is_number(closed, 0.0)) =>
            {
                let ExprKind::If(inner, value, none) = value.kind else { unreachable!("matched above") };
                let (ty, span) = (value.ty.clone(), value.span);
                expr(ExprKind::If(Box::new(and(g, *inner)), value, none), ty, span)
            }
            WhereItem::Guard(g) => {
                let (ty, span) = (value.ty.clone(), value.span);
                expr(ExprKind::If(Box::new(g), Box::new(value), Box::new(closed.clone())), ty, span)
            }
        };
    }
    value
}

/// Free to repeat.
pub fn is_atom(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) => true,
        ExprKind::Load(load) => load.index.iter().all(is_index),
        ExprKind::Cast(inner) | ExprKind::Dim(inner, _) => is_atom(inner),
        ExprKind::Op(Op::Neg, args) => is_atom(&args[0]),
        _ => false,
    }
}

/// Index arithmetic.
fn is_index(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Op(Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Rem, args) => args.iter().all(is_index),
        _ => is_atom(e),
    }
}

/// Constants folded: what a partial derivative says of its literals.
pub fn folded(e: Expr) -> Expr {
    let mut e = e;
    e.for_each_child_mut(|child| {
        let taken = std::mem::replace(child, expr(ExprKind::Unit, Type::Unit, child.span));
        *child = folded(taken);
    });
    let number = |e: &Expr| match e.kind {
        ExprKind::Float(v) => Some(v),
        ExprKind::Int(v) => Some(v as f64),
        _ => None,
    };
    match &e.kind {
        ExprKind::Op(op, args) if args.iter().all(|a| number(a).is_some()) => {
            let values: Vec<f64> = args.iter().filter_map(number).collect();
            match (op, &e.ty) {
                (op, Type::Scalar(Scalar::Bool)) if op.is_comparison() => {
                    return truth((op.row().eval)(&values) != 0.0, e.span);
                }
                (Op::Add | Op::Sub | Op::Mul | Op::Neg, Type::Scalar(s)) if s.is_float() => {
                    return float((op.row().eval)(&values), &e.ty.clone(), e.span);
                }
                (Op::Add | Op::Sub, Type::Scalar(s)) if s.is_int() => {
                    return int((op.row().eval)(&values) as i64, *s, e.span);
                }
                _ => {}
            }
        }
        ExprKind::Op(Op::Pow | Op::PowI, args) if is_number(&args[1], 1.0) => return args[0].clone(),
        ExprKind::Op(Op::Mul, args) if is_number(&args[0], 1.0) => return args[1].clone(),
        ExprKind::Op(Op::Mul, args) if is_number(&args[1], 1.0) => return args[0].clone(),
        ExprKind::Cast(inner) if e.ty.scalar().is_some_and(|s| s.is_float()) => {
            if let ExprKind::Int(v) = inner.kind {
                return float(v as f64, &e.ty.clone(), e.span);
            }
        }
        ExprKind::If(c, a, b) => match c.kind {
            ExprKind::Bool(true) => return (**a).clone(),
            ExprKind::Bool(false) => return (**b).clone(),
            _ => {}
        },
        _ => {}
    }
    e
}
