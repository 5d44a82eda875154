//! Sums of products whose guards bound several coordinates at once: convolutions with edges, and what they turn into
//! backwards.
//!
//! `sum[p](x[i + p - 1] * w[p] where i + p - 1 >= 0, i + p - 1 < n)` is a plain contraction of `w` with a copy of `x` that
//! has zeros where the guard is closed. In `sum[o](dy[o] * w[i - o] where i - o >= 0, i - o < m)` the other factor knows
//! the bounded combination `p = i - o`, which becomes the summed coordinate in the place of `o`: then `dy[i - p]` is what
//! gets zeros. `w[i - 2 * o]` has two phases, one for each remainder of `i`, which are contractions of their own.
//!
//! Any other condition on coordinates that one factor has all of (`sum[j](p[i, j] * v[j, d] where j <= i)`) and ranges that end
//! where another coordinate is put zeros into that factor.
//!
//! Zeros are no points: they say nothing only if what they are multiplied with is finite, which is asked before.

use super::product::Factor;
use super::{Coord, mentioned, step};
use crate::plan::function::Lower;
use crate::plan::limits::conjuncts;
use crate::plan::value::Part;
use ir::loops::Bin;
use ir::{Expr, ExprKind, Load, Op, Scalar, VarId};

/// What has to hold where the padded factor is not zero.
#[derive(Clone, Copy)]
pub enum Mask<'e> {
    Guard(&'e Expr),
    Compared(&'e Expr, Op, &'e Expr),
    /// The summed coordinate is not below the begin of its range, or below its end.
    From(VarId, &'e Expr),
    Below(VarId, &'e Expr),
}

impl<'e> Mask<'e> {
    /// A condition that many points meet.
    pub fn of(guard: &'e Expr) -> Option<Mask<'e>> {
        let mut is_selective = false;
        guard.walk(&mut |e| is_selective |= matches!(e.kind, ExprKind::Op(Op::Eq, _)));
        (!is_selective).then_some(Mask::Guard(guard))
    }

    pub fn operands(&self) -> Vec<&'e Expr> {
        match self {
            Mask::Guard(e) | Mask::From(_, e) | Mask::Below(_, e) => vec![e],
            Mask::Compared(left, _, right) => vec![left, right],
        }
    }

    fn mentions(&self, vars: &[VarId]) -> u64 {
        let own = match self {
            Mask::From(var, _) | Mask::Below(var, _) => vars.iter().position(|other| other == var),
            _ => None,
        };
        self.operands().into_iter().fold(own.map_or(0, |own| 1 << own), |bits, e| bits | mentioned(e, vars))
    }
}

/// A guard `left op right`, whose difference grows by constant steps with coordinates.
pub struct Side<'e> {
    pub steps: Vec<i64>,
    op: Op,
    left: &'e Expr,
    right: &'e Expr,
}

impl<'e> Side<'e> {
    pub fn operands(&self) -> [&'e Expr; 2] {
        [self.left, self.right]
    }
}

/// The guard as bounds of combinations of coordinates, if it is nothing else.
pub fn sides_of<'e>(guard: &'e Expr, vars: &[VarId], sides: &mut Vec<Side<'e>>) -> Option<()> {
    for part in conjuncts(guard) {
        let ExprKind::Op(op @ (Op::Lt | Op::Le | Op::Gt | Op::Ge), operands) = &part.kind else { return None };
        let [left, right] = &operands[..] else { return None };
        if !matches!(left.ty.scalar(), Some(Scalar::I32 | Scalar::I64)) {
            return None;
        }
        let grows = |var: &VarId| step(left, *var)?.checked_sub(step(right, *var)?);
        let steps = vars.iter().map(grows).collect::<Option<Vec<i64>>>()?;
        sides.push(Side { steps, op: *op, left, right });
    }
    Some(())
}

/// Sides that bound the same combination of coordinates.
pub struct Window {
    /// The first that is not zero is positive.
    pub steps: Vec<i64>,
    /// Numbers of sides, and whether they speak of the negative combination.
    sides: Vec<(usize, bool)>,
}

