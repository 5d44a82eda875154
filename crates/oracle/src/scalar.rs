//! Scalar operations and casts, in the arithmetic of their types.

use crate::value::Value;
use ir::{Op, Scalar};

/// Code and message of what stops an operation.
pub type Trap = (&'static str, &'static str);

const ZERO_DIVISOR: Trap = ("E0903", "division by zero");
const OVERFLOW: Trap = ("E0904", "integer overflow");

/// The nearest value of the float type, ties to even.
pub fn round(scalar: Scalar, x: f64) -> f64 {
    scalar.nearest(x)
}

/// The two's complement value that is left in the type.
pub fn wrap(scalar: Scalar, x: i128) -> i64 {
    match scalar {
        Scalar::I8 => x as i8 as i64,
        Scalar::U8 => x as u8 as i64,
        Scalar::I32 => x as i32 as i64,
        _ => x as i64,
    }
}

fn fit(scalar: Scalar, x: i128, wraps: bool) -> Result<Value, Trap> {
    let wrapped = wrap(scalar, x);
    if !wraps && i128::from(wrapped) != x { Err(OVERFLOW) } else { Ok(Value::Int(wrapped)) }
}

/// `operand` is the type of the first operand, `result` the one of the node.
pub fn apply(op: Op, operand: Scalar, result: Scalar, args: &[Value], wraps: bool) -> Result<Value, Trap> {
    match args {
        [Value::Int(_), ..] if operand.is_int() => {
            let ints: Vec<i64> = args.iter().map(as_int).collect();
            if result == Scalar::Bool {
                return Ok(Value::Bool(compare(op, &ints)));
            }
            integer(op, result, &ints, wraps)
        }
        [Value::Bool(_), ..] => {
            let ints: Vec<i64> = args.iter().map(as_int).collect();
            Ok(Value::Bool(if op == Op::Not { ints[0] == 0 } else { compare(op, &ints) }))
        }
        _ => {
            let floats: Vec<f64> = args.iter().map(as_float).collect();
            let value = (op.row().eval)(&floats);
            Ok(if result == Scalar::Bool { Value::Bool(value != 0.0) } else { Value::Float(round(result, value)) })
        }
    }
}

fn compare(op: Op, x: &[i64]) -> bool {
    match op {
        Op::Eq => x[0] == x[1],
        Op::Ne => x[0] != x[1],
        Op::Lt => x[0] < x[1],
        Op::Le => x[0] <= x[1],
        Op::Gt => x[0] > x[1],
        Op::Ge => x[0] >= x[1],
        _ => unreachable!("only comparisons make a `bool` of integers"),
    }
}

fn integer(op: Op, scalar: Scalar, x: &[i64], wraps: bool) -> Result<Value, Trap> {
    let wide = |k: usize| i128::from(x[k]);
    let value = match op {
        Op::Add => wide(0) + wide(1),
        Op::Sub => wide(0) - wide(1),
        Op::Mul => wide(0) * wide(1),
        Op::Div | Op::Rem if x[1] == 0 => return Err(ZERO_DIVISOR),
        Op::Div => wide(0) / wide(1),
        Op::Rem => wide(0) % wide(1),
        Op::Pow => return power(scalar, x[0], x[1], wraps),
        Op::Neg => -wide(0),
        Op::Min => wide(0).min(wide(1)),
        Op::Max => wide(0).max(wide(1)),
        Op::Clamp if x[0] < x[1] => wide(1),
        Op::Clamp => wide(0).min(wide(2)),
        Op::Abs => wide(0).abs(),
        Op::Sign => wide(0).signum(),
        Op::Gcd => i128::from(ir::special::gcd(x[0], x[1]) as u64),
        Op::Lcm => {
            let gcd = i128::from(ir::special::gcd(x[0], x[1]) as u64);
            if gcd == 0 { 0 } else { (wide(0) / gcd * wide(1)).abs() }
        }
        _ => unreachable!("`{}` is no operation of integers", op.name()),
    };
    fit(scalar, value, wraps)
}

fn power(scalar: Scalar, base: i64, exponent: i64, wraps: bool) -> Result<Value, Trap> {
    if exponent < 0 {
        return Err(("E0904", "negative exponent of an integer power"));
    }
    // Wrapping to the type at each square keeps the low bits right; overflow is sticky.
    let (mut square, mut result, mut left, mut overflow) = (base, 1i64, exponent, false);
    while left > 0 {
        if left % 2 == 1 {
            let product = i128::from(result) * i128::from(square);
            result = wrap(scalar, product);
            overflow |= i128::from(result) != product;
        }
        left /= 2;
        if left > 0 {
            let product = i128::from(square) * i128::from(square);
            square = wrap(scalar, product);
            overflow |= i128::from(square) != product;
        }
    }
    if overflow && !wraps { Err(OVERFLOW) } else { Ok(Value::Int(result)) }
}

/// A cast never stops: floats saturate, integers keep their low bits.
pub fn cast(to: Scalar, value: &Value) -> Value {
    match to {
        Scalar::Bool => Value::Bool(match value {
            Value::Float(x) => *x != 0.0,
            other => as_int(other) != 0,
        }),
        _ if to.is_float() => Value::Float(match (value, to) {
            // In one rounding.
            (Value::Int(x), Scalar::F32) => *x as f32 as f64,
            (other, _) => round(to, as_float(other)),
        }),
        _ => Value::Int(match value {
            Value::Float(x) => {
                let (lo, hi) = to.int_range().unwrap_or((i64::MIN, i64::MAX));
                (*x as i64).clamp(lo, hi)
            }
            other => wrap(to, i128::from(as_int(other))),
        }),
    }
}

pub fn as_int(value: &Value) -> i64 {
    match value {
        Value::Int(x) => *x,
        Value::Bool(x) => i64::from(*x),
        _ => 0,
    }
}

pub fn as_float(value: &Value) -> f64 {
    match value {
        Value::Float(x) => *x,
        other => as_int(other) as f64,
    }
}
