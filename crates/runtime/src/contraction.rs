//! Sums of products of two tensors' cells, as matrix products.
//!
//! Every coordinate comes with its extent and its stride in each of the three tensors, so that it does not matter in
//! which order a tensor has its axes, and an index like `i + k` is two coordinates of one axis. Coordinates of the target
//! and the left factor are rows, those of the target and the right factor columns, and summed ones what rows and columns
//! have in common. Neighbouring coordinates that lie evenly become one; of each kind the longest goes into the product,
//! and the others are loops around it.

use crate::context::Context;
use gemm::{Parallelism, gemm};
use rayon::prelude::*;

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

/// Multiplications that are worth a second thread.
const WORTH_THREADS: i64 = 1 << 19;
/// Products of so many multiplications keep several threads busy themselves.
const LARGE_PRODUCT: i64 = 1 << 21;

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
        let (rows, rest): (Vec<Axis>, Vec<Axis>) =
            open.iter().copied().partition(|axis| axis.left != 0 && axis.right == 0);
        let (columns, rest): (Vec<Axis>, Vec<Axis>) =
            rest.into_iter().partition(|axis| axis.right != 0 && axis.left == 0);
        let (rows, mut outer) = longest(merged(rows));
        let (columns, more) = longest(merged(columns));
        outer.extend(more);
        outer.extend(merged(rest));
        let (summed, repeated) = longest(merged(summed.to_vec()));
        Shape { rows, columns, summed, outer, repeated }
    }

    fn multiplications(&self) -> i64 {
        self.rows.extent.saturating_mul(self.columns.extent).saturating_mul(self.summed.extent)
    }

    /// The index along each outer coordinate of number `point`.
    fn outer_point<T>(&self, mut pointers: Pointers<T>, mut point: i64) -> Pointers<T> {
        for axis in self.outer.iter().rev() {
            // SAFETY: the index is below the extent.
            pointers = unsafe { pointers.at(axis, point % axis.extent) };
            point /= axis.extent;
        }
        pointers
    }
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

trait Number: Copy + Send + Sync + 'static {
    const ONE: Self;
}

impl Number for f32 {
    const ONE: f32 = 1.0;
}

impl Number for f64 {
    const ONE: f64 = 1.0;
}

/// # Safety
/// All elements that the coordinates reach are in bounds, and the target overlaps neither factor.
unsafe fn contract<T: Number>(threads: usize, pointers: Pointers<T>, open: &[Axis], summed: &[Axis]) {
    if open.iter().any(|axis| axis.extent <= 0) {
        return;
    }
    let is_empty = summed.iter().any(|axis| axis.extent <= 0);
    // A product of nothing is zero.
    let nothing = [Axis { extent: 0, ..ONCE }];
    let shape = Shape::new(open, if is_empty { &nothing } else { summed });
    let points: i64 = shape.outer.iter().map(|axis| axis.extent).product();
    let each = shape.multiplications() * shape.repeated.iter().map(|axis| axis.extent).product::<i64>();
    let product = |point: i64, parallelism: Parallelism| {
        let pointers = shape.outer_point(pointers, point);
        // SAFETY: the caller's promise.
        unsafe { sum_of_products(&shape, pointers, &shape.repeated, &mut false, parallelism) };
    };
    let shared = threads > 1 && each.saturating_mul(points) >= WORTH_THREADS;
    if shared && points >= threads as i64 && shape.multiplications() < LARGE_PRODUCT {
        (0..points).into_par_iter().for_each(|point| product(point, Parallelism::None));
        return;
    }
    let parallelism = if shared { Parallelism::Rayon(threads) } else { Parallelism::None };
    (0..points).for_each(|point| product(point, parallelism));
}

/// # Safety
/// As for `contract`.
unsafe fn sum_of_products<T: Number>(
    shape: &Shape,
    pointers: Pointers<T>,
    repeated: &[Axis],
    adds: &mut bool,
    parallelism: Parallelism,
) {
    if let Some((axis, inner)) = repeated.split_first() {
        for index in 0..axis.extent {
            unsafe { sum_of_products(shape, pointers.at(axis, index), inner, adds, parallelism) };
        }
        return;
    }
    let Shape { rows, columns, summed, .. } = shape;
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
            parallelism,
        );
    }
    *adds = true;
}

