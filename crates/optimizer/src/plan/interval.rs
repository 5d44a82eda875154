//! Between which numbers an index lies, as far as the loops around it tell: what needs no check.

use super::function::Lower;
use super::value::Part;
use ir::loops::{Bin, Cmp, Convert, Ex, Ty};

/// The least and the greatest value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    pub least: i64,
    pub most: i64,
}

/// Whole numbers further from zero are not followed, so that no sum of two overflows.
const FAR: i64 = 1 << 62;

impl Interval {
    /// Of the counter of a loop over `lo..hi` that has a turn.
    pub fn of_turns(lo: Option<Interval>, hi: Option<Interval>) -> Option<Interval> {
        Interval::checked(lo?.least, hi?.most - 1)
    }

    fn checked(least: i64, most: i64) -> Option<Interval> {
        (-FAR <= least && least <= most && most <= FAR).then_some(Interval { least, most })
    }

    fn fits(self, ty: Ty) -> Option<Interval> {
        let fits = match ty {
            Ty::I64 => true,
            Ty::I32 => i64::from(i32::MIN) <= self.least && self.most <= i64::from(i32::MAX),
            _ => false,
        };
        fits.then_some(self)
    }

    fn product(self, other: Interval) -> Option<Interval> {
        let ends = [self.least, self.most].into_iter();
        let products = ends.flat_map(|a| [other.least, other.most].map(|b| a.checked_mul(b)));
        let products: Vec<i64> = products.collect::<Option<_>>()?;
        Interval::checked(*products.iter().min()?, *products.iter().max()?)
    }

    fn bin(op: Bin, a: Interval, b: Interval) -> Option<Interval> {
        match op {
            Bin::Add => Interval::checked(a.least + b.least, a.most + b.most),
            Bin::Sub => Interval::checked(a.least - b.most, a.most - b.least),
            Bin::Mul => a.product(b),
            Bin::SMin => Interval::checked(a.least.min(b.least), a.most.min(b.most)),
            Bin::SMax => Interval::checked(a.least.max(b.least), a.most.max(b.most)),
            Bin::SDiv if a.least >= 0 && b.least > 0 => Interval::checked(a.least / b.most, a.most / b.least),
            Bin::SRem if a.least >= 0 && b.least > 0 => Interval::checked(0, a.most.min(b.most - 1)),
            _ => None,
        }
    }
}

impl Lower<'_, '_> {
    /// Between which numbers a whole number is known to lie.
    pub fn interval(&self, ex: &Ex) -> Option<Interval> {
        match ex {
            Ex::Int(ty, value) => Interval::checked(*value, *value)?.fits(*ty),
            Ex::Local(local) => self.info[local.0 as usize].interval,
            Ex::Bin(op, a, b) => {
                let (a_in, b_in) = (self.interval(a)?, self.interval(b)?);
                Interval::bin(*op, a_in, b_in)?.fits(self.whole_type(a))
            }
            Ex::Convert(Convert::Sext(Ty::I64), inner) => self.interval(inner),
            Ex::Convert(Convert::Trunc(Ty::I32), inner) => self.interval(inner)?.fits(Ty::I32),
            _ => None,
        }
    }

    /// The type of a whole number: `I32`, or else one that holds more.
    fn whole_type(&self, ex: &Ex) -> Ty {
        match ex {
            Ex::Int(ty, _) | Ex::Convert(Convert::Sext(ty) | Convert::Trunc(ty), _) => *ty,
            Ex::Local(local) => self.locals[local.0 as usize],
            Ex::Bin(_, a, _) => self.whole_type(a),
            _ => Ty::I64,
        }
    }

    /// A comparison, whose outcome may be known.
    pub fn compared(&self, cmp: Cmp, a: Part, b: Part) -> Part {
        match self.known_order(cmp, &a, &b) {
            Some(holds) => Part::int(Ty::I8, i64::from(holds)),
            None => a.cmp(cmp, b),
        }
    }

    /// Whether a comparison of whole numbers is known to hold, or to fail.
    pub fn known_order(&self, cmp: Cmp, a: &Part, b: &Part) -> Option<bool> {
        let (a, b) = (self.interval(&a.ex)?, self.interval(&b.ex)?);
        let (less, greater) = (a.most < b.least, a.least > b.most);
        let (at_most, at_least) = (a.most <= b.least, a.least >= b.most);
        let (yes, no) = match cmp {
            Cmp::SLt => (less, at_least),
            Cmp::SLe => (at_most, greater),
            Cmp::SGt => (greater, at_most),
            Cmp::SGe => (at_least, less),
            Cmp::Eq => (at_most && at_least, less || greater),
            Cmp::Ne => (less || greater, at_most && at_least),
            Cmp::ULt | Cmp::ULe | Cmp::UGt | Cmp::UGe => (false, false),
        };
        if yes || no { Some(yes) } else { None }
    }

    /// Whether an index is known to be within an extent.
    pub fn is_within(&self, at: &Part, dim: &Part) -> bool {
        let dim = dim.as_int();
        dim.is_some_and(|dim| self.interval(&at.ex).is_some_and(|at| 0 <= at.least && at.most < dim))
    }
}
