//! Scalar operations.

use super::cast::{is_signed, resized};
use super::function::Lower;
use super::region::Reach;
use super::value::{Part, Weight};
use diagnostics::Span;
use ir::loops::{Bin, Cmp, Convert, Ex, St, Ty, Un};
use ir::{Expr, ExprKind, Op, Scalar};

/// Integer exponents up to here are multiplied out where they are constants.
const UNROLLED_EXPONENT: i64 = 8;

impl Lower<'_, '_> {
    pub fn op(&mut self, op: Op, operands: &[Expr], e: &Expr) -> Part {
        let result = self.exact_op(op, operands, e);
        match e.ty.scalar() {
            Some(scalar) => self.rounded(result, scalar),
            None => result,
        }
    }

    /// Half floats are computed in `f32`, and not rounded yet.
    fn exact_op(&mut self, op: Op, operands: &[Expr], e: &Expr) -> Part {
        let scalar = operands[0].ty.scalar().unwrap_or(Scalar::I32);
        if op == Op::Pow && scalar.is_float() || op == Op::PowI {
            return self.float_power(op, operands, scalar);
        }
        if op == Op::Rem
            && self.kernel
            && let Some(off) = self.off_circle(operands)
        {
            let sum = self.scalar(&operands[0]);
            let off = Part::int(sum.ty, off);
            return if off.as_int() == Some(0) { sum } else { sum.bin(Bin::Sub, off) };
        }
        let mut args: Vec<Part> = operands.iter().map(|operand| self.scalar(operand)).collect();
        if let Op::Polygamma = op {
            let signed = operands[1].ty.scalar().is_some_and(is_signed);
            let order = args.remove(1).widened(signed);
            return self.math(op, vec![args.remove(0), order]);
        }
        if op.is_comparison() {
            return self.compare(op, args, scalar);
        }
        if op == Op::Not {
            return args.remove(0).un(Un::Not);
        }
        if scalar.is_float() {
            return self.float_op(op, args);
        }
        self.int_op(op, args, scalar, e.span)
    }

    fn compare(&mut self, op: Op, args: Vec<Part>, scalar: Scalar) -> Part {
        let [a, b] = two(args);
        let signed = is_signed(scalar);
        let cmp = match op {
            Op::Eq => Cmp::Eq,
            Op::Ne => Cmp::Ne,
            Op::Lt if signed => Cmp::SLt,
            Op::Le if signed => Cmp::SLe,
            Op::Gt if signed => Cmp::SGt,
            Op::Ge if signed => Cmp::SGe,
            Op::Lt => Cmp::ULt,
            Op::Le => Cmp::ULe,
            Op::Gt => Cmp::UGt,
            Op::Ge => Cmp::UGe,
            other => unreachable!("`{}` compares nothing", other.name()),
        };
        self.compared(cmp, a, b)
    }

    fn float_op(&mut self, op: Op, args: Vec<Part>) -> Part {
        let bin = match op {
            Op::Add => Some(Bin::Add),
            Op::Sub => Some(Bin::Sub),
            Op::Mul => Some(Bin::Mul),
            Op::Div => Some(Bin::FDiv),
            Op::Min => Some(Bin::FMin),
            Op::Max => Some(Bin::FMax),
            _ => None,
        };
        if let Some(bin) = bin {
            let [a, b] = two(args);
            return a.bin(bin, b);
        }
        let un = match op {
            Op::Neg => Some(Un::Neg),
            Op::Abs => Some(Un::Abs),
            Op::Sqrt => Some(Un::Sqrt),
            Op::Floor => Some(Un::Floor),
            Op::Ceil => Some(Un::Ceil),
            Op::Trunc => Some(Un::Trunc),
            _ => None,
        };
        if let Some(un) = un {
            let x = args.into_iter().next().expect("one operand");
            return x.un(un);
        }
        match op {
            Op::Clamp => self.clamp(args, true),
            Op::Sign => self.sign(args, true),
            _ => self.math(op, args),
        }
    }

    /// A function of the runtime, computed as far out as its arguments are.
    fn math(&mut self, op: Op, args: Vec<Part>) -> Part {
        let ty = args[0].ty;
        let part = Part::math(math_name(op, ty), ty, args);
        self.placed(part, Reach::Total)
    }

