//! Reads of a recurrence that certainly lead outside every clause (E0602).
//!
//! A read is tried at some points of its coordinates: at the corners of their ranges, and where it would meet a cell
//! that no clause defines. A point counts only if every condition in front of the read provably holds there. That a
//! clause defines any cell at all is taken for granted.

use super::regions::Region;
use super::{axis_names, extents, range, undefined};
use crate::order::reads::{Place, for_each_read};
use crate::sym::{Atom, Facts, Mark, Sym};
use diagnostics::Span;
use ir::{Family, Slot, Var, VarId};
use std::collections::HashMap;

/// Coordinates whose corners are all tried; of more, only the first and the last.
const MAX_CORNER_COORDINATES: usize = 4;
/// Undefined regions that a read is aimed at.
const MAX_AIMS: usize = 16;
/// Clauses with symbolic ranges that a cell is compared with.
const MAX_SYMBOLIC: usize = 32;

#[derive(Debug)]
pub struct MissingBase {
    /// The family that lacks cells.
    pub family: VarId,
    /// Of the read.
    pub span: Span,
    /// The cell that is read, as `level[0]`.
    pub cell: String,
    /// All that is undefined around it, as `paths[row in 1..6, 0]`; the cell where that is not known.
    pub region: String,
}

/// One report per family, for its first read that goes wrong.
pub fn missing_base(vars: &[Var], families: &[(VarId, Family)], facts: &mut Facts) -> Vec<MissingBase> {
    let outside = facts.mark();
    let targets: Vec<_> = families.iter().map(|(_, family)| Target::new(family, facts)).collect();
    let mut found: Vec<MissingBase> = Vec::new();
    for_each_read(families, facts, &mut |place, facts| {
        let (var, family) = &families[place.target];
        if found.iter().any(|missing| missing.family == *var) {
            return;
        }
        let Some((cell, region)) = targets[place.target].outside_cell(place, outside, facts) else { return };
        let index: Vec<_> = cell.iter().map(|i| i.as_ref().map_or("..".to_owned(), |i| i.text(vars))).collect();
        let cell = format!("{}[{}]", family.name, index.join(", "));
        let region = region.map_or_else(|| cell.clone(), |region| region.text(family.name, &axis_names(vars, family)));
        found.push(MissingBase { family: *var, span: place.span, cell, region });
    });
    found
}

type Point = HashMap<VarId, Sym>;

/// The coordinate of a slot if it has one, and the range if that has a symbolic form.
struct SlotRange(Option<VarId>, Option<(Sym, Sym)>);

/// What the clauses of a family define.
struct Target {
    /// By clause and slot.
    ranges: Vec<Vec<SlotRange>>,
    /// All cells, and those that are left undefined, if that is constant.
    cells: Option<(Region, Vec<Region>)>,
}

impl Target {
    fn new(family: &Family, facts: &mut Facts) -> Target {
        let mut ranges = Vec::new();
        for clause in &family.clauses {
            let slots = clause.slots.iter().map(|slot| match slot {
                Slot::Coord(binder) => SlotRange(Some(binder.var), range(slot, facts)),
                Slot::Fixed(_) => SlotRange(None, range(slot, facts)),
            });
            ranges.push(slots.collect());
        }
        Target { ranges, cells: extents(family, facts).zip(undefined(family, facts)) }
    }

    /// A cell outside every clause that the read certainly reaches, and the undefined region around it.
    fn outside_cell(
        &self,
        place: &Place,
        outside: Mark,
        facts: &mut Facts,
    ) -> Option<(Vec<Option<Sym>>, Option<Region>)> {
        if self.cells.is_none() && self.ranges.len() > MAX_SYMBOLIC {
            return None;
        }
        let index: Vec<_> = place.index?.iter().map(|e| facts.of(e)).collect();
        let (_, slots) = facts.between(outside, place.behind_slots)?;
        let (conditions, rooms) = facts.between(place.behind_slots, facts.mark())?;
        let slots = slots.to_vec();
        let conditions = [conditions, rooms].concat();
        let mut coordinates = Vec::new();
        for s in index.iter().flatten().chain(&conditions).chain(&slots) {
            facts.collect_coordinates(s, &mut coordinates);
        }
        let points = corners(&coordinates, facts).into_iter().chain(self.aimed(&index, &coordinates, facts));
        let mut points: Vec<_> = points.collect();
        points.dedup();
        points.iter().find_map(|point| {
            let taken = given(&slots, point);
            // A clause may be taken to have a cell, but not one for every value of an outer coordinate.
            let (certain, open): (Vec<_>, Vec<_>) = slots.iter().zip(taken).partition(|(own, at)| *own == at);
            let certain: Vec<_> = certain.into_iter().map(|(_, at)| at).collect();
            let cell: Vec<_> = index.iter().map(|i| i.as_ref().map(|i| moved(i, point))).collect();
            facts
                .instead(outside, certain, |facts| {
                    let holds = open.iter().all(|(_, at)| facts.nonneg(at))
                        && given(&conditions, point).iter().all(|at| facts.nonneg(at))
                        && facts.known.iter().all(|fact| fact.as_const().is_none_or(|value| value >= 0))
                        && within(point, &coordinates, facts);
                    if holds { self.region_outside(&cell, facts) } else { None }
                })
                .map(|region| (cell.clone(), region))
        })
    }

