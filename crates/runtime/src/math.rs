//! Rows of the runtime table that are functions of numbers.

use ir::special;

macro_rules! unary {
    ($($single:ident $double:ident $method:ident)*) => { $(
        pub extern "C" fn $single(x: f32) -> f32 {
            x.$method()
        }
        pub extern "C" fn $double(x: f64) -> f64 {
            x.$method()
        }
    )* };
}

unary! {
    f32_cbrt f64_cbrt cbrt
    f32_exp f64_exp exp
    f32_expm1 f64_expm1 exp_m1
    f32_ln f64_ln ln
    f32_log2 f64_log2 log2
    f32_log10 f64_log10 log10
    f32_log1p f64_log1p ln_1p
    f32_sin f64_sin sin
    f32_cos f64_cos cos
    f32_tan f64_tan tan
    f32_asin f64_asin asin
    f32_acos f64_acos acos
    f32_atan f64_atan atan
    f32_sinh f64_sinh sinh
    f32_cosh f64_cosh cosh
    f32_tanh f64_tanh tanh
    f32_asinh f64_asinh asinh
    f32_acosh f64_acosh acosh
    f32_atanh f64_atanh atanh
    f32_round f64_round round
}

macro_rules! special {
    ($($single:ident $double:ident ($x:ident) $body:expr;)*) => { $(
        pub extern "C" fn $double($x: f64) -> f64 {
            $body
        }
        pub extern "C" fn $single(x: f32) -> f32 {
            $double(f64::from(x)) as f32
        }
    )* };
}

special! {
    f32_erf f64_erf (x) special::erf(x);
    f32_erfc f64_erfc (x) special::erfc(x);
    f32_lgamma f64_lgamma (x) special::lgamma(x);
    f32_digamma f64_digamma (x) special::polygamma(0, x);
}

macro_rules! binary {
    ($($single:ident $double:ident $body:expr;)*) => { $(
        pub extern "C" fn $single(x: f32, y: f32) -> f32 {
            let function: fn(f32, f32) -> f32 = $body;
            function(x, y)
        }
        pub extern "C" fn $double(x: f64, y: f64) -> f64 {
            let function: fn(f64, f64) -> f64 = $body;
            function(x, y)
        }
    )* };
}

binary! {
    f32_pow f64_pow |x, y| x.powf(y);
    f32_rem f64_rem |x, y| x % y;
    f32_atan2 f64_atan2 |x, y| x.atan2(y);
    f32_hypot f64_hypot |x, y| x.hypot(y);
}

pub extern "C" fn gcd(a: i64, b: i64) -> i64 {
    special::gcd(a, b)
}

pub extern "C" fn f64_polygamma(x: f64, n: i64) -> f64 {
    u32::try_from(n).map_or(f64::NAN, |n| special::polygamma(n, x))
}

pub extern "C" fn f32_polygamma(x: f32, n: i64) -> f32 {
    f64_polygamma(f64::from(x), n) as f32
}

pub extern "C" fn f64_powi(x: f64, n: i64) -> f64 {
    /// Beyond this many factors the logarithm is the more exact way.
    const MOST_FACTORS: u64 = 64;
    if n.unsigned_abs() > MOST_FACTORS {
        return x.powf(n as f64);
    }
    let (mut power, mut square, mut rest) = (1.0, x, n.unsigned_abs());
    while rest > 0 {
        if rest & 1 == 1 {
            power *= square;
        }
        square *= square;
        rest >>= 1;
    }
    if n < 0 { 1.0 / power } else { power }
}

pub extern "C" fn f32_powi(x: f32, n: i64) -> f32 {
    f64_powi(f64::from(x), n) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integer_powers() {
        assert_eq!(f64_powi(-2.0, 3), -8.0);
        assert_eq!(f64_powi(2.0, -2), 0.25);
        assert_eq!(f64_powi(0.0, 0), 1.0);
        assert_eq!(f64_powi(0.0, -1), f64::INFINITY);
        assert_eq!(f64_powi(-1.0, 1_000_001), -1.0);
        assert_eq!(f32_powi(1.1, 10), 1.1f32.powi(10));
        assert!(f64_powi(1.000001, 1_000_000) - 1.000001f64.powf(1e6) < 1e-9);
    }

    #[test]
    fn special_functions() {
        assert!((f64_erf(0.5) - 0.5204998778130465).abs() < 1e-15);
        assert!((f64_lgamma(10.0) - 362880.0f64.ln()).abs() < 1e-13);
        assert!((f32_digamma(1.0) + 0.577_215_7).abs() < 1e-6);
        assert!((f64_polygamma(1.0, 1) - std::f64::consts::PI.powi(2) / 6.0).abs() < 1e-13);
        assert!(f64_polygamma(1.0, -1).is_nan());
        assert_eq!(f32_rem(-7.5, 2.0), -1.5);
        assert_eq!(gcd(-12, 18), 6);
        assert_eq!(f32_round(-2.5), -3.0);
    }
}