    fn clamp(&mut self, args: Vec<Part>, signed: bool) -> Part {
        let [x, lo, hi]: [Part; 3] = args.try_into().expect("three operands");
        let (x, lo, hi) = (self.atom(x), self.atom(lo), self.atom(hi));
        let (less, greater) = if signed { (Cmp::SLt, Cmp::SGt) } else { (Cmp::ULt, Cmp::UGt) };
        let below = self.compared(less, x.clone(), lo.clone());
        let above = self.compared(greater, x.clone(), hi.clone());
        below.select(lo, above.select(hi, x))
    }

    fn sign(&mut self, args: Vec<Part>, signed: bool) -> Part {
        let x = args.into_iter().next().expect("one operand");
        let x = self.atom(x);
        let ty = x.ty;
        let (zero, one, minus) = (Part::zero(ty), constant(ty, 1), constant(ty, -1));
        if !signed {
            return x.cmp(Cmp::Ne, zero.clone()).select(one, zero);
        }
        let positive = x.clone().cmp(Cmp::SGt, zero.clone());
        let negative = x.clone().cmp(Cmp::SLt, zero);
        positive.select(one, negative.select(minus, x))
    }

    fn float_power(&mut self, op: Op, operands: &[Expr], scalar: Scalar) -> Part {
        let base = self.scalar(&operands[0]);
        match (&operands[1].kind, op) {
            (ExprKind::Float(exponent), Op::Pow) if *exponent == 2.0 => return self.square(base),
            (ExprKind::Float(exponent), Op::Pow) if *exponent == 1.0 => return base,
            (ExprKind::Int(exponent), Op::PowI) if (1..=UNROLLED_EXPONENT).contains(exponent) => {
                return self.multiplied_out(base, *exponent);
            }
            _ => {}
        }
        let exponent = self.scalar(&operands[1]);
        if op == Op::Pow {
            return self.math(op, vec![base, exponent]);
        }
        let signed = operands[1].ty.scalar().is_some_and(is_signed);
        debug_assert!(scalar.is_float());
        self.math(op, vec![base, exponent.widened(signed)])
    }

    fn square(&mut self, base: Part) -> Part {
        let base = self.atom(base);
        base.clone().bin(Bin::Mul, base)
    }

    /// `base ** exponent`; higher powers in `f64`, rounded once at the end, as the runtime does it.
    fn multiplied_out(&mut self, base: Part, exponent: i64) -> Part {
        if exponent == 1 {
            return base;
        }
        if exponent == 2 {
            return self.square(base);
        }
        let ty = base.ty;
        if exponent == 3 {
            // Two roundings are as close as a function of the library is.
            let base = self.atom(base);
            let square = self.square(base.clone());
            return square.bin(Bin::Mul, base);
        }
        let wide = if ty == Ty::F32 { base.convert(Convert::Float(Ty::F64), Ty::F64) } else { base };
        let base = self.atom(wide);
        let mut power = base.clone();
        for bit in (0..exponent.ilog2()).rev() {
            power = self.square(power);
            if exponent >> bit & 1 == 1 {
                power = power.bin(Bin::Mul, base.clone());
            }
        }
        if ty == Ty::F32 { power.convert(Convert::Float(Ty::F32), Ty::F32) } else { power }
    }

    /// Whether integer arithmetic traps here instead of wrapping.
    pub fn traps(&self) -> bool {
        !self.kernel || self.options().checked
    }

    pub fn int_op(&mut self, op: Op, mut args: Vec<Part>, scalar: Scalar, span: Span) -> Part {
        let signed = is_signed(scalar);
        match op {
            Op::Add | Op::Sub | Op::Mul => {
                let [a, b] = two(args);
                self.int_arithmetic(op, a, b, scalar, span)
            }
            Op::Neg => {
                let x = args.remove(0);
                let zero = Part::zero(x.ty);
                self.int_negation(zero, x, scalar, span)
            }
            Op::Div | Op::Rem => {
                let [a, b] = two(args);
                // Where the divisor is not tested, nothing keeps the division in its place.
                let is_total = b.as_int().is_some_and(|divisor| divisor > 0);
                let quotient = self.int_division(op, a, b, scalar, span);
                if is_total { self.placed(quotient, Reach::Total) } else { quotient }
            }
            Op::Pow => {
                let [a, b] = two(args);
                self.int_power(a, b, scalar, span)
            }
            Op::Min | Op::Max => {
                let [a, b] = two(args);
                let bin = match (op, signed) {
                    (Op::Min, true) => Bin::SMin,
                    (Op::Min, false) => Bin::UMin,
                    (_, true) => Bin::SMax,
                    (_, false) => Bin::UMax,
                };
                let first = if op == Op::Min { Cmp::SLe } else { Cmp::SGe };
                match self.known_order(first, &a, &b).filter(|_| signed) {
                    Some(true) => a,
                    Some(false) => b,
                    None => a.bin(bin, b),
                }
            }
            Op::Clamp => self.clamp(args, signed),
            Op::Sign => self.sign(args, signed),
            Op::Abs if signed => {
                let x = self.atom(args.remove(0));
                self.fail_at_minimum(&x, "abs", scalar, span);
                let negative = x.clone().cmp(Cmp::SLt, Part::zero(x.ty));
                negative.select(x.clone().un(Un::Neg), x)
            }
            Op::Abs => args.remove(0),
            Op::Gcd | Op::Lcm => self.common(op, args, scalar, span),
            other => unreachable!("`{}` of integers", other.name()),
        }
    }

