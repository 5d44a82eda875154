//! Arithmetic on numbers that are known before the program runs, unless it would fail or wrap.

use ir::{Expr, ExprKind, Op, Scalar, Type};

/// The value of an expression whose operands are constants.
pub fn folded(e: &Expr) -> Option<ExprKind> {
    match &e.kind {
        ExprKind::Cast(inner) => {
            let ExprKind::Int(value) = inner.kind else { return None };
            in_range(value, e.ty.scalar()?).then_some(ExprKind::Int(value))
        }
        ExprKind::Op(op, operands) => {
            let scalar = operands[0].ty.scalar()?;
            match &operands.iter().map(|operand| &operand.kind).collect::<Vec<_>>()[..] {
                [ExprKind::Int(a)] => integers(*op, &[*a], scalar).map(ExprKind::Int),
                [ExprKind::Int(a), ExprKind::Int(b)] => match comparison(*op, *a, *b) {
                    Some(holds) => Some(ExprKind::Bool(holds)),
                    None => integers(*op, &[*a, *b], scalar).map(ExprKind::Int),
                },
                [ExprKind::Float(a), ExprKind::Float(b)] => floats(*op, *a, *b, scalar),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The branch of a condition that is known, which is at another place than the whole.
pub fn chosen(e: &mut Expr) -> Option<Expr> {
    let ExprKind::If(cond, yes, no) = &mut e.kind else { return None };
    let ExprKind::Bool(cond) = cond.kind else { return None };
    let chosen = if cond { yes } else { no };
    let nothing = Expr { kind: ExprKind::Unit, ty: Type::Unit, span: chosen.span };
    (chosen.ty == e.ty).then(|| std::mem::replace(&mut **chosen, nothing))
}

/// Whether an integer type has the value.
pub fn in_range(value: i64, scalar: Scalar) -> bool {
    scalar.int_range().is_some_and(|(min, max)| (min..=max).contains(&value))
}

/// The result of an operation from integers to an integer.
pub fn integers(op: Op, operands: &[i64], scalar: Scalar) -> Option<i64> {
    let value = match (op, operands) {
        (Op::Neg, [a]) => a.checked_neg()?,
        (Op::Add, [a, b]) => a.checked_add(*b)?,
        (Op::Sub, [a, b]) => a.checked_sub(*b)?,
        (Op::Mul, [a, b]) => a.checked_mul(*b)?,
        (Op::Div, [a, b]) => a.checked_div(*b)?,
        (Op::Rem, [a, b]) => a.checked_rem(*b)?,
        (Op::Max, [a, b]) => *a.max(b),
        (Op::Min, [a, b]) => *a.min(b),
        _ => return None,
    };
    in_range(value, scalar).then_some(value)
}

fn comparison(op: Op, a: i64, b: i64) -> Option<bool> {
    Some(match op {
        Op::Eq => a == b,
        Op::Ne => a != b,
        Op::Lt => a < b,
        Op::Le => a <= b,
        Op::Gt => a > b,
        Op::Ge => a >= b,
        _ => return None,
    })
}

fn floats(op: Op, a: f64, b: f64, scalar: Scalar) -> Option<ExprKind> {
    let value = match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a / b,
        _ => return None,
    };
    // One operation on two `f32` is the same in `f64`, rounded once more.
    let value = match scalar {
        Scalar::F64 => value,
        Scalar::F32 => f64::from(value as f32),
        _ => return None,
    };
    value.is_finite().then_some(ExprKind::Float(value))
}
