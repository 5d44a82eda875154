//! What follows from the facts: signs and ends of symbolic integers.
//!
//! A proof that `s` is not negative puts the worst case in place of one coordinate after the other, inner ones first,
//! and takes known facts away from it, until something plainly not negative is left. It is bounded by fuel: a proof
//! that is not found soon is not found.

use super::{Atom, Facts, Sym};
use ir::VarId;
use std::cell::Cell;
use std::collections::HashMap;

/// Steps of one proof, and how many known facts it may combine.
const FUEL: u32 = 300;
const FACTS_COMBINED: u32 = 3;
/// Corners of a box that are tried as witnesses.
const MAX_CORNER_VARS: usize = 5;

impl Facts {
    /// Provably at least zero wherever these facts hold.
    pub fn nonneg(&self, s: &Sym) -> bool {
        Prover { facts: self, fuel: Cell::new(FUEL) }.nonneg(s, FACTS_COMBINED)
    }

    /// Provably `a < b`.
    pub fn less(&self, a: &Sym, b: &Sym) -> bool {
        self.nonneg(&b.sub(a).offset(-1))
    }

    pub fn equal(&self, a: &Sym, b: &Sym) -> bool {
        a == b || self.nonneg(&a.sub(b)) && self.nonneg(&b.sub(a))
    }

    /// Provably below zero at every point that there is, and there provably is one: what is wrong for certain.
    pub fn negative(&self, s: &Sym) -> bool {
        self.nonneg(&s.neg().offset(-1)) && self.reached(s)
    }

    /// Provably reached by some point of the coordinates that `s` mentions, through all conditions in force.
    fn reached(&self, s: &Sym) -> bool {
        if self.unsaid > 0 {
            return false;
        }
        let mut coordinates = Vec::new();
        for s in self.known.iter().chain([s]) {
            self.collect_coordinates(s, &mut coordinates);
        }
        let inhabited = || {
            let outside = Facts { ranges: self.ranges_of(&coordinates), ..Facts::default() };
            coordinates.iter().all(|v| outside.less(&self.ranges[v].0, &self.ranges[v].1))
        };
        self.known.is_empty() && inhabited() || self.corner(&coordinates)
    }

    fn ranges_of(&self, coordinates: &[VarId]) -> HashMap<VarId, (Sym, Sym)> {
        coordinates.iter().map(|v| (*v, self.ranges[v].clone())).collect()
    }

    /// The coordinates that a value depends on, outer ones first.
    pub(crate) fn collect_coordinates(&self, s: &Sym, into: &mut Vec<VarId>) {
        self.collect_open(s, &mut Vec::new(), into);
    }

    /// The ranges of a program that is wrong may wait for each other: `open` are the coordinates that are waited for.
    fn collect_open(&self, s: &Sym, open: &mut Vec<VarId>, into: &mut Vec<VarId>) {
        for var in s.vars() {
            if let Some((lo, hi)) = self.ranges.get(&var)
                && !into.contains(&var)
                && !open.contains(&var)
            {
                open.push(var);
                self.collect_open(lo, open, into);
                self.collect_open(hi, open, into);
                open.pop();
                into.push(var);
            }
        }
    }

    /// Whether some corner of the ranges satisfies everything that is known.
    fn corner(&self, coordinates: &[VarId]) -> bool {
        if coordinates.len() > MAX_CORNER_VARS {
            return false;
        }
        (0..1u32 << coordinates.len()).any(|choice| {
            let mut point = HashMap::new();
            for (bit, var) in coordinates.iter().enumerate() {
                let (lo, hi) = &self.ranges[var];
                let (Some(lo), Some(hi)) = (at(lo, &point), at(hi, &point)) else { return false };
                if lo >= hi {
                    return false;
                }
                point.insert(*var, if choice >> bit & 1 == 0 { lo } else { hi - 1 });
            }
            self.known.iter().all(|fact| at(fact, &point).is_some_and(|value| value >= 0))
        })
    }

    /// The least value over the ranges of its coordinates, if they are constant; conditions are not looked at.
    pub fn minimum(&self, s: &Sym) -> Option<i64> {
        self.end(s, true)
    }

    /// The greatest value over the ranges of its coordinates, if they are constant; conditions are not looked at.
    pub fn maximum(&self, s: &Sym) -> Option<i64> {
        self.end(s, false)
    }

