//! Sums over two tensors' cells: of products, as matrix products, and of what else is made of two numbers.
//!
//! Every coordinate comes with its extent and its stride in each of the three tensors, so that it does not matter in
//! which order a tensor has its axes, and an index like `i + k` is two coordinates of one axis. Coordinates of the target
//! and the left factor are rows, those of the target and the right factor columns, and summed ones what rows and columns
//! have in common. Neighbouring coordinates that lie evenly become one. Products of which the longest of each kind make
//! up large matrices are left to `gemm`, with loops around it; a matrix and a vector are multiplied by `vector`; all
//! others are put together from `blocks`.

mod blocks;
mod lanes;
mod pack;
mod sums;
mod vector;

use crate::context::Context;
use crate::threads::for_parts;
use blocks::{Kinds, contract_rows, points};
use gemm::{Parallelism, gemm};
use lanes::{Lanes, Number, Plain};
use std::any::TypeId;
use std::ops::Range;
use sums::{Distance, Pairing, Product, SquaredDifference};

/// A coordinate: its extent, and how many elements its neighbours are apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Axis {
    extent: i64,
    target: i64,
    left: i64,
    right: i64,
}

const ONCE: Axis = Axis { extent: 1, target: 0, left: 0, right: 0 };

/// So many multiplications take as long as one operation of a loop.
const MULTIPLICATIONS: i64 = 2;
/// Products of so many multiplications are worth being divided between threads.
const LARGE_PRODUCT: i64 = 1 << 21;
/// Matrices whose product takes so many multiplications are multiplied one after the other.
const LARGE_MATRICES: i64 = 1 << 19;
/// Shares for each thread: none should wait long for the last one.
const SHARES: usize = 2;
/// Rows that are worth being given to a thread.
const FEW_ROWS: usize = 64;

#[derive(Clone, Copy)]
struct Pointers<T> {
    target: *mut T,
    left: *const T,
    right: *const T,
}

// SAFETY: threads write to different elements of the target, and nobody writes to the factors.
unsafe impl<T> Send for Pointers<T> {}
unsafe impl<T> Sync for Pointers<T> {}

impl<T> Pointers<T> {
    /// # Safety
    /// The elements are in bounds.
    unsafe fn at(self, axis: &Axis, index: i64) -> Pointers<T> {
        unsafe {
            Pointers {
                target: self.target.offset((axis.target * index) as isize),
                left: self.left.offset((axis.left * index) as isize),
                right: self.right.offset((axis.right * index) as isize),
            }
        }
    }
}

/// The coordinates of a contraction, each in its place.
#[derive(Debug)]
struct Shape {
    rows: Axis,
    columns: Axis,
    summed: Axis,
    /// Around the product, each with targets of its own.
    outer: Vec<Axis>,
    /// Around the product, all into the same targets.
    repeated: Vec<Axis>,
}

impl Shape {
    fn new(open: &[Axis], summed: &[Axis]) -> Shape {
        let [rows, columns, rest] = kinds_of(open);
        let (rows, mut outer) = longest(rows);
        let (columns, more) = longest(columns);
        outer.extend(more);
        outer.extend(rest);
        let (summed, repeated) = longest(merged(summed.to_vec()));
        Shape { rows, columns, summed, outer, repeated }
    }

    /// Whether it is one matrix product for each point of what both factors have, or a few large ones.
    fn is_matrix(&self) -> bool {
        let is_split = |axis: &Axis| axis.left == 0 || axis.right == 0;
        let is_whole = self.repeated.is_empty() && !self.outer.iter().any(is_split);
        let is_flat = self.rows.extent > 1 && self.columns.extent > 1;
        is_flat && (is_whole || self.multiplications() >= LARGE_MATRICES)
    }

    fn multiplications(&self) -> i64 {
        self.rows.extent.saturating_mul(self.columns.extent).saturating_mul(self.summed.extent)
    }
}

/// Where number `point` of the outer coordinates begins.
fn outer_point<T>(outer: &[Axis], mut pointers: Pointers<T>, mut point: i64) -> Pointers<T> {
    for axis in outer.iter().rev() {
        // SAFETY: the index is below the extent.
        pointers = unsafe { pointers.at(axis, point % axis.extent) };
        point /= axis.extent;
    }
    pointers
}

