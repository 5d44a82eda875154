//! Values of a program seen from outside: words that an exported function has left in memory.

use crate::cell::Cell;
use crate::layout::Element;
use crate::object::{self, Tensor};
use ir::Scalar;

impl Cell {
    fn number(self) -> f64 {
        match self {
            Cell::Bool(value) => f64::from(u8::from(value)),
            Cell::Int(value) => value as f64,
            Cell::F16(value) | Cell::BF16(value) | Cell::F32(value) => f64::from(value),
            Cell::F64(value) => value,
        }
    }
}

/// The number that a word holds.
pub fn scalar_number(scalar: Scalar, word: u64) -> f64 {
    Cell::of_word(scalar, word).number()
}

/// The shape of the tensor that a word points to, and its cells in row-major order. Tensors of strings have no numbers.
///
/// # Safety
/// The word is a live tensor, which outlives what is returned.
pub unsafe fn tensor_numbers<'a>(word: u64) -> (&'a [i64], impl Iterator<Item = f64> + 'a) {
    let tensor = word as *const Tensor;
    let (extents, data) = unsafe { (object::extents(tensor), (*tensor).data) };
    let scalar = match unsafe { object::element(tensor) } {
        Element::Scalar(scalar) => Some(scalar),
        Element::Str => None,
    };
    let cells = unsafe { object::cells(tensor) };
    let numbers = scalar.into_iter().flat_map(move |scalar| {
        // SAFETY: the tensor is live and has so many cells of this type.
        (0..cells).map(move |k| unsafe { Cell::load(scalar, data.add(k * scalar.size())) }.number())
    });
    (extents, numbers)
}
