//! Loops whose turns are free come to the same as loops that take one turn after the other.

mod build;

use build::*;
use ir::loops::*;

const LENGTHS: [i64; 6] = [0, 5, 8, 37, 64, 100];

fn free(var: u32, hi: i64, body: Vec<St>) -> St {
    // The end is a local, so that its length is not known.
    St::For { var: Local(var), lo: int(0), hi: add(int(hi), local(9)), turns: Turns::Free, body }
}

fn numbers() -> Vec<f32> {
    (0..100).map(|k| ((k * 37) % 29) as f32 - 14.0).collect()
}

/// Locals: 0 counter, 1 `f32`, 2 `f64`, 3 `i64`, 4 `f32`, 5 `i32`, 9 zero.
const LOCALS: [Ty; 10] = [Ty::I64, Ty::F32, Ty::F64, Ty::I64, Ty::F32, Ty::I32, Ty::I64, Ty::I64, Ty::I64, Ty::I64];

fn run_body(body: Vec<St>) {
    let body = [vec![let_(9, int(0))], body].concat();
    assert_eq!(run(&module(vec![function("main", 0, &[], &LOCALS, body)])).code(), "fine");
}

#[test]
fn cells_are_computed_in_groups_and_the_rest() {
    let source = numbers();
    for length in LENGTHS {
        let results = room(-1.0f32, 100);
        let cell = || load(Ty::F32, constants(&source), local(0));
        let square = bin(Bin::Mul, cell(), cell());
        let positive = cmp(Cmp::SGt, cell(), Ex::F32(0.0));
        let chosen = Ex::Select(Box::new(positive), Box::new(square), Box::new(Ex::F32(0.5)));
        run_body(vec![free(
            0,
            length,
            vec![let_(1, chosen), St::Store(Ty::F32, memory(&results), local(0), local(1))],
        )]);
        for (k, (x, got)) in source.iter().zip(results.values()).enumerate() {
            let wanted = if *x > 0.0 { x * x } else { 0.5 };
            assert_eq!(got, if (k as i64) < length { wanted } else { -1.0 });
        }
    }
}

#[test]
fn neighbours_and_coordinates_are_read() {
    let source = numbers();
    let results = room(0.0f32, 100);
    let next = load(Ty::F32, constants(&source), add(local(0), int(1)));
    let coordinate = convert(Convert::SintToFloat(Ty::F32), convert(Convert::Trunc(Ty::I32), local(0)));
    let value = bin(Bin::Sub, next, coordinate);
    run_body(vec![free(0, 99, vec![St::Store(Ty::F32, memory(&results), local(0), value)])]);
    for k in 0..99 {
        assert_eq!(results.values()[k], source[k + 1] - k as f32);
    }
}

#[test]
fn sums_extremes_and_counts_are_folded() {
    let source = numbers();
    for length in LENGTHS {
        let (sums, extremes) = (room(0.0f64, 1), room(0.0f32, 2));
        let counts = room(0i64, 1);
        let cell = || load(Ty::F32, constants(&source), local(0));
        let wide = convert(Convert::Float(Ty::F64), cell());
        let turn = vec![
            set(2, add(local(2), wide)),
            set(1, bin(Bin::FMax, local(1), cell())),
            set(4, bin(Bin::FMin, local(4), cell())),
            set(3, add(local(3), int(1))),
        ];
        run_body(vec![
            let_(2, Ex::F64(0.25)),
            let_(1, Ex::F32(f32::NEG_INFINITY)),
            let_(4, Ex::F32(f32::INFINITY)),
            let_(3, int(0)),
            free(0, length, turn),
            St::Store(Ty::F64, memory(&sums), int(0), local(2)),
            St::Store(Ty::F32, memory(&extremes), int(0), local(1)),
            St::Store(Ty::F32, memory(&extremes), int(1), local(4)),
            St::Store(Ty::I64, memory(&counts), int(0), local(3)),
        ]);
        let used = &source[..length as usize];
        assert_eq!(sums.values()[0], 0.25 + used.iter().map(|x| f64::from(*x)).sum::<f64>());
        let most = used.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let least = used.iter().copied().fold(f32::INFINITY, f32::min);
        assert_eq!(extremes.values(), [most, least]);
        assert_eq!(counts.values(), [length]);
    }
}

#[test]
fn nan_wins_in_every_lane() {
    for place in 0..40 {
        let mut source = numbers();
        source[place] = f32::NAN;
        let results = room(0.0f32, 1);
        let cell = load(Ty::F32, constants(&source), local(0));
        run_body(vec![
            let_(1, Ex::F32(f32::NEG_INFINITY)),
            free(0, 40, vec![set(1, bin(Bin::FMax, local(1), cell))]),
            St::Store(Ty::F32, memory(&results), int(0), local(1)),
        ]);
        assert!(results.values()[0].is_nan());
    }
}

#[test]
fn whole_numbers_wrap_in_every_lane() {
    let source: Vec<i32> = (0..100).map(|k| (k - 50i32).wrapping_mul(100_000_007)).collect();
    let results = room(0i32, 100);
    let cell = load(Ty::I32, constants(&source), local(0));
    let value = bin(Bin::Mul, cell, i32(3));
    run_body(vec![free(0, 100, vec![St::Store(Ty::I32, memory(&results), local(0), value)])]);
    for (x, got) in source.iter().zip(results.values()) {
        assert_eq!(got, x.wrapping_mul(3));
    }
}
