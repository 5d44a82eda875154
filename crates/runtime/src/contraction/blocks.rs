//! Contractions in blocks of rows, columns and summed points that the caches hold.
//!
//! Rows, columns and points may be any number of coordinates: what a block reads is found by tables of offsets, and
//! copied into the order in which it is read, unless it lies in that order already.

use super::lanes::{Lanes, Number};
use super::pack::pack;
use super::sums::{Goal, Pairing, Source, VECTORS, sums};
use super::{Axis, Pointers};
use std::cell::Cell;
use std::ops::Range;

/// Summed points, rows and columns of a block.
const DEPTH: usize = 256;
const ROWS: usize = 192;
const COLUMNS: usize = 480;
/// Rows and columns of what is added up in registers, on any machine.
const MOST_ROWS: usize = 32;
const MOST_COLUMNS: usize = 12;
/// Elements that stay in the first cache.
const NEAR: usize = 4096;
/// Panels that read columns in place: for more it pays to copy them.
const FEW_PANELS: usize = 4;

/// The coordinates of a contraction by kinds.
pub struct Kinds {
    pub rows: Vec<Axis>,
    pub columns: Vec<Axis>,
    pub summed: Vec<Axis>,
}

pub fn points(axes: &[Axis]) -> usize {
    axes.iter().map(|axis| axis.extent as usize).product()
}

/// The offsets of some points.
fn offsets(axes: &[Axis], of: fn(&Axis) -> i64, range: Range<usize>) -> Vec<isize> {
    let mut index = vec![0; axes.len()];
    if range.is_empty() {
        return Vec::new();
    }
    let (mut rest, mut offset) = (range.start as i64, 0);
    for (index, axis) in index.iter_mut().zip(axes).rev() {
        *index = rest % axis.extent;
        rest /= axis.extent;
        offset += *index * of(axis);
    }
    let mut next = || {
        let here = offset as isize;
        for (index, axis) in index.iter_mut().zip(axes).rev() {
            *index += 1;
            offset += of(axis);
            if *index < axis.extent {
                break;
            }
            offset -= axis.extent * of(axis);
            *index = 0;
        }
        here
    };
    range.map(|_| next()).collect()
}

/// How far neighbours are apart, if all are alike.
fn even_step(offsets: &[isize]) -> Option<isize> {
    let [first, second, ..] = offsets else { return Some(1) };
    let step = second - first;
    offsets.windows(2).all(|pair| pair[1] - pair[0] == step).then_some(step)
}

/// A line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code, reason = "is memory for numbers")] [u64; 8]);

thread_local! {
    /// Copies of parts of the left and the right factor.
    static COPIES: Cell<[Vec<Line>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

/// Memory for so many numbers.
fn room<T>(lines: &mut Vec<Line>, numbers: usize) -> *mut T {
    let needed = (numbers * size_of::<T>()).div_ceil(size_of::<Line>());
    if lines.len() < needed {
        lines.resize(needed, Line([0; 8]));
    }
    lines.as_mut_ptr().cast()
}

/// What is read of some lines (a few rows, or a few columns): where it begins, and how far points and lines are apart.
#[derive(Clone, Copy)]
struct Lines<T> {
    source: Source<T>,
    apart: isize,
}

/// A factor's share of a block.
struct Share<'a, T> {
    from: *const T,
    lines: &'a [isize],
    points: &'a [isize],
    /// Lines that are read together, and how many there is room for.
    together: usize,
    /// How far lines may be apart that are read in place.
    in_place: fn(isize) -> bool,
}

impl<T: Number> Share<'_, T> {
    /// Copies what cannot be read in place.
    ///
    /// # Safety
    /// The machine has the instructions, everything is in bounds, and there is room for all of the share.
    #[inline(always)]
    unsafe fn gathered<L: Lanes<Number = T>>(&self, copies: *mut T) -> Vec<Lines<T>> {
        let step = even_step(self.points);
        let first_point = self.points.first().copied().unwrap_or(0);
        let mut all = Vec::with_capacity(self.lines.len().div_ceil(self.together));
        for (k, lines) in self.lines.chunks(self.together).enumerate() {
            if let (Some(step), Some(apart)) = (step, even_step(lines))
                && (self.in_place)(apart)
            {
                let first = self.from.wrapping_offset(lines[0] + first_point);
                all.push(Lines { source: Source { first, step }, apart });
                continue;
            }
            // SAFETY: the caller's promise.
            let first = unsafe {
                let first = copies.add(k * self.together * self.points.len());
                pack::<L>(self.from, lines, self.points, first, self.together);
                first
            };
            all.push(Lines { source: Source { first, step: self.together as isize }, apart: 1 });
        }
        all
    }
}