    fn int_negation(&mut self, zero: Part, x: Part, scalar: Scalar, span: Span) -> Part {
        if !self.traps() {
            return x.un(Un::Neg);
        }
        if scalar == Scalar::U8 {
            return self.int_arithmetic(Op::Sub, zero, x, scalar, span);
        }
        let x = self.atom(x);
        self.fail_at_minimum(&x, "-", scalar, span);
        x.un(Un::Neg)
    }

    /// The least number has no counterpart.
    fn fail_at_minimum(&mut self, x: &Part, name: &str, scalar: Scalar, span: Span) {
        let (min, _) = scalar.int_range().expect("an integer");
        if !self.traps() || x.as_int().is_some_and(|value| value != min) {
            return;
        }
        let cond = x.clone().cmp(Cmp::Eq, Part::int(x.ty, min));
        let shown = vec![x.clone().widened(true)];
        self.fail_if(cond, "E0904", span, &[name, scalar.name()], shown);
    }

    /// `+ - *`: in cells they wrap, elsewhere a result that does not fit is an error.
    fn int_arithmetic(&mut self, op: Op, a: Part, b: Part, scalar: Scalar, span: Span) -> Part {
        let bin = match op {
            Op::Add => Bin::Add,
            Op::Sub => Bin::Sub,
            _ => Bin::Mul,
        };
        if !self.traps() {
            return a.bin(bin, b);
        }
        let signed = is_signed(scalar);
        let (a, b) = (self.atom(a), self.atom(b));
        let names = [op.name(), scalar.name()];
        let shown = vec![a.clone().widened(signed), b.clone().widened(signed)];
        if scalar == Scalar::I64 {
            let result = Part { ex: Ex::Bin(bin, Box::new(a.ex.clone()), Box::new(b.ex.clone())), ..a.clone() };
            let result = self.bound(Part { level: a.level.max(b.level), ..result }, "");
            let overflow = self.overflow_64(op, &a, &b, &result);
            self.fail_if(overflow, "E0904", span, &names, shown);
            return result;
        }
        // The exact result fits twice the width, and is cut back to see whether it fits the width itself.
        let wide = Ty::I64;
        let exact = resized(a, signed, wide).bin(bin, resized(b, signed, wide));
        let exact = self.atom(exact);
        let narrow = Ty::of(scalar);
        let result = resized(exact.clone(), true, narrow);
        let again = Part { ..result.clone() };
        let again = again.convert(if signed { Convert::Sext(wide) } else { Convert::Zext(wide) }, wide);
        let differs = again.cmp(Cmp::Ne, exact);
        self.fail_if(differs, "E0904", span, &names, shown);
        self.atom(result)
    }

    fn overflow_64(&mut self, op: Op, a: &Part, b: &Part, result: &Part) -> Part {
        let xor = |x: &Part, y: &Part| x.clone().bin(Bin::Xor, y.clone());
        let zero = Part::index(0);
        match op {
            // The result has a sign that neither, or not the first, operand explains.
            Op::Add => xor(a, result).bin(Bin::And, xor(b, result)).cmp(Cmp::SLt, zero),
            Op::Sub => xor(a, b).bin(Bin::And, xor(a, result)).cmp(Cmp::SLt, zero),
            _ => {
                let none = a.clone().cmp(Cmp::Eq, zero);
                let divisor = none.clone().select(Part::index(1), a.clone());
                let back =
                    Part { ex: Ex::Bin(Bin::SDiv, Box::new(result.ex.clone()), Box::new(divisor.ex)), ..divisor };
                let wrong = back.cmp(Cmp::Ne, b.clone()).bin(Bin::And, none.un(Un::Not));
                let minus = a.clone().cmp(Cmp::Eq, Part::index(-1));
                let least = b.clone().cmp(Cmp::Eq, Part::index(i64::MIN));
                wrong.bin(Bin::Or, minus.bin(Bin::And, least))
            }
        }
    }