    /// Points at which the read meets an undefined cell, by solving one index after the other.
    fn aimed(&self, index: &[Option<Sym>], coordinates: &[VarId], facts: &Facts) -> Vec<Point> {
        let regions = self.cells.iter().flat_map(|(_, undefined)| undefined.iter().take(MAX_AIMS));
        regions.filter_map(|region| aim(index, region, coordinates, facts)).collect()
    }

    /// Whether a cell is provably outside every clause, and the constant region around it if there is one.
    fn region_outside(&self, cell: &[Option<Sym>], facts: &Facts) -> Option<Option<Region>> {
        let constant: Option<Vec<i64>> = cell.iter().map(|i| i.as_ref()?.as_const()).collect();
        if let (Some(at), Some((whole, undefined))) = (constant, &self.cells) {
            let inside = |region: &Region| region.0.iter().zip(&at).all(|((lo, hi), at)| lo <= at && at < hi);
            return match undefined.iter().find(|region| inside(region)) {
                Some(region) => Some(Some(region.clone())),
                None if inside(whole) => None,
                None => Some(None),
            };
        }
        let misses = |slots: &Vec<SlotRange>| {
            // The range of a slot may be stated in the coordinates of the slots before it.
            let point: Point =
                slots.iter().zip(cell).filter_map(|(SlotRange(var, _), i)| Some(((*var)?, i.clone()?))).collect();
            slots.iter().zip(cell).any(|(SlotRange(_, range), i)| match (range, i) {
                (Some((lo, hi)), Some(i)) => {
                    facts.less(i, &moved(lo, &point)) || facts.nonneg(&i.sub(&moved(hi, &point)))
                }
                _ => false,
            })
        };
        (self.ranges.len() <= MAX_SYMBOLIC && self.ranges.iter().all(misses)).then_some(None)
    }
}

fn moved(s: &Sym, point: &Point) -> Sym {
    s.replace(&|atom| match atom {
        Atom::Var(var) => point.get(var).cloned(),
        _ => None,
    })
}

fn given(facts: &[Sym], point: &Point) -> Vec<Sym> {
    facts.iter().map(|fact| moved(fact, point)).collect()
}

/// Every coordinate provably in its range.
fn within(point: &Point, coordinates: &[VarId], facts: &Facts) -> bool {
    coordinates.iter().all(|var| {
        let (lo, hi) = &facts.ranges[var];
        let value = &point[var];
        facts.nonneg(&value.sub(&moved(lo, point))) && facts.less(value, &moved(hi, point))
    })
}

/// The ends of the ranges, outer ones first.
fn corners(coordinates: &[VarId], facts: &Facts) -> Vec<Point> {
    let choices = match coordinates.len() {
        many if many > MAX_CORNER_COORDINATES => vec![0, u32::MAX],
        few => (0..1u32 << few).collect(),
    };
    let corner = |choice: u32| {
        let mut point = Point::new();
        for (bit, var) in coordinates.iter().enumerate() {
            let (lo, hi) = &facts.ranges[var];
            let end =
                if choice.checked_shr(bit as u32).unwrap_or(choice) & 1 == 0 { lo.clone() } else { hi.offset(-1) };
            point.insert(*var, moved(&end, &point));
        }
        point
    };
    choices.into_iter().map(corner).collect()
}

/// A point at which the indices lie in a region: the first of every range that is not said otherwise.
fn aim(index: &[Option<Sym>], region: &Region, coordinates: &[VarId], facts: &Facts) -> Option<Point> {
    let mut spans: HashMap<VarId, (i128, i128)> = HashMap::new();
    for (i, (lo, hi)) in index.iter().zip(&region.0) {
        let ([(Atom::Var(var), factor)], offset) = i.as_ref()?.parts() else { continue };
        let (first, last) = (*lo as i128 - offset, *hi as i128 - 1 - offset);
        // `factor * var` between the two; rounding keeps inside.
        let (least, most) = if *factor > 0 { (first, last) } else { (-last, -first) };
        let factor = factor.abs();
        let span = (-(-least).div_euclid(factor), most.div_euclid(factor));
        let known = spans.entry(*var).or_insert((i128::MIN, i128::MAX));
        *known = (known.0.max(span.0), known.1.min(span.1));
    }
    let mut point = Point::new();
    for var in coordinates {
        let lo = moved(&facts.ranges[var].0, &point);
        let value = match spans.get(var) {
            Some((least, most)) => {
                let value = (*least).max(lo.as_const()? as i128);
                if value > *most {
                    return None;
                }
                Sym::constant(i64::try_from(value).ok()?)
            }
            None => lo,
        };
        point.insert(*var, value);
    }
    Some(point)
}