    fn end(&self, s: &Sym, least: bool) -> Option<i64> {
        if let ([(Atom::Div(inner, divisor), c)], constant) = s.parts() {
            let inner = self.end(inner, least == (*c > 0))?;
            return i64::try_from((inner / divisor) as i128 * c + constant).ok();
        }
        let (mut rest, mut choices) = (s.clone(), HashMap::new());
        while !rest.is_const() {
            let var = self.innermost(&rest)?;
            if rest.terms.iter().any(|(atom, _)| *atom != Atom::Var(var) && Sym::atom(atom.clone()).mentions(var)) {
                return None;
            }
            let (lo, hi) = &self.ranges[&var];
            let value = if (rest.coefficient(&Atom::Var(var)) > 0) == least { lo.clone() } else { hi.offset(-1) };
            rest = rest.substitute(var, &value);
            choices.insert(var, value);
        }
        // The end is exact if the point that was chosen exists.
        let mut coordinates = Vec::new();
        self.collect_coordinates(s, &mut coordinates);
        let mut point = HashMap::new();
        for var in coordinates {
            let (lo, hi) = &self.ranges[&var];
            let (lo, hi) = (at(lo, &point)?, at(hi, &point)?);
            let value = choices.get(&var).map_or(Some(lo), |value| at(value, &point))?;
            if value < lo || value >= hi {
                return None;
            }
            point.insert(var, value);
        }
        rest.as_const()
    }

    /// A coordinate that no range of another one of `s` mentions.
    fn innermost(&self, s: &Sym) -> Option<VarId> {
        let mut candidates: Vec<_> = s.vars().into_iter().filter(|var| self.ranges.contains_key(var)).collect();
        candidates.sort();
        let free = candidates.iter().rev().find(|var| {
            candidates.iter().all(|other| {
                let (lo, hi) = &self.ranges[other];
                other == *var || !lo.mentions(**var) && !hi.mentions(**var)
            })
        });
        free.or(candidates.last()).copied()
    }
}

/// The value at a point, if nothing is left open there.
fn at(s: &Sym, point: &HashMap<VarId, i64>) -> Option<i64> {
    s.replace(&|atom| match atom {
        Atom::Var(var) => point.get(var).map(|value| Sym::constant(*value)),
        _ => None,
    })
    .as_const()
}

/// Not negative at sight.
fn plain(s: &Sym, facts: &Facts) -> bool {
    s.constant >= 0 && s.terms.iter().all(|(atom, c)| *c > 0 && plain_atom(atom, facts))
}

fn plain_atom(atom: &Atom, facts: &Facts) -> bool {
    match atom {
        Atom::Extent(..) => true,
        Atom::Var(var) => facts.ranges.get(var).and_then(|(lo, _)| lo.as_const()).is_some_and(|lo| lo >= 0),
        Atom::Div(s, _) | Atom::Rem(s, _) => plain(s, facts),
        Atom::Product(factors) => factors.iter().all(|factor| plain_atom(factor, facts)),
        Atom::Min(a, b) => plain(a, facts) && plain(b, facts),
        Atom::Max(a, b) => plain(a, facts) || plain(b, facts),
    }
}

struct Prover<'a> {
    facts: &'a Facts,
    fuel: Cell<u32>,
}

