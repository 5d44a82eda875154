//! Small expressions, and questions about them.

use diagnostics::Span;
use ir::*;

pub(super) fn expr(kind: ExprKind, ty: Type, span: Span) -> Expr {
    Expr { kind, ty, span }
}

pub(super) fn int(value: i64, ty: Type, span: Span) -> Expr {
    expr(ExprKind::Int(value), ty, span)
}

pub(super) fn truth(value: bool, span: Span) -> Expr {
    expr(ExprKind::Bool(value), Type::BOOL, span)
}

pub(super) fn cast(e: Expr, to: Type) -> Expr {
    if e.ty == to {
        return e;
    }
    match e.kind {
        // Whether the value fits is not asked: extents and coordinates do.
        ExprKind::Int(value) if to == Type::I32 || to == Type::I64 => int(value, to, e.span),
        ExprKind::Cast(inner) if to == Type::I32 && e.ty == Type::I64 && inner.ty == Type::I32 => *inner,
        _ => {
            let span = e.span;
            expr(ExprKind::Cast(Box::new(e)), to, span)
        }
    }
}

pub(super) fn op(op: Op, items: Vec<Expr>) -> Expr {
    let (span, ty) = (items[0].span, if op.is_comparison() { Type::BOOL } else { items[0].ty.clone() });
    expr(ExprKind::Op(op, items), ty, span)
}

pub(super) fn add(a: Expr, b: Expr) -> Expr {
    match (constant(&a), constant(&b)) {
        (Some(x), Some(y)) => int(x + y, a.ty, a.span),
        (Some(0), _) => b,
        (_, Some(0)) => a,
        _ => op(Op::Add, vec![a, b]),
    }
}

pub(super) fn sub(a: Expr, b: Expr) -> Expr {
    match (constant(&a), constant(&b)) {
        (Some(x), Some(y)) => int(x - y, a.ty, a.span),
        (_, Some(0)) => a,
        _ => op(Op::Sub, vec![a, b]),
    }
}

pub(super) fn not(e: Expr) -> Expr {
    match e.kind {
        ExprKind::Bool(value) => truth(!value, e.span),
        ExprKind::Op(Op::Not, mut items) if items.len() == 1 => items.remove(0),
        _ => op(Op::Not, vec![e]),
    }
}

pub(super) fn select(cond: Expr, yes: Expr, no: Expr) -> Expr {
    match cond.kind {
        ExprKind::Bool(true) => yes,
        ExprKind::Bool(false) => no,
        _ if matches!(yes.kind, ExprKind::Bool(false)) => both(not(cond), no),
        _ if matches!(no.kind, ExprKind::Bool(false)) => both(cond, yes),
        _ => {
            let (ty, span) = (if yes.ty == Type::Never { no.ty.clone() } else { yes.ty.clone() }, yes.span);
            expr(ExprKind::If(Box::new(cond), Box::new(yes), Box::new(no)), ty, span)
        }
    }
}

/// The second one is evaluated only if the first one holds.
fn both(a: Expr, b: Expr) -> Expr {
    let span = a.span;
    match b.kind {
        ExprKind::Bool(true) => a,
        ExprKind::Bool(false) => b,
        _ => expr(ExprKind::And(Box::new(a), Box::new(b)), Type::BOOL, span),
    }
}

pub(super) fn block(stmts: Vec<Stmt>, value: Expr) -> Expr {
    if stmts.is_empty() {
        return value;
    }
    let (ty, span) = (value.ty.clone(), value.span);
    expr(ExprKind::Block(stmts, Box::new(value)), ty, span)
}

pub(super) fn family(family: Family) -> Expr {
    let (ty, span) = (Type::tensor(family.elem.clone(), family.axes.len()), family.span);
    expr(ExprKind::Family(Box::new(family)), ty, span)
}

pub(super) fn load(tensor: Expr, index: Vec<Expr>, span: Span) -> Expr {
    if index.is_empty() {
        return tensor;
    }
    let (proven, spans) = (vec![true; index.len()], vec![span; index.len()]);
    let ty = tensor.ty.elem().clone();
    expr(ExprKind::Load(Box::new(Load { id: 0, tensor, index, proven, spans })), ty, span)
}

/// What a cell is that no clause covers; only numbers and truth values have one here.
pub(super) fn zero(ty: &Type, span: Span) -> Option<Expr> {
    let kind = match ty {
        Type::Str => ExprKind::Str("".into()),
        _ => match ty.scalar()? {
            Scalar::Bool => ExprKind::Bool(false),
            scalar if scalar.is_float() => ExprKind::Float(0.0),
            _ => ExprKind::Int(0),
        },
    };
    Some(expr(kind, ty.clone(), span))
}

