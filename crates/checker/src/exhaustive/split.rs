//! Splits a matrix of patterns by what the values in one column are.

use super::{Ctor, Enums, Pat, Row, Shape};
use std::collections::{BTreeSet, HashMap};

/// The rows that are left for one group of values of the column. The parts of such a value come first, then the
/// other columns.
pub(super) struct Split<'p> {
    pub rows: Vec<Row<'p>>,
    pub shapes: Vec<Shape>,
    pub text: Text,
}

/// How a value of the group is written.
pub(super) enum Text {
    Plain(String),
    /// `Shape::Circle(_)`, `(_, true)`
    Call(String),
    /// `Point { x: _ }`
    Fields(String, Vec<String>),
    /// All parts in brackets; `..` stands in front of the part with this number.
    Array(Option<usize>),
}

impl Text {
    pub fn with(&self, parts: &[String]) -> String {
        match self {
            Text::Plain(text) => text.clone(),
            Text::Call(name) if parts.is_empty() && !name.is_empty() => name.clone(),
            Text::Call(name) => format!("{name}({})", parts.join(", ")),
            Text::Fields(name, fields) => {
                let fields: Vec<String> =
                    fields.iter().zip(parts).map(|(name, part)| format!("{name}: {part}")).collect();
                format!("{name} {{ {} }}", fields.join(", "))
            }
            Text::Array(rest) => {
                let mut parts = parts.to_vec();
                if let Some(rest) = rest {
                    parts.insert(*rest, "..".to_owned());
                }
                format!("[{}]", parts.join(", "))
            }
        }
    }
}

pub(super) fn by_column<'p>(rows: Vec<Row<'p>>, column: usize, shape: &Shape, enums: &dyn Enums) -> Vec<Split<'p>> {
    match shape {
        Shape::Bool => by_bool(rows, column),
        Shape::Int(lo, hi) => by_interval(rows, column, *lo, *hi),
        Shape::Open => by_literal(rows, column),
        Shape::Tuple(parts) => vec![by_ctor(&rows, column, Ctor::Tuple, parts.clone(), Text::Call(String::new()))],
        Shape::Struct { name, fields } => {
            let (names, shapes) = fields.iter().cloned().unzip();
            vec![by_ctor(&rows, column, Ctor::Struct, shapes, Text::Fields(name.clone(), names))]
        }
        Shape::Enum(id) => by_variant(rows, column, enums.variants(*id)),
        Shape::Array(elem, length) => by_length(rows, column, elem, *length),
    }
}

/// The row behind a value of the column whose parts are matched by `parts`.
fn narrowed<'p>(row: &Row<'p>, column: usize, mut parts: Vec<&'p Pat>) -> Row<'p> {
    parts.extend(row.pats.iter().enumerate().filter(|(k, _)| *k != column).map(|(_, pat)| *pat));
    Row { arm: row.arm, guarded: row.guarded, pats: parts }
}

/// The rows that take what no pattern of the column names.
fn wild_rows<'p>(rows: &[Row<'p>], column: usize) -> Vec<Row<'p>> {
    let wild = rows.iter().filter(|row| *row.pats[column] == Pat::Wild);
    wild.map(|row| narrowed(row, column, Vec::new())).collect()
}

fn by_bool(rows: Vec<Row>, column: usize) -> Vec<Split> {
    let group = |value: bool| {
        let fits = |row: &&Row| matches!(row.pats[column], Pat::Wild) || *row.pats[column] == Pat::Bool(value);
        let rows = rows.iter().filter(fits).map(|row| narrowed(row, column, Vec::new())).collect();
        Split { rows, shapes: Vec::new(), text: Text::Plain(value.to_string()) }
    };
    vec![group(true), group(false)]
}

fn by_interval(rows: Vec<Row>, column: usize, lo: i128, hi: i128) -> Vec<Split> {
    let mut starts = BTreeSet::from([lo]);
    for row in &rows {
        if let Pat::IntRange(from, to) = row.pats[column] {
            starts.extend([*from, *to + 1].into_iter().filter(|start| (lo..=hi).contains(start)));
        }
    }
    let starts: Vec<i128> = starts.into_iter().collect();
    let mut groups: Vec<Vec<Row>> = vec![Vec::new(); starts.len()];
    let mut named = vec![false; starts.len()];
    for row in &rows {
        let (from, to) = match row.pats[column] {
            Pat::IntRange(from, to) => {
                (starts.partition_point(|start| start < from), starts.partition_point(|start| start <= to))
            }
            Pat::Wild => (0, starts.len()),
            _ => continue,
        };
        let is_range = *row.pats[column] != Pat::Wild;
        for (group, named) in groups[from..to.max(from)].iter_mut().zip(&mut named[from..to.max(from)]) {
            group.push(narrowed(row, column, Vec::new()));
            *named |= is_range;
        }
    }
    let mut splits = Vec::new();
    // All values that no pattern names are alike; the one nearest to zero, counting up, is the easiest to read.
    let mut other: Option<i128> = None;
    for (k, rows) in groups.into_iter().enumerate() {
        let end = starts.get(k + 1).map_or(hi, |next| next - 1);
        let example = if end < 0 { end } else { starts[k].max(0) };
        if named[k] {
            splits.push(Split { rows, shapes: Vec::new(), text: Text::Plain(example.to_string()) });
        } else if other.is_none_or(|best| best < 0) {
            other = Some(example);
        }
    }
    if let Some(example) = other {
        let rows = wild_rows(&rows, column);
        splits.push(Split { rows, shapes: Vec::new(), text: Text::Plain(example.to_string()) });
    }
    splits
}