/// Rows, columns, and what is neither.
fn kinds_of(open: &[Axis]) -> [Vec<Axis>; 3] {
    let (rows, rest): (Vec<Axis>, Vec<Axis>) = open.iter().partition(|axis| axis.left != 0 && axis.right == 0);
    let (columns, rest): (Vec<Axis>, Vec<Axis>) = rest.into_iter().partition(|axis| axis.right != 0 && axis.left == 0);
    [merged(rows), merged(columns), merged(rest)]
}

/// Coordinates that lie evenly behind each other in all tensors are one.
fn merged(mut axes: Vec<Axis>) -> Vec<Axis> {
    axes.retain(|axis| axis.extent != 1);
    axes.sort_by_key(|axis| -axis.target.abs().max(axis.left.abs()).max(axis.right.abs()));
    let mut done: Vec<Axis> = Vec::with_capacity(axes.len());
    for inner in axes {
        let evenly = |outer: &Axis| {
            let follows = |of: fn(&Axis) -> i64| of(outer) == of(&inner) * inner.extent;
            follows(|axis| axis.target) && follows(|axis| axis.left) && follows(|axis| axis.right)
        };
        match done.last_mut() {
            Some(outer) if evenly(outer) => *outer = Axis { extent: outer.extent * inner.extent, ..inner },
            _ => done.push(inner),
        }
    }
    done
}

/// Takes out the longest coordinate.
fn longest(mut axes: Vec<Axis>) -> (Axis, Vec<Axis>) {
    match (0..axes.len()).max_by_key(|at| axes[*at].extent) {
        Some(at) => (axes.remove(at), axes),
        None => (ONCE, axes),
    }
}

/// The vectors that there are for a number.
trait Vectors: Number {
    type Plain: Lanes<Number = Self>;
    #[cfg(target_arch = "x86_64")]
    type Half: Lanes<Number = Self>;
    #[cfg(target_arch = "x86_64")]
    type Wide: Lanes<Number = Self>;
}

impl Vectors for f32 {
    type Plain = Plain<f32>;
    #[cfg(target_arch = "x86_64")]
    type Half = lanes::Half32;
    #[cfg(target_arch = "x86_64")]
    type Wide = lanes::Wide32;
}

impl Vectors for f64 {
    type Plain = Plain<f64>;
    #[cfg(target_arch = "x86_64")]
    type Half = lanes::Half64;
    #[cfg(target_arch = "x86_64")]
    type Wide = lanes::Wide64;
}

/// # Safety
/// All elements that the coordinates reach are in bounds, and the target overlaps neither factor.
unsafe fn contract<T: Vectors, P: Pairing + 'static>(
    context: &mut Context,
    pointers: Pointers<T>,
    open: &[Axis],
    summed: &[Axis],
) {
    if open.iter().any(|axis| axis.extent <= 0) {
        return;
    }
    let is_empty = summed.iter().any(|axis| axis.extent <= 0);
    // A sum of nothing is zero.
    let nothing = [Axis { extent: 0, ..ONCE }];
    let summed = if is_empty { &nothing } else { summed };
    // SAFETY: the caller's promise.
    unsafe {
        if TypeId::of::<P>() == TypeId::of::<Product>() {
            if let Some(shape) = vector::Shape::of(open, summed) {
                return multiply_vector(context, pointers, &shape);
            }
            let shape = Shape::new(open, summed);
            if shape.is_matrix() {
                return contract_matrices(context, pointers, &shape);
            }
        }
        contract_blocks::<T, P>(context, pointers, open, summed);
    }
}

/// # Safety
/// As for `contract`.
unsafe fn multiply_vector<T: Vectors>(context: &mut Context, pointers: Pointers<T>, shape: &vector::Shape) {
    let (rows, all) = (shape.rows.extent as usize, shape.rows.extent.saturating_mul(shape.points.extent));
    let shares = match context.shares(all / MULTIPLICATIONS) {
        true => (SHARES * context.threads).min(rows / FEW_ROWS).max(1),
        false => 1,
    };
    let length = rows.div_ceil(shares).next_multiple_of(FEW_ROWS);
    for_parts(context, shares, &|share| {
        let from = share * length;
        // SAFETY: the caller's promise; shares have different rows.
        unsafe { vector::multiply(shape, pointers, from.min(rows)..rows.min(from + length)) };
    });
}

