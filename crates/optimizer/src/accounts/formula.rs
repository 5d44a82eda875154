//! Polynomials in the extents of coordinates: how many points, operations and bytes there are.

use std::collections::BTreeMap;

/// An extent with a name, row in a table of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Atom(pub u32);

/// A fraction in lowest terms with a positive denominator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Ratio(i128, i128);

impl Ratio {
    fn new(top: i128, bottom: i128) -> Ratio {
        let divisor = gcd(top.unsigned_abs(), bottom.unsigned_abs()).max(1) as i128 * bottom.signum();
        Ratio(top / divisor, bottom / divisor)
    }

    fn add(self, other: Ratio) -> Ratio {
        let top = self.0.saturating_mul(other.1).saturating_add(other.0.saturating_mul(self.1));
        Ratio::new(top, self.1.saturating_mul(other.1))
    }

    fn mul(self, other: Ratio) -> Ratio {
        Ratio::new(self.0.saturating_mul(other.0), self.1.saturating_mul(other.1))
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A sum of products of extents; equal products stand together, and none has the factor zero.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Formula {
    terms: BTreeMap<Vec<Atom>, Ratio>,
}

impl Formula {
    pub fn zero() -> Formula {
        Formula::default()
    }

    pub fn one() -> Formula {
        Formula::number(1)
    }

    pub fn number(value: i64) -> Formula {
        Formula::of(Vec::new(), Ratio(value as i128, 1))
    }

    pub fn atom(atom: Atom) -> Formula {
        Formula::of(vec![atom], Ratio(1, 1))
    }

    fn of(factors: Vec<Atom>, ratio: Ratio) -> Formula {
        let mut sum = Formula::zero();
        sum.put(factors, ratio);
        sum
    }

    fn put(&mut self, mut factors: Vec<Atom>, ratio: Ratio) {
        factors.sort();
        let total = self.terms.get(&factors).map_or(ratio, |old| old.add(ratio));
        if total.0 == 0 {
            self.terms.remove(&factors);
        } else {
            self.terms.insert(factors, total);
        }
    }

    pub fn is_zero(&self) -> bool {
        self.terms.is_empty()
    }

    /// The number that this is, if it names no extent.
    pub fn as_number(&self) -> Option<i64> {
        match self.terms.iter().next() {
            None => Some(0),
            Some((factors, ratio)) if self.terms.len() == 1 && factors.is_empty() && ratio.1 == 1 => {
                i64::try_from(ratio.0).ok()
            }
            _ => None,
        }
    }

    /// The extent that this is, if it is one alone.
    pub fn as_atom(&self) -> Option<Atom> {
        let (factors, ratio) = self.terms.iter().next()?;
        (self.terms.len() == 1 && factors.len() == 1 && *ratio == Ratio(1, 1)).then(|| factors[0])
    }

    pub fn plus(&self, other: &Formula) -> Formula {
        let mut sum = self.clone();
        for (factors, ratio) in &other.terms {
            sum.put(factors.clone(), *ratio);
        }
        sum
    }

    pub fn times(&self, other: &Formula) -> Formula {
        let mut product = Formula::zero();
        for (left, a) in &self.terms {
            for (right, b) in &other.terms {
                product.put([left.as_slice(), right].concat(), a.mul(*b));
            }
        }
        product
    }

    pub fn minus(&self, other: &Formula) -> Formula {
        self.plus(&other.times(&Formula::number(-1)))
    }

    pub fn scaled(&self, factor: i64) -> Formula {
        self.times(&Formula::number(factor))
    }

    fn power(&self, exponent: usize) -> Formula {
        (0..exponent).fold(Formula::one(), |product, _| product.times(self))
    }

    pub fn atoms(&self) -> impl Iterator<Item = Atom> {
        self.terms.keys().flatten().copied()
    }

    /// With each extent replaced.
    pub fn replaced(&self, by: &dyn Fn(Atom) -> Formula) -> Formula {
        self.terms.iter().fold(Formula::zero(), |sum, (factors, ratio)| {
            let first = Formula::of(Vec::new(), *ratio);
            sum.plus(&factors.iter().fold(first, |product, atom| product.times(&by(*atom))))
        })
    }

    /// The sum of this over `lo <= at < hi`.
    pub fn summed(&self, at: Atom, lo: &Formula, hi: &Formula) -> Formula {
        self.terms.iter().fold(Formula::zero(), |sum, (factors, ratio)| {
            let power = factors.iter().filter(|factor| **factor == at).count();
            let rest = factors.iter().copied().filter(|factor| *factor != at).collect();
            let points = powers_below(power, hi).minus(&powers_below(power, lo));
            sum.plus(&Formula::of(rest, *ratio).times(&points))
        })
    }

    /// The value where each extent has this value.
    pub fn value(&self, of: &dyn Fn(Atom) -> f64) -> f64 {
        let term = |(factors, ratio): (&Vec<Atom>, &Ratio)| {
            ratio.0 as f64 / ratio.1 as f64 * factors.iter().map(|atom| of(*atom)).product::<f64>()
        };
        self.terms.iter().map(term).sum()
    }

    /// Products of the highest degree first, each with its extents by name, fractions behind: `2*i*j + (i*i + i)/2`.
    pub fn text(&self, name: &dyn Fn(Atom) -> String) -> String {
        let mut terms: Vec<(Vec<String>, Ratio)> = Vec::new();
        for (factors, ratio) in &self.terms {
            let mut names: Vec<String> = factors.iter().map(|atom| name(*atom)).collect();
            names.sort();
            terms.push((names, *ratio));
        }
        terms.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        let (whole, mut broken): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(_, ratio)| ratio.1 == 1);
        let common = |all: i128, ratio: &Ratio| all / gcd(all.unsigned_abs(), ratio.1.unsigned_abs()) as i128 * ratio.1;
        let bottom = broken.iter().map(|(_, ratio)| ratio).fold(1, common);
        for (_, ratio) in &mut broken {
            *ratio = ratio.mul(Ratio(bottom, 1));
        }
        let fraction = match broken.len() {
            0 => String::new(),
            1 => format!("{}/{bottom}", sum_text(&broken)),
            _ => format!("({})/{bottom}", sum_text(&broken)),
        };
        match (whole.is_empty(), broken.is_empty()) {
            (true, true) => "0".to_owned(),
            (true, false) => fraction,
            (false, true) => sum_text(&whole),
            (false, false) => format!("{} + {fraction}", sum_text(&whole)),
        }
    }
}

fn sum_text(terms: &[(Vec<String>, Ratio)]) -> String {
    let mut out = String::new();
    for (names, Ratio(factor, _)) in terms {
        out.push_str(match (out.is_empty(), *factor < 0) {
            (true, true) => "-",
            (true, false) => "",
            (false, true) => " - ",
            (false, false) => " + ",
        });
        let size = factor.unsigned_abs();
        let number = (size != 1 || names.is_empty()).then(|| size.to_string());
        out += &number.into_iter().chain(names.iter().cloned()).collect::<Vec<_>>().join("*");
    }
    out
}

/// The sum of `x^power` over `0 <= x < end`: what is left of `end^(power + 1)`, a telescope of differences of powers.
fn powers_below(power: usize, end: &Formula) -> Formula {
    let mut left = end.power(power + 1);
    let mut choices = 1i64;
    for lower in 0..power {
        left = left.minus(&powers_below(lower, end).scaled(choices));
        choices = choices * (power as i64 + 1 - lower as i64) / (lower as i64 + 1);
    }
    left.times(&Formula::of(Vec::new(), Ratio::new(1, power as i128 + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const I: Atom = Atom(0);
    const N: Atom = Atom(1);

    fn text(formula: &Formula) -> String {
        formula.text(&|atom| ["i", "n"][atom.0 as usize].to_owned())
    }

    #[test]
    fn products_of_one_kind_stand_together() {
        let (i, n) = (Formula::atom(I), Formula::atom(N));
        let sum = i.times(&n).scaled(2).plus(&n.times(&i)).plus(&Formula::number(5)).minus(&n);
        assert_eq!(text(&sum), "3*i*n - n + 5");
        assert_eq!(text(&sum.minus(&sum)), "0");
        assert_eq!(sum.value(&|atom| [4.0, 10.0][atom.0 as usize]), 115.0);
    }

    #[test]
    fn triangles_and_pyramids_have_their_size() {
        let (i, n) = (Formula::atom(I), Formula::atom(N));
        let triangle = i.plus(&Formula::one()).summed(I, &Formula::zero(), &n);
        assert_eq!(text(&triangle), "(n*n + n)/2");
        assert_eq!(text(&triangle.plus(&i.scaled(3))), "3*i + (n*n + n)/2");
        let squares = i.times(&i).summed(I, &Formula::zero(), &n);
        assert_eq!(text(&squares), "(2*n*n*n - 3*n*n + n)/6");
        for end in 0..9 {
            let sum: i64 = (0..end).map(|x| x * x * x).sum();
            let cubes = i.power(3).summed(I, &Formula::zero(), &Formula::number(end));
            assert_eq!(cubes.as_number(), Some(sum));
        }
    }

    #[test]
    fn extents_can_be_replaced() {
        let twice = Formula::atom(I).scaled(3).replaced(&|_| Formula::atom(N).plus(&Formula::one()));
        assert_eq!(text(&twice), "3*n + 3");
        assert_eq!((twice.as_atom(), Formula::atom(N).as_atom()), (None, Some(N)));
    }
}
