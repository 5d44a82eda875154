//! The innermost part of contractions: the sums of a few rows and columns, in registers.

use super::lanes::{Lanes, Number};

/// Vectors of rows that are added up at once.
pub const VECTORS: usize = 2;

/// What is added up of two numbers.
pub trait Pairing {
    /// # Safety
    /// The machine has the instructions.
    unsafe fn add<L: Lanes>(left: L, right: L, sum: L) -> L;
}

pub struct Product;
pub struct SquaredDifference;
pub struct Distance;

impl Pairing for Product {
    #[inline(always)]
    unsafe fn add<L: Lanes>(left: L, right: L, sum: L) -> L {
        unsafe { left.mul_add(right, sum) }
    }
}

impl Pairing for SquaredDifference {
    #[inline(always)]
    unsafe fn add<L: Lanes>(left: L, right: L, sum: L) -> L {
        unsafe {
            let difference = left.sub(right);
            difference.mul_add(difference, sum)
        }
    }
}

impl Pairing for Distance {
    #[inline(always)]
    unsafe fn add<L: Lanes>(left: L, right: L, sum: L) -> L {
        unsafe { sum.add(left.sub(right).max(right.sub(left))) }
    }
}

/// Numbers of a factor: those for the next summed point are `step` further.
#[derive(Clone, Copy)]
pub struct Source<T> {
    pub first: *const T,
    pub step: isize,
}

/// Where sums go: rows lie one behind the other, and every column has its offset.
#[derive(Clone, Copy)]
pub struct Goal<'a, T> {
    pub first: *mut T,
    pub columns: &'a [isize],
    /// To what is there already.
    pub adds: bool,
}

/// Sums of at most `VECTORS` vectors of rows, whose numbers in the left factor lie one behind the other, and of any number
/// of columns, whose numbers in the right factor are `apart`.
///
/// # Safety
/// The machine has the instructions, and everything is in bounds.
#[inline(always)]
pub unsafe fn sums<L: Lanes, P: Pairing>(
    rows: usize,
    depth: usize,
    left: Source<L::Number>,
    mut right: Source<L::Number>,
    apart: isize,
    mut goal: Goal<L::Number>,
) {
    let whole = rows.is_multiple_of(L::COUNT) && !L::FREE_MASKS;
    macro_rules! columns {
        ($count:literal) => {{
            // SAFETY: the caller's promise.
            unsafe {
                match (rows > L::COUNT, whole) {
                    (true, true) => in_registers::<L, P, 2, $count, true>(rows, depth, left, right, apart, goal),
                    (true, false) => in_registers::<L, P, 2, $count, false>(rows, depth, left, right, apart, goal),
                    (false, true) => in_registers::<L, P, 1, $count, true>(rows, depth, left, right, apart, goal),
                    (false, false) => in_registers::<L, P, 1, $count, false>(rows, depth, left, right, apart, goal),
                }
                right.first = right.first.offset(apart * $count);
            }
            goal.columns = &goal.columns[$count..];
        }};
    }
    while !goal.columns.is_empty() {
        match goal.columns.len() {
            12.. if L::COLUMNS >= 12 => columns!(12),
            4.. => columns!(4),
            _ => columns!(1),
        }
    }
}

#[inline(always)]
unsafe fn in_registers<L: Lanes, P: Pairing, const VECTORS: usize, const COLUMNS: usize, const WHOLE: bool>(
    rows: usize,
    depth: usize,
    left: Source<L::Number>,
    right: Source<L::Number>,
    apart: isize,
    goal: Goal<L::Number>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let masks: [L::Mask; VECTORS] = std::array::from_fn(|v| L::mask(rows - v * L::COUNT));
        let read = |from: *const L::Number, v: usize| {
            let from = from.add(v * L::COUNT);
            if WHOLE { L::read(from) } else { L::read_some(from, masks[v]) }
        };
        let mut sums = [[L::splat(L::Number::ZERO); VECTORS]; COLUMNS];
        let (mut at_left, mut at_right) = (left.first, right.first);
        for _ in 0..depth {
            let lefts: [L; VECTORS] = std::array::from_fn(|v| read(at_left, v));
            for (c, column) in sums.iter_mut().enumerate() {
                let right = L::splat(*at_right.offset(apart * c as isize));
                for (sum, left) in column.iter_mut().zip(lefts) {
                    *sum = P::add(left, right, *sum);
                }
            }
            at_left = at_left.wrapping_offset(left.step);
            at_right = at_right.wrapping_offset(right.step);
        }
        for (c, column) in sums.into_iter().enumerate() {
            let to = goal.first.offset(*goal.columns.get_unchecked(c));
            for (v, sum) in column.into_iter().enumerate() {
                let sum = if goal.adds { read(to, v).add(sum) } else { sum };
                let to = to.add(v * L::COUNT);
                if WHOLE { sum.write(to) } else { sum.write_some(to, masks[v]) }
            }
        }
    }
}
