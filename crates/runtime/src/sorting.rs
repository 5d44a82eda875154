//! Rows of the runtime table that order cells.
#![allow(clippy::missing_safety_doc)]

use crate::cell::Cell;
use crate::context::Context;
use crate::heap::OutOfMemory;
use crate::layout::Element;
use crate::object::{self, Str, Tensor};
use ir::Scalar;
use std::cmp::Ordering;
use std::slice::from_raw_parts_mut;

pub unsafe extern "C" fn tensor_argsort(
    context: &mut Context,
    site: u32,
    tensor: *const Tensor,
    out: *mut *mut Tensor,
) -> i32 {
    unsafe {
        let order = sorted_indices(context, tensor);
        context.answer(site, order, out)
    }
}

unsafe fn sorted_indices(context: &mut Context, tensor: *const Tensor) -> Result<*mut Tensor, OutOfMemory> {
    unsafe {
        let (element, count) = (object::element(tensor), object::cells(tensor));
        let order = context.new_tensor(Element::Scalar(Scalar::I32), &[count as i64])?;
        let indices = from_raw_parts_mut((*order).data as *mut i32, count);
        for (place, index) in indices.iter_mut().enumerate() {
            *index = place as i32;
        }
        let at = |index: i32| (*tensor).data.add(index as usize * element.size());
        match element {
            Element::Str => indices.sort_by_key(|index| object::text(*(at(*index) as *const *const Str))),
            Element::Scalar(scalar) => {
                let cell = |index: i32| Cell::load(scalar, at(index));
                indices.sort_by(|a, b| ascending(cell(*a), cell(*b)));
            }
        }
        Ok(order)
    }
}

/// NaN comes last; both are of one type.
fn ascending(a: Cell, b: Cell) -> Ordering {
    if let (Cell::Int(a), Cell::Int(b)) = (a, b) {
        return a.cmp(&b);
    }
    let (a, b) = (a.float(), b.float());
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_compared_exactly_and_nan_is_last() {
        let large = i64::MAX;
        assert_eq!(ascending(Cell::Int(large - 1), Cell::Int(large)), Ordering::Less);
        let nan = Cell::F32(f32::NAN);
        assert_eq!(ascending(nan, Cell::F32(f32::INFINITY)), Ordering::Greater);
        assert_eq!(ascending(Cell::F32(1.0), nan), Ordering::Less);
        assert_eq!(ascending(nan, nan), Ordering::Equal);
        assert_eq!(ascending(Cell::F64(-0.0), Cell::F64(0.0)), Ordering::Equal);
    }
}
