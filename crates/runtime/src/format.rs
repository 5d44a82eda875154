//! Formats of interpolation holes: `[[fill]align][sign][0][width][.precision][kind]`, with Python's meaning.

use crate::cell::Cell;
use std::fmt::Write;

const PLUS: i32 = 1;
const ZERO: i32 = 2;
const DEFAULT_PRECISION: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    fill: char,
    /// Numbers go right and everything else left where it is not said.
    align: Option<char>,
    plus: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Format {
    /// Fill, align, flags, width, precision or -1, kind; 0 is none.
    pub fn new(fields: &[i32; 6]) -> Format {
        let character = |code: i32| char::from_u32(code as u32).filter(|c| *c != '\0');
        let [fill, align, flags, width, precision, kind] = *fields;
        Format {
            fill: character(fill).unwrap_or(' '),
            align: character(align),
            plus: flags & PLUS != 0,
            zero: flags & ZERO != 0,
            width: usize::try_from(width).unwrap_or(0),
            precision: usize::try_from(precision).ok(),
            kind: character(kind),
        }
    }

    pub fn text(&self, text: &str, out: &mut String) {
        let kept: String = text.chars().take(self.precision.unwrap_or(usize::MAX)).collect();
        self.padded("", &kept, '<', out);
    }

    /// Text of something that is neither a number nor a string: padded only.
    pub fn other(&self, text: &str, out: &mut String) {
        self.padded("", text, '<', out);
    }

    /// Only the numbers of a collection are formatted.
    pub fn is_numeric(&self) -> bool {
        self.precision.is_some() || self.kind.is_some() || self.plus
    }

    pub fn number(&self, cell: Cell, out: &mut String) {
        if let (Cell::Bool(_), None) = (cell, self.kind) {
            return self.padded("", &cell.text(), '<', out);
        }
        let text = self.digits(cell);
        let (sign, magnitude) = match text.strip_prefix('-') {
            Some(magnitude) => ("-", magnitude),
            None => (if self.plus { "+" } else { "" }, text.as_str()),
        };
        self.padded(sign, magnitude, '>', out);
    }

    fn padded(&self, sign: &str, body: &str, default: char, out: &mut String) {
        let missing = self.width.saturating_sub(sign.len() + body.chars().count());
        let align = self.align.unwrap_or(if self.zero && default == '>' { '=' } else { default });
        let fill = if self.zero && self.fill == ' ' { '0' } else { self.fill };
        let (before, within, behind) = match align {
            '<' => (0, 0, missing),
            '^' => (missing / 2, 0, missing - missing / 2),
            '=' => (0, missing, 0),
            _ => (missing, 0, 0),
        };
        out.extend(std::iter::repeat_n(fill, before));
        out.push_str(sign);
        out.extend(std::iter::repeat_n(fill, within));
        out.push_str(body);
        out.extend(std::iter::repeat_n(fill, behind));
    }

    fn digits(&self, cell: Cell) -> String {
        let precision = self.precision.unwrap_or(DEFAULT_PRECISION);
        let float = cell.float();
        match (self.kind, cell) {
            (Some('x'), _) => radix(cell, |magnitude| format!("{magnitude:x}")),
            (Some('b'), _) => radix(cell, |magnitude| format!("{magnitude:b}")),
            (Some('d'), Cell::Int(value)) => value.to_string(),
            (Some('d'), Cell::Bool(value)) => u8::from(value).to_string(),
            (Some('d'), _) => fixed(float, 0),
            (Some('f'), _) => fixed(float, precision),
            (Some('%'), _) => format!("{}%", fixed(float * 100.0, precision)),
            (Some('e'), _) => exponential(float, precision),
            (Some('g'), _) => general(float, precision, false),
            (_, Cell::Int(_) | Cell::Bool(_)) => cell.text(),
            _ => match self.precision {
                Some(precision) => general(float, precision, true),
                None => cell.text(),
            },
        }
    }
}

fn radix(cell: Cell, write: fn(u64) -> String) -> String {
    let value = match cell {
        Cell::Int(value) => value,
        other => other.float() as i64,
    };
    format!("{}{}", if value < 0 { "-" } else { "" }, write(value.unsigned_abs()))
}

fn not_finite(value: f64) -> Option<String> {
    (!value.is_finite()).then(|| Cell::F64(value).text())
}

