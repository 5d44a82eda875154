//! Numbers and texts as they are written.

use crate::types::Scalar;
use std::fmt::Write;

/// When a number says its type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    Never,
    /// Unless it is the type that a literal has by itself.
    Own,
    Always,
}

impl Suffix {
    fn text(self, scalar: Scalar, default: Scalar) -> &'static str {
        match self {
            Suffix::Never => "",
            Suffix::Own if scalar == default => "",
            Suffix::Own | Suffix::Always => scalar.name(),
        }
    }
}

pub(super) fn float(value: f64, scalar: Scalar, suffix: Suffix) -> String {
    let suffix = suffix.text(scalar, Scalar::F32);
    if value.is_nan() {
        return format!("(0.0{suffix} / 0.0{suffix})");
    }
    if value.is_infinite() {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("({sign}1.0{suffix} / 0.0{suffix})");
    }
    let text = match scalar {
        Scalar::F64 => format!("{value:?}"),
        _ => format!("{:?}", value as f32),
    };
    text + suffix
}

pub(super) fn int(value: i64, scalar: Scalar, suffix: Suffix) -> String {
    format!("{value}{}", suffix.text(scalar, Scalar::I32))
}

/// The inside of a text, between the quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '{' => out.push_str("{{"),
            '}' => out.push_str("}}"),
            c if c.is_control() => write!(out, "\\u{{{:x}}}", c as u32).expect("a string takes any text"),
            c => out.push(c),
        }
    }
    out
}
