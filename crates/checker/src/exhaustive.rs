//! Which values a `match` misses and which of its arms no value reaches.
//!
//! The arms form a matrix of patterns. Splitting it by the constructors of one column at a time (after Maranget) ends
//! in groups of values that all arms treat alike: the first arm left in a group takes it, the arms behind are not
//! reached by it, and a group without an arm is missed. Integers split into the intervals between their bounds, so
//! a match with hundreds of numbers stays linear.

mod split;
#[cfg(test)]
mod tests;

use split::Split;
use std::rc::Rc;

#[derive(Clone, Debug, PartialEq)]
pub enum Pat {
    Wild,
    Bool(bool),
    /// Both ends included.
    IntRange(i128, i128),
    /// The bits of an `f64`.
    Float(u64),
    Str(Rc<str>),
    Ctor {
        of: Ctor,
        args: Vec<Pat>,
    },
    Or(Vec<Pat>),
    Array {
        before: Vec<Pat>,
        rest: bool,
        after: Vec<Pat>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ctor {
    Tuple,
    Struct,
    Variant(usize),
}

/// What values a type has, as far as patterns can tell them apart.
#[derive(Clone, Debug)]
pub enum Shape {
    Bool,
    /// The least and the greatest value.
    Int(i128, i128),
    /// Floats and strings: no list of literals covers them.
    Open,
    Tuple(Vec<Shape>),
    Struct {
        name: String,
        fields: Vec<(String, Shape)>,
    },
    Enum(EnumRef),
    /// With its length, where that is known.
    Array(Box<Shape>, Option<u64>),
}

pub type EnumRef = u32;

/// A variant's name as it is written (`Shape::Circle`), the names of its fields if they have any, their shapes.
pub type Variant = (String, Option<Vec<String>>, Vec<Shape>);

/// Enums are looked up when a pattern looks into one, because they may contain themselves.
pub trait Enums {
    fn variants(&self, id: EnumRef) -> Vec<Variant>;
}

/// A value that no arm takes, as pattern text. An arm with a guard takes nothing for certain.
pub fn missing(rows: &[(Pat, bool)], shape: &Shape, enums: &dyn Enums) -> Option<String> {
    Analysis::of(rows, shape, enums).1
}

/// The arms that no value reaches.
pub fn unreachable(rows: &[(Pat, bool)], shape: &Shape, enums: &dyn Enums) -> Vec<usize> {
    let (reached, _) = Analysis::of(rows, shape, enums);
    (0..rows.len()).filter(|row| !reached[*row]).collect()
}

/// An arm's patterns for the columns that are still open.
#[derive(Clone)]
struct Row<'p> {
    arm: usize,
    guarded: bool,
    pats: Vec<&'p Pat>,
}

struct Analysis<'e> {
    enums: &'e dyn Enums,
    reached: Vec<bool>,
}

impl<'e> Analysis<'e> {
    fn of(rows: &[(Pat, bool)], shape: &Shape, enums: &'e dyn Enums) -> (Vec<bool>, Option<String>) {
        let mut analysis = Analysis { enums, reached: vec![false; rows.len()] };
        let rows = rows.iter().enumerate().map(|(arm, (pat, guarded))| Row { arm, guarded: *guarded, pats: vec![pat] });
        let missed = analysis.missed(rows.collect(), std::slice::from_ref(shape));
        (analysis.reached, missed.map(|texts| texts.concat()))
    }

    /// A value per column that no row takes; marks the arms that are reached on the way.
    fn missed(&mut self, mut rows: Vec<Row>, columns: &[Shape]) -> Option<Vec<String>> {
        let column = loop {
            let Some(first) = rows.first() else { return Some(vec!["_".to_owned(); columns.len()]) };
            match first.pats.iter().position(|pat| **pat != Pat::Wild) {
                Some(column) => break column,
                None => {
                    self.reached[first.arm] = true;
                    if !first.guarded {
                        return None;
                    }
                    rows.remove(0);
                }
            }
        };
        let rows = alternatives(rows, column);
        let mut missed = None;
        for split in split::by_column(rows, column, &columns[column], self.enums) {
            let Split { rows, shapes, text } = split;
            let arity = shapes.len();
            let mut inner = shapes;
            inner.extend(columns.iter().enumerate().filter(|(k, _)| *k != column).map(|(_, shape)| shape.clone()));
            let found = self.missed(rows, &inner);
            if missed.is_none()
                && let Some(mut texts) = found
            {
                let rest = texts.split_off(arity);
                texts = vec![text.with(&texts)];
                texts.splice(0..0, rest[..column].iter().cloned());
                texts.extend_from_slice(&rest[column..]);
                missed = Some(texts);
            }
        }
        missed
    }
}

/// Rows whose pattern in a column is no alternative any more.
fn alternatives(rows: Vec<Row>, column: usize) -> Vec<Row> {
    fn add<'p>(row: Row<'p>, column: usize, out: &mut Vec<Row<'p>>) {
        let Pat::Or(parts) = row.pats[column] else { return out.push(row) };
        for part in parts {
            let mut pats = row.pats.clone();
            pats[column] = part;
            add(Row { pats, ..row }, column, out);
        }
    }
    let mut out = Vec::with_capacity(rows.len());
    rows.into_iter().for_each(|row| add(row, column, &mut out));
    out
}
