//! Operators.

use crate::function::Emitter;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use ir::loops::{Bin, Cmp, Un};

impl Emitter<'_, '_> {
    fn is_float(&self, value: Value) -> bool {
        self.builder.func.dfg.value_type(value).lane_type().is_float()
    }

    /// `constant` is the right operand where it is known.
    pub fn binary(&mut self, bin: Bin, a: Value, b: Value, constant: Option<i64>) -> Value {
        let is_float = self.is_float(a);
        match bin {
            Bin::SDiv => return self.signed_division(a, b, constant),
            Bin::SRem => return self.signed_remainder(a, b),
            Bin::UDiv | Bin::URem => return self.unsigned_division(bin, a, b),
            Bin::FMin => return self.float_extreme(FloatCC::LessThan, a, b),
            Bin::FMax => return self.float_extreme(FloatCC::GreaterThan, a, b),
            _ => {}
        }
        let ins = self.builder.ins();
        match bin {
            Bin::Add if is_float => ins.fadd(a, b),
            Bin::Sub if is_float => ins.fsub(a, b),
            Bin::Mul if is_float => ins.fmul(a, b),
            Bin::Add => ins.iadd(a, b),
            Bin::Sub => ins.isub(a, b),
            Bin::Mul => ins.imul(a, b),
            Bin::FDiv => ins.fdiv(a, b),
            Bin::And => ins.band(a, b),
            Bin::Or => ins.bor(a, b),
            Bin::Xor => ins.bxor(a, b),
            Bin::Shl => ins.ishl(a, b),
            Bin::SMin => ins.smin(a, b),
            Bin::SMax => ins.smax(a, b),
            Bin::UMin => ins.umin(a, b),
            Bin::UMax => ins.umax(a, b),
            Bin::SDiv | Bin::UDiv | Bin::SRem | Bin::URem | Bin::FMin | Bin::FMax => unreachable!("handled above"),
        }
    }

    /// Machines trap on `MIN / -1`, which wraps here.
    fn signed_division(&mut self, a: Value, b: Value, constant: Option<i64>) -> Value {
        match constant {
            Some(-1) => self.builder.ins().ineg(a),
            Some(divisor) if divisor != 0 => self.in_32_bits(a, b, true, |ins, a, b| ins.sdiv(a, b)),
            _ => {
                let is_minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, b, -1);
                let ty = self.builder.func.dfg.value_type(b);
                let one = self.builder.ins().iconst(ty, 1);
                let safe = self.builder.ins().select(is_minus_one, one, b);
                let quotient = self.in_32_bits(a, safe, true, |ins, a, b| ins.sdiv(a, b));
                let negated = self.builder.ins().ineg(a);
                self.builder.ins().select(is_minus_one, negated, quotient)
            }
        }
    }

    /// Cranelift gives 0 for `MIN % -1` itself.
    fn signed_remainder(&mut self, a: Value, b: Value) -> Value {
        self.in_32_bits(a, b, true, |ins, a, b| ins.srem(a, b))
    }

    fn unsigned_division(&mut self, bin: Bin, a: Value, b: Value) -> Value {
        match bin {
            Bin::UDiv => self.in_32_bits(a, b, false, |ins, a, b| ins.udiv(a, b)),
            _ => self.in_32_bits(a, b, false, |ins, a, b| ins.urem(a, b)),
        }
    }

    /// Divides narrow integers in 32 bits, where division by a constant has its fast form.
    fn in_32_bits(
        &mut self,
        a: Value,
        b: Value,
        signed: bool,
        divide: impl FnOnce(cranelift_frontend::FuncInstBuilder, Value, Value) -> Value,
    ) -> Value {
        let ty = self.builder.func.dfg.value_type(a);
        if ty.bits() >= 32 {
            return divide(self.builder.ins(), a, b);
        }
        let mut widen = |value| match signed {
            true => self.builder.ins().sextend(types::I32, value),
            false => self.builder.ins().uextend(types::I32, value),
        };
        let (a, b) = (widen(a), widen(b));
        let wide = divide(self.builder.ins(), a, b);
        self.builder.ins().ireduce(ty, wide)
    }

    /// The first operand unless the second one is better or only that is NaN.
    fn float_extreme(&mut self, better: FloatCC, a: Value, b: Value) -> Value {
        let takes_second = self.builder.ins().fcmp(better, b, a);
        let best = self.builder.ins().select(takes_second, b, a);
        let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, b, b);
        self.builder.ins().select(is_nan, b, best)
    }

    pub fn unary(&mut self, un: Un, a: Value) -> Value {
        let is_float = self.is_float(a);
        let ins = self.builder.ins();
        match un {
            Un::Neg if is_float => ins.fneg(a),
            Un::Neg => ins.ineg(a),
            Un::Not => ins.bxor_imm_u(a, 1),
            Un::Abs if is_float => ins.fabs(a),
            Un::Abs => ins.iabs(a),
            Un::Sqrt => ins.sqrt(a),
            Un::Floor => ins.floor(a),
            Un::Ceil => ins.ceil(a),
            Un::Trunc => ins.trunc(a),
        }
    }

    pub fn compare(&mut self, cmp: Cmp, a: Value, b: Value) -> Value {
        if self.is_float(a) {
            let condition = match cmp {
                Cmp::Eq => FloatCC::Equal,
                Cmp::Ne => FloatCC::NotEqual,
                Cmp::SLt | Cmp::ULt => FloatCC::LessThan,
                Cmp::SLe | Cmp::ULe => FloatCC::LessThanOrEqual,
                Cmp::SGt | Cmp::UGt => FloatCC::GreaterThan,
                Cmp::SGe | Cmp::UGe => FloatCC::GreaterThanOrEqual,
            };
            return self.builder.ins().fcmp(condition, a, b);
        }
        let condition = match cmp {
            Cmp::Eq => IntCC::Equal,
            Cmp::Ne => IntCC::NotEqual,
            Cmp::SLt => IntCC::SignedLessThan,
            Cmp::SLe => IntCC::SignedLessThanOrEqual,
            Cmp::SGt => IntCC::SignedGreaterThan,
            Cmp::SGe => IntCC::SignedGreaterThanOrEqual,
            Cmp::ULt => IntCC::UnsignedLessThan,
            Cmp::ULe => IntCC::UnsignedLessThanOrEqual,
            Cmp::UGt => IntCC::UnsignedGreaterThan,
            Cmp::UGe => IntCC::UnsignedGreaterThanOrEqual,
        };
        self.builder.ins().icmp(condition, a, b)
    }
}
