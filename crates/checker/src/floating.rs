//! Names in the brackets of an index that nothing binds, outside of cells: `let D = A[i, k] * A[k, j]` is one mistake,
//! and what is missing is a left side that binds them.

use crate::{Checker, errors};
use diagnostics::{Span, Symbol};
use syntax::ast;

impl Checker<'_> {
    /// Notes a name that looks like a coordinate, until the statement around it ends.
    pub(crate) fn note_floating(&mut self, name: ast::Ident) {
        self.floating.push(name);
    }

    /// Whether a name that a construct has bound for itself is used as an index of no cell.
    pub(crate) fn is_floating(&self) -> bool {
        self.cx.cells == 0 && self.in_index > 0
    }

    /// Tells of the names that a statement uses as coordinates; with what it binds a value to, what to write.
    pub(crate) fn report_floating(&mut self, binding: Option<(Symbol, Span, Span)>) {
        let names = std::mem::take(&mut self.floating);
        let Some(first) = names.first() else { return };
        let count = |name: Symbol| names.iter().filter(|other| other.name == name).count();
        let mut each: Vec<Symbol> = Vec::new();
        for name in &names {
            if !each.contains(&name.name) {
                each.push(name.name);
            }
        }
        let places: Vec<Span> =
            each[1..].iter().filter_map(|name| names.iter().find(|n| n.name == *name).map(|n| n.span)).collect();
        // Those that meet are summed over, if others are left.
        let is_product = each.iter().any(|name| count(*name) == 1);
        let (left, summed): (Vec<Symbol>, Vec<Symbol>) =
            each.iter().partition(|name| !is_product || count(**name) == 1);
        let list = |names: &[Symbol]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let bound = self.ended.get(&first.name).copied();
        // A reduction in the statement itself should reach further.
        let binding = binding.filter(|(_, pattern, _)| bound.is_none_or(|bound| bound.start < pattern.start));
        let fix = binding.map(|(name, pattern, value)| {
            let text = self.sources.text(value);
            let body = match summed.is_empty() {
                true => text.to_owned(),
                false => format!("sum[{}]({text})", list(&summed)),
            };
            let between = Span { start: pattern.end, end: value.start, ..value };
            let between = self.sources.text(between);
            (pattern.to(value), format!("{name}[{}]{between}{body}", list(&left)))
        });
        let error = match bound {
            Some(bound) => errors::outside_scope(first.span, first.name, bound, false),
            None => errors::floating_coords(first.span, &each),
        };
        let error = places.iter().fold(error, |error, place| error.also(*place, "nor is this bound"));
        self.report(match fix {
            Some((span, text)) => error.fix("name the coordinates on the left", span, text),
            None if bound.is_some() => error,
            None => error.help("coordinates are bound by the left side of a `let` or by a reduction: `sum[i](x[i])`"),
        });
    }
}