/// All sums of some rows.
///
/// # Safety
/// The machine has the instructions, and everything is in bounds.
#[inline(always)]
pub unsafe fn contract_rows<L: Lanes, P: Pairing>(kinds: &Kinds, pointers: Pointers<L::Number>, rows: Range<usize>) {
    let (columns, depth) = (points(&kinds.columns), points(&kinds.summed));
    let [mut left_copies, mut right_copies] = COPIES.take();
    for from_column in (0..columns).step_by(COLUMNS) {
        let column_range = from_column..columns.min(from_column + COLUMNS);
        let right_lines = offsets(&kinds.columns, |axis| axis.right, column_range.clone());
        let target_columns = offsets(&kinds.columns, |axis| axis.target, column_range);
        // A sum of nothing is stored, too.
        for from_point in (0..depth.max(1)).step_by(DEPTH) {
            let range = from_point..depth.min(from_point + DEPTH);
            let left_points = offsets(&kinds.summed, |axis| axis.left, range.clone());
            let right_points = offsets(&kinds.summed, |axis| axis.right, range);
            let few = rows.len() <= FEW_PANELS * VECTORS * L::COUNT;
            let right = Share {
                from: pointers.right,
                lines: &right_lines,
                points: &right_points,
                together: L::COLUMNS,
                in_place: if few { |_| true } else { |_| false },
            };
            let copies = room(&mut right_copies, (right_lines.len() + L::COLUMNS) * right_points.len());
            // SAFETY: the caller's promise.
            let right = unsafe { right.gathered::<L>(copies) };
            for from_row in rows.clone().step_by(ROWS) {
                let range = from_row..rows.end.min(from_row + ROWS);
                let left_lines = offsets(&kinds.rows, |axis| axis.left, range.clone());
                let target_rows = offsets(&kinds.rows, |axis| axis.target, range);
                let near = even_step(&left_points).is_some_and(|step| step.unsigned_abs() * left_points.len() <= NEAR);
                let left = Share {
                    from: pointers.left,
                    lines: &left_lines,
                    points: &left_points,
                    together: VECTORS * L::COUNT,
                    in_place: if near || right.len() <= 2 { |apart| apart == 1 } else { |_| false },
                };
                let copies = room(&mut left_copies, (left_lines.len() + VECTORS * L::COUNT) * left_points.len());
                // SAFETY: the caller's promise.
                unsafe {
                    let left = left.gathered::<L>(copies);
                    let target = Target {
                        first: pointers.target,
                        rows: &target_rows,
                        columns: &target_columns,
                        adds: from_point > 0,
                    };
                    target.add_up::<L, P>(&left, &right, left_points.len());
                }
            }
        }
    }
    COPIES.set([left_copies, right_copies]);
}

/// The cells of a block.
struct Target<'a, T> {
    first: *mut T,
    rows: &'a [isize],
    columns: &'a [isize],
    adds: bool,
}

impl<T: Number> Target<'_, T> {
    /// # Safety
    /// The machine has the instructions, and everything is in bounds.
    #[inline(always)]
    unsafe fn add_up<L: Lanes<Number = T>, P: Pairing>(&self, left: &[Lines<T>], right: &[Lines<T>], depth: usize) {
        let mut tile = [T::ZERO; MOST_ROWS * MOST_COLUMNS];
        let tile_columns: [isize; MOST_COLUMNS] = std::array::from_fn(|k| (k * MOST_ROWS) as isize);
        for (right, columns) in right.iter().zip(self.columns.chunks(L::COLUMNS)) {
            for (left, rows) in left.iter().zip(self.rows.chunks(VECTORS * L::COUNT)) {
                // SAFETY: the caller's promise.
                unsafe {
                    if even_step(rows) == Some(1) {
                        let goal = Goal { first: self.first.offset(rows[0]), columns, adds: self.adds };
                        sums::<L, P>(rows.len(), depth, left.source, right.source, right.apart, goal);
                        continue;
                    }
                    let goal = Goal { first: tile.as_mut_ptr(), columns: &tile_columns[..columns.len()], adds: false };
                    sums::<L, P>(rows.len(), depth, left.source, right.source, right.apart, goal);
                    for (r, row) in rows.iter().enumerate() {
                        for (c, column) in columns.iter().enumerate() {
                            let to = self.first.offset(row + column);
                            let sum = tile[c * MOST_ROWS + r];
                            if self.adds { *to += sum } else { *to = sum }
                        }
                    }
                }
            }
        }
    }
}
