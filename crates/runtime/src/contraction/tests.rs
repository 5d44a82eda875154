//! Contractions of every kind, beside the same sums one by one.

use super::*;

fn axis(extent: i64, target: i64, left: i64, right: i64) -> Axis {
    Axis { extent, target, left, right }
}

/// The same sums, one by one.
fn by_loops(cells: &mut Cells, at: [i64; 3], open: &[Axis], summed: &[Axis]) {
    let next =
        |at: [i64; 3], axis: &Axis, k: i64| [at[0] + axis.target * k, at[1] + axis.left * k, at[2] + axis.right * k];
    match (open, summed) {
        ([axis, inner @ ..], _) => {
            (0..axis.extent).for_each(|k| by_loops(cells, next(at, axis, k), inner, summed));
        }
        ([], [axis, inner @ ..]) => {
            (0..axis.extent).for_each(|k| by_loops(cells, next(at, axis, k), &[], inner));
        }
        ([], []) => {
            let [left, right] = [cells.left[at[1] as usize], cells.right[at[2] as usize]];
            cells.target[at[0] as usize] += (cells.pairing)(left, right);
        }
    }
}

struct Cells<'a> {
    target: &'a mut [f64],
    left: &'a [f64],
    right: &'a [f64],
    pairing: fn(f64, f64) -> f64,
}

/// How far the last element is from the first, and one more.
fn size(axes: &[&[Axis]], of: fn(&Axis) -> i64) -> usize {
    1 + axes.iter().copied().flatten().map(|axis| (axis.extent - 1).max(0) * of(axis)).sum::<i64>() as usize
}

fn check(open: &[Axis], summed: &[Axis]) {
    check_pairing::<Product>(open, summed, |a, b| a * b);
    check_pairing::<SquaredDifference>(open, summed, |a, b| (a - b) * (a - b));
    check_pairing::<Distance>(open, summed, |a, b| (a - b).abs());
}

fn check_pairing<P: Pairing + 'static>(open: &[Axis], summed: &[Axis], pairing: fn(f64, f64) -> f64) {
    let sizes = [size(&[open], |axis| axis.target), size(&[open, summed], |axis| axis.left)];
    let sizes = [sizes[0], sizes[1], size(&[open, summed], |axis| axis.right)];
    let numbers = |n: usize, step: usize| (0..n).map(|k| ((k * step) % 17) as f64 - 8.0).collect::<Vec<_>>();
    let (left, right) = (numbers(sizes[1], 5), numbers(sizes[2], 7));
    // Cells that nothing is stored into keep what they have.
    let mut expected = vec![-0.5; sizes[0]];
    let mut kept = expected.clone();
    let mut cells = Cells { target: &mut kept, left: &left, right: &right, pairing: |_, _| 0.5 };
    by_loops(&mut cells, [0; 3], open, &[]);
    expected.iter_mut().zip(&kept).for_each(|(cell, kept)| *cell = if *kept == -0.5 { -0.5 } else { 0.0 });
    let mut cells = Cells { target: &mut expected, left: &left, right: &right, pairing };
    by_loops(&mut cells, [0; 3], open, summed);
    let small = |numbers: &[f64]| numbers.iter().map(|number| *number as f32).collect::<Vec<f32>>();
    let (small_left, small_right, small_expected) = (small(&left), small(&right), small(&expected));
    let mut context = Context::new(1 << 20, "", Box::new(std::io::sink()));
    for threads in [1, 2] {
        context.threads = threads;
        let mut target = vec![-0.5; sizes[0]];
        let pointers = Pointers { target: target.as_mut_ptr(), left: left.as_ptr(), right: right.as_ptr() };
        unsafe { contract::<f64, P>(&mut context, pointers, open, summed) };
        assert_eq!(target, expected);
        let mut target = vec![-0.5; sizes[0]];
        let (left, right) = (small_left.as_ptr(), small_right.as_ptr());
        let pointers = Pointers { target: target.as_mut_ptr(), left, right };
        unsafe { contract::<f32, P>(&mut context, pointers, open, summed) };
        assert_eq!(target, small_expected);
    }
}

#[test]
fn products_in_any_layout() {
    check(&[axis(2, 3, 4, 0), axis(3, 1, 0, 1)], &[axis(4, 0, 1, 3)]);
    check(&[axis(3, 2, 0, 4), axis(2, 1, 1, 0)], &[axis(4, 0, 2, 1)]);
    check(&[axis(300, 200, 100, 0), axis(200, 1, 0, 100)], &[axis(100, 0, 1, 1)]);
}

#[test]
fn batches_and_several_coordinates_of_a_kind() {
    let open = [axis(5, 12, 8, 24), axis(2, 6, 4, 0), axis(3, 2, 0, 8), axis(2, 1, 0, 4)];
    check(&open, &[axis(2, 0, 2, 2), axis(2, 0, 1, 1)]);
}

#[test]
fn an_index_of_two_coordinates() {
    // out[i, o] = sum[k, c](x[i + k, c] * w[k, c, o])
    let open = [axis(6, 3, 2, 0), axis(3, 1, 0, 1)];
    check(&open, &[axis(3, 0, 2, 6), axis(2, 0, 1, 3)]);
}

