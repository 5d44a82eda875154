//! Elementary functions of many numbers in a row.
//!
//! Each is branch-free arithmetic on one number, which the compiler turns into vectors of whatever width it may assume.
//! It is compiled for several kinds of machines, and the one that this is, is chosen when it is called. All are within
//! two units in the last place.

/// `2 ** n` for an `n` whose exponent fits.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) << 23) as u32)
}

#[inline(always)]
fn power_of_two_f64(n: i64) -> f64 {
    f64::from_bits(((n + 1023) << 52) as u64)
}

/// Adding this leaves a small number's nearest integer in the low bits.
const ROUND: f32 = 12_582_912.0;
const ROUND_F64: f64 = 6_755_399_441_055_744.0;

#[inline(always)]
fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // NaN stays: it is neither.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = n.mul_add(-LN_2_HIGH, x);
    let r = n.mul_add(-LN_2_LOW, r);
    let p = 1.987_569_1e-4f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    let p = (p * r).mul_add(r, r) + 1.0;
    let n = rounded.to_bits() as i32 - ROUND.to_bits() as i32;
    // In two steps, so that results near both ends of the range come out.
    let half = n >> 1;
    p * power_of_two(half.clamp(-126, 127)) * power_of_two((n - half).clamp(-126, 127))
}

#[inline(always)]
fn exp_f64(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let rounded = x.mul_add(std::f64::consts::LOG2_E, ROUND_F64);
    let n = rounded - ROUND_F64;
    let r = n.mul_add(-LN_2_HIGH, x);
    let r = n.mul_add(-LN_2_LOW, r);
    // 1 / k!, from 13 down to 2.
    let p = 1.0 / 6_227_020_800.0f64;
    let p = p.mul_add(r, 1.0 / 479_001_600.0);
    let p = p.mul_add(r, 1.0 / 39_916_800.0);
    let p = p.mul_add(r, 1.0 / 3_628_800.0);
    let p = p.mul_add(r, 1.0 / 362_880.0);
    let p = p.mul_add(r, 1.0 / 40_320.0);
    let p = p.mul_add(r, 1.0 / 5_040.0);
    let p = p.mul_add(r, 1.0 / 720.0);
    let p = p.mul_add(r, 1.0 / 120.0);
    let p = p.mul_add(r, 1.0 / 24.0);
    let p = p.mul_add(r, 1.0 / 6.0);
    let p = p.mul_add(r, 0.5);
    let p = (p * r).mul_add(r, r) + 1.0;
    let n = rounded.to_bits() as i64 - ROUND_F64.to_bits() as i64;
    let half = n >> 1;
    p * power_of_two_f64(half.clamp(-1022, 1023)) * power_of_two_f64((n - half).clamp(-1022, 1023))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let p = -5.704_988_7e-3f32;
    let p = p.mul_add(square, 2.063_908_8e-2);
    let p = p.mul_add(square, -5.373_972e-2);
    let p = p.mul_add(square, 1.333_144_2e-1);
    let p = p.mul_add(square, -3.333_327_6e-1);
    let small = (p * square).mul_add(x, x);
    let large = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
    if size < 0.625 { small.copysign(x) } else { large.copysign(x) }
}

#[inline(always)]
fn tanh_f64(x: f64) -> f64 {
    let size = x.abs();
    let square = x * x;
    let p = -9.643_991_794_250_522e-1f64;
    let p = p.mul_add(square, -9.928_772_310_019_186e1);
    let p = p.mul_add(square, -1.614_687_684_417_084_5e3);
    let q = square + 1.128_116_784_916_329_3e2;
    let q = q.mul_add(square, 2.235_488_390_601_004_5e3);
    let q = q.mul_add(square, 4.844_063_053_251_255e3);
    let small = (square * (p / q)).mul_add(x, x);
    let large = 1.0 - 2.0 / (exp_f64(2.0 * size) + 1.0);
    if size < 0.625 { small.copysign(x) } else { large.copysign(x) }
}

