//! Which cells the clauses of a family define: gaps (W0601), clauses without a cell of their own (W0602), and reads
//! of a recurrence that lead outside all of them (E0602).

mod base;
mod regions;
#[cfg(test)]
mod tests;

pub use base::missing_base;

use crate::sym::{Facts, Sym};
use diagnostics::Symbol;
use ir::{Clause, Family, Slot, Var, WhereItem};
use regions::{Region, subtract};

/// Regions that are kept apart while clauses are taken away; beyond, nothing is said.
const MAX_REGIONS: usize = 2048;
/// Clauses with symbolic ranges that are compared pair by pair.
const MAX_SYMBOLIC: usize = 32;

/// The cells that no clause defines, as `curve[t in 2..4]`; only what constants decide. A guard's closed cells count as
/// defined: they are zero by rule.
pub fn gaps(vars: &[Var], family: &Family, facts: &Facts) -> Option<String> {
    let left = undefined(family, facts)?;
    let regions = regions::merged(left);
    let name = |region: &Region| region.text(family.name, &axis_names(vars, family));
    match regions.as_slice() {
        [] => None,
        [only] => Some(name(only)),
        [one, two] => Some(format!("{} and {}", name(one), name(two))),
        [one, rest @ ..] => Some(format!("{} and {} more regions", name(one), rest.len())),
    }
}

/// The cells that no clause defines, if all ranges are constant.
fn undefined(family: &Family, facts: &Facts) -> Option<Vec<Region>> {
    let whole = extents(family, facts)?;
    let mut left = if whole.is_empty() { Vec::new() } else { vec![whole.clone()] };
    for clause in &family.clauses {
        left = subtract(left, &clause_region(clause, &whole, facts)?);
        if left.len() > MAX_REGIONS {
            return None;
        }
    }
    Some(left)
}

/// Clauses whose every cell a later clause defines, each with the last of those.
pub fn overridden(family: &Family, facts: &Facts) -> Vec<(usize, usize)> {
    let constant = extents(family, facts).and_then(|whole| {
        let regions = family.clauses.iter().map(|clause| clause_region(clause, &whole, facts));
        Some((regions.collect::<Option<Vec<_>>>()?, whole))
    });
    match constant {
        Some((regions, whole)) => overridden_regions(family, &regions, whole),
        _ if family.clauses.len() <= MAX_SYMBOLIC => overridden_ranges(family, facts),
        _ => Vec::new(),
    }
}

/// From the last clause backward, with the cells that are still to be defined.
fn overridden_regions(family: &Family, regions: &[Region], whole: Region) -> Vec<(usize, usize)> {
    let mut left = vec![whole];
    let mut found = Vec::new();
    for (at, own) in regions.iter().enumerate().rev() {
        if own.is_empty() {
            continue;
        }
        if !left.iter().any(|region| region.meets(own)) {
            let later =
                || (at + 1..regions.len()).filter(|&by| is_total(&family.clauses[by]) && regions[by].meets(own));
            found.extend(
                later().find(|&by| regions[by].contains(own)).or_else(|| later().next_back()).map(|by| (at, by)),
            );
        } else if is_total(&family.clauses[at]) {
            left = subtract(left, own);
            if left.len() > MAX_REGIONS {
                break;
            }
        }
    }
    found.reverse();
    found
}

fn overridden_ranges(family: &Family, facts: &Facts) -> Vec<(usize, usize)> {
    let clauses = &family.clauses;
    let covers = |by: &Clause, own: &Clause| {
        is_total(by)
            && by.slots.iter().enumerate().all(|(axis, slot)| {
                let Some((lo, hi)) = range(slot, facts) else { return false };
                let Some((own_lo, own_hi)) = own.slots.get(axis).and_then(|slot| range(slot, facts)) else {
                    return false;
                };
                facts.nonneg(&own_lo.sub(&lo)) && facts.nonneg(&hi.sub(&own_hi))
            })
    };
    let later = |own: usize| (own + 1..clauses.len()).find(|&by| covers(&clauses[by], &clauses[own]));
    (0..clauses.len()).filter_map(|own| later(own).map(|by| (own, by))).collect()
}

/// Leaves no cell of its ranges to earlier clauses: they come before what `else` gives.
fn is_total(clause: &Clause) -> bool {
    !clause.wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)))
}

fn range(slot: &Slot, facts: &Facts) -> Option<(Sym, Sym)> {
    match slot {
        Slot::Coord(binder) => Some((facts.of(&binder.lo)?, facts.of(&binder.hi)?)),
        Slot::Fixed(at) => Some((Sym::constant(*at), Sym::constant(*at).offset(1))),
    }
}

/// All cells, if the extents are constant.
fn extents(family: &Family, facts: &Facts) -> Option<Region> {
    family.axes.iter().map(|axis| Some((0, facts.of(&axis.extent)?.as_const()?))).collect::<Option<_>>().map(Region)
}

/// The cells of a clause, if its ranges are constant. A slice clause takes its other axes whole.
fn clause_region(clause: &Clause, whole: &Region, facts: &Facts) -> Option<Region> {
    let axes = whole.0.iter().enumerate().map(|(axis, whole)| match clause.slots.get(axis) {
        None => Some(*whole),
        Some(slot) => range(slot, facts).and_then(|(lo, hi)| Some((lo.as_const()?, hi.as_const()?))),
    });
    axes.collect::<Option<_>>().map(Region)
}

/// What the axes are called: by the family, or by the coordinate of some clause.
fn axis_names(vars: &[Var], family: &Family) -> Vec<Option<Symbol>> {
    let from_clauses = |axis: usize| {
        family.clauses.iter().find_map(|clause| match clause.slots.get(axis) {
            Some(Slot::Coord(binder)) => Some(vars[binder.var.index()].name),
            _ => None,
        })
    };
    family.axes.iter().enumerate().map(|(at, axis)| axis.name.or_else(|| from_clauses(at))).collect()
}
