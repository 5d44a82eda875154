//! Number literals, read by hand: where one ends depends on what stands before and behind it
//! (`1..3`, `t.0.1`, `5.`).

use crate::ast::Suffix;
use crate::errors;
use crate::token::Tok;
use diagnostics::{Diagnostic, FileId, Span};
use std::rc::Rc;

pub struct Number {
    pub tok: Tok,
    pub end: usize,
    pub error: Option<Diagnostic>,
}

pub fn suffix_named(text: &str) -> Option<Suffix> {
    Some(match text {
        "i8" => Suffix::I8,
        "u8" => Suffix::U8,
        "i32" => Suffix::I32,
        "i64" => Suffix::I64,
        "f16" => Suffix::F16,
        "bf16" => Suffix::BF16,
        "f32" => Suffix::F32,
        "f64" => Suffix::F64,
        _ => return None,
    })
}

/// The digits behind the point of `t.0`.
pub fn tuple_index(file: FileId, text: &str, start: usize) -> Number {
    let end = skip(text, start, |b| b.is_ascii_digit());
    integer(file, text, &text[start..end], 10, None, start, end)
}

/// The number whose first digit is at `start`.
pub fn number(file: FileId, text: &str, start: usize) -> Number {
    let bytes = text.as_bytes();
    let radix = match (bytes[start], bytes.get(start + 1)) {
        (b'0', Some(b'x')) => 16,
        (b'0', Some(b'b')) => 2,
        (b'0', Some(b'o')) => 8,
        _ => return decimal(file, text, start),
    };
    let digits = start + 2;
    let digits_end = skip(text, digits, |b| b == b'_' || (b as char).is_digit(radix));
    let end = skip_word(text, digits_end);
    let span = Span::new(file, start, end);
    let (suffix, mut error) = read_suffix(file, text, digits_end, end);
    if let Some(suffix) = suffix
        && is_float(suffix)
    {
        error.get_or_insert_with(|| errors::suffix_on_radix(span, suffix_text(suffix)));
    }
    if !text[digits..digits_end].bytes().any(|b| b != b'_') {
        error = Some(errors::radix_without_digits(span, &text[start..digits]));
        return Number { tok: Tok::Int((0, None)), end, error };
    }
    let mut number = integer(file, text, &text[digits..digits_end], radix, suffix, start, end);
    number.error = error.or(number.error);
    number
}

fn decimal(file: FileId, text: &str, start: usize) -> Number {
    let bytes = text.as_bytes();
    let at = |k: usize| bytes.get(k).copied().unwrap_or(0);
    let digits = |from: usize| skip(text, from, |b| b.is_ascii_digit() || b == b'_');
    let exponent_at = |k: usize| {
        matches!(at(k), b'e' | b'E')
            && (at(k + 1).is_ascii_digit() || (matches!(at(k + 1), b'+' | b'-') && at(k + 2).is_ascii_digit()))
    };
    let mut end = digits(start);
    let mut float = false;
    let mut error = None;
    if at(end) == b'.' && at(end + 1).is_ascii_digit() {
        float = true;
        end = digits(end + 1);
    } else if at(end) == b'.' && at(end + 1) != b'.' && (exponent_at(end + 1) || !begins_name(text, end + 1)) {
        float = true;
        let whole = &text[start..end];
        end += 1;
        error = Some(errors::trailing_point(Span::new(file, start, end), whole));
    }
    if exponent_at(end) {
        float = true;
        end = digits(end + 2);
    }
    let number_end = end;
    end = skip_word(text, end);
    let (suffix, suffix_error) = read_suffix(file, text, number_end, end);
    error = error.or(suffix_error);
    let span = Span::new(file, start, end);
    if float || suffix.is_some_and(is_float) {
        if let Some(suffix) = suffix
            && !is_float(suffix)
        {
            error.get_or_insert_with(|| errors::float_as_integer(span, suffix_text(suffix)));
        }
        let digits: String = text[start..number_end].chars().filter(|c| *c != '_').collect();
        let suffix = suffix.filter(|s| is_float(*s));
        return Number { tok: Tok::Float((Rc::from(digits), suffix)), end, error };
    }
    let mut number = integer(file, text, &text[start..number_end], 10, suffix, start, end);
    number.error = error.or(number.error);
    number
}

fn integer(
    file: FileId,
    text: &str,
    digits: &str,
    radix: u32,
    suffix: Option<Suffix>,
    start: usize,
    end: usize,
) -> Number {
    let mut value = 0u64;
    for digit in digits.chars().filter_map(|c| c.to_digit(radix)) {
        let Some(next) = value.checked_mul(radix as u64).and_then(|v| v.checked_add(digit as u64)) else {
            let error = errors::integer_too_large(Span::new(file, start, end), &text[start..end]);
            return Number { tok: Tok::Int((0, suffix)), end, error: Some(error) };
        };
        value = next;
    }
    Number { tok: Tok::Int((value, suffix)), end, error: None }
}

fn read_suffix(file: FileId, text: &str, start: usize, end: usize) -> (Option<Suffix>, Option<Diagnostic>) {
    if start == end {
        return (None, None);
    }
    match suffix_named(&text[start..end]) {
        Some(suffix) => (Some(suffix), None),
        None => (None, Some(errors::unknown_suffix(Span::new(file, start, end), &text[start..end]))),
    }
}

fn is_float(suffix: Suffix) -> bool {
    matches!(suffix, Suffix::F16 | Suffix::BF16 | Suffix::F32 | Suffix::F64)
}

pub fn suffix_text(suffix: Suffix) -> &'static str {
    match suffix {
        Suffix::I8 => "i8",
        Suffix::U8 => "u8",
        Suffix::I32 => "i32",
        Suffix::I64 => "i64",
        Suffix::F16 => "f16",
        Suffix::BF16 => "bf16",
        Suffix::F32 => "f32",
        Suffix::F64 => "f64",
    }
}

fn skip(text: &str, from: usize, accept: impl Fn(u8) -> bool) -> usize {
    from + text.as_bytes()[from..].iter().take_while(|b| accept(**b)).count()
}

fn skip_word(text: &str, from: usize) -> usize {
    let word = text[from..].chars().take_while(|c| c.is_alphanumeric() || *c == '_');
    from + word.map(char::len_utf8).sum::<usize>()
}

fn begins_name(text: &str, at: usize) -> bool {
    text[at..].chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}