/// `words` are the offsets of the first elements of target, left and right factor, then four words for each coordinate:
/// `open` ones, which the target has, and `summed` ones.
unsafe fn contract_words<T: Number>(
    context: &Context,
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
        contract(context.threads, pointers, open_axes, summed_axes);
    }
}

macro_rules! rows {
    ($($name:ident $ty:ty)*) => { $(
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
            unsafe { contract_words(context, [target, left, right], words, open, summed) }
        }
    )* };
}

rows! {
    contract_f32 f32
    contract_f64 f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(extent: i64, target: i64, left: i64, right: i64) -> Axis {
        Axis { extent, target, left, right }
    }

    /// The same sums, one by one.
    fn by_loops(target: &mut [f64], left: &[f64], right: &[f64], at: [i64; 3], open: &[Axis], summed: &[Axis]) {
        let next = |at: [i64; 3], axis: &Axis, k: i64| {
            [at[0] + axis.target * k, at[1] + axis.left * k, at[2] + axis.right * k]
        };
        match (open, summed) {
            ([axis, inner @ ..], _) => {
                (0..axis.extent).for_each(|k| by_loops(target, left, right, next(at, axis, k), inner, summed));
            }
            ([], [axis, inner @ ..]) => {
                (0..axis.extent).for_each(|k| by_loops(target, left, right, next(at, axis, k), &[], inner));
            }
            ([], []) => target[at[0] as usize] += left[at[1] as usize] * right[at[2] as usize],
        }
    }

    fn check(sizes: [usize; 3], open: &[Axis], summed: &[Axis]) {
        let numbers = |n: usize, step: usize| (0..n).map(|k| ((k * step) % 17) as f64 - 8.0).collect::<Vec<_>>();
        let (left, right) = (numbers(sizes[1], 5), numbers(sizes[2], 7));
        let mut expected = vec![0.0; sizes[0]];
        by_loops(&mut expected, &left, &right, [0; 3], open, summed);
        for threads in [1, 2] {
            let mut target = vec![f64::NAN; sizes[0]];
            let pointers = Pointers { target: target.as_mut_ptr(), left: left.as_ptr(), right: right.as_ptr() };
            unsafe { contract(threads, pointers, open, summed) };
            assert_eq!(target, expected);
        }
    }

    #[test]
    fn products_in_any_layout() {
        check([6, 8, 12], &[axis(2, 3, 4, 0), axis(3, 1, 0, 1)], &[axis(4, 0, 1, 3)]);
        check([6, 8, 12], &[axis(3, 2, 0, 4), axis(2, 1, 1, 0)], &[axis(4, 0, 2, 1)]);
        check(
            [300 * 200, 300 * 100, 200 * 100],
            &[axis(300, 200, 100, 0), axis(200, 1, 0, 100)],
            &[axis(100, 0, 1, 1)],
        );
    }

    #[test]
    fn batches_and_several_coordinates_of_a_kind() {
        let open = [axis(5, 12, 8, 24), axis(2, 6, 4, 0), axis(3, 2, 0, 8), axis(2, 1, 0, 4)];
        check([60, 40, 120], &open, &[axis(2, 0, 2, 2), axis(2, 0, 1, 1)]);
    }

    #[test]
    fn an_index_of_two_coordinates() {
        // out[i, o] = sum[k, c](x[i + k, c] * w[k, c, o])
        let open = [axis(6, 3, 2, 0), axis(3, 1, 0, 1)];
        check([18, 16, 18], &open, &[axis(3, 0, 2, 6), axis(2, 0, 1, 3)]);
    }

    #[test]
    fn empty_sums_are_zero() {
        check([6, 8, 12], &[axis(2, 3, 4, 0), axis(3, 1, 0, 1)], &[axis(0, 0, 1, 3)]);
        check([0, 8, 12], &[axis(0, 3, 4, 0), axis(3, 1, 0, 1)], &[axis(4, 0, 1, 3)]);
    }

    #[test]
    fn even_coordinates_become_one() {
        let rows = vec![axis(4, 1, 2, 0), axis(3, 4, 8, 0), axis(1, 7, 9, 0)];
        assert_eq!(merged(rows), [axis(12, 1, 2, 0)]);
    }
}