impl Window {
    pub fn has(&self, coord: usize) -> bool {
        self.steps[coord] != 0
    }

    fn bits(&self) -> u64 {
        (0..self.steps.len()).filter(|coord| self.has(*coord)).fold(0, |bits, coord| bits | 1 << coord)
    }
}

pub type Bounded = (Window, (Part, Part));

/// Windows with their bounds, and the single coordinates that were cut, as bits.
pub struct Windows {
    windows: Vec<Bounded>,
    pub cut: u64,
}

impl Windows {
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }
}

fn windows_of(sides: &[Side]) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for (k, side) in sides.iter().enumerate() {
        let is_turned = side.steps.iter().find(|step| **step != 0).is_some_and(|step| *step < 0);
        let steps: Vec<i64> = side.steps.iter().map(|step| if is_turned { -step } else { *step }).collect();
        match windows.iter_mut().find(|window| window.steps == steps) {
            Some(window) => window.sides.push((k, is_turned)),
            None => windows.push(Window { steps, sides: vec![(k, is_turned)] }),
        }
    }
    windows
}

/// A combination of coordinates along which the padded factor is stored.
pub struct Line {
    pub steps: Vec<i64>,
    /// The coordinate with a step of 1 or -1 that stands for the combination.
    stands: usize,
    /// What is stored, and the part of it that is not zero.
    pub from: Part,
    pub extent: Part,
    pub inside: (Part, Part),
}

/// A summed coordinate that another one takes the place of: `open - spread * at`, where `at` counts the summed one from
/// its begin, or down from its end. With it lies at the first points, and below `limit`.
pub struct Turned {
    pub open: usize,
    pub summed: usize,
    pub spread: i64,
    pub descends: bool,
    pub at_first: Part,
    pub limit: Part,
}

pub struct Windowed<'e> {
    pub padded: Vec<Factor<'e>>,
    pub lines: Vec<Line>,
    pub other: &'e Load,
    pub turned: Vec<Turned>,
    pub masks: Vec<Mask<'e>>,
    /// The open coordinates that cells depend on, as bits.
    pub open_coords: u64,
    /// Whether zeros instead of closed guards are the same.
    pub is_exact: Part,
}

/// How a window is kept.
#[derive(Clone, Copy)]
enum Way {
    /// The padded factor is stored along it.
    Stored,
    Turned {
        open: usize,
        summed: usize,
    },
    /// The padded factor has all of its coordinates.
    Masked,
}

struct Choice<'e> {
    padded: Vec<Factor<'e>>,
    other: &'e Load,
    ways: Vec<Way>,
    /// Which coordinates the factors have in the end.
    mentions: [u64; 2],
}

impl Lower<'_, '_> {
    /// Cuts ranges of single coordinates. What is left are windows over several, with their bounds.
    pub fn cut_by_sides(&mut self, sides: &[Side], coords: &mut [Coord]) -> Option<Windows> {
        let vars: Vec<VarId> = coords.iter().map(|coord| coord.var).collect();
        let (single, windows): (Vec<Window>, Vec<Window>) =
            windows_of(sides).into_iter().partition(|window| window.bits().count_ones() < 2);
        let mut taken = 0;
        for window in &windows {
            if taken & window.bits() != 0 {
                return None;
            }
            taken |= window.bits();
        }
        let single = single.iter().map(|window| Some((window, window.steps.iter().position(|step| *step == 1)?)));
        let single = single.collect::<Option<Vec<_>>>()?;
        let ends: Vec<Part> = sides.iter().map(|side| self.distance(side, &vars)).collect();
        let mut cut = 0;
        for (window, at) in single {
            let whole = coords[at].clone();
            let (lo, hi) = self.bounded_by(window, sides, &ends, (whole.lo.clone(), whole.hi.clone()));
            let same = |a: &Part, b: &Part| a.as_int().is_some() && a.as_int() == b.as_int();
            if !same(&lo, &whole.lo) || !same(&hi, &whole.hi) {
                coords[at] = Coord { lo, hi, ..whole };
                cut |= 1 << at;
            }
        }
        let bounded = windows.into_iter().map(|window| {
            let reach = self.reach(&window.steps, coords);
            let bounds = self.bounded_by(&window, sides, &ends, reach);
            (window, bounds)
        });
        Some(Windows { windows: bounded.collect(), cut })
    }

