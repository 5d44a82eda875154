//! Vectors of numbers, for each kind of machine.
//!
//! All of it is inlined into functions that are compiled for the machine in question, where a call is an instruction.

/// A number that contractions are made of.
pub trait Number: Copy + Send + Sync + PartialEq + std::ops::AddAssign + 'static {
    const ZERO: Self;
    const ONE: Self;
}

impl Number for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
}

impl Number for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
}

/// Some numbers beside each other.
///
/// # Safety
/// Of all functions: the machine has the instructions, and the numbers that are read or written, which are those that
/// the mask takes in, are in bounds.
pub trait Lanes: Copy {
    type Number: Number;
    type Mask: Copy;
    const COUNT: usize;
    /// Columns of a block whose sums, two vectors each, fit the registers.
    const COLUMNS: usize;
    /// A mask costs nothing.
    const FREE_MASKS: bool;

    unsafe fn splat(number: Self::Number) -> Self;
    unsafe fn read(from: *const Self::Number) -> Self;
    unsafe fn write(self, to: *mut Self::Number);
    /// The first so many lanes, all of them at most.
    unsafe fn mask(count: usize) -> Self::Mask;
    /// Lanes outside of the mask are zero.
    unsafe fn read_some(from: *const Self::Number, mask: Self::Mask) -> Self;
    unsafe fn write_some(self, to: *mut Self::Number, mask: Self::Mask);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    /// The larger of two numbers, neither of which is NaN unless both are.
    unsafe fn max(self, other: Self) -> Self;
    /// `self * other + sum`
    unsafe fn mul_add(self, other: Self, sum: Self) -> Self;
}

/// Where nothing is known of the machine.
#[derive(Clone, Copy)]
pub struct Plain<T>([T; 4]);

