//! Every operator and conversion on edge values, against Rust.

mod build;

use build::*;
use ir::loops::*;

/// Values of the expression for every pair of operands, which are read from memory or constants of the code.
fn table<A: Copy, B: Copy, R: Copy + Default>(
    (ty_a, a): (Ty, &[A]),
    (ty_b, b): (Ty, &[B]),
    result: Ty,
    constant: Option<&dyn Fn(B) -> Ex>,
    expression: impl Fn(Ex, Ex) -> Ex,
) -> Vec<R> {
    let results = room(R::default(), a.len() * b.len());
    let mut body = Vec::new();
    for i in 0..a.len() {
        for (j, operand) in b.iter().enumerate() {
            let left = load(ty_a, constants(a), int(i as i64));
            let right = match constant {
                Some(constant) => constant(*operand),
                None => load(ty_b, constants(b), int(j as i64)),
            };
            let place = int((i * b.len() + j) as i64);
            body.push(St::Store(result, memory(&results), place, expression(left, right)));
        }
    }
    let outcome = run(&module(vec![function("main", 0, &[], &[], body)]));
    assert_eq!(outcome.code(), "fine");
    results.values()
}

macro_rules! integer_operators {
    ($name:ident, $signed:ty, $unsigned:ty, $ty:expr) => {
        #[test]
        fn $name() {
            type S = $signed;
            type U = $unsigned;
            const ALL: &[S] = &[S::MIN, S::MIN + 1, -100, -7, -2, -1, 0, 1, 2, 3, 7, 10, 100, S::MAX - 1, S::MAX];
            let divisors: Vec<S> = ALL.iter().copied().filter(|v| *v != 0).collect();
            let checks: &[(Bin, fn(S, S) -> S)] = &[
                (Bin::Add, S::wrapping_add),
                (Bin::Sub, S::wrapping_sub),
                (Bin::Mul, S::wrapping_mul),
                (Bin::SDiv, S::wrapping_div),
                (Bin::SRem, S::wrapping_rem),
                (Bin::UDiv, |a, b| (a as U / b as U) as S),
                (Bin::URem, |a, b| (a as U % b as U) as S),
                (Bin::And, |a, b| a & b),
                (Bin::Or, |a, b| a | b),
                (Bin::Xor, |a, b| a ^ b),
                (Bin::SMin, |a, b| a.min(b)),
                (Bin::SMax, |a, b| a.max(b)),
                (Bin::UMin, |a, b| (a as U).min(b as U) as S),
                (Bin::UMax, |a, b| (a as U).max(b as U) as S),
            ];
            for (op, meaning) in checks {
                let b = if matches!(op, Bin::SDiv | Bin::SRem | Bin::UDiv | Bin::URem) { &divisors } else { ALL };
                let wanted: Vec<S> = ALL.iter().flat_map(|x| b.iter().map(move |y| meaning(*x, *y))).collect();
                let constant = |value: S| Ex::Int($ty, value as i64);
                let found: Vec<S> = table(($ty, ALL), ($ty, b), $ty, None, |a, b| bin(*op, a, b));
                assert_eq!(found, wanted, "{op:?}");
                let found: Vec<S> = table(($ty, ALL), ($ty, b), $ty, Some(&constant), |a, b| bin(*op, a, b));
                assert_eq!(found, wanted, "{op:?} by constants");
            }
            let shifts: &[S] = &[0, 1, 3, S::BITS as S - 1];
            let found: Vec<S> = table(($ty, ALL), ($ty, shifts), $ty, None, |a, b| bin(Bin::Shl, a, b));
            let wanted: Vec<S> = ALL.iter().flat_map(|x| shifts.iter().map(move |y| x << y)).collect();
            assert_eq!(found, wanted);
            let comparisons: &[(Cmp, fn(S, S) -> bool)] = &[
                (Cmp::Eq, |a, b| a == b),
                (Cmp::Ne, |a, b| a != b),
                (Cmp::SLt, |a, b| a < b),
                (Cmp::SLe, |a, b| a <= b),
                (Cmp::SGt, |a, b| a > b),
                (Cmp::SGe, |a, b| a >= b),
                (Cmp::ULt, |a, b| (a as U) < b as U),
                (Cmp::ULe, |a, b| a as U <= b as U),
                (Cmp::UGt, |a, b| a as U > b as U),
                (Cmp::UGe, |a, b| a as U >= b as U),
            ];
            for (op, meaning) in comparisons {
                let wanted: Vec<u8> = ALL.iter().flat_map(|x| ALL.iter().map(move |y| meaning(*x, *y) as u8)).collect();
                let found: Vec<u8> = table(($ty, ALL), ($ty, ALL), Ty::I8, None, |a, b| cmp(*op, a, b));
                assert_eq!(found, wanted, "{op:?}");
            }
            let unary: &[(Un, fn(S) -> S)] = &[(Un::Neg, S::wrapping_neg), (Un::Abs, S::wrapping_abs)];
            for (op, meaning) in unary {
                let found: Vec<S> = table(($ty, ALL), ($ty, &[0 as S]), $ty, None, |a, _| Ex::Un(*op, Box::new(a)));
                assert_eq!(found, ALL.iter().map(|x| meaning(*x)).collect::<Vec<_>>(), "{op:?}");
            }
        }
    };
}

