//! Formats of interpolated values (§1.5).

use crate::scalar::{as_float, as_int};
use crate::show::float;
use crate::value::Value;
use ir::{Format, Scalar};

/// A scalar or string in a format; `shown` is its text without one.
pub fn formatted(format: &Format, scalar: Option<Scalar>, value: &Value, shown: String) -> String {
    let number = matches!(value, Value::Int(_) | Value::Float(_));
    let body = match value {
        Value::Int(_) | Value::Float(_) => digits(format, scalar, value),
        _ => match format.precision {
            Some(precision) => shown.chars().take(precision as usize).collect(),
            None => shown,
        },
    };
    let (sign, body) = match body.strip_prefix('-') {
        Some(rest) if number => ("-", rest.to_owned()),
        _ if number && format.plus => ("+", body),
        _ => ("", body),
    };
    let missing = (format.width as usize).saturating_sub(sign.chars().count() + body.chars().count());
    if format.zero && format.align.is_none() && number {
        return format!("{sign}{}{body}", "0".repeat(missing));
    }
    let fill = |count: usize| format.fill.to_string().repeat(count);
    match format.align.unwrap_or(if number { '>' } else { '<' }) {
        '>' => format!("{}{sign}{body}", fill(missing)),
        '^' => format!("{}{sign}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
        _ => format!("{sign}{body}{}", fill(missing)),
    }
}

fn digits(format: &Format, scalar: Option<Scalar>, value: &Value) -> String {
    let x = as_float(value);
    let precision = format.precision.unwrap_or(6) as usize;
    if !x.is_finite() {
        return float(Scalar::F64, x);
    }
    match format.kind {
        Some('x') => in_base(as_int(value), |n| format!("{n:x}")),
        Some('b') => in_base(as_int(value), |n| format!("{n:b}")),
        Some('f') => format!("{x:.precision$}"),
        Some('e') => format!("{x:.precision$e}"),
        Some('%') => format!("{:.precision$}%", x * 100.0),
        Some('g') => general(x, precision),
        _ => match (value, format.precision) {
            (Value::Float(_), Some(precision)) => general(x, precision as usize),
            (Value::Float(_), None) => float(scalar.unwrap_or(Scalar::F64), x),
            _ => as_int(value).to_string(),
        },
    }
}

fn in_base(value: i64, show: impl Fn(u64) -> String) -> String {
    format!("{}{}", if value < 0 { "-" } else { "" }, show(value.unsigned_abs()))
}

/// That many significant digits, without trailing zeros, with an exponent where the number is far from 1.
fn general(x: f64, precision: usize) -> String {
    let precision = precision.max(1);
    let scientific = format!("{x:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let exponent: i64 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= precision as i64 {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    trimmed(&format!("{x:.*}", (precision as i64 - 1 - exponent) as usize))
}