#[inline(always)]
fn ln(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Subnormal numbers are scaled to have a full exponent.
    let is_tiny = x < f32::MIN_POSITIVE;
    let scaled = if is_tiny { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits() as i32;
    let exponent = ((bits >> 23) & 0xff) - 126 - if is_tiny { 23 } else { 0 };
    let mantissa = f32::from_bits((bits & 0x007f_ffff | 0x3f00_0000) as u32);
    let is_low = mantissa < std::f32::consts::FRAC_1_SQRT_2;
    let e = (exponent - i32::from(is_low)) as f32;
    let m = if is_low { mantissa + mantissa - 1.0 } else { mantissa - 1.0 };
    let z = m * m;
    let p = 7.037_683_6e-2f32;
    let p = p.mul_add(m, -1.151_461e-1);
    let p = p.mul_add(m, 1.167_699_9e-1);
    let p = p.mul_add(m, -1.242_014_1e-1);
    let p = p.mul_add(m, 1.424_932_3e-1);
    let p = p.mul_add(m, -1.666_805_8e-1);
    let p = p.mul_add(m, 2.000_071_5e-1);
    let p = p.mul_add(m, -2.499_999_4e-1);
    let p = p.mul_add(m, 0.333_333_3);
    let y = p * m * z;
    let y = e.mul_add(LN_2_LOW, y);
    let y = z.mul_add(-0.5, y);
    let result = e.mul_add(LN_2_HIGH, m + y);
    let result = if x == f32::INFINITY { x } else { result };
    let result = if x == 0.0 { f32::NEG_INFINITY } else { result };
    if x >= 0.0 { result } else { f32::NAN }
}

/// Compiles a function for numbers in a row, for each kind of machine.
macro_rules! tiles {
    ($($name:ident $ty:ty, $function:ident;)*) => { $(
        /// # Safety
        /// There are `count` numbers, which nothing else uses meanwhile.
        pub unsafe extern "C" fn $name(numbers: *mut $ty, count: i64) {
            #[inline(always)]
            fn all(numbers: &mut [$ty]) {
                for number in numbers {
                    *number = $function(*number);
                }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            fn widest(numbers: &mut [$ty]) {
                all(numbers);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn wide(numbers: &mut [$ty]) {
                all(numbers);
            }
            let numbers = unsafe { std::slice::from_raw_parts_mut(numbers, count as usize) };
            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::is_x86_feature_detected as has;
                if has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw") && has!("fma") {
                    // SAFETY: the machine has it.
                    return unsafe { widest(numbers) };
                }
                if has!("avx2") && has!("fma") {
                    // SAFETY: the machine has it.
                    return unsafe { wide(numbers) };
                }
            }
            all(numbers);
        }
    )* };
}

tiles! {
    f32_exp_tile f32, exp;
    f64_exp_tile f64, exp_f64;
    f32_tanh_tile f32, tanh;
    f64_tanh_tile f64, tanh_f64;
    f32_ln_tile f32, ln;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Representable numbers between two of one sign.
    fn distance(a: f32, b: f32) -> u32 {
        if a == b || a.is_nan() && b.is_nan() { 0 } else { a.to_bits().abs_diff(b.to_bits()) }
    }

    fn distance_f64(a: f64, b: f64) -> u64 {
        if a == b || a.is_nan() && b.is_nan() { 0 } else { a.to_bits().abs_diff(b.to_bits()) }
    }

    /// Numbers of all sizes, and the special ones.
    fn samples() -> Vec<f32> {
        let spread = (0..=u32::MAX).step_by(9973).map(f32::from_bits);
        let near = (-40_000..40_000).map(|k| k as f32 * 0.002_9);
        spread.chain(near).chain([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]).collect()
    }

    fn check(kernel: unsafe extern "C" fn(*mut f32, i64), exact: fn(f64) -> f64) {
        let samples = samples();
        let mut results = samples.clone();
        unsafe { kernel(results.as_mut_ptr(), results.len() as i64) };
        for (x, got) in samples.into_iter().zip(results) {
            let wanted = exact(f64::from(x)) as f32;
            assert!(distance(got, wanted) <= 2, "of {x:?}: {got:?}, not {wanted:?}");
        }
    }

    fn check_f64(kernel: unsafe extern "C" fn(*mut f64, i64), exact: fn(f64) -> f64) {
        let near = (-200_000..200_000).map(|k| f64::from(k) * 0.003_741);
        let small = (0..4000).map(|k| f64::from(k - 2000) * 1e-9);
        let special = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e300, -1e300, 5e-324];
        let samples: Vec<f64> = near.chain(small).chain(special).collect();
        let mut results = samples.clone();
        unsafe { kernel(results.as_mut_ptr(), results.len() as i64) };
        for (x, got) in samples.into_iter().zip(results) {
            let wanted = exact(x);
            assert!(distance_f64(got, wanted) <= 3, "of {x:?}: {got:?}, not {wanted:?}");
        }
    }

    #[test]
    fn as_close_as_promised() {
        check(f32_exp_tile, f64::exp);
        check(f32_tanh_tile, f64::tanh);
        check(f32_ln_tile, f64::ln);
        check_f64(f64_exp_tile, f64::exp);
        check_f64(f64_tanh_tile, f64::tanh);
    }

    #[test]
    fn zeros_keep_their_sign() {
        let mut numbers = [-0.0f32];
        unsafe { f32_tanh_tile(numbers.as_mut_ptr(), 1) };
        assert_eq!(numbers[0].to_bits(), (-0.0f32).to_bits());
    }
}