/// # Safety
/// As for `contract`.
unsafe fn contract_matrices<T: Number>(context: &mut Context, pointers: Pointers<T>, shape: &Shape) {
    let points: i64 = shape.outer.iter().map(|axis| axis.extent).product();
    let each = shape.multiplications() * shape.repeated.iter().map(|axis| axis.extent).product::<i64>();
    let is_shared = context.shares(each.saturating_mul(points) / MULTIPLICATIONS);
    let threads = if is_shared { context.threads } else { 1 };
    let is_split = threads > 1 && ((points as usize) < SHARES * threads || shape.multiplications() >= LARGE_PRODUCT);
    let (by_rows, length) = match shape.rows.extent >= shape.columns.extent {
        true => (true, shape.rows.extent),
        false => (false, shape.columns.extent),
    };
    // Each share copies the other factor for itself.
    let shares = if is_split { threads.min(length as usize / FEW_ROWS).max(1) } else { 1 };
    let each_share = (length as usize).div_ceil(shares).next_multiple_of(if shares > 1 { FEW_ROWS } else { 1 }) as i64;
    let product = |task: usize| {
        let (point, from) = ((task / shares) as i64, (task % shares) as i64 * each_share);
        let extent = each_share.min(length - from);
        if extent <= 0 {
            return;
        }
        let of_share = |axis: Axis, is_cut: bool| if is_cut { Axis { extent, ..axis } } else { axis };
        let (rows, columns) = (of_share(shape.rows, by_rows), of_share(shape.columns, !by_rows));
        let along = if by_rows { &shape.rows } else { &shape.columns };
        // SAFETY: the caller's promise; tasks have different targets.
        unsafe {
            let pointers = outer_point(&shape.outer, pointers, point).at(along, from);
            sum_of_products([&rows, &columns, &shape.summed], pointers, &shape.repeated, &mut false);
        }
    };
    let tasks = points as usize * shares;
    match threads > 1 {
        true => for_parts(context, tasks, &product),
        false => (0..tasks).for_each(product),
    }
}

/// # Safety
/// As for `contract`.
unsafe fn contract_blocks<T: Vectors, P: Pairing>(
    context: &mut Context,
    pointers: Pointers<T>,
    open: &[Axis],
    summed: &[Axis],
) {
    let [rows, columns, outer] = kinds_of(open);
    let kinds = Kinds { rows, columns, summed: merged(summed.to_vec()) };
    let turned = Kinds { rows: turned(&kinds.columns), columns: turned(&kinds.rows), summed: turned(&kinds.summed) };
    let (kinds, pointers, outer) = if effort::<T>(&turned) < effort::<T>(&kinds) {
        let pointers = Pointers { left: pointers.right, right: pointers.left, ..pointers };
        (turned, pointers, self::turned(&outer))
    } else {
        (kinds, pointers, outer)
    };
    let (outer_points, rows) = (points(&outer), points(&kinds.rows));
    let all = [outer_points, rows, points(&kinds.columns), points(&kinds.summed)];
    let all = all.into_iter().fold(1, usize::saturating_mul);
    let threads = context.threads;
    let shares = match context.shares((all / MULTIPLICATIONS as usize) as i64) {
        true if outer_points < SHARES * threads => (SHARES * threads).min(rows / FEW_ROWS).max(1),
        true => 1,
        // SAFETY: the caller's promise.
        false => {
            let each = |point| unsafe { rows_here::<T, P>(&kinds, outer_point(&outer, pointers, point), 0..rows) };
            return (0..outer_points as i64).for_each(each);
        }
    };
    let length = rows.div_ceil(shares).next_multiple_of(FEW_ROWS);
    for_parts(context, outer_points * shares, &|task| {
        let pointers = outer_point(&outer, pointers, (task / shares) as i64);
        let from = task % shares * length;
        // SAFETY: the caller's promise; shares have different rows.
        unsafe { rows_here::<T, P>(&kinds, pointers, from.min(rows)..rows.min(from + length)) };
    });
}

/// The same coordinates with the factors exchanged.
fn turned(axes: &[Axis]) -> Vec<Axis> {
    axes.iter().map(|axis| Axis { left: axis.right, right: axis.left, ..*axis }).collect()
}

