//! Whether there are numbers that zeros do not make zero.

macro_rules! all_finite {
    ($($name:ident $ty:ty;)*) => { $(
        /// # Safety
        /// There are `count` numbers.
        pub unsafe extern "C" fn $name(numbers: *const $ty, count: i64) -> i8 {
            /// Numbers that are looked at before it is asked whether one of them was found.
            const TOGETHER: usize = 1024;
            if count <= 0 {
                return 1;
            }
            // SAFETY: the caller's promise.
            let numbers = unsafe { std::slice::from_raw_parts(numbers, count as usize) };
            // What is not finite leaves a NaN.
            let is_finite = |some: &[$ty]| some.iter().fold(true, |all, number| all & (number * 0.0 == 0.0));
            numbers.chunks(TOGETHER).all(is_finite).into()
        }
    )* };
}

all_finite! {
    all_finite_f32 f32;
    all_finite_f64 f64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_enough() {
        let mut numbers = vec![f32::MAX; 5000];
        assert_eq!(unsafe { all_finite_f32(numbers.as_ptr(), 5000) }, 1);
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            numbers[4321] = odd;
            assert_eq!(unsafe { all_finite_f32(numbers.as_ptr(), 5000) }, 0);
            assert_eq!(unsafe { all_finite_f32(numbers.as_ptr(), 4321) }, 1);
        }
        assert_eq!(unsafe { all_finite_f64(std::ptr::null(), 0) }, 1);
    }
}
