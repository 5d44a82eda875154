//! Reductions over ranges that grow with an open coordinate.
//!
//! `sum[k in 0..j + 1](x[k])` for all `j` would start again for every cell. Here one pass along `j` carries what is known
//! of the points so far and folds in those that are new. Ranges that shrink are walked the other way, so that they grow.

use super::carried::{Along, Candidate, Carried, Growth};
use super::contraction::Coord;
use super::function::Lower;
use super::limits::{Definitions, Limits};
use super::reduce::Folding;
use ir::{Binder, Expr, Op, Reduce, VarId};

impl Lower<'_, '_> {
    /// The first coordinate along which a reduction can be carried.
    pub fn running<'e>(&self, candidate: Candidate<'e>) -> Option<Carried<'e>> {
        let definitions = Definitions::of(&candidate.items);
        let binders = candidate.binders();
        let folding = Folding::new(candidate.reduce, true, candidate.e.span);
        let (k, growth, points) = candidate.coords.iter().enumerate().find_map(|(k, along)| {
            let points = self.limits(&candidate.items, &binders, &[]);
            let growth = growth(candidate.reduce, &points, along.var)?;
            let Binder { lo, hi, .. } = &candidate.reduce.binders[growth.binder];
            let earlier = &binders[..growth.binder];
            let is_first = !definitions.mention(lo, earlier) && !definitions.mention(hi, earlier);
            let in_order = !folding.is_ordered() || growth.at_end && binders.len() == 1;
            (is_first && in_order).then_some((k, growth, points))
        })?;
        let ends: Vec<&Expr> = candidate.ends().collect();
        let own = points.limits.iter().flat_map(|limit| [limit.left, limit.right]);
        let of_range: Vec<&Expr> = own.chain(ends).collect();
        let along = Along { coord: candidate.coords[k].clone(), growth };
        let goes_along =
            |other: usize, coord: &Coord| other > k && !of_range.iter().any(|e| definitions.mention(e, &[coord.var]));
        Some(candidate.carried(folding, points, Some(along), goes_along))
    }
}

/// How the range of a summed coordinate grows with an open one, if nothing else depends on that.
fn growth(reduce: &Reduce, points: &Limits, along: VarId) -> Option<Growth> {
    let definitions = &points.definitions;
    let reads = |e: &Expr| definitions.mention(e, &[along]);
    if reads(&reduce.body) || points.items.iter().any(|item| reads(item.expr())) {
        return None;
    }
    let mut found: Vec<Growth> = Vec::new();
    for (k, Binder { var, lo, hi }) in reduce.binders.iter().enumerate() {
        let mut moves = |slope: i64, at_end: bool| {
            found.push(Growth { binder: k, at_end, ascends: (slope > 0) == at_end });
        };
        if reads(lo) {
            moves(definitions.slope(lo, along)?, false);
        }
        if reads(hi) {
            moves(definitions.slope(hi, along)?, true);
        }
        for limit in points.limits.iter().filter(|limit| limit.var == *var) {
            if !reads(limit.left) && !reads(limit.right) {
                continue;
            }
            let slope = definitions.slope(limit.right, along)? - definitions.slope(limit.left, along)?;
            let at_end = match limit.op {
                Op::Lt | Op::Le => limit.slope > 0,
                Op::Gt | Op::Ge => limit.slope < 0,
                _ => return None,
            };
            moves(if limit.slope > 0 { slope } else { -slope }, at_end);
        }
    }
    let first = *found.first()?;
    found.iter().all(|other| *other == first).then_some(first)
}