fn by_literal(rows: Vec<Row>, column: usize) -> Vec<Split> {
    #[derive(PartialEq, Eq, Hash)]
    enum Key<'p> {
        Float(u64),
        Str(&'p str),
    }
    fn key(pat: &Pat) -> Option<Key<'_>> {
        match pat {
            Pat::Float(bits) => Some(Key::Float(*bits)),
            Pat::Str(text) => Some(Key::Str(text)),
            _ => None,
        }
    }
    let mut numbers = HashMap::new();
    for row in &rows {
        if let Some(key) = key(row.pats[column]) {
            let next = numbers.len();
            numbers.entry(key).or_insert(next);
        }
    }
    let mut groups: Vec<Vec<Row>> = vec![Vec::new(); numbers.len()];
    for row in &rows {
        match key(row.pats[column]) {
            Some(key) => groups[numbers[&key]].push(narrowed(row, column, Vec::new())),
            None if *row.pats[column] == Pat::Wild => {
                groups.iter_mut().for_each(|group| group.push(narrowed(row, column, Vec::new())));
            }
            None => {}
        }
    }
    groups.push(wild_rows(&rows, column));
    let split = |rows| Split { rows, shapes: Vec::new(), text: Text::Plain("_".to_owned()) };
    groups.into_iter().map(split).collect()
}

fn by_ctor<'p>(rows: &[Row<'p>], column: usize, wanted: Ctor, shapes: Vec<Shape>, text: Text) -> Split<'p> {
    let parts = |row: &Row<'p>| match row.pats[column] {
        Pat::Wild => Some(vec![&Pat::Wild; shapes.len()]),
        Pat::Ctor { of, args } if *of == wanted && args.len() == shapes.len() => Some(args.iter().collect()),
        _ => None,
    };
    let rows = rows.iter().filter_map(|row| Some(narrowed(row, column, parts(row)?))).collect();
    Split { rows, shapes, text }
}

fn by_variant(rows: Vec<Row>, column: usize, variants: Vec<super::Variant>) -> Vec<Split> {
    let mut named = vec![false; variants.len()];
    for row in &rows {
        if let Pat::Ctor { of: Ctor::Variant(variant), .. } = row.pats[column]
            && let Some(named) = named.get_mut(*variant)
        {
            *named = true;
        }
    }
    let mut splits = Vec::new();
    let mut has_other = false;
    for (variant, (name, fields, shapes)) in variants.into_iter().enumerate() {
        // One variant stands for all that no pattern names.
        if named[variant] || !std::mem::replace(&mut has_other, true) {
            let text = match fields {
                Some(fields) => Text::Fields(name, fields),
                None => Text::Call(name),
            };
            splits.push(by_ctor(&rows, column, Ctor::Variant(variant), shapes, text));
        }
    }
    splits
}

fn by_length<'p>(rows: Vec<Row<'p>>, column: usize, elem: &Shape, length: Option<u64>) -> Vec<Split<'p>> {
    // From `open` on, the patterns tell arrays apart only by their first and last items.
    let (mut open, mut before_most, mut after_most) = (0, 0, 0);
    for row in &rows {
        if let Pat::Array { before, rest, after } = row.pats[column] {
            open = open.max(before.len() + after.len() + usize::from(!rest));
            before_most = before_most.max(before.len());
            after_most = after_most.max(after.len());
        }
    }
    open = open.max(before_most + after_most);
    let group = |length: usize, or_longer: bool| {
        let parts = |row: &Row<'p>| match row.pats[column] {
            Pat::Wild => Some(vec![&Pat::Wild; length]),
            Pat::Array { before, rest, after } => {
                let fixed = before.len() + after.len();
                let fits = if *rest { fixed <= length } else { fixed == length && !or_longer };
                fits.then(|| {
                    let between = std::iter::repeat_n(&Pat::Wild, length - fixed);
                    before.iter().chain(between).chain(after).collect()
                })
            }
            _ => None,
        };
        let rows = rows.iter().filter_map(|row| Some(narrowed(row, column, parts(row)?))).collect();
        let text = Text::Array(or_longer.then(|| length - after_most));
        Split { rows, shapes: vec![elem.clone(); length], text }
    };
    match length {
        // Of a long array, the items that no pattern looks at need no column.
        Some(length) if length <= open as u64 => vec![group(length as usize, false)],
        Some(_) => vec![group(open, true)],
        None => (0..open).map(|length| group(length, false)).chain([group(open, true)]).collect(),
    }
}