pub(super) fn constant(e: &Expr) -> Option<i64> {
    match &e.kind {
        ExprKind::Int(value) => Some(*value),
        ExprKind::Cast(inner) if e.ty.scalar().is_some_and(Scalar::is_int) => constant(inner),
        _ => None,
    }
}

/// Whether two integers are written alike, so that they are equal.
pub(super) fn same(a: &Expr, b: &Expr) -> bool {
    if let (Some(x), Some(y)) = (constant(a), constant(b)) {
        return x == y;
    }
    match (&a.kind, &b.kind) {
        (ExprKind::Var(x), ExprKind::Var(y)) => x == y,
        (ExprKind::Cast(x), ExprKind::Cast(y)) => a.ty == b.ty && same(x, y),
        (ExprKind::Dim(x, k), ExprKind::Dim(y, l)) => k == l && same(x, y),
        (ExprKind::Op(f, xs), ExprKind::Op(g, ys)) => {
            f == g && xs.len() == ys.len() && xs.iter().zip(ys).all(|(x, y)| same(x, y))
        }
        _ => false,
    }
}

/// Whether evaluation always succeeds.
pub(super) fn is_total(e: &Expr) -> bool {
    let here = match &e.kind {
        ExprKind::Load(load) => load.proven.iter().all(|proven| *proven),
        ExprKind::Op(Op::Div | Op::Rem | Op::Pow | Op::Lcm, items) => {
            e.ty.scalar().is_some_and(Scalar::is_float) || constant(&items[1]).is_some_and(|by| by > 0)
        }
        ExprKind::Reduce(reduce) => match reduce.op {
            ReduceOp::Sum | ReduceOp::Prod | ReduceOp::Any | ReduceOp::All => true,
            ReduceOp::Max | ReduceOp::Min => e.ty.scalar().is_some_and(Scalar::is_float),
            ReduceOp::Mean | ReduceOp::ArgMax | ReduceOp::ArgMin => false,
        },
        ExprKind::Call(..)
        | ExprKind::Builtin(..)
        | ExprKind::CheckShape(..)
        | ExprKind::Item(..)
        | ExprKind::Payload(..)
        | ExprKind::Assert(_)
        | ExprKind::Try(_)
        | ExprKind::Comprehension(_)
        | ExprKind::Quotient(_)
        | ExprKind::Tangent(..) => false,
        _ => true,
    };
    let mut all = here;
    e.for_each_child(|child| all = all && is_total(child));
    all
}

/// Whether a cell may be computed although nobody asks for it: it never fails, and a cotangent of zero stays zero
/// on its way through it, also where its operands are infinite.
pub(super) fn is_harmless(e: &Expr) -> bool {
    let is_float = |e: &Expr| e.ty.scalar().is_some_and(Scalar::is_float);
    let here = match &e.kind {
        ExprKind::Op(op, _) => !is_float(e) || matches!(op, Op::Add | Op::Sub | Op::Neg | Op::Min | Op::Max),
        ExprKind::Reduce(reduce) => {
            matches!(reduce.op, ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min | ReduceOp::Any | ReduceOp::All)
        }
        _ => true,
    };
    let mut all = here;
    e.for_each_child(|child| all = all && is_harmless(child));
    all
}

/// Whether a cell may be written wherever it is read instead of being stored: it copies a cell of something stored,
/// or is a small question about coordinates.
pub(super) fn is_cheap(e: &Expr) -> bool {
    fn size(e: &Expr) -> usize {
        let own = match &e.kind {
            ExprKind::Op(..) if e.ty.scalar().is_some_and(Scalar::is_float) => 100,
            ExprKind::Reduce(_) | ExprKind::Block(..) | ExprKind::Family(_) | ExprKind::Str(_) => 100,
            ExprKind::Cast(_) if e.ty.scalar().is_some_and(Scalar::is_float) => 100,
            _ => 1,
        };
        let mut total = own;
        e.for_each_child(|child| total += size(child));
        total
    }
    is_total(e) && size(e) <= 24
}

pub(super) fn has_reduction(e: &Expr) -> bool {
    let mut found = matches!(e.kind, ExprKind::Reduce(_));
    e.for_each_child(|child| found = found || has_reduction(child));
    found
}
