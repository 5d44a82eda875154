//! Rows of the runtime table that take any value, as a layout and its words.
#![allow(clippy::missing_safety_doc)]

use crate::cell::Cell;
use crate::context::Context;
use crate::errors::Problem;
use crate::format::Format;
use crate::layout::Element;
use crate::object::{self, Enum, List, Str, Tensor};
use crate::text::Printer;
use ir::loops::Layout;
use std::slice::from_raw_parts;

unsafe fn words<'a>(context: &Context, layout: u32, start: *const u64) -> &'a [u64] {
    match context.layouts.words(layout).count {
        0 => &[],
        count => unsafe { from_raw_parts(start, count) },
    }
}

pub unsafe extern "C" fn value_eq(context: &mut Context, layout: u32, a: *const u64, b: *const u64) -> i8 {
    unsafe { i8::from(equal(context, layout, words(context, layout, a), words(context, layout, b))) }
}

/// Compares whole; what is still to compare waits in a list, so that long chains take no stack.
unsafe fn equal(context: &Context, layout: u32, a: &[u64], b: &[u64]) -> bool {
    let mut waiting = vec![(layout, a, b)];
    while let Some((layout, a, b)) = waiting.pop() {
        let same = unsafe {
            match context.layouts.row(layout) {
                Layout::Unit => true,
                Layout::Scalar(scalar) => Cell::of_word(*scalar, a[0]) == Cell::of_word(*scalar, b[0]),
                Layout::Str => object::text(a[0] as *const Str) == object::text(b[0] as *const Str),
                Layout::Range => a == b,
                Layout::Tensor(..) => same_tensors(a[0] as *const Tensor, b[0] as *const Tensor),
                Layout::Dyn => {
                    let tensor = |word: u64| (*(word as *const object::Dyn)).tensor;
                    same_tensors(tensor(a[0]), tensor(b[0]))
                }
                Layout::List(item) => {
                    let (a, b) = (a[0] as *const List, b[0] as *const List);
                    let count = (*a).item_words;
                    let same = object::list_len(a) == object::list_len(b);
                    if same && count > 0 {
                        let items =
                            object::list_words(a).chunks_exact(count).zip(object::list_words(b).chunks_exact(count));
                        waiting.extend(items.rev().map(|(a, b)| (item.0, a, b)));
                    }
                    same
                }
                Layout::Tuple { fields, .. } => {
                    push_fields(context, fields.iter().map(|field| field.0), a, b, &mut waiting);
                    true
                }
                Layout::Enum { variants, .. } => {
                    let (a, b) = (a[0] as *const Enum, b[0] as *const Enum);
                    let same = (*a).tag == (*b).tag;
                    if same {
                        let fields = variants[(*a).tag as usize].fields.iter().map(|field| field.0);
                        push_fields(context, fields, object::enum_words(a), object::enum_words(b), &mut waiting);
                    }
                    same
                }
            }
        };
        if !same {
            return false;
        }
    }
    true
}

fn push_fields<'a>(
    context: &Context,
    fields: impl Iterator<Item = u32>,
    mut a: &'a [u64],
    mut b: &'a [u64],
    waiting: &mut Vec<(u32, &'a [u64], &'a [u64])>,
) {
    for field in fields {
        let count = context.layouts.words(field).count;
        waiting.push((field, &a[..count], &b[..count]));
        (a, b) = (&a[count..], &b[count..]);
    }
}

unsafe fn same_tensors(a: *const Tensor, b: *const Tensor) -> bool {
    unsafe {
        let element = object::element(a);
        let at = |tensor: *const Tensor, place: usize| (*tensor).data.add(place * element.size());
        let same_cell = |place| match element {
            Element::Scalar(scalar) => Cell::load(scalar, at(a, place)) == Cell::load(scalar, at(b, place)),
            Element::Str => {
                let text = |tensor| object::text(*(at(tensor, place) as *const *const Str));
                text(a) == text(b)
            }
        };
        element == object::element(b)
            && object::extents(a) == object::extents(b)
            && (0..object::cells(a)).all(same_cell)
    }
}

pub unsafe extern "C" fn list_contains(context: &mut Context, item: u32, value: *const u64, list: *const List) -> i8 {
    unsafe {
        let value = words(context, item, value);
        let found = match value.len() {
            0 => object::list_len(list) > 0,
            count => object::list_words(list).chunks_exact(count).any(|words| equal(context, item, value, words)),
        };
        i8::from(found)
    }
}

pub unsafe extern "C" fn tensor_contains(
    context: &mut Context,
    item: u32,
    value: *const u64,
    tensor: *const Tensor,
) -> i8 {
    unsafe {
        let element = context.layouts.element(item);
        let data = (*tensor).data;
        let found = match element {
            Element::Scalar(scalar) => {
                let value = Cell::of_word(scalar, *value);
                (0..object::cells(tensor)).any(|place| Cell::load(scalar, data.add(place * element.size())) == value)
            }
            Element::Str => {
                let value = object::text(*value as *const Str);
                let cells = from_raw_parts(data as *const *const Str, object::cells(tensor));
                cells.iter().any(|cell| object::text(*cell) == value)
            }
        };
        i8::from(found)
    }
}

pub unsafe extern "C" fn value_text(
    context: &mut Context,
    site: u32,
    layout: u32,
    value: *const u64,
    out: *mut *mut Str,
) -> i32 {
    unsafe {
        let mut printer = Printer::new(context);
        let text = printer.top_level(layout, words(context, layout, value)).map(|()| printer.out);
        let string = text.and_then(|text| Ok(context.new_string(&text)?));
        context.answer(site, string, out)
    }
}

pub unsafe extern "C" fn value_format(
    context: &mut Context,
    site: u32,
    layout: u32,
    value: *const u64,
    format: *const [i32; 6],
    out: *mut *mut Str,
) -> i32 {
    unsafe {
        let text = formatted(context, layout, words(context, layout, value), Format::new(&*format));
        let string = text.and_then(|text| Ok(context.new_string(&text)?));
        context.answer(site, string, out)
    }
}

unsafe fn formatted(context: &Context, layout: u32, value: &[u64], format: Format) -> Result<String, Problem> {
    let mut out = String::new();
    unsafe {
        match context.layouts.row(layout) {
            Layout::Scalar(scalar) => format.number(Cell::of_word(*scalar, value[0]), &mut out),
            Layout::Str => format.text(object::text(value[0] as *const Str), &mut out),
            _ => {
                let mut printer = Printer::new(context);
                if format.is_numeric() {
                    // Each number takes the whole format, as the columns of a table do.
                    printer.format = Some(format);
                    printer.top_level(layout, value)?;
                    return Ok(printer.out);
                }
                printer.top_level(layout, value)?;
                format.other(&printer.out, &mut out);
            }
        }
    }
    Ok(out)
}
