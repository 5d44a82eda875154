//! Special functions in `f64`, shared by the oracle and the compiled code, so that both mean the same function.

/// Greatest common divisor of the absolute values.
pub fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a as i64
}

/// The error function: a series near zero, the complement elsewhere.
pub fn erf(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.abs() < 2.0 {
        // x * sum (2x²)^n / (1·3·5···(2n+1)), all terms positive, times exp(-x²).
        let (mut term, mut total, square) = (x, x, x * x);
        let mut n = 1.0;
        while term.abs() > total.abs() * 1e-17 && n < 200.0 {
            term *= 2.0 * square / (2.0 * n + 1.0);
            total += term;
            n += 1.0;
        }
        return total * std::f64::consts::FRAC_2_SQRT_PI * (-square).exp();
    }
    1.0f64.copysign(x) - erfc(x.abs()).copysign(x)
}

/// `1 - erf(x)`, by a continued fraction where the difference would lose digits.
pub fn erfc(x: f64) -> f64 {
    if x < 2.0 {
        return 1.0 - if x < -2.0 { -(1.0 - erfc(-x)) } else { erf(x) };
    }
    if x > 27.3 {
        return 0.0;
    }
    // Lentz is not needed: evaluated from the far end, 120 terms suffice from 2 on.
    let mut tail = x;
    for k in (1..120).rev() {
        tail = x + (k as f64) * 0.5 / tail;
    }
    (-x * x).exp() / (tail * std::f64::consts::PI.sqrt())
}

/// ln |Γ(x)| by Stirling's series after shifting the argument up.
pub fn lgamma(x: f64) -> f64 {
    if x.is_nan() || x.is_infinite() {
        return x.abs();
    }
    if x <= 0.0 {
        if x == x.floor() {
            return f64::INFINITY;
        }
        let sine = (std::f64::consts::PI * x).sin().abs();
        return (std::f64::consts::PI / sine).ln() - lgamma(1.0 - x);
    }
    if x == 1.0 || x == 2.0 {
        return 0.0;
    }
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < 14.0 {
        product *= shifted;
        shifted += 1.0;
    }
    let inverse = 1.0 / (shifted * shifted);
    let series = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360360.0, 1.0 / 156.0]
        .iter()
        .rev()
        .fold(0.0, |total, c| total * inverse + c)
        / shifted;
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

/// The n-th derivative of digamma, by its asymptotic series after shifting the argument up.
pub fn polygamma(n: u32, x: f64) -> f64 {
    if x.is_nan() || (x <= 0.0 && x == x.floor()) {
        return f64::NAN;
    }
    if x < 0.0 {
        return reflected(n, x);
    }
    let sign = if n.is_multiple_of(2) { -1.0 } else { 1.0 };
    let factorial = |k: u32| (1..=k).map(f64::from).product::<f64>();
    let (mut shifted, mut total) = (x, 0.0);
    while shifted < 20.0 + f64::from(n) {
        total += sign * factorial(n) / shifted.powi(n as i32 + 1);
        shifted += 1.0;
    }
    const BERNOULLI: [f64; 8] =
        [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0, -3617.0 / 510.0];
    if n == 0 {
        total += shifted.ln() - 0.5 / shifted;
        for (k, b) in BERNOULLI.iter().enumerate() {
            let order = 2 * (k as i32 + 1);
            total -= b / (f64::from(order) * shifted.powi(order));
        }
        return total;
    }
    let mut tail = factorial(n - 1) / shifted.powi(n as i32) + factorial(n) / (2.0 * shifted.powi(n as i32 + 1));
    for (k, b) in BERNOULLI.iter().enumerate() {
        let order = 2 * (k as u32 + 1);
        tail += b * factorial(order + n - 1) / (factorial(order) * shifted.powi((order + n) as i32));
    }
    total + sign * tail
}

/// ψₙ(x) = (-1)ⁿ ψₙ(1 - x) - π dⁿ/dxⁿ cot(πx).
fn reflected(n: u32, x: f64) -> f64 {
    let pi = std::f64::consts::PI;
    let c = 1.0 / (pi * x).tan();
    // Each derivative of cot is a polynomial in cot: p'(c) * -(1 + c²), times π.
    let mut poly = vec![0.0, 1.0];
    for _ in 0..n {
        let mut next = vec![0.0; poly.len() + 1];
        for (k, a) in poly.iter().enumerate().skip(1) {
            next[k - 1] -= a * k as f64;
            next[k + 1] -= a * k as f64;
        }
        poly = next;
    }
    let derivative = poly.iter().rev().fold(0.0, |total, a| total * c + a) * pi.powi(n as i32);
    let sign = if n.is_multiple_of(2) { 1.0 } else { -1.0 };
    sign * polygamma(n, 1.0 - x) - pi * derivative
}
