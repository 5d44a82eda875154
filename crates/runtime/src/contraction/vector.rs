//! Products of a matrix and a vector.
//!
//! Where rows lie beside each other, vectors of rows take up one point after the other; where points do, every row is
//! folded by itself, and a few rows together. Sums are split into so many that none of them waits for another.

use super::lanes::{Lanes, Number};
use super::sums::Source;
use super::{Axis, Pointers, Vectors};
use std::ops::Range;

/// Summed points that go into one sum before it is stored.
const DEPTH: usize = 256;
/// Lanes of the widest vectors.
const MOST_LANES: usize = 16;
/// Rows whose sums, one for each lane, are stored to be put elsewhere.
const MOST_ROWS: usize = 8 * MOST_LANES;

/// A product: its rows, its points, and what the coordinates' strides are those of.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub rows: Axis,
    pub points: Axis,
    /// The matrix is the right factor.
    pub is_turned: bool,
}

impl Shape {
    /// The one coordinate of the target and the one of the sum, if only one factor has the former.
    pub fn of(open: &[Axis], summed: &[Axis]) -> Option<Shape> {
        let (rows, points) = (only(open)?, only(summed)?);
        let is_turned = match (rows.left, rows.right) {
            (0, 0) => return None,
            (_, 0) => false,
            (0, _) => true,
            _ => return None,
        };
        let shape = Shape { rows, points, is_turned };
        let (matrix, point) = (shape.of_matrix(&rows), shape.of_matrix(&points));
        (matrix == 1 || point == 1).then_some(shape)
    }

    fn of_matrix(&self, axis: &Axis) -> isize {
        if self.is_turned { axis.right as isize } else { axis.left as isize }
    }

    fn of_vector(&self, axis: &Axis) -> isize {
        if self.is_turned { axis.left as isize } else { axis.right as isize }
    }
}

fn only(axes: &[Axis]) -> Option<Axis> {
    let mut axes = axes.iter().filter(|axis| axis.extent != 1);
    axes.next().filter(|_| axes.next().is_none()).copied()
}

/// Some rows, with the widest vectors of this machine.
///
/// # Safety
/// All elements that the coordinates reach are in bounds, and the target overlaps neither factor.
pub unsafe fn multiply<T: Vectors>(shape: &Shape, pointers: Pointers<T>, rows: Range<usize>) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
        unsafe fn wide<L: Lanes>(shape: &Shape, pointers: Pointers<L::Number>, rows: Range<usize>) {
            unsafe { multiply_with::<L>(shape, pointers, rows) }
        }
        #[target_feature(enable = "avx2,fma")]
        unsafe fn half<L: Lanes>(shape: &Shape, pointers: Pointers<L::Number>, rows: Range<usize>) {
            unsafe { multiply_with::<L>(shape, pointers, rows) }
        }
        use std::arch::is_x86_feature_detected as has;
        // SAFETY: the caller's promise, and the machine has it.
        unsafe {
            if has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw") && has!("fma") {
                return wide::<T::Wide>(shape, pointers, rows);
            }
            if has!("avx2") && has!("fma") {
                return half::<T::Half>(shape, pointers, rows);
            }
        }
    }
    // SAFETY: the caller's promise.
    unsafe { multiply_with::<T::Plain>(shape, pointers, rows) }
}

/// # Safety
/// As for `multiply`, and the machine has the instructions.
#[inline(always)]
pub unsafe fn multiply_with<L: Lanes>(shape: &Shape, pointers: Pointers<L::Number>, rows: Range<usize>) {
    let (matrix, vector) = match shape.is_turned {
        false => (pointers.left, pointers.right),
        true => (pointers.right, pointers.left),
    };
    let (row, point) = (shape.of_matrix(&shape.rows), shape.of_matrix(&shape.points));
    let step = shape.rows.target as isize;
    let depth = shape.points.extent.max(0) as usize;
    // SAFETY: the caller's promise.
    unsafe {
        let matrix = matrix.offset(rows.start as isize * row);
        let target = pointers.target.offset(rows.start as isize * step);
        let vector = Source { first: vector, step: shape.of_vector(&shape.points) };
        let target = Target { first: target, step };
        // A few vectors of rows are read in order in any case.
        if row == 1 && rows.len() > 8 * L::COUNT && rows.len().saturating_mul(depth) >= FAR {
            rows_in_order::<L>(target, Source { first: matrix, step: point }, vector, rows.len(), depth);
        } else if row == 1 {
            rows_together::<L>(target, Source { first: matrix, step: point }, vector, rows.len(), depth);
        } else {
            rows_alone::<L>(target, Source { first: matrix, step: row }, vector, rows.len(), depth);
        }
    }
}

/// Sums that stay in the first cache.
const TILE: usize = 1024;
/// Points that are added to them together.
const TOGETHER: usize = 8;
/// A matrix of so many numbers is read from far away: in the order in which it lies.
const FAR: usize = 1 << 16;