impl Prover<'_> {
    fn nonneg(&self, s: &Sym, facts_left: u32) -> bool {
        if self.fuel.get() == 0 || !s.is_tame() {
            return false;
        }
        self.fuel.set(self.fuel.get() - 1);
        let s = &tightened(s);
        if s.is_const() || plain(s, self.facts) {
            return s.constant >= 0;
        }
        self.by_bounds(s, facts_left) || facts_left > 0 && self.by_facts(s, facts_left - 1)
    }

    /// Puts the worst case in place of one atom.
    fn by_bounds(&self, s: &Sym, facts_left: u32) -> bool {
        let compound = |atom: &Atom| matches!(atom, Atom::Div(..) | Atom::Rem(..) | Atom::Min(..) | Atom::Max(..));
        // A remainder before the quotient that it may be stated with.
        if let Some((atom, c)) = s.terms.iter().rfind(|(atom, _)| compound(atom)) {
            return self.by_compound(s, atom, *c, facts_left);
        }
        let Some(var) = self.facts.innermost(s) else { return false };
        let Some(slope) = slope(s, var) else { return false };
        let (lo, hi) = &self.facts.ranges[&var];
        let rising = if plain(&slope, self.facts) {
            true
        } else if plain(&slope.neg(), self.facts) {
            false
        } else if self.nonneg(&slope, facts_left) {
            true
        } else if self.nonneg(&slope.neg(), facts_left) {
            false
        } else {
            return false;
        };
        let worst = if rising { lo.clone() } else { hi.offset(-1) };
        self.nonneg(&s.substitute(var, &worst), facts_left)
    }

    fn by_compound(&self, s: &Sym, atom: &Atom, c: i128, facts_left: u32) -> bool {
        let rest = s.combine(&Sym::atom(atom.clone()), -c);
        let with = |value: &Sym| self.nonneg(&rest.combine(value, c), facts_left);
        match atom {
            Atom::Min(a, b) if c > 0 => with(a) && with(b),
            Atom::Max(a, b) if c < 0 => with(a) && with(b),
            Atom::Min(a, b) | Atom::Max(a, b) => with(a) || with(b),
            Atom::Div(inner, divisor) => {
                let divisor = *divisor as i128;
                let dividend = self.nonneg(inner, facts_left);
                // `divisor * quotient` is at most the dividend, or above it by less than the divisor if that is
                // negative, and below it by less than the divisor.
                let slack = if c > 0 {
                    1 - divisor
                } else if dividend {
                    0
                } else {
                    divisor - 1
                };
                let scale = divisor / gcd(c, divisor);
                let scaled = rest.scale_wide(scale);
                let bound = Sym { terms: inner.terms.clone(), constant: inner.constant + slack };
                let s = scaled.combine(&bound, c * scale / divisor);
                let s = Sym { constant: s.constant + scale - 1, ..s };
                self.nonneg(&s, facts_left) || c > 0 && dividend && self.nonneg(&rest, facts_left)
            }
            Atom::Rem(inner, divisor) => {
                let quotient = Sym::atom(Atom::Div(inner.clone(), *divisor));
                if s.coefficient(&quotient.terms[0].0) != 0 {
                    return with(&inner.combine(&quotient, -(*divisor as i128)));
                }
                let dividend = self.nonneg(inner, facts_left);
                match (c > 0, dividend) {
                    (true, true) => with(&Sym::default()),
                    (true, false) => with(&Sym::constant(1 - divisor)),
                    (false, _) => with(&Sym::constant(divisor - 1)) || dividend && with(inner),
                }
            }
            Atom::Var(_) | Atom::Extent(..) | Atom::Product(_) => false,
        }
    }

    /// Takes a multiple of a known fact away such that an atom goes with it. The newest facts are the closest.
    fn by_facts(&self, s: &Sym, facts_left: u32) -> bool {
        let Facts { known, inhabited, checked, promised, .. } = self.facts;
        let mut facts = known.iter().rev().chain(inhabited).chain(promised).chain(checked);
        facts.any(|fact| {
            fact.terms.iter().any(|(atom, d)| {
                let c = s.coefficient(atom);
                if c == 0 || (c > 0) != (*d > 0) {
                    return false;
                }
                let common = gcd(c, *d);
                let scale = d.abs() / common;
                let rest = s.scale_wide(scale).combine(fact, -(c.abs() / common));
                self.nonneg(&Sym { constant: rest.constant + scale - 1, ..rest }, facts_left)
            })
        })
    }
}

/// Divided by what all coefficients share; the constant is rounded down, which changes no sign of an integer.
fn tightened(s: &Sym) -> Sym {
    let common = s.terms.iter().fold(0, |common, (_, c)| gcd(common, *c));
    if common <= 1 {
        return s.clone();
    }
    let terms = s.terms.iter().map(|(atom, c)| (atom.clone(), c / common)).collect();
    Sym { terms, constant: s.constant.div_euclid(common) }
}

/// By how much `s` grows with a variable that it is linear in.
fn slope(s: &Sym, var: VarId) -> Option<Sym> {
    let mut slope = Sym::default();
    for (atom, c) in &s.terms {
        let (own, others): (Vec<_>, Vec<_>) = atom.factors().iter().partition(|factor| **factor == Atom::Var(var));
        let product = others.into_iter().fold(Sym::constant(1), |product, f| product.times(&Sym::atom(f.clone())));
        match own.len() {
            _ if product.mentions(var) => return None,
            0 => {}
            1 => slope = slope.combine(&product, *c),
            _ => return None,
        }
    }
    Some(slope)
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