fn fixed(value: f64, precision: usize) -> String {
    not_finite(value).unwrap_or_else(|| format!("{value:.precision$}"))
}

/// `1.50e+03`: a sign and at least two digits in the exponent.
fn exponential(value: f64, precision: usize) -> String {
    if let Some(text) = not_finite(value) {
        return text;
    }
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').expect("the exponent form has an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    let mut out = mantissa.to_string();
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
    out
}

/// As many significant digits, without trailing zeros, fixed where the exponent is small; `with_point` keeps one digit
/// behind the point, and takes the exponent form one digit earlier.
fn general(value: f64, precision: usize, with_point: bool) -> String {
    if let Some(text) = not_finite(value) {
        return text;
    }
    let precision = precision.max(1);
    let scientific = exponential(value, precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').expect("the exponent form has an exponent");
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    let power: i32 = exponent.parse().expect("an exponent is a number");
    if power < -4 || power >= precision as i32 - i32::from(with_point) {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let fixed = trimmed(&fixed(value, (precision as i32 - 1 - power).max(0) as usize));
    if with_point && !fixed.contains('.') { fixed + ".0" } else { fixed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(spec: [i32; 6], cell: Cell) -> String {
        let mut out = String::new();
        Format::new(&spec).number(cell, &mut out);
        out
    }

    fn of(kind: char, precision: i32, cell: Cell) -> String {
        number([0, 0, 0, 0, precision, kind as i32], cell)
    }

    #[test]
    fn kinds_mean_what_python_means() {
        let x = Cell::F64(1234.5678);
        assert_eq!(of('f', 2, x), "1234.57");
        assert_eq!(of('f', -1, x), "1234.567800");
        assert_eq!(of('e', 3, x), "1.235e+03");
        assert_eq!(of('e', -1, Cell::F64(1e-7)), "1.000000e-07");
        assert_eq!(of('g', -1, x), "1234.57");
        assert_eq!(of('g', -1, Cell::F64(1e10)), "1e+10");
        assert_eq!(of('g', 3, Cell::F64(0.0001)), "0.0001");
        assert_eq!(of('g', -1, Cell::F64(100000.0)), "100000");
        assert_eq!(of('%', 1, Cell::F64(0.256)), "25.6%");
        assert_eq!(of('x', -1, Cell::Int(-255)), "-ff");
        assert_eq!(of('b', -1, Cell::Int(10)), "1010");
        assert_eq!(of('d', -1, Cell::Bool(true)), "1");
        assert_eq!(of('f', 1, Cell::Int(3)), "3.0");
        assert_eq!(of('f', 0, Cell::F64(2.5)), "2");
        assert_eq!(of('f', 2, Cell::F64(f64::NAN)), "nan");
        assert_eq!(of('\0', 3, Cell::F64(1234567.0)), "1.23e+06");
        assert_eq!(of('\0', 3, Cell::F64(3.0)), "3.0");
        assert_eq!(of('\0', 3, Cell::F64(0.0)), "0.0");
        assert_eq!(of('\0', 3, Cell::F64(123.0)), "1.23e+02");
        assert_eq!(of('\0', 1, Cell::F64(3.0)), "3e+00");
        assert_eq!(of('\0', 1, Cell::F64(0.0)), "0e+00");
        assert_eq!(of('g', -1, Cell::F64(0.0)), "0");
    }

    #[test]
    fn width_sign_fill_and_align() {
        let five = Cell::Int(5);
        assert_eq!(number([0, 0, 0, 4, -1, 0], five), "   5");
        assert_eq!(number([0, '<' as i32, 0, 4, -1, 0], five), "5   ");
        assert_eq!(number(['*' as i32, '^' as i32, 0, 4, -1, 0], five), "*5**");
        assert_eq!(number([0, 0, PLUS, 0, -1, 0], five), "+5");
        assert_eq!(number([0, 0, ZERO, 4, -1, 0], Cell::Int(-5)), "-005");
        assert_eq!(number([0, 0, PLUS | ZERO, 7, 1, 'f' as i32], Cell::F32(2.25)), "+0002.2");
        let mut out = String::new();
        Format::new(&[0, '>' as i32, 0, 5, 3, 0]).text("héllo", &mut out);
        assert_eq!(out, "  hél");
    }
}