    fn int_division(&mut self, op: Op, a: Part, b: Part, scalar: Scalar, span: Span) -> Part {
        let signed = is_signed(scalar);
        let b = self.atom(b);
        if b.as_int().is_none_or(|value| value == 0) {
            let zero = b.clone().cmp(Cmp::Eq, Part::zero(b.ty));
            self.fail_if(zero, "E0903", span, &[op.name()], Vec::new());
        }
        let a = if signed && op == Op::Div && self.traps() && b.as_int().is_none_or(|value| value == -1) {
            let a = self.atom(a);
            let (min, _) = scalar.int_range().expect("an integer");
            let least = a.clone().cmp(Cmp::Eq, Part::int(a.ty, min));
            let minus = b.clone().cmp(Cmp::Eq, Part::int(b.ty, -1));
            let shown = vec![a.clone().widened(true), b.clone().widened(true)];
            self.fail_if(least.bin(Bin::And, minus), "E0904", span, &[op.name(), scalar.name()], shown);
            a
        } else {
            a
        };
        let bin = match (op, signed) {
            (Op::Div, true) => Bin::SDiv,
            (Op::Div, false) => Bin::UDiv,
            (_, true) => Bin::SRem,
            (_, false) => Bin::URem,
        };
        // Division by zero stops the machine: it must not move to where the test has not been made.
        let mut quotient = Part { ex: Ex::Bin(bin, Box::new(a.ex), Box::new(b.ex.clone())), ..b.clone() };
        quotient.level = a.level.max(b.level).max(if b.as_int().is_some() { 0 } else { self.here() });
        quotient.weight = Weight::Reads;
        quotient
    }

    /// By squaring. The exponent must not be negative.
    fn int_power(&mut self, base: Part, exponent: Part, scalar: Scalar, span: Span) -> Part {
        let signed = is_signed(scalar);
        let (base, exponent) = (self.atom(base), self.atom(exponent));
        if exponent.as_int().is_none_or(|n| n < 0) && signed {
            let negative = exponent.clone().cmp(Cmp::SLt, Part::zero(exponent.ty));
            let shown = vec![base.clone().widened(signed), exponent.clone().widened(signed)];
            self.fail_if(negative, "E0904", span, &["**", scalar.name()], shown);
        }
        if let Some(n) = exponent.as_int().filter(|n| (1..=UNROLLED_EXPONENT).contains(n)) {
            let mut power = base.clone();
            for bit in (0..n.ilog2()).rev() {
                power = self.int_arithmetic(Op::Mul, power.clone(), power, scalar, span);
                if n >> bit & 1 == 1 {
                    power = self.int_arithmetic(Op::Mul, power, base.clone(), scalar, span);
                }
                power = self.atom(power);
            }
            return power;
        }
        let power = self.variable(Part::int(base.ty, 1), "");
        let factor = self.variable(base, "");
        let left = self.variable(exponent.widened(signed), "");
        self.loop_body(|lower| {
            let (done, ()) = lower.branch(|lower| lower.emit(St::Break));
            let over = lower.read(left).cmp(Cmp::SLe, Part::index(0));
            lower.emit(St::If(over.ex, done, Vec::new()));
            let odd = lower.read(left).bin(Bin::And, Part::index(1)).cmp(Cmp::Ne, Part::index(0));
            lower.when(odd, |lower| {
                let product = lower.int_arithmetic(Op::Mul, lower.read(power), lower.read(factor), scalar, span);
                lower.set(power, product);
            });
            let half = lower.read(left).bin(Bin::SDiv, Part::index(2));
            lower.set(left, half);
            // The last square is not used, and must not overflow.
            let more = lower.read(left).cmp(Cmp::SGt, Part::index(0));
            lower.when(more, |lower| {
                let square = lower.int_arithmetic(Op::Mul, lower.read(factor), lower.read(factor), scalar, span);
                lower.set(factor, square);
            });
        });
        self.read(power)
    }