/// Rows that lie beside each other, whose sums take up a few points after the other, so that memory is read in order.
#[inline(always)]
unsafe fn rows_in_order<L: Lanes>(
    target: Target<L::Number>,
    matrix: Source<L::Number>,
    vector: Source<L::Number>,
    rows: usize,
    depth: usize,
) {
    let mut sums = [L::Number::ZERO; TILE];
    for row in (0..rows).step_by(TILE) {
        let count = TILE.min(rows - row);
        for from in (0..depth).step_by(DEPTH) {
            let points = DEPTH.min(depth - from);
            sums[..count].fill(L::Number::ZERO);
            // SAFETY: the caller's promise.
            unsafe {
                let at = |point: usize| matrix.first.offset((from + point) as isize * matrix.step).add(row);
                let factor = |point: usize| *vector.first.offset((from + point) as isize * vector.step);
                let mut point = 0;
                while point + TOGETHER <= points {
                    let mut some = [(at(point), L::Number::ZERO); TOGETHER];
                    for (k, one) in some.iter_mut().enumerate() {
                        *one = (at(point + k), factor(point + k));
                    }
                    add_points::<L, TOGETHER>(some, &mut sums[..count]);
                    point += TOGETHER;
                }
                while point < points {
                    add_points::<L, 1>([(at(point), factor(point))], &mut sums[..count]);
                    point += 1;
                }
                for (k, sum) in sums[..count].iter().enumerate() {
                    store(target, row + k, *sum, from > 0);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn add_points<L: Lanes, const COUNT: usize>(
    points: [(*const L::Number, L::Number); COUNT],
    sums: &mut [L::Number],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut factors = [L::splat(L::Number::ZERO); COUNT];
        for (factor, (_, number)) in factors.iter_mut().zip(points) {
            *factor = L::splat(number);
        }
        let whole = sums.len() / L::COUNT * L::COUNT;
        let sums_at = sums.as_mut_ptr();
        let mut at = 0;
        while at < whole {
            let mut sum = L::read(sums_at.add(at));
            for ((from, _), factor) in points.iter().zip(factors) {
                sum = L::read(from.add(at)).mul_add(factor, sum);
            }
            sum.write(sums_at.add(at));
            at += L::COUNT;
        }
        if at < sums.len() {
            let mask = L::mask(sums.len() - at);
            let mut sum = L::read_some(sums_at.add(at), mask);
            for ((from, _), factor) in points.iter().zip(factors) {
                sum = L::read_some(from.add(at), mask).mul_add(factor, sum);
            }
            sum.write_some(sums_at.add(at), mask);
        }
    }
}

/// Where sums go.
#[derive(Clone, Copy)]
struct Target<T> {
    first: *mut T,
    step: isize,
}

/// Rows that lie beside each other; `matrix.step` is the way from point to point.
#[inline(always)]
unsafe fn rows_together<L: Lanes>(
    target: Target<L::Number>,
    matrix: Source<L::Number>,
    vector: Source<L::Number>,
    rows: usize,
    depth: usize,
) {
    for from in (0..depth.max(1)).step_by(DEPTH) {
        let points = DEPTH.min(depth - from);
        let mut row = 0;
        while row < rows {
            let left = rows - row;
            macro_rules! take {
                ($vectors:literal, $sums:literal) => {{
                    let count = left.min($vectors * L::COUNT);
                    // SAFETY: the caller's promise.
                    unsafe {
                        let first = matrix.first.offset(from as isize * matrix.step).add(row);
                        let matrix = Source { first, ..matrix };
                        let vector = Source { first: vector.first.offset(from as isize * vector.step), ..vector };
                        let target = Target { first: target.first.offset(row as isize * target.step), ..target };
                        if count == $vectors * L::COUNT && !L::FREE_MASKS {
                            panel::<L, $vectors, $sums, true>(target, matrix, vector, count, points, from > 0);
                        } else {
                            panel::<L, $vectors, $sums, false>(target, matrix, vector, count, points, from > 0);
                        }
                    }
                    row += count;
                }};
            }
            match left.div_ceil(L::COUNT) {
                8.. => take!(8, 1),
                4.. => take!(4, 2),
                2.. => take!(2, 4),
                _ => take!(1, 8),
            }
        }
    }
}

/// A few vectors of rows, each of which is the sum of so many `SUMS`.
#[inline(always)]
unsafe fn panel<L: Lanes, const VECTORS: usize, const SUMS: usize, const WHOLE: bool>(
    target: Target<L::Number>,
    matrix: Source<L::Number>,
    vector: Source<L::Number>,
    rows: usize,
    depth: usize,
    adds: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut masks = [L::mask(0); VECTORS];
        for (v, mask) in masks.iter_mut().enumerate() {
            *mask = L::mask(rows.saturating_sub(v * L::COUNT));
        }
        macro_rules! read {
            ($from:expr, $v:expr) => {{
                let from = $from.wrapping_add($v * L::COUNT);
                if WHOLE { L::read(from) } else { L::read_some(from, masks[$v]) }
            }};
        }
        let mut sums = [[L::splat(L::Number::ZERO); VECTORS]; SUMS];
        let (mut at, mut factor) = (matrix.first, vector.first);
        for _ in 0..depth / SUMS {
            for sum in &mut sums {
                let number = L::splat(*factor);
                for (v, sum) in sum.iter_mut().enumerate() {
                    *sum = read!(at, v).mul_add(number, *sum);
                }
                (at, factor) = (at.wrapping_offset(matrix.step), factor.wrapping_offset(vector.step));
            }
        }
        for sum in sums.iter_mut().take(depth % SUMS) {
            let number = L::splat(*factor);
            for (v, sum) in sum.iter_mut().enumerate() {
                *sum = read!(at, v).mul_add(number, *sum);
            }
            (at, factor) = (at.wrapping_offset(matrix.step), factor.wrapping_offset(vector.step));
        }
        let mut half = SUMS / 2;
        while half > 0 {
            let (sums, others) = sums.split_at_mut(half);
            for (sum, other) in sums.iter_mut().flatten().zip(others.iter().flatten()) {
                *sum = sum.add(*other);
            }
            half /= 2;
        }
        if target.step == 1 {
            for (v, sum) in sums[0].into_iter().enumerate() {
                let to = target.first.wrapping_add(v * L::COUNT);
                let sum = if adds { read!(target.first, v).add(sum) } else { sum };
                if WHOLE { sum.write(to) } else { sum.write_some(to, masks[v]) }
            }
            return;
        }
        let mut stored = [L::Number::ZERO; MOST_ROWS];
        for (v, sum) in sums[0].into_iter().enumerate() {
            sum.write(stored.as_mut_ptr().add(v * L::COUNT));
        }
        for (k, sum) in stored[..rows].iter().enumerate() {
            store(target, k, *sum, adds);
        }
    }
}

#[inline(always)]
unsafe fn store<T: Number>(target: Target<T>, row: usize, sum: T, adds: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        let to = target.first.offset(row as isize * target.step);
        if adds { *to += sum } else { *to = sum }
    }
}

/// Rows whose points lie beside each other; `matrix.step` is the way from row to row.
#[inline(always)]
unsafe fn rows_alone<L: Lanes>(
    target: Target<L::Number>,
    matrix: Source<L::Number>,
    mut vector: Source<L::Number>,
    rows: usize,
    depth: usize,
) {
    let mut copy = Vec::new();
    if vector.step != 1 {
        // SAFETY: the caller's promise.
        copy.extend((0..depth as isize).map(|k| unsafe { *vector.first.offset(k * vector.step) }));
        vector = Source { first: copy.as_ptr(), step: 1 };
    }
    let block = DEPTH * L::COUNT;
    for from in (0..depth.max(1)).step_by(block) {
        let points = block.min(depth - from);
        let (mut row, adds) = (0, from > 0);
        // SAFETY: the caller's promise.
        unsafe {
            let vector = vector.first.add(from);
            let at = |row: usize| matrix.first.offset(row as isize * matrix.step).add(from);
            while row + 4 <= rows {
                let sums = dots::<L, 4, 2>(at(row), matrix.step, vector, points);
                for (k, sum) in sums.into_iter().enumerate() {
                    store(target, row + k, sum, adds);
                }
                row += 4;
            }
            while row < rows {
                let [sum] = dots::<L, 1, 4>(at(row), matrix.step, vector, points);
                store(target, row, sum, adds);
                row += 1;
            }
        }
    }
}

/// The products of a few rows with a vector, each of which is the sum of so many `SUMS`.
#[inline(always)]
unsafe fn dots<L: Lanes, const ROWS: usize, const SUMS: usize>(
    first: *const L::Number,
    apart: isize,
    vector: *const L::Number,
    depth: usize,
) -> [L::Number; ROWS] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[L::splat(L::Number::ZERO); SUMS]; ROWS];
        let mut point = 0;
        while point + SUMS * L::COUNT <= depth {
            for s in 0..SUMS {
                let at = point + s * L::COUNT;
                let factor = L::read(vector.add(at));
                for (r, sums) in sums.iter_mut().enumerate() {
                    sums[s] = L::read(first.offset(r as isize * apart).add(at)).mul_add(factor, sums[s]);
                }
            }
            point += SUMS * L::COUNT;
        }
        let mut s = 0;
        while point < depth {
            let mask = L::mask(depth - point);
            let factor = L::read_some(vector.add(point), mask);
            for (r, sums) in sums.iter_mut().enumerate() {
                let number = L::read_some(first.offset(r as isize * apart).add(point), mask);
                sums[s] = number.mul_add(factor, sums[s]);
            }
            (s, point) = ((s + 1) % SUMS, point + L::COUNT);
        }
        // Closures would not have the instructions.
        let mut totals = [L::Number::ZERO; ROWS];
        for (total, sums) in totals.iter_mut().zip(sums) {
            let mut lanes = [L::Number::ZERO; MOST_LANES];
            let mut sum = sums[0];
            for other in &sums[1..] {
                sum = sum.add(*other);
            }
            sum.write(lanes.as_mut_ptr());
            let mut half = L::COUNT / 2;
            while half > 0 {
                for k in 0..half {
                    let other = lanes[k + half];
                    lanes[k] += other;
                }
                half /= 2;
            }
            *total = lanes[0];
        }
        totals
    }
}
