//! Scalar operations, one row each: name, documentation, arity, evaluator, partial derivatives, samples.
//!
//! From a row come the enum, the printed name, the oracle's evaluator, both modes of differentiation and the tests.
//! A row without `partials` does not compile; `none` says on purpose that an operand has no derivative.

use crate::{Expr, ExprKind, Scalar, Type};

/// Builds partial derivatives: an expression of the row's type with the operators of arithmetic.
#[derive(Clone)]
pub struct D(pub Expr);

impl D {
    pub fn num(&self, value: f64) -> D {
        D(Expr { kind: ExprKind::Float(value), ty: self.0.ty.clone(), span: self.0.span })
    }

    pub fn op(op: Op, args: &[&D]) -> D {
        let ty = if op.is_comparison() { Type::BOOL } else { args[0].0.ty.clone() };
        D(Expr { span: args[0].0.span, kind: ExprKind::Op(op, args.iter().map(|a| a.0.clone()).collect()), ty })
    }

    /// `if self { a } else { b }`, lazily.
    pub fn choose(&self, a: D, b: D) -> D {
        let (ty, span) = (a.0.ty.clone(), self.0.span);
        D(Expr { kind: ExprKind::If(Box::new(self.0.clone()), Box::new(a.0), Box::new(b.0)), ty, span })
    }

    /// An integer as a number of type `like`.
    pub fn float_as(&self, like: &D) -> D {
        D(Expr { kind: ExprKind::Cast(Box::new(self.0.clone())), ty: like.0.ty.clone(), span: self.0.span })
    }

    /// An integer constant of this (integer) expression's type.
    pub fn int(&self, value: i64) -> D {
        D(Expr { kind: ExprKind::Int(value), ty: self.0.ty.clone(), span: self.0.span })
    }
}

macro_rules! arithmetic {
    ($($trait:ident $method:ident $op:ident)*) => { $(
        impl std::ops::$trait for D {
            type Output = D;
            fn $method(self, other: D) -> D { D::op(Op::$op, &[&self, &other]) }
        }
        impl std::ops::$trait for &D {
            type Output = D;
            fn $method(self, other: &D) -> D { D::op(Op::$op, &[self, other]) }
        }
    )* };
}

arithmetic! { Add add Add  Sub sub Sub  Mul mul Mul  Div div Div  Rem rem Rem }

impl std::ops::Neg for D {
    type Output = D;
    fn neg(self) -> D {
        D::op(Op::Neg, &[&self])
    }
}

/// What the operands of a row may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// Floats only.
    Float,
    /// Integers only.
    Int,
    /// Both; the result has the operands' type.
    Number,
    /// Two of one type (numbers or bools); the result is a `bool`.
    Compare,
    /// Bools.
    Logic,
    /// A float and an integer exponent of any integer type.
    FloatInt,
}

type Partials = fn(&[D], &D) -> Vec<Option<D>>;

pub struct Row {
    pub op: Op,
    pub name: &'static str,
    pub docs: &'static str,
    pub arity: usize,
    pub domain: Domain,
    /// The value in `f64`; integer semantics (truncation, traps) are the evaluator's.
    pub eval: fn(&[f64]) -> f64,
    /// One per operand, of the result by the operand; `None` has no derivative.
    pub partials: Partials,
    /// Operand tuples at which the row is tested, away from kinks.
    pub samples: &'static [&'static [f64]],
}

macro_rules! rows {
    ($($(#[doc = $docs:literal])+ $op:ident $name:literal $domain:ident ($($x:ident),+) $out:ident
        { eval: $eval:expr, partials: [$($partial:tt)*], samples: [$($sample:expr),* $(,)?] })*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Op { $($op),* }

        pub static ROWS: &[Row] = &[$(Row {
            op: Op::$op,
            name: $name,
            docs: concat!($($docs),+),
            arity: [$(stringify!($x)),+].len(),
            domain: Domain::$domain,
            eval: |x| {
                let [$($x),+] = *x else { unreachable!("arity is checked by the verifier") };
                $eval
            },
            partials: rows!(@partials ($($x),+) $out [$($partial)*]),
            samples: &[$(&$sample),*],
        }),*];
    };
    (@partials ($($x:ident),+) $out:ident [none]) => { |x, _| vec![None; x.len()] };
    (@partials ($($x:ident),+) $out:ident [$($p:expr),+]) => {
        |x, out| {
            let [$($x),+] = x else { unreachable!("arity is checked by the verifier") };
            let $out = out;
            // A row need not mention every operand or its result.
            let _ = ($($x,)+ $out);
            vec![$(Some($p)),+]
        }
    };
}

impl Op {
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub fn from_name(name: &str) -> Option<Op> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.op)
    }

    pub fn is_comparison(self) -> bool {
        matches!(self.row().domain, Domain::Compare)
    }

    /// Written between its operands.
    pub fn is_infix(self) -> bool {
        self.row().arity == 2 && !self.name().starts_with(|c: char| c.is_alphabetic())
    }
}

