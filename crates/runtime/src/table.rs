//! Addresses of the rows of `ir::loops::rt`, for emitted code.

use crate::{contraction, failures, file_calls, files, finite, math, objects, sorting, spans, threads, tiles, values};
use std::collections::HashMap;
use std::sync::LazyLock;

/// A function of the runtime; its signature is the row's.
#[derive(Clone, Copy)]
struct Address(*const u8);

// SAFETY: functions stay where they are and are not written to.
unsafe impl Send for Address {}
unsafe impl Sync for Address {}

macro_rules! table {
    ($($module:ident { $($name:ident)* })*) => {
        [ $($( (stringify!($name), Address($module::$name as *const () as *const u8)), )*)* ]
    };
}

static TABLE: LazyLock<HashMap<&'static str, Address>> = LazyLock::new(|| {
    HashMap::from(table! {
        objects {
            tensor_new tensor_zeroed tensor_from tensor_rows tensor_check tensor_same_shape scratch_new
            str_from str_concat str_len str_eq str_less
            build_new build_push build_list build_tensor build_stack
            list_len list_get list_slice list_append tensor_to_list
            enum_new enum_tag enum_word
        }
        values { value_eq value_text value_format list_contains tensor_contains }
        files { print_line load_npy dyn_of dyn_settle dyn_rank dyn_shape save_npy read_text write_text }
        file_calls { file_call }
        sorting { tensor_argsort }
        spans { span_begin span_end }
        failures { panic assert_failed }
        contraction { contract_f32 contract_f64 contract_squares_f32 contract_squares_f64 contract_distances_f32 contract_distances_f64 }
        finite { all_finite_f32 all_finite_f64 }
        threads { in_parts }
        tiles { f32_exp_tile f64_exp_tile f32_tanh_tile f64_tanh_tile f32_ln_tile }
        math {
            gcd f32_pow f64_pow f32_powi f64_powi f32_rem f64_rem f32_atan2 f64_atan2 f32_hypot f64_hypot
            f32_polygamma f64_polygamma f32_cbrt f64_cbrt f32_exp f64_exp f32_expm1 f64_expm1 f32_ln f64_ln
            f32_log2 f64_log2 f32_log10 f64_log10 f32_log1p f64_log1p f32_sin f64_sin f32_cos f64_cos f32_tan f64_tan
            f32_asin f64_asin f32_acos f64_acos f32_atan f64_atan f32_sinh f64_sinh f32_cosh f64_cosh
            f32_tanh f64_tanh f32_asinh f64_asinh f32_acosh f64_acosh f32_atanh f64_atanh
            f32_erf f64_erf f32_erfc f64_erfc f32_lgamma f64_lgamma f32_digamma f64_digamma f32_round f64_round
        }
    })
});

/// The function of a row of `ir::loops::rt`.
pub fn address(name: &str) -> *const u8 {
    match name {
        // Freeing is the same for everything that is counted.
        "scratch_free" | "build_drop" => objects::release as *const () as *const u8,
        name => TABLE.get(name).unwrap_or_else(|| panic!("no runtime function `{name}`")).0,
    }
}

/// What emitted code calls without a row of its own.
pub mod entry {
    pub use crate::failures::{fail, take_message};
    pub use crate::objects::{copy, free, release_all};
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_row_has_a_function() {
        for row in ir::loops::rt::ROWS {
            assert!(!super::address(row.name).is_null());
        }
    }
}