    /// A product of factors as one of a padded factor and another one, if that is what windows make it.
    pub fn windowed<'e>(
        &mut self,
        factors: &[Factor<'e>],
        (sides, windows): (&[Side<'e>], &Windows),
        mut masks: Vec<Mask<'e>>,
        (coords, extents, open): (&[Coord], &[f64], usize),
        is_worth: impl Fn([u64; 2]) -> bool,
    ) -> Option<Windowed<'e>> {
        let windows = &windows.windows;
        let choice = self.choice(factors, windows, &masks, (coords, extents, open))?;
        if !is_worth(choice.mentions) {
            return None;
        }
        let mut turned = Vec::new();
        for ((window, bounds), way) in windows.iter().zip(&choice.ways) {
            match *way {
                Way::Stored => {}
                Way::Turned { open, summed } => turned.push(self.turned(window, bounds, coords, open, summed)),
                Way::Masked => {
                    let sides = window.sides.iter().map(|(k, _)| &sides[*k]);
                    masks.extend(sides.map(|side| Mask::Compared(side.left, side.op, side.right)));
                }
            }
        }
        let lines = self.lines(&choice, windows, &turned, coords);
        let kept = |is_kept: fn(&Way) -> bool| -> Vec<&Bounded> {
            let all = windows.iter().zip(&choice.ways);
            all.filter(|(_, way)| is_kept(way)).map(|(window, _)| window).collect()
        };
        let turned_ones = kept(|way| matches!(way, Way::Turned { .. }));
        let stored_ones = kept(|way| matches!(way, Way::Stored));
        let mut is_exact = self.is_read_inside(choice.other, &turned_ones, coords);
        for factor in &choice.padded {
            if let ExprKind::Load(load) = &factor.e.kind {
                let is_inside = self.is_read_inside(load, &stored_ones, coords);
                is_exact = is_exact.bin(Bin::And, is_inside);
            }
        }
        let is_finite = self.is_finite(choice.other);
        let is_exact = self.atom(is_exact.bin(Bin::And, is_finite));
        let open_coords = (choice.mentions[0] | choice.mentions[1]) & super::low_bits(open);
        Some(Windowed { padded: choice.padded, lines, other: choice.other, turned, masks, is_exact, open_coords })
    }

    /// `left - right` where all coordinates are zero.
    fn distance(&mut self, side: &Side, vars: &[VarId]) -> Part {
        vars.iter().for_each(|var| self.bind_coord(*var, Part::index(0)));
        let left = self.index(side.left);
        let right = self.index(side.right);
        self.atom(left.bin(Bin::Sub, right))
    }

    /// The least and the greatest value of an end that depends on coordinates.
    pub fn reach_of_end(&mut self, end: &Expr, coords: &[Coord]) -> (Part, Part) {
        let steps: Vec<i64> = coords.iter().map(|coord| step(end, coord.var).unwrap_or(0)).collect();
        coords.iter().for_each(|coord| self.bind_coord(coord.var, Part::index(0)));
        let start = self.index(end);
        let (least, behind) = self.reach(&steps, coords);
        let most = behind.bin(Bin::Sub, Part::index(1)).bin(Bin::Add, start.clone());
        (self.atom(least.bin(Bin::Add, start)), self.atom(most))
    }

    /// The least value of a combination, and one more than the greatest.
    fn reach(&mut self, steps: &[i64], coords: &[Coord]) -> (Part, Part) {
        let (mut lo, mut last) = (Part::index(0), Part::index(0));
        for (step, coord) in steps.iter().zip(coords).filter(|(step, _)| **step != 0) {
            let ends = [coord.lo.clone(), coord.hi.clone().bin(Bin::Sub, Part::index(1))];
            let [first, end] = ends.map(|end| end.bin(Bin::Mul, Part::index(*step)));
            let (least, most) = if *step > 0 { (first, end) } else { (end, first) };
            lo = lo.bin(Bin::Add, least);
            last = last.bin(Bin::Add, most);
        }
        (self.atom(lo), self.atom(last.bin(Bin::Add, Part::index(1))))
    }

    /// The part of a range where the sides of a window are open.
    fn bounded_by(&mut self, window: &Window, sides: &[Side], ends: &[Part], (lo, hi): (Part, Part)) -> (Part, Part) {
        let (mut lo, mut hi) = (lo, hi);
        for (k, is_turned) in &window.sides {
            // `combination op bound`
            let nothing = Part::index(0);
            let (bound, op) = match is_turned {
                false => (nothing.bin(Bin::Sub, ends[*k].clone()), sides[*k].op),
                true => (ends[*k].clone(), super::limits::mirrored(sides[*k].op)),
            };
            let behind = bound.clone().bin(Bin::Add, Part::index(1));
            match op {
                Op::Lt => hi = hi.bin(Bin::SMin, bound),
                Op::Le => hi = hi.bin(Bin::SMin, behind),
                Op::Gt => lo = lo.bin(Bin::SMax, behind),
                _ => lo = lo.bin(Bin::SMax, bound),
            }
        }
        (self.atom(lo), self.atom(hi))
    }

    /// Which factor is padded, and how the windows are kept, so that as few points as possible are summed.
    fn choice<'e>(
        &self,
        factors: &[Factor<'e>],
        windows: &[Bounded],
        masks: &[Mask<'e>],
        (coords, extents, open): (&[Coord], &[f64], usize),
    ) -> Option<Choice<'e>> {
        let vars: Vec<VarId> = coords.iter().map(|coord| coord.var).collect();
        let vars = &vars[..];
        let mut best: Option<(f64, Choice)> = None;
        for (at, padded) in factors.iter().enumerate() {
            for (k, other) in factors.iter().enumerate().filter(|(k, _)| *k != at) {
                let ExprKind::Load(load) = &other.e.kind else { continue };
                if other.divides || !self.is_strided(other.e, vars) {
                    continue;
                }
                let (mut cost, mut ways) = (super::order::size(mentioned(padded.e, vars), extents), Vec::new());
                for (window, bounds) in windows {
                    let Some((points, way)) = way_of(window, bounds, padded.e, load, vars, coords, open) else { break };
                    cost *= points;
                    ways.push(way);
                }
                let mut all = vec![*padded];
                all.extend(factors.iter().enumerate().filter(|(n, _)| *n != at && *n != k).map(|(_, factor)| *factor));
                let bits = mentioned(padded.e, vars);
                let is_masked = masks.iter().all(|mask| mask.mentions(vars) & !bits == 0);
                let goes_along = |factor: &Factor| {
                    let stored = windows.iter().zip(&ways).filter(|(_, way)| matches!(way, Way::Stored));
                    mentioned(factor.e, vars) & !bits == 0
                        && stored.into_iter().all(|((window, _), _)| is_function_of(factor.e, window, vars))
                };
                if ways.len() < windows.len()
                    || !is_masked
                    || !all.iter().all(goes_along)
                    || all.iter().any(|factor| self.is_risky(factor.e) && !self.is_strided(factor.e, vars))
                    || best.as_ref().is_some_and(|(least, _)| *least <= cost)
                {
                    continue;
                }
                let mut mentions = [bits, mentioned(other.e, vars)];
                for way in &ways {
                    if let Way::Turned { open, summed } = way {
                        mentions[0] |= 1 << open;
                        let is_bare = load.index.iter().all(|e| step(e, vars[*summed]) == Some(0));
                        mentions[1] &= if is_bare { u64::MAX } else { !(1 << open) };
                    }
                }
                best = Some((cost, Choice { padded: all, other: load, ways, mentions }));
            }
        }
        best.map(|(_, choice)| choice)
    }

    fn turned(
        &mut self,
        window: &Window,
        (lo, hi): &(Part, Part),
        coords: &[Coord],
        open: usize,
        summed: usize,
    ) -> Turned {
        // The first step of a window is positive, and open coordinates come first.
        let step = window.steps[summed];
        let (spread, descends) = (step.abs(), step > 0);
        let coord = &coords[summed];
        let begin = if descends { coord.hi.clone().bin(Bin::Sub, Part::index(1)) } else { coord.lo.clone() };
        let at_first = coords[open].lo.clone().bin(Bin::Add, begin.bin(Bin::Mul, Part::index(step)));
        let at_first = self.atom(at_first.bin(Bin::Sub, lo.clone()));
        let limit = self.atom(hi.clone().bin(Bin::Sub, lo.clone()).bin(Bin::SMax, Part::index(0)));
        Turned { open, summed, spread, descends, at_first, limit }
    }

    /// Along which combinations the padded factor is stored, in the order in which it reads them.
    fn lines(&mut self, choice: &Choice, windows: &[Bounded], turned: &[Turned], coords: &[Coord]) -> Vec<Line> {
        let vars: Vec<VarId> = coords.iter().map(|coord| coord.var).collect();
        let padded = choice.padded[0].e;
        let mut lines = Vec::new();
        for ((window, bounds), way) in windows.iter().zip(&choice.ways) {
            let Way::Stored = way else { continue };
            let Some(stands) = window.steps.iter().position(|step| step.abs() == 1) else { continue };
            let (from, behind) = self.reach(&window.steps, coords);
            let extent = self.atom(behind.bin(Bin::Sub, from.clone()).bin(Bin::SMax, Part::index(0)));
            lines.push(Line { steps: window.steps.clone(), stands, from, extent, inside: bounds.clone() });
        }
        let plain: Vec<usize> = (0..coords.len())
            .filter(|k| mentioned(padded, &[vars[*k]]) != 0 && lines.iter().all(|line: &Line| line.steps[*k] == 0))
            .collect();
        for k in plain {
            let coord = &coords[k];
            let mut steps = vec![0; coords.len()];
            steps[k] = 1;
            let line = match turned.iter().find(|turned| turned.summed == k) {
                None => {
                    let inside = (coord.lo.clone(), coord.hi.clone());
                    Line { steps, stands: k, from: coord.lo.clone(), extent: coord.extent(), inside }
                }
                Some(turned) => {
                    let (first, extent) = self.turned_reach(turned, &coords[turned.open]);
                    let from = match turned.descends {
                        false => coord.lo.clone().bin(Bin::Add, first),
                        true => coord.hi.clone().bin(Bin::Sub, first).bin(Bin::Sub, extent.clone()),
                    };
                    let from = self.atom(from);
                    let behind = self.atom(from.clone().bin(Bin::Add, extent.clone()));
                    let lo = self.atom(coord.lo.clone().bin(Bin::SMax, from.clone()));
                    let hi = self.atom(coord.hi.clone().bin(Bin::SMin, behind));
                    Line { steps, stands: k, from, extent, inside: (lo, hi) }
                }
            };
            lines.push(line);
        }
        lines.sort_by_key(|line| place_of(padded, vars[line.stands]));
        lines
    }

    /// From where and over how many places a coordinate that is turned is read: `open / spread - taken / spread`.
    fn turned_reach(&mut self, turned: &Turned, open: &Coord) -> (Part, Part) {
        let (spread, one) = (turned.spread, Part::index(1));
        let up = |lower: &mut Self, part: Part| {
            let part = part.bin(Bin::Add, Part::index(spread - 1));
            lower.floor_of(part, spread)
        };
        let taken = up(self, turned.limit.clone());
        let places = up(self, open.extent());
        let least = self.floor_of(turned.at_first.clone(), spread);
        let most = self.floor_of(turned.at_first.clone().bin(Bin::Add, Part::index(spread - 1)), spread);
        let first = self.atom(least.bin(Bin::Sub, taken).bin(Bin::Add, one));
        let extent = most.bin(Bin::Add, places).bin(Bin::Sub, first.clone()).bin(Bin::SMax, Part::index(0));
        (first, self.atom(extent))
    }

    /// Lets coordinates stand for a point of a line.
    pub fn bind_on_line(&mut self, line: &Line, at: Part, coords: &[Coord]) {
        let mut rest = at;
        for (k, (step, coord)) in line.steps.iter().zip(coords).enumerate() {
            if *step != 0 && k != line.stands {
                self.bind_coord(coord.var, coord.lo.clone());
                rest = rest.bin(Bin::Sub, coord.lo.clone().bin(Bin::Mul, Part::index(*step)));
            }
        }
        let rest = rest.bin(Bin::Mul, Part::index(line.steps[line.stands]));
        let rest = self.atom(rest);
        self.bind_coord(coords[line.stands].var, rest);
    }
}

/// How many points are summed along a window, and how it is kept, at best.
fn way_of(
    window: &Window,
    (lo, hi): &(Part, Part),
    padded: &Expr,
    other: &Load,
    vars: &[VarId],
    coords: &[Coord],
    open: usize,
) -> Option<(f64, Way)> {
    let known = |extent: Part| extent.as_int().map_or(super::product::UNKNOWN, |extent| extent.max(1) as f64);
    let summed: Vec<usize> = (open..coords.len()).filter(|k| window.has(*k)).collect();
    let is_stored = window.steps.iter().any(|step| step.abs() == 1)
        && mentioned(padded, vars) & window.bits() == window.bits()
        && is_function_of(padded, window, vars);
    let stored = is_stored.then(|| (summed.iter().map(|k| known(coords[*k].extent())).product(), Way::Stored));
    let turned = || {
        let (&[summed], 2) = (&summed[..], window.bits().count_ones()) else { return None };
        let open = (0..open).find(|k| window.has(*k) && window.steps[*k].abs() == 1)?;
        let is_summed = mentioned(padded, &[vars[summed]]) != 0 && mentioned(padded, &[vars[open]]) == 0;
        let follows = |e: &Expr| {
            let (a, b) = (step(e, vars[open])?, step(e, vars[summed])?);
            (b == 0 || a * window.steps[summed] == b * window.steps[open]).then_some(())
        };
        let points = known(hi.clone().bin(Bin::Sub, lo.clone())) / window.steps[summed].abs() as f64;
        (is_summed && other.index.iter().all(|e| follows(e).is_some()))
            .then_some((points, Way::Turned { open, summed }))
    };
    let is_masked = mentioned(padded, vars) & window.bits() == window.bits();
    let masked = is_masked.then(|| (summed.iter().map(|k| known(coords[*k].extent())).product(), Way::Masked));
    match (stored.or(masked), turned()) {
        (Some(stored), Some(turned)) => Some(if turned.0 < stored.0 { turned } else { stored }),
        (stored, turned) => stored.or(turned),
    }
}

/// Whether the coordinates of a window are nothing but parts of indices that grow with the window.
fn is_function_of(e: &Expr, window: &Window, vars: &[VarId]) -> bool {
    let own: Vec<VarId> = vars.iter().enumerate().filter(|(k, _)| window.has(*k)).map(|(_, var)| *var).collect();
    if mentioned(e, &own) == 0 {
        return true;
    }
    let steps: Vec<i64> = window.steps.iter().copied().filter(|step| *step != 0).collect();
    match &e.kind {
        ExprKind::Load(load) => {
            let follows = |e: &Expr| {
                let own: Option<Vec<i64>> = own.iter().map(|var| step(e, *var)).collect();
                own.is_some_and(|own| own.iter().zip(&steps).all(|(a, b)| a * steps[0] == b * own[0]))
            };
            mentioned(&load.tensor, &own) == 0 && load.index.iter().all(follows)
        }
        ExprKind::Op(_, operands) => operands.iter().all(|e| is_function_of(e, window, vars)),
        ExprKind::Cast(inner) => is_function_of(inner, window, vars),
        _ => false,
    }
}

/// The axis at which a coordinate is first read.
fn place_of(e: &Expr, var: VarId) -> usize {
    let mut place = 0;
    let mut is_found = false;
    e.walk(&mut |e| {
        if let ExprKind::Load(load) = &e.kind
            && !is_found
            && let Some(axis) = load.index.iter().position(|e| mentioned(e, &[var]) != 0)
        {
            (place, is_found) = (axis, true);
        }
    });
    place
}
