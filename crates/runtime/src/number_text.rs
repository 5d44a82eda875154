//! Numbers as text: the shortest that reads back as the same value of the same type.

use crate::cell::Cell;
use crate::half::{bf16_from_f32, f16_from_f32};
use std::fmt::Write;

impl Cell {
    /// As `print` writes it.
    pub fn write(self, out: &mut String) {
        match self {
            Cell::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Cell::Int(value) => drop(write!(out, "{value}")),
            Cell::F16(value) => short_float(value, &half_digits(value, f16_from_f32), out),
            Cell::BF16(value) => short_float(value, &half_digits(value, bf16_from_f32), out),
            Cell::F32(value) => short_float(value, &format!("{value:e}"), out),
            Cell::F64(value) => short_float(value, &format!("{value:e}"), out),
        }
    }

    pub fn text(self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

/// Lays out `d.ddde-x`: an exponent below 1e-4 and from 1e16, digits on both sides of the point otherwise.
fn short_float(value: impl Into<f64>, scientific: &str, out: &mut String) {
    let value = value.into();
    if value.is_nan() {
        return out.push_str("nan");
    }
    if value.is_infinite() {
        return out.push_str(if value < 0.0 { "-inf" } else { "inf" });
    }
    let (mantissa, exponent) = scientific.split_once('e').expect("the exponent form has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    if value != 0.0 && !(-4..16).contains(&exponent) {
        return out.push_str(scientific);
    }
    let digits = mantissa.trim_start_matches('-');
    if digits.len() < mantissa.len() {
        out.push('-');
    }
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
        out.push_str(&digits);
        return;
    }
    let whole = exponent as usize + 1;
    out.push_str(&digits[..whole.min(digits.len())]);
    out.extend(std::iter::repeat_n('0', whole.saturating_sub(digits.len())));
    out.push('.');
    out.push_str(digits.get(whole..).filter(|fraction| !fraction.is_empty()).unwrap_or("0"));
}

/// The exponent form with as few digits as give the same half float.
fn half_digits(value: f32, to_half: fn(f32) -> u16) -> String {
    let same = |text: &str| text.parse().is_ok_and(|read: f32| to_half(read) == to_half(value));
    (0..9)
        .map(|precision| format!("{value:.precision$e}"))
        .find(|text| same(text))
        .map(|text| trim_mantissa(&text))
        .unwrap_or_else(|| format!("{value:e}"))
}

fn trim_mantissa(scientific: &str) -> String {
    match scientific.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => {
            format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => scientific.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::half::{f32_from_bf16, f32_from_f16};

    #[test]
    fn floats_are_shortest_for_their_own_type() {
        let singles = [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.0, "0.0"),
            (1e-4, "0.0001"),
            (9.99e-5, "9.99e-5"),
            (1e-7, "1e-7"),
            (123456.79, "123456.79"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e16"),
            (1.5e20, "1.5e20"),
            (f32::NAN, "nan"),
            (f32::INFINITY, "inf"),
            (f32::NEG_INFINITY, "-inf"),
            (f32::MAX, "3.4028235e38"),
            (f32::from_bits(1), "1e-45"),
        ];
        for (value, text) in singles {
            assert_eq!(Cell::F32(value).text(), text);
        }
        assert_eq!(Cell::F64(0.1).text(), "0.1");
        assert_eq!(Cell::F64(f64::from(0.1f32)).text(), "0.10000000149011612");
        assert_eq!(Cell::F64(9007199254740993.0).text(), "9007199254740992.0");
        assert_eq!(Cell::F64(-12.25).text(), "-12.25");
    }

    #[test]
    fn half_floats_are_shortest_for_their_own_type() {
        for (value, text) in [(0.1f32, "0.1"), (65504.0, "65500.0"), (1.0, "1.0"), (1e-7, "1e-7"), (3.0e-5, "3e-5")] {
            assert_eq!(Cell::F16(f32_from_f16(f16_from_f32(value))).text(), text);
        }
        assert_eq!(Cell::BF16(f32_from_bf16(bf16_from_f32(0.1))).text(), "0.1");
        assert_eq!(Cell::BF16(f32_from_bf16(bf16_from_f32(1e20))).text(), "1e20");
        for half in 0..=u16::MAX {
            let value = f32_from_f16(half);
            let read: f32 = Cell::F16(value).text().parse().unwrap();
            assert!(value.is_nan() || f16_from_f32(read) == half, "{half:#x}");
        }
    }
}
