//! The format behind the colon of a hole: `[[fill]align][sign][0][width][.precision][type]`.

use crate::ast::Format;
use diagnostics::{FileId, Span};

pub const PLAIN: Format = Format {
    fill: ' ',
    align: None,
    plus: false,
    zero: false,
    width: 0,
    precision: None,
    kind: None,
    span: Span { file: FileId(0), start: 0, end: 0 },
};

/// The message of the error says which part was not understood.
pub fn parse(spec: &str, span: Span) -> Result<Format, String> {
    let mut format = Format { span, ..PLAIN };
    let mut rest = spec.trim();
    let is_align = |c: &char| matches!(c, '<' | '>' | '^');
    let mut chars = rest.chars();
    match (chars.next(), chars.next()) {
        (Some(fill), Some(align)) if is_align(&align) => {
            format.fill = fill;
            format.align = Some(align);
            rest = chars.as_str();
        }
        (Some(align), _) if is_align(&align) => {
            format.align = Some(align);
            rest = &rest[1..];
        }
        _ => {}
    }
    if let Some(unsigned) = rest.strip_prefix('+') {
        format.plus = true;
        rest = unsigned;
    } else if let Some(unsigned) = rest.strip_prefix('-') {
        rest = unsigned;
    }
    if let Some(unpadded) = rest.strip_prefix('0') {
        format.zero = true;
        rest = unpadded;
    }
    let (width, after_width) = digits(rest);
    if !width.is_empty() {
        format.width = size(width)?;
    }
    rest = after_width;
    if let Some(fraction) = rest.strip_prefix('.') {
        let (precision, after_precision) = digits(fraction);
        if precision.is_empty() {
            return Err("the point needs a precision behind it, as in `.4f`".into());
        }
        format.precision = Some(size(precision)?);
        rest = after_precision;
    }
    let mut kind = rest.chars();
    match (kind.next(), kind.next()) {
        (None, _) => Ok(format),
        (Some(c @ ('d' | 'f' | 'e' | 'g' | '%' | 'x' | 'b')), None) => {
            format.kind = Some(c);
            Ok(format)
        }
        _ => Err(format!("`{rest}` is none of the types `d f e g % x b`")),
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// Wider than this is a slip, not a layout.
const WIDEST: u32 = 10_000;

fn size(digits: &str) -> Result<u32, String> {
    match digits.parse() {
        Ok(size) if size <= WIDEST => Ok(size),
        _ => Err(format!("`{digits}` is wider than {WIDEST}")),
    }
}