/// What it takes to go through rows as vectors, in multiplications.
fn effort<T>(kinds: &Kinds) -> f64 {
    /// Of a number that is stored or copied by itself.
    const ALONE: f64 = 20.0;
    let [rows, columns, depth] = [&kinds.rows, &kinds.columns, &kinds.summed].map(|axes| points(axes) as f64);
    let is_even = |of: fn(&Axis) -> i64| kinds.rows.last().is_none_or(|axis| of(axis) == 1);
    let stored = if is_even(|axis| axis.target) { 0.0 } else { ALONE * rows * columns };
    let copied = if is_even(|axis| axis.left) { 0.0 } else { ALONE / 4.0 * rows * depth };
    let lanes = (64 / size_of::<T>()) as f64;
    (rows / lanes).ceil() * lanes * columns * depth + stored + copied
}

/// All sums of some rows, with the widest vectors of this machine.
///
/// # Safety
/// As for `contract`.
unsafe fn rows_here<T: Vectors, P: Pairing>(kinds: &Kinds, pointers: Pointers<T>, rows: Range<usize>) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
        unsafe fn wide<L: Lanes, P: Pairing>(kinds: &Kinds, pointers: Pointers<L::Number>, rows: Range<usize>) {
            unsafe { contract_rows::<L, P>(kinds, pointers, rows) }
        }
        #[target_feature(enable = "avx2,fma")]
        unsafe fn half<L: Lanes, P: Pairing>(kinds: &Kinds, pointers: Pointers<L::Number>, rows: Range<usize>) {
            unsafe { contract_rows::<L, P>(kinds, pointers, rows) }
        }
        use std::arch::is_x86_feature_detected as has;
        // SAFETY: the caller's promise, and the machine has it.
        unsafe {
            if has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw") && has!("fma") {
                return wide::<T::Wide, P>(kinds, pointers, rows);
            }
            if has!("avx2") && has!("fma") {
                return half::<T::Half, P>(kinds, pointers, rows);
            }
        }
    }
    // SAFETY: the caller's promise.
    unsafe { contract_rows::<T::Plain, P>(kinds, pointers, rows) }
}

/// # Safety
/// As for `contract`.
unsafe fn sum_of_products<T: Number>(shape: [&Axis; 3], pointers: Pointers<T>, repeated: &[Axis], adds: &mut bool) {
    if let Some((axis, inner)) = repeated.split_first() {
        for index in 0..axis.extent {
            unsafe { sum_of_products(shape, pointers.at(axis, index), inner, adds) };
        }
        return;
    }
    let [rows, columns, summed] = shape;
    let Pointers { target, left, right } = pointers;
    unsafe {
        gemm(
            rows.extent as usize,
            columns.extent as usize,
            summed.extent as usize,
            target,
            columns.target as isize,
            rows.target as isize,
            *adds,
            left,
            summed.left as isize,
            rows.left as isize,
            right,
            columns.right as isize,
            summed.right as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    *adds = true;
}

/// `words` are the offsets of the first elements of target, left and right factor, then four words for each coordinate:
/// `open` ones, which the target has, and `summed` ones.
unsafe fn contract_words<T: Vectors, P: Pairing + 'static>(
    context: &mut Context,
    [target, left, right]: [*mut T; 3],
    words: *const i64,
    open: i64,
    summed: i64,
) {
    // SAFETY: emitted code has written the words, and the tensors have what the offsets and coordinates reach.
    unsafe {
        let pointers = Pointers {
            target: target.offset(*words as isize),
            left: left.offset(*words.add(1) as isize),
            right: right.offset(*words.add(2) as isize),
        };
        let axes = words.add(3) as *const Axis;
        let open_axes = std::slice::from_raw_parts(axes, open as usize);
        let summed_axes = std::slice::from_raw_parts(axes.add(open as usize), summed as usize);
        contract::<T, P>(context, pointers, open_axes, summed_axes);
    }
}

macro_rules! rows {
    ($($name:ident $ty:ty, $pairing:ty;)*) => { $(
        /// # Safety
        /// Called by emitted code: see `contract_words`.
        pub unsafe extern "C" fn $name(
            context: &mut Context,
            target: *mut $ty,
            left: *mut $ty,
            right: *mut $ty,
            words: *const i64,
            open: i64,
            summed: i64,
        ) {
            unsafe { contract_words::<$ty, $pairing>(context, [target, left, right], words, open, summed) }
        }
    )* };
}

rows! {
    contract_f32 f32, Product;
    contract_f64 f64, Product;
    contract_squares_f32 f32, SquaredDifference;
    contract_squares_f64 f64, SquaredDifference;
    contract_distances_f32 f32, Distance;
    contract_distances_f64 f64, Distance;
}

#[cfg(test)]
mod tests;
