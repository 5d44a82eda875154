//! Values as text (§8.2), written apart from the runtime's printer so that each checks the other.

use crate::scalar::round;
use crate::value::{Tensor, Value};
use ir::{Program, Scalar, Type};

/// Above this many elements, tensors are cut.
const WHOLE: usize = 1000;
/// Entries that stay at each end of an axis that is cut, and the length up to which it is not.
const ENDS: usize = 3;

/// As `print` writes it at top level: strings stand raw.
pub fn top(program: &Program, ty: &Type, value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        _ => {
            let mut out = String::new();
            inner(program, ty, value, &mut out);
            out
        }
    }
}

fn inner(program: &Program, ty: &Type, value: &Value, out: &mut String) {
    match value {
        Value::Unit => out.push_str("()"),
        Value::Bool(x) => out.push_str(if *x { "true" } else { "false" }),
        Value::Int(x) => out.push_str(&x.to_string()),
        Value::Float(x) => out.push_str(&float(ty.scalar().unwrap_or(Scalar::F64), *x)),
        Value::Str(text) => quoted(text, out),
        Value::Tensor(tensor) => {
            let cut = tensor.cells.len() > WHOLE;
            axis(program, ty.elem(), tensor, 0, 0, cut, out);
        }
        Value::Dyn(scalar, tensor) => {
            let cut = tensor.cells.len() > WHOLE;
            axis(program, &Type::Scalar(*scalar), tensor, 0, 0, cut, out);
        }
        Value::List(items) => {
            let item = match ty {
                Type::List(item) => item,
                _ => ty,
            };
            sequence("[", items.iter().map(|value| (item, value)), "]", program, out);
        }
        Value::Tuple(items) => match ty {
            Type::Struct(id) => {
                let info = &program.structs[id.index()];
                out.push_str(info.name.as_str());
                let names = info.fields.iter().map(|(name, _)| name.as_str());
                named(names.zip(info.fields.iter().map(|(_, ty)| ty)).zip(items.iter()), program, out);
            }
            Type::Tuple(types) => {
                let end = if items.len() == 1 { ",)" } else { ")" };
                sequence("(", types.iter().zip(items.iter()), end, program, out);
            }
            _ => sequence("(", items.iter().map(|value| (ty, value)), ")", program, out),
        },
        Value::Variant(k, items) => {
            let Type::Enum(id) = ty else { return };
            let info = &program.enums[id.index()];
            let variant = &info.variants[*k];
            out.push_str(&format!("{}::{}", info.name, variant.name));
            match &variant.names {
                Some(names) => {
                    let names = names.iter().map(|name| name.as_str());
                    named(names.zip(&variant.fields).zip(items.iter()), program, out);
                }
                None if items.is_empty() => {}
                None => sequence("(", variant.fields.iter().zip(items.iter()), ")", program, out),
            }
        }
        Value::Range(lo, hi) => out.push_str(&format!("{lo}..{hi}")),
        Value::Growing(..) => out.push('…'),
    }
}

fn sequence<'a>(
    open: &str,
    items: impl Iterator<Item = (&'a Type, &'a Value)>,
    close: &str,
    program: &Program,
    out: &mut String,
) {
    out.push_str(open);
    for (k, (ty, value)) in items.enumerate() {
        if k > 0 {
            out.push_str(", ");
        }
        inner(program, ty, value, out);
    }
    out.push_str(close);
}

fn named<'a>(fields: impl Iterator<Item = ((&'a str, &'a Type), &'a Value)>, program: &Program, out: &mut String) {
    out.push_str(" {");
    for (k, ((name, ty), value)) in fields.enumerate() {
        out.push_str(if k > 0 { ", " } else { " " });
        out.push_str(&format!("{name}: "));
        inner(program, ty, value, out);
    }
    out.push_str(" }");
}

/// One axis, and those inside it, of the part of a tensor that starts at a cell.
fn axis(program: &Program, elem: &Type, tensor: &Tensor, depth: usize, start: usize, cut: bool, out: &mut String) {
    let Some(&extent) = tensor.shape.get(depth) else {
        return inner(program, elem, &tensor.cells[start], out);
    };
    let stride: usize = tensor.shape[depth + 1..].iter().product();
    let cut_here = cut && extent > 2 * ENDS;
    out.push('[');
    for k in 0..extent {
        if cut_here && (ENDS..extent - ENDS).contains(&k) {
            if k == ENDS {
                out.push_str(", ...");
            }
            continue;
        }
        if k > 0 {
            out.push_str(", ");
        }
        axis(program, elem, tensor, depth + 1, start + k * stride, cut, out);
    }
    out.push(']');
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The shortest text that reads back to the same value of the type.
pub fn float(scalar: Scalar, x: f64) -> String {
    if x.is_nan() {
        return "nan".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if x == 0.0 {
        return if x.is_sign_negative() { "-0.0" } else { "0.0" }.to_owned();
    }
    let scientific = match scalar {
        Scalar::F64 => format!("{x:e}"),
        Scalar::F32 => format!("{:e}", x as f32),
        // Six digits are more than either format of 16 bits needs.
        _ => (0..6)
            .map(|digits| format!("{x:.digits$e}"))
            .find(|text| text.parse().is_ok_and(|back: f64| round(scalar, back) == x))
            .unwrap_or_else(|| format!("{x:e}")),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        return scientific;
    }
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}.0", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}