integer_operators!(operators_of_8_bits, i8, u8, Ty::I8);
integer_operators!(operators_of_32_bits, i32, u32, Ty::I32);
integer_operators!(operators_of_64_bits, i64, u64, Ty::I64);

macro_rules! float_operators {
    ($name:ident, $float:ident, $bits:ident, $ty:expr) => {
        #[test]
        fn $name() {
            const ALL: &[$float] = &[
                $float::NAN,
                $float::NEG_INFINITY,
                $float::MIN,
                -2.5,
                -1.5,
                -1.0,
                -0.5,
                -0.0,
                0.0,
                $float::MIN_POSITIVE,
                0.5,
                1.0,
                1.5,
                2.5,
                1e9,
                $float::MAX,
                $float::INFINITY,
            ];
            let bits = |values: Vec<$float>| -> Vec<$bits> {
                values.into_iter().map(|v| if v.is_nan() { $bits::MAX } else { v.to_bits() }).collect()
            };
            // NaN wins, ties take the first.
            let extreme = |a: $float, b: $float, takes_second: bool| match (a.is_nan(), b.is_nan()) {
                (true, _) => a,
                (_, true) => b,
                _ if takes_second => b,
                _ => a,
            };
            let checks: &[(Bin, &dyn Fn($float, $float) -> $float)] = &[
                (Bin::Add, &|a, b| a + b),
                (Bin::Sub, &|a, b| a - b),
                (Bin::Mul, &|a, b| a * b),
                (Bin::FDiv, &|a, b| a / b),
                (Bin::FMin, &|a, b| extreme(a, b, b < a)),
                (Bin::FMax, &|a, b| extreme(a, b, b > a)),
            ];
            for (op, meaning) in checks {
                let wanted = ALL.iter().flat_map(|x| ALL.iter().map(move |y| meaning(*x, *y))).collect();
                let found = table(($ty, ALL), ($ty, ALL), $ty, None, |a, b| bin(*op, a, b));
                assert_eq!(bits(found), bits(wanted), "{op:?}");
            }
            let comparisons: &[(Cmp, fn($float, $float) -> bool)] = &[
                (Cmp::Eq, |a, b| a == b),
                (Cmp::Ne, |a, b| a != b),
                (Cmp::SLt, |a, b| a < b),
                (Cmp::SLe, |a, b| a <= b),
                (Cmp::SGt, |a, b| a > b),
                (Cmp::SGe, |a, b| a >= b),
            ];
            for (op, meaning) in comparisons {
                let wanted: Vec<u8> = ALL.iter().flat_map(|x| ALL.iter().map(move |y| meaning(*x, *y) as u8)).collect();
                let found: Vec<u8> = table(($ty, ALL), ($ty, ALL), Ty::I8, None, |a, b| cmp(*op, a, b));
                assert_eq!(found, wanted, "{op:?}");
            }
            let unary: &[(Un, fn($float) -> $float)] = &[
                (Un::Neg, |a| -a),
                (Un::Abs, $float::abs),
                (Un::Sqrt, $float::sqrt),
                (Un::Floor, $float::floor),
                (Un::Ceil, $float::ceil),
                (Un::Trunc, $float::trunc),
            ];
            for (op, meaning) in unary {
                let found = table(($ty, ALL), ($ty, &[0.0 as $float]), $ty, None, |a, _| Ex::Un(*op, Box::new(a)));
                assert_eq!(bits(found), bits(ALL.iter().map(|x| meaning(*x)).collect()), "{op:?}");
            }
        }
    };
}