#[test]
fn matrices_times_vectors() {
    check(&[axis(100, 1, 40, 0)], &[axis(40, 0, 1, 1)]);
    check(&[axis(100, 1, 1, 0)], &[axis(300, 0, 100, 1)]);
    check(&[axis(3, 50, 2000, 40), axis(50, 1, 40, 0)], &[axis(40, 0, 1, 1)]);
}

#[test]
fn matrices_of_every_size_times_vectors() {
    for rows in [1, 2, 7, 16, 33, 70, 130, 300] {
        for points in [1, 3, 8, 17, 40, 600] {
            check(&[axis(rows, 1, points + 1, 0)], &[axis(points, 0, 1, 1)]);
            check(&[axis(rows, 3, 1, 0)], &[axis(points, 0, rows + 2, 2)]);
            check(&[axis(rows, 2, 0, points)], &[axis(points, 0, 3, 1)]);
            check(&[axis(rows, 1, 0, 1)], &[axis(points, 0, 1, rows)]);
        }
    }
}

#[test]
fn vectors_of_any_machine_in_products_with_vectors() {
    let left: Vec<f32> = (0..4000).map(|k| (k % 13) as f32).collect();
    let right: Vec<f32> = (0..100).map(|k| (k % 11) as f32).collect();
    for (row, point) in [(1, 40), (97, 1)] {
        let shape = vector::Shape::of(&[axis(39, 1, row, 0)], &[axis(97, 0, point, 1)]).expect("a matrix and a vector");
        let run = |multiply: unsafe fn(&vector::Shape, Pointers<f32>, Range<usize>)| {
            let mut target = vec![0.0; 39];
            let pointers = Pointers { target: target.as_mut_ptr(), left: left.as_ptr(), right: right.as_ptr() };
            unsafe { multiply(&shape, pointers, 0..39) };
            target
        };
        assert_eq!(run(vector::multiply_with::<Plain<f32>>), run(vector::multiply::<f32>));
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            assert_eq!(run(vector::multiply_with::<lanes::Half32>), run(vector::multiply::<f32>));
        }
    }
}

#[test]
fn empty_sums_are_zero() {
    check(&[axis(2, 3, 4, 0), axis(3, 1, 0, 1)], &[axis(0, 0, 1, 3)]);
    check(&[axis(0, 3, 4, 0), axis(3, 1, 0, 1)], &[axis(4, 0, 1, 3)]);
}

#[test]
fn rows_of_several_coordinates() {
    // out[b, o, h, w] = sum[c, p, q](x[b, c, h + p, w + q] * W[o, c, p, q]), and with steps of two.
    let (images, channels, kernels, side) = (2, 5, 13, 11);
    let x = [channels * side * side, side * side, side, 1];
    let weights = [channels * 9, 9, 3, 1];
    for step in [1, 2] {
        let out = (side - 3) / step + 1;
        let open = [
            axis(images, kernels * out * out, x[0], 0),
            axis(kernels, out * out, 0, weights[0]),
            axis(out, out, x[2] * step, 0),
            axis(out, 1, x[3] * step, 0),
        ];
        let summed = [axis(channels, 0, x[1], weights[1]), axis(3, 0, x[2], 3), axis(3, 0, x[3], 1)];
        check(&open, &summed);
        // The target has the other order.
        let mut turned = open;
        [turned[1].target, turned[2].target, turned[3].target] = [1, kernels * out, kernels];
        check(&turned, &summed);
    }
}

#[test]
fn more_than_a_block() {
    check(&[axis(70, 9, 700, 0), axis(9, 1, 0, 700)], &[axis(100, 0, 7, 7), axis(7, 0, 1, 1)]);
    check(&[axis(3, 700, 5, 0), axis(700, 1, 0, 5)], &[axis(5, 0, 1, 1)]);
    check(&[axis(300, 1, 4, 0), axis(3, 300, 0, 4)], &[axis(4, 0, 1, 1)]);
}

#[test]
fn vectors_of_any_machine() {
    let kinds = Kinds {
        rows: vec![axis(7, 40, 60, 0), axis(5, 8, 12, 0)],
        columns: vec![axis(8, 1, 0, 12)],
        summed: vec![axis(4, 0, 3, 3), axis(3, 0, 1, 1)],
    };
    let left: Vec<f64> = (0..420).map(|k| f64::from(k % 13)).collect();
    let right: Vec<f64> = (0..96).map(|k| f64::from(k % 11)).collect();
    let run = |rows: unsafe fn(&Kinds, Pointers<f64>, Range<usize>)| {
        let mut target = vec![0.0; 280];
        let pointers = Pointers { target: target.as_mut_ptr(), left: left.as_ptr(), right: right.as_ptr() };
        unsafe { rows(&kinds, pointers, 0..35) };
        target
    };
    assert_eq!(run(contract_rows::<Plain<f64>, Product>), run(rows_here::<f64, Product>));
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        assert_eq!(run(contract_rows::<lanes::Half64, Product>), run(rows_here::<f64, Product>));
    }
}

#[test]
fn even_coordinates_become_one() {
    let rows = vec![axis(4, 1, 2, 0), axis(3, 4, 8, 0), axis(1, 7, 9, 0)];
    assert_eq!(merged(rows), [axis(12, 1, 2, 0)]);
}