    fn common(&mut self, op: Op, args: Vec<Part>, scalar: Scalar, span: Span) -> Part {
        let signed = is_signed(scalar);
        let [a, b] = two(args).map(|part| part.widened(signed));
        let (a, b) = (self.atom(a), self.atom(b));
        let divisor = self.bound(Part::math("gcd", Ty::I64, vec![a.clone(), b.clone()]), "");
        let narrow = Ty::of(scalar);
        if op == Op::Gcd {
            return self.bound(resized(divisor, true, narrow), "");
        }
        let none = divisor.clone().cmp(Cmp::Eq, Part::index(0));
        let safe = none.select(Part::index(1), divisor);
        let quotient = self.bound(Part { ex: Ex::Bin(Bin::SDiv, Box::new(a.ex), Box::new(safe.ex)), ..safe }, "");
        let product = self.int_arithmetic(Op::Mul, quotient, b, Scalar::I64, span);
        let product = self.atom(product);
        let negative = product.clone().cmp(Cmp::SLt, Part::index(0));
        let multiple = negative.select(product.clone().un(Un::Neg), product);
        if scalar == Scalar::I64 {
            return multiple;
        }
        let multiple = self.atom(multiple);
        if self.traps() {
            let (_, max) = scalar.int_range().expect("an integer");
            let over = multiple.clone().cmp(Cmp::SGt, Part::index(max));
            self.fail_if(over, "E0904", span, &["lcm", scalar.name()], vec![multiple.clone()]);
        }
        self.bound(resized(multiple, true, narrow), "")
    }
}

fn two(args: Vec<Part>) -> [Part; 2] {
    args.try_into().expect("two operands")
}

fn constant(ty: Ty, value: i64) -> Part {
    if ty.is_float() { Part::float(ty, value as f64) } else { Part::int(ty, value) }
}

/// Rows that the machine has instructions for.
macro_rules! in_place {
    () => {
        Op::Add
            | Op::Sub
            | Op::Mul
            | Op::Div
            | Op::Neg
            | Op::Eq
            | Op::Ne
            | Op::Lt
            | Op::Le
            | Op::Gt
            | Op::Ge
            | Op::Not
            | Op::Min
            | Op::Max
            | Op::Clamp
            | Op::Abs
            | Op::Sign
            | Op::Sqrt
            | Op::Floor
            | Op::Ceil
            | Op::Trunc
            | Op::Gcd
            | Op::Lcm
    };
}

/// Whether an operation on floats calls the runtime.
pub fn is_call(op: Op) -> bool {
    !matches!(op, in_place!())
}

/// The runtime's function for a row that has no instruction.
fn math_name(op: Op, ty: Ty) -> &'static str {
    macro_rules! pick {
        ($($op:ident $f32:literal $f64:literal)*) => {
            match op {
                $(Op::$op => if ty == Ty::F32 { $f32 } else { $f64 },)*
                in_place!() => unreachable!("`{}` has instructions", op.name()),
            }
        };
    }
    pick! {
        Rem "f32_rem" "f64_rem"
        Pow "f32_pow" "f64_pow"
        PowI "f32_powi" "f64_powi"
        Cbrt "f32_cbrt" "f64_cbrt"
        Exp "f32_exp" "f64_exp"
        Expm1 "f32_expm1" "f64_expm1"
        Ln "f32_ln" "f64_ln"
        Log2 "f32_log2" "f64_log2"
        Log10 "f32_log10" "f64_log10"
        Log1p "f32_log1p" "f64_log1p"
        Sin "f32_sin" "f64_sin"
        Cos "f32_cos" "f64_cos"
        Tan "f32_tan" "f64_tan"
        Asin "f32_asin" "f64_asin"
        Acos "f32_acos" "f64_acos"
        Atan "f32_atan" "f64_atan"
        Sinh "f32_sinh" "f64_sinh"
        Cosh "f32_cosh" "f64_cosh"
        Tanh "f32_tanh" "f64_tanh"
        Asinh "f32_asinh" "f64_asinh"
        Acosh "f32_acosh" "f64_acosh"
        Atanh "f32_atanh" "f64_atanh"
        Erf "f32_erf" "f64_erf"
        Erfc "f32_erfc" "f64_erfc"
        Lgamma "f32_lgamma" "f64_lgamma"
        Digamma "f32_digamma" "f64_digamma"
        Polygamma "f32_polygamma" "f64_polygamma"
        Round "f32_round" "f64_round"
        Atan2 "f32_atan2" "f64_atan2"
        Hypot "f32_hypot" "f64_hypot"
    }
}