float_operators!(operators_of_singles, f32, u32, Ty::F32);
float_operators!(operators_of_doubles, f64, u64, Ty::F64);

fn converted<A: Copy, R: Copy + Default>(from: Ty, values: &[A], result: Ty, to: Convert) -> Vec<R> {
    table((from, values), (Ty::I8, &[0i8]), result, None, |a, _| convert(to, a))
}

const DOUBLES: &[f64] = &[
    f64::NAN,
    f64::NEG_INFINITY,
    -1e300,
    -9.3e18,
    -2147483649.5,
    -129.0,
    -128.9,
    -1.9,
    -0.9,
    -0.0,
    0.9,
    1.9,
    127.9,
    128.0,
    255.9,
    256.0,
    2147483647.9,
    4294967296.0,
    9.3e18,
    1.9e19,
    1e300,
    f64::INFINITY,
];

#[test]
fn floats_to_integers_saturate() {
    let singles: Vec<f32> = DOUBLES.iter().map(|d| *d as f32).collect();
    macro_rules! check {
        ($int:ty, $ty:expr, $to:expr) => {
            let found: Vec<$int> = converted(Ty::F64, DOUBLES, $ty, $to($ty));
            assert_eq!(found, DOUBLES.iter().map(|d| *d as $int).collect::<Vec<_>>());
            let found: Vec<$int> = converted(Ty::F32, &singles, $ty, $to($ty));
            assert_eq!(found, singles.iter().map(|s| *s as $int).collect::<Vec<_>>());
        };
    }
    check!(i8, Ty::I8, Convert::FloatToSint);
    check!(u8, Ty::I8, Convert::FloatToUint);
    check!(i32, Ty::I32, Convert::FloatToSint);
    check!(u32, Ty::I32, Convert::FloatToUint);
    check!(i64, Ty::I64, Convert::FloatToSint);
    check!(u64, Ty::I64, Convert::FloatToUint);
}

#[test]
fn integers_change_their_width() {
    let bytes = [-128i8, -1, 0, 1, 127];
    let words = [i32::MIN, -129, -1, 0, 1, 200, 255, i32::MAX];
    let found: Vec<i64> = converted(Ty::I8, &bytes, Ty::I64, Convert::Sext(Ty::I64));
    assert_eq!(found, bytes.map(i64::from));
    let found: Vec<i64> = converted(Ty::I8, &bytes, Ty::I64, Convert::Zext(Ty::I64));
    assert_eq!(found, bytes.map(|b| i64::from(b as u8)));
    let found: Vec<i8> = converted(Ty::I32, &words, Ty::I8, Convert::Trunc(Ty::I8));
    assert_eq!(found, words.map(|w| w as i8));
    let found: Vec<i64> = converted(Ty::I32, &words, Ty::I64, Convert::Sext(Ty::I64));
    assert_eq!(found, words.map(i64::from));
}

#[test]
fn integers_to_floats() {
    let bytes = [-128i8, -1, 0, 127];
    let longs = [i64::MIN, -1, 0, 1 << 53, i64::MAX];
    let found: Vec<f32> = converted(Ty::I8, &bytes, Ty::F32, Convert::SintToFloat(Ty::F32));
    assert_eq!(found, bytes.map(f32::from));
    let found: Vec<f32> = converted(Ty::I8, &bytes, Ty::F32, Convert::UintToFloat(Ty::F32));
    assert_eq!(found, bytes.map(|b| f32::from(b as u8)));
    let found: Vec<f64> = converted(Ty::I64, &longs, Ty::F64, Convert::SintToFloat(Ty::F64));
    assert_eq!(found, longs.map(|l| l as f64));
    let found: Vec<f32> = converted(Ty::I64, &longs, Ty::F32, Convert::UintToFloat(Ty::F32));
    assert_eq!(found, longs.map(|l| l as u64 as f32));
}

