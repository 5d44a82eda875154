//! One scalar of a tensor or of a value's words, for everything that is not compiled.

use crate::half::{bf16_from_f32, f16_from_f32, f32_from_bf16, f32_from_f16};
use ir::Scalar;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    Bool(bool),
    Int(i64),
    F16(f32),
    BF16(f32),
    F32(f32),
    F64(f64),
}

impl Cell {
    /// # Safety
    /// An element of this type stands at the address.
    pub unsafe fn load(scalar: Scalar, at: *const u8) -> Cell {
        unsafe {
            match scalar {
                Scalar::Bool => Cell::Bool(*at != 0),
                Scalar::I8 => Cell::Int(i64::from(*(at as *const i8))),
                Scalar::U8 => Cell::Int(i64::from(*at)),
                Scalar::I32 => Cell::Int(i64::from(*(at as *const i32))),
                Scalar::I64 => Cell::Int(*(at as *const i64)),
                Scalar::F16 => Cell::F16(f32_from_f16(*(at as *const u16))),
                Scalar::BF16 => Cell::BF16(f32_from_bf16(*(at as *const u16))),
                Scalar::F32 => Cell::F32(*(at as *const f32)),
                Scalar::F64 => Cell::F64(*(at as *const f64)),
                Scalar::Open(_) => unreachable!("an open constant is in no tensor"),
            }
        }
    }

    /// A word holds a half float as `f32`; bits beyond the type's own mean nothing.
    pub fn of_word(scalar: Scalar, word: u64) -> Cell {
        match scalar {
            Scalar::Bool => Cell::Bool(word as u8 != 0),
            Scalar::I8 => Cell::Int(i64::from(word as i8)),
            Scalar::U8 => Cell::Int(i64::from(word as u8)),
            Scalar::I32 => Cell::Int(i64::from(word as i32)),
            Scalar::I64 => Cell::Int(word as i64),
            Scalar::F16 => Cell::F16(f32::from_bits(word as u32)),
            Scalar::BF16 => Cell::BF16(f32::from_bits(word as u32)),
            Scalar::F32 => Cell::F32(f32::from_bits(word as u32)),
            Scalar::F64 => Cell::F64(f64::from_bits(word)),
            Scalar::Open(_) => unreachable!("an open constant is no value"),
        }
    }

    /// The word of this cell.
    pub fn word(self) -> u64 {
        match self {
            Cell::Bool(value) => u64::from(value),
            Cell::Int(value) => value as u64,
            Cell::F16(value) | Cell::BF16(value) | Cell::F32(value) => u64::from(value.to_bits()),
            Cell::F64(value) => value.to_bits(),
        }
    }

    /// Casts as `as` does: toward zero, saturating, NaN is 0.
    ///
    /// # Safety
    /// There is room for an element of this type at the address.
    pub unsafe fn store(self, scalar: Scalar, at: *mut u8) {
        unsafe {
            match scalar {
                Scalar::Bool => *at = u8::from(self.float() != 0.0),
                Scalar::I8 => *(at as *mut i8) = self.integer(|f| f as i8, |i| i as i8),
                Scalar::U8 => *at = self.integer(|f| f as u8, |i| i as u8),
                Scalar::I32 => *(at as *mut i32) = self.integer(|f| f as i32, |i| i as i32),
                Scalar::I64 => *(at as *mut i64) = self.integer(|f| f as i64, |i| i),
                Scalar::F16 => *(at as *mut u16) = f16_from_f32(self.single()),
                Scalar::BF16 => *(at as *mut u16) = bf16_from_f32(self.single()),
                Scalar::F32 => *(at as *mut f32) = self.single(),
                Scalar::F64 => *(at as *mut f64) = self.float(),
                Scalar::Open(_) => unreachable!("an open constant is in no tensor"),
            }
        }
    }

    pub fn float(self) -> f64 {
        match self {
            Cell::Bool(value) => f64::from(u8::from(value)),
            Cell::Int(value) => value as f64,
            Cell::F16(value) | Cell::BF16(value) | Cell::F32(value) => f64::from(value),
            Cell::F64(value) => value,
        }
    }

    fn single(self) -> f32 {
        match self {
            Cell::Int(value) => value as f32,
            Cell::F16(value) | Cell::BF16(value) | Cell::F32(value) => value,
            other => other.float() as f32,
        }
    }

    fn integer<T>(self, of_float: fn(f64) -> T, of_integer: fn(i64) -> T) -> T {
        match self {
            Cell::Bool(value) => of_integer(i64::from(value)),
            Cell::Int(value) => of_integer(value),
            float => of_float(float.float()),
        }
    }
}
