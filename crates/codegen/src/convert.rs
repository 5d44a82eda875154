//! Conversions between machine types.

use crate::environment::machine;
use crate::function::Emitter;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use ir::loops::{Convert, Ty};

impl Emitter<'_, '_> {
    pub fn convert(&mut self, convert: Convert, a: Value) -> Value {
        match convert {
            Convert::Sext(ty) => self.resized(a, machine(ty), true),
            Convert::Zext(ty) | Convert::Trunc(ty) => self.resized(a, machine(ty), false),
            Convert::SintToFloat(ty) => {
                let wide = self.at_least_32_bits(a, true);
                self.builder.ins().fcvt_from_sint(machine(ty), wide)
            }
            Convert::UintToFloat(ty) => {
                let wide = self.at_least_32_bits(a, false);
                self.builder.ins().fcvt_from_uint(machine(ty), wide)
            }
            Convert::FloatToSint(ty) => self.float_to_integer(a, ty, true),
            Convert::FloatToUint(ty) => self.float_to_integer(a, ty, false),
            Convert::Float(ty) => match (self.type_of(a), machine(ty)) {
                (from, to) if from == to => a,
                (types::F32, to) => self.builder.ins().fpromote(to, a),
                (_, to) => self.builder.ins().fdemote(to, a),
            },
            Convert::ToF16 => self.f16_bits(a),
            Convert::FromF16 => self.f16_value(a),
            Convert::ToBF16 => self.bf16_bits(a),
            Convert::FromBF16 => {
                let wide = self.builder.ins().uextend(types::I32, a);
                let bits = self.builder.ins().ishl_imm_u(wide, 16);
                self.bits(types::F32, bits)
            }
            Convert::Bits(ty) => self.bits(machine(ty), a),
        }
    }

    pub fn type_of(&self, value: Value) -> Type {
        self.builder.func.dfg.value_type(value)
    }

    fn bits(&mut self, ty: Type, value: Value) -> Value {
        if self.type_of(value) == ty {
            return value;
        }
        self.builder.ins().bitcast(ty, MemFlagsData::new(), value)
    }

    fn resized(&mut self, a: Value, ty: Type, signed: bool) -> Value {
        let from = self.type_of(a).bits();
        if from == ty.bits() {
            a
        } else if from > ty.bits() {
            self.builder.ins().ireduce(ty, a)
        } else if signed {
            self.builder.ins().sextend(ty, a)
        } else {
            self.builder.ins().uextend(ty, a)
        }
    }

    fn at_least_32_bits(&mut self, a: Value, signed: bool) -> Value {
        if self.type_of(a).bits() < 32 { self.resized(a, types::I32, signed) } else { a }
    }

    fn float_to_integer(&mut self, a: Value, ty: Ty, signed: bool) -> Value {
        if ty.size() >= 4 {
            return match signed {
                true => self.builder.ins().fcvt_to_sint_sat(machine(ty), a),
                false => self.builder.ins().fcvt_to_uint_sat(machine(ty), a),
            };
        }
        // Narrow types saturate at their own limits.
        let bits = 8 * ty.size() as u32;
        let (low, high) = if signed { (-1 << (bits - 1), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) };
        let wide = self.builder.ins().fcvt_to_sint_sat(types::I32, a);
        let low = self.builder.ins().iconst(types::I32, i64::from(low as u32));
        let high = self.builder.ins().iconst(types::I32, i64::from(high));
        let raised = self.builder.ins().smax(wide, low);
        let clamped = self.builder.ins().smin(raised, high);
        self.builder.ins().ireduce(machine(ty), clamped)
    }

    /// As `runtime`'s half floats do it; every case is computed and one selected.
    fn f16_bits(&mut self, a: Value) -> Value {
        let bits = self.bits(types::I32, a);
        let magnitude = self.builder.ins().band_imm_u(bits, 0x7fff_ffff);
        let high = self.builder.ins().ushr_imm_u(bits, 16);
        let sign = self.builder.ins().band_imm_u(high, 0x8000);

        // Subnormal: adding a half gives a float with the spacing of the result, so the addition rounds.
        let as_float = self.bits(types::F32, magnitude);
        let half = self.builder.ins().f32const(0.5);
        let sum = self.builder.ins().fadd(as_float, half);
        let sum = self.bits(types::I32, sum);
        let subnormal = self.builder.ins().iadd_imm_s(sum, -i64::from(0.5f32.to_bits()));

        let shifted = self.builder.ins().ushr_imm_u(magnitude, 13);
        let odd = self.builder.ins().band_imm_u(shifted, 1);
        let rebiased = self.builder.ins().iadd_imm_s(magnitude, 0xfff - 0x3800_0000);
        let rounded = self.builder.ins().iadd(rebiased, odd);
        let normal = self.builder.ins().ushr_imm_u(rounded, 13);

        let infinity = self.builder.ins().iconst(types::I32, 0x7c00);
        let nan = self.builder.ins().iconst(types::I32, 0x7e00);
        let is_nan = self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, magnitude, 0x7f80_0000);
        let special = self.builder.ins().select(is_nan, nan, infinity);
        let is_small = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, magnitude, 0x3880_0000);
        let finite = self.builder.ins().select(is_small, subnormal, normal);
        let is_large = self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, magnitude, 0x4780_0000);
        let result = self.builder.ins().select(is_large, special, finite);
        let signed = self.builder.ins().bor(result, sign);
        self.builder.ins().ireduce(types::I16, signed)
    }

    fn f16_value(&mut self, a: Value) -> Value {
        let wide = self.builder.ins().uextend(types::I32, a);
        let sign = self.builder.ins().band_imm_u(wide, 0x8000);
        let sign = self.builder.ins().ishl_imm_u(sign, 16);
        let magnitude = self.builder.ins().band_imm_u(wide, 0x7fff);
        let shifted = self.builder.ins().ishl_imm_u(magnitude, 13);

        // Moves the exponent, and normalises what is subnormal.
        let as_float = self.bits(types::F32, shifted);
        let scale = self.builder.ins().f32const(f32::from_bits(0x7780_0000));
        let scaled = self.builder.ins().fmul(as_float, scale);
        let finite = self.bits(types::I32, scaled);

        let special = self.builder.ins().bor_imm_u(shifted, 0x7f80_0000);
        let is_special = self.builder.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, magnitude, 0x7c00);
        let result = self.builder.ins().select(is_special, special, finite);
        let signed = self.builder.ins().bor(result, sign);
        self.bits(types::F32, signed)
    }

    fn bf16_bits(&mut self, a: Value) -> Value {
        let bits = self.bits(types::I32, a);
        let high = self.builder.ins().ushr_imm_u(bits, 16);
        let odd = self.builder.ins().band_imm_u(high, 1);
        let raised = self.builder.ins().iadd_imm_s(bits, 0x7fff);
        let rounded = self.builder.ins().iadd(raised, odd);
        let nearest = self.builder.ins().ushr_imm_u(rounded, 16);
        let quiet = self.builder.ins().bor_imm_u(high, 0x40);
        let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, a, a);
        let result = self.builder.ins().select(is_nan, quiet, nearest);
        self.builder.ins().ireduce(types::I16, result)
    }
}