fn unary(op: Op, x: &D) -> D {
    D::op(op, &[x])
}

/// Zero of the operand's type that still mentions nothing.
fn zero(x: &D) -> D {
    x.num(0.0)
}

rows! {
    /// Sum.
    Add "+" Number (a, b) out { eval: a + b, partials: [a.num(1.0), a.num(1.0)], samples: [[1.5, -2.0]] }
    /// Difference.
    Sub "-" Number (a, b) out { eval: a - b, partials: [a.num(1.0), -a.num(1.0)], samples: [[1.5, -2.0]] }
    /// Product.
    Mul "*" Number (a, b) out { eval: a * b, partials: [b.clone(), a.clone()], samples: [[1.5, -2.0]] }
    /// Quotient; of integers toward zero, trapping on a zero divisor.
    Div "/" Number (a, b) out {
        eval: a / b,
        partials: [&b.num(1.0) / b, -(out / b)],
        samples: [[1.5, -2.0], [7.0, 3.0]]
    }
    /// Remainder with the sign of the dividend.
    Rem "%" Number (a, b) out {
        eval: a % b,
        partials: [a.num(1.0), -unary(Op::Trunc, &(a / b))],
        samples: [[7.5, 2.0], [-7.5, 2.0]]
    }
    /// Power of two floats, or of two integers. By the exponent it is zero where the base is zero.
    Pow "**" Number (a, b) out {
        eval: a.powf(b),
        partials: [
            D::op(Op::Eq, &[b, &zero(b)]).choose(zero(a), b * &D::op(Op::Pow, &[a, &(b - &b.num(1.0))])),
            D::op(Op::Eq, &[a, &zero(a)]).choose(zero(a), out * &unary(Op::Ln, a))
        ],
        samples: [[1.5, 2.5], [2.0, -1.5]]
    }
    /// Power of a float with an integer exponent.
    PowI "powi" FloatInt (a, n) out {
        eval: a.powf(n),
        partials: [
            D::op(Op::Eq, &[n, &n.int(0)]).choose(zero(a), n.float_as(a) * D::op(Op::PowI, &[a, &(n - &n.int(1))])),
            zero(a)
        ],
        samples: [[1.5, 3.0], [-2.0, 2.0], [2.0, -2.0]]
    }
    /// Negation.
    Neg "neg" Number (a) out { eval: -a, partials: [-a.num(1.0)], samples: [[1.5]] }
    /// Equality.
    Eq "==" Compare (a, b) out { eval: (a == b) as u8 as f64, partials: [none], samples: [[1.0, 2.0]] }
    /// Inequality.
    Ne "!=" Compare (a, b) out { eval: (a != b) as u8 as f64, partials: [none], samples: [[1.0, 2.0]] }
    /// Less.
    Lt "<" Compare (a, b) out { eval: (a < b) as u8 as f64, partials: [none], samples: [[1.0, 2.0]] }
    /// Less or equal.
    Le "<=" Compare (a, b) out { eval: (a <= b) as u8 as f64, partials: [none], samples: [[1.0, 2.0]] }
    /// Greater.
    Gt ">" Compare (a, b) out { eval: (a > b) as u8 as f64, partials: [none], samples: [[1.0, 2.0]] }
    /// Greater or equal.
    Ge ">=" Compare (a, b) out { eval: (a >= b) as u8 as f64, partials: [none], samples: [[1.0, 2.0]] }
    /// Negation of a truth value.
    Not "!" Logic (a) out { eval: (a == 0.0) as u8 as f64, partials: [none], samples: [[1.0]] }
    /// The smaller; NaN if one is; a tie's derivative goes to the first.
    Min "min" Number (a, b) out {
        eval: if a.is_nan() || b.is_nan() { f64::NAN } else if b < a { b } else { a },
        partials: [D::op(Op::Lt, &[b, a]).choose(zero(a), a.num(1.0)), D::op(Op::Lt, &[b, a]).choose(a.num(1.0), zero(a))],
        samples: [[1.0, 2.0], [2.0, 1.0]]
    }
    /// The larger; NaN if one is; a tie's derivative goes to the first.
    Max "max" Number (a, b) out {
        eval: if a.is_nan() || b.is_nan() { f64::NAN } else if b > a { b } else { a },
        partials: [D::op(Op::Gt, &[b, a]).choose(zero(a), a.num(1.0)), D::op(Op::Gt, &[b, a]).choose(a.num(1.0), zero(a))],
        samples: [[1.0, 2.0], [2.0, 1.0]]
    }
    /// `x` held between `lo` and `hi`.
    Clamp "clamp" Number (x, lo, hi) out {
        eval: if x < lo { lo } else if x > hi { hi } else { x },
        partials: [
            D::op(Op::Lt, &[x, lo]).choose(zero(x), D::op(Op::Gt, &[x, hi]).choose(zero(x), x.num(1.0))),
            D::op(Op::Lt, &[x, lo]).choose(x.num(1.0), zero(x)),
            D::op(Op::Lt, &[x, lo]).choose(zero(x), D::op(Op::Gt, &[x, hi]).choose(x.num(1.0), zero(x)))
        ],
        samples: [[0.5, 0.0, 1.0], [-0.5, 0.0, 1.0], [1.5, 0.0, 1.0]]
    }
    /// Absolute value; the subgradient at 0 is 0.
    Abs "abs" Number (x) out { eval: x.abs(), partials: [unary(Op::Sign, x)], samples: [[1.5], [-1.5]] }
    /// -1, 0 or 1.
    Sign "sign" Number (x) out {
        eval: if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x },
        partials: [zero(x)],
        samples: [[1.5], [-1.5]]
    }
    /// Square root.
    Sqrt "sqrt" Float (x) out { eval: x.sqrt(), partials: [&x.num(0.5) / out], samples: [[2.0]] }
    /// Cube root.
    Cbrt "cbrt" Float (x) out { eval: x.cbrt(), partials: [x.num(1.0) / (x.num(3.0) * (out * out))], samples: [[2.0], [-2.0]] }
    /// Exponential.
    Exp "exp" Float (x) out { eval: x.exp(), partials: [out.clone()], samples: [[0.5]] }
    /// `exp(x) - 1` without loss near 0.
    Expm1 "expm1" Float (x) out { eval: x.exp_m1(), partials: [out + &x.num(1.0)], samples: [[0.5]] }
    /// Natural logarithm.
    Ln "ln" Float (x) out { eval: x.ln(), partials: [&x.num(1.0) / x], samples: [[1.5]] }
    /// Logarithm to base 2.
    Log2 "log2" Float (x) out { eval: x.log2(), partials: [x.num(std::f64::consts::LOG2_E) / x.clone()], samples: [[1.5]] }
    /// Logarithm to base 10.
    Log10 "log10" Float (x) out { eval: x.log10(), partials: [x.num(std::f64::consts::LOG10_E) / x.clone()], samples: [[1.5]] }
    /// `ln(1 + x)` without loss near 0.
    Log1p "log1p" Float (x) out { eval: x.ln_1p(), partials: [x.num(1.0) / (x.num(1.0) + x.clone())], samples: [[0.5]] }
    /// Sine.
    Sin "sin" Float (x) out { eval: x.sin(), partials: [unary(Op::Cos, x)], samples: [[0.7]] }
    /// Cosine.
    Cos "cos" Float (x) out { eval: x.cos(), partials: [-unary(Op::Sin, x)], samples: [[0.7]] }
    /// Tangent.
    Tan "tan" Float (x) out { eval: x.tan(), partials: [x.num(1.0) + out * out], samples: [[0.7]] }
    /// Inverse sine.
    Asin "asin" Float (x) out { eval: x.asin(), partials: [x.num(1.0) / unary(Op::Sqrt, &(x.num(1.0) - x * x))], samples: [[0.3]] }
    /// Inverse cosine.
    Acos "acos" Float (x) out { eval: x.acos(), partials: [-(x.num(1.0) / unary(Op::Sqrt, &(x.num(1.0) - x * x)))], samples: [[0.3]] }
    /// Inverse tangent.
    Atan "atan" Float (x) out { eval: x.atan(), partials: [x.num(1.0) / (x.num(1.0) + x * x)], samples: [[0.3]] }
    /// Hyperbolic sine.
    Sinh "sinh" Float (x) out { eval: x.sinh(), partials: [unary(Op::Cosh, x)], samples: [[0.7]] }
    /// Hyperbolic cosine.
    Cosh "cosh" Float (x) out { eval: x.cosh(), partials: [unary(Op::Sinh, x)], samples: [[0.7]] }
    /// Hyperbolic tangent.
    Tanh "tanh" Float (x) out { eval: x.tanh(), partials: [x.num(1.0) - out * out], samples: [[-2.0], [0.7]] }
    /// Inverse hyperbolic sine.
    Asinh "asinh" Float (x) out { eval: x.asinh(), partials: [x.num(1.0) / unary(Op::Sqrt, &(x.num(1.0) + x * x))], samples: [[0.3]] }
    /// Inverse hyperbolic cosine.
    Acosh "acosh" Float (x) out {
        eval: x.acosh(),
        partials: [x.num(1.0) / (unary(Op::Sqrt, &(x - &x.num(1.0))) * unary(Op::Sqrt, &(x + &x.num(1.0))))],
        samples: [[1.5]]
    }
    /// Inverse hyperbolic tangent.
    Atanh "atanh" Float (x) out { eval: x.atanh(), partials: [x.num(1.0) / (x.num(1.0) - x * x)], samples: [[0.3]] }
    /// Error function.
    Erf "erf" Float (x) out {
        eval: crate::special::erf(x),
        partials: [x.num(std::f64::consts::FRAC_2_SQRT_PI) * unary(Op::Exp, &-(x * x))],
        samples: [[0.3], [2.5]]
    }
    /// `1 - erf(x)` without loss for large `x`.
    Erfc "erfc" Float (x) out {
        eval: crate::special::erfc(x),
        partials: [-(x.num(std::f64::consts::FRAC_2_SQRT_PI) * unary(Op::Exp, &-(x * x)))],
        samples: [[0.3], [2.5]]
    }
    /// Logarithm of the absolute value of the gamma function.
    Lgamma "lgamma" Float (x) out { eval: crate::special::lgamma(x), partials: [unary(Op::Digamma, x)], samples: [[0.4], [2.5]] }
    /// Derivative of `lgamma`.
    Digamma "digamma" Float (x) out {
        eval: crate::special::polygamma(0, x),
        partials: [D::op(Op::Polygamma, &[x, &one_int(x)])],
        samples: [[0.4], [2.5]]
    }
    /// The n-th derivative of `digamma`.
    Polygamma "polygamma" FloatInt (x, n) out {
        eval: crate::special::polygamma(n as u32, x),
        partials: [D::op(Op::Polygamma, &[x, &(n + &n.int(1))]), zero(x)],
        samples: [[0.4, 1.0], [2.5, 2.0]]
    }
    /// Largest integer not above.
    Floor "floor" Float (x) out { eval: x.floor(), partials: [zero(x)], samples: [[1.3], [-2.7]] }
    /// Smallest integer not below.
    Ceil "ceil" Float (x) out { eval: x.ceil(), partials: [zero(x)], samples: [[1.3], [-2.7]] }
    /// Nearest integer, halves away from zero.
    Round "round" Float (x) out { eval: x.round(), partials: [zero(x)], samples: [[1.3], [-2.7]] }
    /// Integer part.
    Trunc "trunc" Float (x) out { eval: x.trunc(), partials: [zero(x)], samples: [[1.3], [-2.7]] }
    /// Angle of the point `(x, y)`.
    Atan2 "atan2" Float (y, x) out {
        eval: y.atan2(x),
        partials: [x / &(x * x + y * y), -(y / &(x * x + y * y))],
        samples: [[1.5, -2.0]]
    }
    /// Length of the vector `(a, b)`.
    Hypot "hypot" Float (a, b) out { eval: a.hypot(b), partials: [a / out, b / out], samples: [[1.5, -2.0]] }
    /// Greatest common divisor, never negative.
    Gcd "gcd" Int (a, b) out { eval: crate::special::gcd(a as i64, b as i64) as f64, partials: [none], samples: [[12.0, 18.0]] }
    /// Least common multiple, never negative.
    Lcm "lcm" Int (a, b) out {
        eval: { let g = crate::special::gcd(a as i64, b as i64); if g == 0 { 0.0 } else { (a / g as f64 * b).abs() } },
        partials: [none],
        samples: [[4.0, 6.0]]
    }
}

fn one_int(x: &D) -> D {
    D(Expr { kind: ExprKind::Int(1), ty: Type::Scalar(Scalar::I32), span: x.0.span })
}