#[test]
fn floats_change_their_width_and_bits() {
    let found: Vec<f32> = converted(Ty::F64, DOUBLES, Ty::F32, Convert::Float(Ty::F32));
    let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    assert!(found.iter().zip(DOUBLES).all(|(f, d)| same(*f, *d as f32)));
    let found: Vec<u64> = converted(Ty::F64, &DOUBLES[1..], Ty::I64, Convert::Bits(Ty::I64));
    assert_eq!(found, DOUBLES[1..].iter().map(|d| d.to_bits()).collect::<Vec<_>>());
}

/// Every `f32` bit pattern is too many; these are the neighbourhoods of all halves and of the ties between them.
#[test]
fn half_floats_round_to_nearest_even() {
    let halves: Vec<u16> = (0..=u16::MAX).collect();
    let wide: Vec<f32> = spread(&halves, Ty::I16, Ty::F32, Convert::FromF16);
    let narrow: Vec<u16> = spread(&wide, Ty::F32, Ty::I16, Convert::ToF16);
    for ((half, single), back) in halves.iter().zip(&wide).zip(narrow) {
        assert!(single.is_nan() && half & 0x7c00 == 0x7c00 || back == *half, "{half:#x} {single}");
    }
    assert_eq!(wide[0x3c00..0x3c02], [1.0, 1.0 + 2f32.powi(-10)]);
    assert_eq!((wide[1], wide[0x7bff], wide[0x7c00]), (2f32.powi(-24), 65504.0, f32::INFINITY));
    let ties =
        [65519.0, 65520.0, 2f32.powi(-25), 1.5 * 2f32.powi(-25), 1.0 + 2f32.powi(-11), 1.0 + 3.0 * 2f32.powi(-11)];
    let found: Vec<u16> = spread(&ties, Ty::F32, Ty::I16, Convert::ToF16);
    assert_eq!(found, [0x7bff, 0x7c00, 0, 1, 0x3c00, 0x3c02]);
    let found: Vec<u16> =
        spread(&[1.0 + 2f32.powi(-8), 1.0 + 3.0 * 2f32.powi(-8), f32::MAX, -1.0], Ty::F32, Ty::I16, Convert::ToBF16);
    assert_eq!(found, [0x3f80, 0x3f82, 0x7f80, 0xbf80]);
    let found: Vec<f32> = spread(&[0x3f80u16, 0xc000], Ty::I16, Ty::F32, Convert::FromBF16);
    assert_eq!(found, [1.0, -2.0]);
}

/// Converts in a loop.
fn spread<A: Copy, R: Copy + Default>(values: &[A], from: Ty, result: Ty, to: Convert) -> Vec<R> {
    let results = room(R::default(), values.len());
    let value = convert(to, load(from, constants(values), local(0)));
    let body = vec![count_to(0, int(values.len() as i64), vec![St::Store(result, memory(&results), local(0), value)])];
    run(&module(vec![function("main", 0, &[], &[Ty::I64], body)]));
    results.values()
}

#[test]
fn selection_and_mathematics() {
    let values = [-1.5f64, 0.0, 2.0];
    let results = room(0.0f64, 3);
    let x = || load(Ty::F64, constants(&values), local(0));
    let negative = cmp(Cmp::SLt, x(), Ex::F64(0.0));
    let chosen = Ex::Select(Box::new(negative), Box::new(Ex::Math("f64_exp", Ty::F64, vec![x()])), Box::new(x()));
    let body = vec![count_to(0, int(3), vec![St::Store(Ty::F64, memory(&results), local(0), chosen)])];
    run(&module(vec![function("main", 0, &[], &[Ty::I64], body)]));
    assert_eq!(results.values(), [(-1.5f64).exp(), 0.0, 2.0]);
}