macro_rules! plain {
    ($ty:ident) => {
        impl Lanes for Plain<$ty> {
            type Number = $ty;
            type Mask = usize;
            const COUNT: usize = 4;
            const COLUMNS: usize = 4;
            const FREE_MASKS: bool = false;

            #[inline(always)]
            unsafe fn splat(number: $ty) -> Self {
                Plain([number; 4])
            }
            #[inline(always)]
            unsafe fn read(from: *const $ty) -> Self {
                Plain(unsafe { from.cast::<[$ty; 4]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn write(self, to: *mut $ty) {
                unsafe { to.cast::<[$ty; 4]>().write_unaligned(self.0) };
            }
            #[inline(always)]
            unsafe fn mask(count: usize) -> usize {
                count.min(4)
            }
            #[inline(always)]
            unsafe fn read_some(from: *const $ty, mask: usize) -> Self {
                let mut lanes = [0.0; 4];
                for (k, lane) in lanes[..mask].iter_mut().enumerate() {
                    *lane = unsafe { *from.add(k) };
                }
                Plain(lanes)
            }
            #[inline(always)]
            unsafe fn write_some(self, to: *mut $ty, mask: usize) {
                for (k, lane) in self.0[..mask].iter().enumerate() {
                    unsafe { *to.add(k) = *lane };
                }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Plain(std::array::from_fn(|k| self.0[k] + other.0[k]))
            }
            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                Plain(std::array::from_fn(|k| self.0[k] - other.0[k]))
            }
            #[inline(always)]
            unsafe fn max(self, other: Self) -> Self {
                Plain(std::array::from_fn(|k| if self.0[k] > other.0[k] { self.0[k] } else { other.0[k] }))
            }
            #[inline(always)]
            unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
                Plain(std::array::from_fn(|k| self.0[k] * other.0[k] + sum.0[k]))
            }
        }
    };
}

plain!(f32);
plain!(f64);

#[cfg(target_arch = "x86_64")]
pub use x86::*;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    macro_rules! lanes {
        (
            $name:ident, $ty:ident in $register:ident, $count:literal lanes, $columns:literal columns,
            $mask:ty: |$wanted:ident| $make:expr, free: $free:literal,
            $read_some:ident($($read_argument:ident)*) $write_some:ident,
            $splat:ident $read:ident $write:ident $add:ident $sub:ident $max:ident $mul_add:ident
        ) => {
            #[derive(Clone, Copy)]
            pub struct $name($register);

            impl Lanes for $name {
                type Number = $ty;
                type Mask = $mask;
                const COUNT: usize = $count;
                const COLUMNS: usize = $columns;
                const FREE_MASKS: bool = $free;

                #[inline(always)]
                unsafe fn splat(number: $ty) -> Self {
                    unsafe { $name($splat(number)) }
                }
                #[inline(always)]
                unsafe fn read(from: *const $ty) -> Self {
                    unsafe { $name($read(from)) }
                }
                #[inline(always)]
                unsafe fn write(self, to: *mut $ty) {
                    unsafe { $write(to, self.0) }
                }
                #[inline(always)]
                #[allow(unused_unsafe)]
                unsafe fn mask($wanted: usize) -> $mask {
                    unsafe { $make }
                }
                #[inline(always)]
                unsafe fn read_some(from: *const $ty, mask: $mask) -> Self {
                    lanes!(@ordered $name $read_some from mask $($read_argument)*)
                }
                #[inline(always)]
                unsafe fn write_some(self, to: *mut $ty, mask: $mask) {
                    unsafe { $write_some(to, mask, self.0) }
                }
                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    unsafe { $name($add(self.0, other.0)) }
                }
                #[inline(always)]
                unsafe fn sub(self, other: Self) -> Self {
                    unsafe { $name($sub(self.0, other.0)) }
                }
                #[inline(always)]
                unsafe fn max(self, other: Self) -> Self {
                    unsafe { $name($max(self.0, other.0)) }
                }
                #[inline(always)]
                unsafe fn mul_add(self, other: Self, sum: Self) -> Self {
                    unsafe { $name($mul_add(self.0, other.0, sum.0)) }
                }
            }
        };
        (@ordered $name:ident $read_some:ident $from:ident $mask_value:ident mask from) => {
            unsafe { $name($read_some($mask_value, $from)) }
        };
        (@ordered $name:ident $read_some:ident $from:ident $mask_value:ident from mask) => {
            unsafe { $name($read_some($from, $mask_value)) }
        };
    }

    lanes! {
        Wide32, f32 in __m512, 16 lanes, 12 columns,
        __mmask16: |count| if count >= 16 { !0 } else { (1 << count) - 1 }, free: true,
        _mm512_maskz_loadu_ps(mask from) _mm512_mask_storeu_ps,
        _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_max_ps _mm512_fmadd_ps
    }
    lanes! {
        Wide64, f64 in __m512d, 8 lanes, 12 columns,
        __mmask8: |count| if count >= 8 { !0 } else { (1 << count) - 1 }, free: true,
        _mm512_maskz_loadu_pd(mask from) _mm512_mask_storeu_pd,
        _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_add_pd _mm512_sub_pd _mm512_max_pd _mm512_fmadd_pd
    }
    lanes! {
        Half32, f32 in __m256, 8 lanes, 4 columns,
        __m256i: |count|
            _mm256_cmpgt_epi32(_mm256_set1_epi32(count.min(8) as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)), free: false,
        _mm256_maskload_ps(from mask) _mm256_maskstore_ps,
        _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_max_ps _mm256_fmadd_ps
    }
    lanes! {
        Half64, f64 in __m256d, 4 lanes, 4 columns,
        __m256i: |count| _mm256_cmpgt_epi64(_mm256_set1_epi64x(count.min(4) as i64), _mm256_setr_epi64x(0, 1, 2, 3)), free: false,
        _mm256_maskload_pd(from mask) _mm256_maskstore_pd,
        _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_add_pd _mm256_sub_pd _mm256_max_pd _mm256_fmadd_pd
    }
}
