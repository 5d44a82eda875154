//! Sets of cells as boxes: a constant half-open range per axis.

use diagnostics::Symbol;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Region(pub Vec<(i64, i64)>);

impl Region {
    pub fn is_empty(&self) -> bool {
        self.0.iter().any(|(lo, hi)| lo >= hi)
    }

    pub fn meets(&self, other: &Region) -> bool {
        !self.is_empty() && !other.is_empty() && self.0.iter().zip(&other.0).all(|(a, b)| a.0 < b.1 && b.0 < a.1)
    }

    pub fn contains(&self, other: &Region) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a.0 <= b.0 && b.1 <= a.1)
    }

    /// The two as one, if they are alike on all axes but one and touch on that.
    fn joined(&self, other: &Region) -> Option<Region> {
        let mut differing = (0..self.0.len()).filter(|&axis| self.0[axis] != other.0[axis]);
        let (Some(axis), None) = (differing.next(), differing.next()) else { return None };
        let (a, b) = (self.0[axis], other.0[axis]);
        if a.1 != b.0 && b.1 != a.0 {
            return None;
        }
        let mut joined = self.clone();
        joined.0[axis] = (a.0.min(b.0), a.1.max(b.1));
        Some(joined)
    }

    /// `curve[2..4]`, `D[0, j in 2..4]`
    pub fn text(&self, family: Symbol, names: &[Option<Symbol>]) -> String {
        let ranges: Vec<_> = self
            .0
            .iter()
            .zip(names)
            .map(|((lo, hi), name)| match name {
                _ if hi - lo == 1 => lo.to_string(),
                Some(name) => format!("{name} in {lo}..{hi}"),
                None => format!("{lo}..{hi}"),
            })
            .collect();
        format!("{family}[{}]", ranges.join(", "))
    }
}

/// What is left of disjoint boxes without the cells of another one: disjoint boxes again.
pub(super) fn subtract(from: Vec<Region>, cells: &Region) -> Vec<Region> {
    let mut left = Vec::with_capacity(from.len());
    for mut region in from {
        if !region.meets(cells) {
            left.push(region);
            continue;
        }
        for axis in 0..region.0.len() {
            let (lo, hi) = region.0[axis];
            let (cut_lo, cut_hi) = cells.0[axis];
            for part in [(lo, cut_lo), (cut_hi, hi)] {
                if part.0 < part.1 {
                    let mut beside = region.clone();
                    beside.0[axis] = part;
                    left.push(beside);
                }
            }
            region.0[axis] = (lo.max(cut_lo), hi.min(cut_hi));
        }
    }
    left
}

/// Fewer and larger boxes of the same cells, in order of their first cell.
pub(super) fn merged(mut boxes: Vec<Region>) -> Vec<Region> {
    /// Beyond, the number of regions is all that is told anyway.
    const MAX_MERGED: usize = 64;
    boxes.sort();
    if boxes.len() > MAX_MERGED {
        return boxes;
    }
    'again: loop {
        for a in 0..boxes.len() {
            for b in a + 1..boxes.len() {
                if let Some(joined) = boxes[a].joined(&boxes[b]) {
                    boxes.remove(b);
                    boxes[a] = joined;
                    continue 'again;
                }
            }
        }
        boxes.sort();
        return boxes;
    }
}
