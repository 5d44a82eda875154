//! Rows of the runtime table that make and take apart objects.
//!
//! The safety of every row is the contract of `ir::loops::rt`: live objects of the kinds that the row names, places to
//! write results to, and sites and layouts of the module that `Context::enter` was given.
#![allow(clippy::missing_safety_doc)]

use crate::context::Context;
use crate::errors::{FINE, Problem};
use crate::heap::OutOfMemory;
use crate::layout::Element;
use crate::object::{self, Builder, Enum, List, Object, Str, Tensor};
use std::slice::from_raw_parts;

impl Context {
    /// Writes the result, or leaves the problem and says that it failed.
    pub(crate) unsafe fn answer<T>(&mut self, site: u32, result: Result<T, impl Into<Problem>>, out: *mut T) -> i32 {
        match result {
            Ok(value) => {
                unsafe { out.write(value) };
                FINE
            }
            Err(problem) => self.fail(site, problem.into()),
        }
    }
}

unsafe fn shape<'a>(rank: i32, extents: *const i64) -> &'a [i64] {
    if rank == 0 { &[] } else { unsafe { from_raw_parts(extents, rank as usize) } }
}

unsafe fn words<'a>(start: *const u64, count: usize) -> &'a [u64] {
    if count == 0 { &[] } else { unsafe { from_raw_parts(start, count) } }
}

pub unsafe extern "C" fn tensor_new(
    context: &mut Context,
    site: u32,
    layout: u32,
    rank: i32,
    extents: *const i64,
    out: *mut *mut Tensor,
) -> i32 {
    unsafe {
        let tensor = context.new_tensor(context.layouts.element(layout), shape(rank, extents));
        context.answer(site, tensor, out)
    }
}

pub unsafe extern "C" fn tensor_zeroed(
    context: &mut Context,
    site: u32,
    layout: u32,
    rank: i32,
    extents: *const i64,
    out: *mut *mut Tensor,
) -> i32 {
    unsafe {
        let tensor = context.new_zeroed(context.layouts.element(layout), shape(rank, extents));
        context.answer(site, tensor, out)
    }
}

pub unsafe extern "C" fn tensor_from(
    context: &mut Context,
    site: u32,
    layout: u32,
    rank: i32,
    extents: *const i64,
    data: *const u8,
    out: *mut *mut Tensor,
) -> i32 {
    unsafe {
        let element = context.layouts.element(layout);
        let tensor = context.new_tensor(element, shape(rank, extents)).inspect(|tensor| {
            object::copy_cells(element, data, (**tensor).data, object::cells(*tensor));
        });
        context.answer(site, tensor, out)
    }
}

pub unsafe extern "C" fn tensor_rows(
    context: &mut Context,
    site: u32,
    tensor: *mut Tensor,
    first: i64,
    count: i64,
    drop_axis: i32,
    out: *mut *mut Tensor,
) -> i32 {
    unsafe {
        let rows = context.rows_of(tensor, first, count, drop_axis != 0);
        context.answer(site, rows, out)
    }
}

/// The type of a tensor as the language writes it, with `?` for an extent of -1.
pub(crate) fn type_text(element: Element, extents: &[i64]) -> String {
    let element = match element {
        Element::Scalar(scalar) => scalar.name(),
        Element::Str => "str",
    };
    let extents: Vec<String> =
        extents.iter().map(|extent| if *extent < 0 { "?".to_string() } else { extent.to_string() }).collect();
    if extents.is_empty() { element.to_string() } else { format!("[{element}; {}]", extents.join(", ")) }
}

pub(crate) fn fits(extents: &[i64], wanted: &[i64]) -> bool {
    extents.len() == wanted.len() && extents.iter().zip(wanted).all(|(have, want)| *want < 0 || have == want)
}

pub unsafe extern "C" fn tensor_check(
    context: &mut Context,
    site: u32,
    tensor: *mut Tensor,
    rank: i32,
    wanted: *const i64,
    out: *mut *mut Tensor,
) -> i32 {
    unsafe {
        let (extents, wanted) = (object::extents(tensor), shape(rank, wanted));
        if !fits(extents, wanted) {
            let element = object::element(tensor);
            let problem = Problem::Shape { found: type_text(element, extents), wanted: type_text(element, wanted) };
            return context.fail(site, problem);
        }
        object::retain(tensor);
        out.write(tensor);
        FINE
    }
}

pub unsafe extern "C" fn tensor_same_shape(context: &mut Context, site: u32, a: *mut Tensor, b: *mut Tensor) -> i32 {
    unsafe {
        if object::extents(a) == object::extents(b) {
            return FINE;
        }
        let text = |tensor| type_text(object::element(tensor), object::extents(tensor));
        let problem = Problem::Shape { found: text(b), wanted: text(a) };
        context.fail(site, problem)
    }
}

pub unsafe extern "C" fn scratch_new(context: &mut Context, site: u32, bytes: i64, out: *mut *mut u8) -> i32 {
    unsafe {
        let memory = context.new_scratch(bytes.max(0) as usize);
        context.answer(site, memory, out)
    }
}

pub unsafe extern "C" fn release(context: &mut Context, object: *mut Object) {
    unsafe { context.release(object) };
}

/// Copies cells from one place to another, which may be the same.
///
/// # Safety
/// Both places hold that many bytes.
pub unsafe extern "C" fn copy(target: *mut u8, source: *const u8, bytes: usize) {
    unsafe { std::ptr::copy(source, target, bytes) };
}

/// For emitted code, which counts down itself.
pub unsafe extern "C" fn free(context: &mut Context, object: *mut Object) {
    unsafe { context.free(object) };
}

/// Gives back what a function still owns when an error leaves it; the released ones among the places are null.
pub unsafe extern "C" fn release_all(context: &mut Context, owned: *const *mut Object, count: i64) {
    unsafe {
        for object in from_raw_parts(owned, count as usize) {
            if !object.is_null() {
                context.release(*object);
            }
        }
    }
}

// --- strings ---

pub unsafe extern "C" fn str_from(
    context: &mut Context,
    site: u32,
    bytes: *const u8,
    len: i64,
    out: *mut *mut Str,
) -> i32 {
    unsafe {
        let bytes = if len == 0 { &[] } else { from_raw_parts(bytes, len as usize) };
        let string = context.new_string(std::str::from_utf8_unchecked(bytes));
        context.answer(site, string, out)
    }
}

pub unsafe extern "C" fn str_concat(
    context: &mut Context,
    site: u32,
    a: *mut Str,
    b: *mut Str,
    out: *mut *mut Str,
) -> i32 {
    unsafe {
        let string = context.new_string_of(&[object::text(a), object::text(b)]);
        context.answer(site, string, out)
    }
}

pub unsafe extern "C" fn str_len(string: *const Str) -> i64 {
    unsafe { object::chars(string) as i64 }
}

pub unsafe extern "C" fn str_eq(a: *const Str, b: *const Str) -> i8 {
    unsafe { i8::from(object::text(a) == object::text(b)) }
}

pub unsafe extern "C" fn str_less(a: *const Str, b: *const Str) -> i8 {
    unsafe { i8::from(object::text(a) < object::text(b)) }
}

// --- builders ---

pub unsafe extern "C" fn build_new(context: &mut Context, site: u32, item: u32, out: *mut *mut Builder) -> i32 {
    unsafe {
        let builder = context.new_builder(item);
        context.answer(site, builder, out)
    }
}

pub unsafe extern "C" fn build_push(context: &mut Context, site: u32, builder: *mut Builder, item: *const u64) -> i32 {
    unsafe {
        let count = context.layouts.words(object::header(builder).contents).count;
        let items = &mut *(*builder).items;
        if items.try_reserve(count).is_err() {
            let asked = 2 * size_of_val(items.as_slice()) as u128;
            let available = crate::heap::available_memory();
            context.release_item(object::header(builder).contents, words(item, count));
            return context.fail(site, OutOfMemory { asked, available }.into());
        }
        items.extend_from_slice(words(item, count));
        (*builder).len += 1;
        FINE
    }
}

/// The items of a builder, which is empty afterwards.
unsafe fn taken(builder: *mut Builder) -> Vec<u64> {
    unsafe { std::mem::take(&mut *(*builder).items) }
}

pub unsafe extern "C" fn build_list(
    context: &mut Context,
    site: u32,
    builder: *mut Builder,
    out: *mut *mut List,
) -> i32 {
    unsafe {
        let item = object::header(builder).contents;
        let (items, count) = (taken(builder), context.layouts.words(item).count);
        let list = context.new_list(item, count, (*builder).len, &items);
        if list.is_err() {
            *(*builder).items = items;
        }
        context.release(builder);
        context.answer(site, list, out)
    }
}

pub unsafe extern "C" fn build_tensor(
    context: &mut Context,
    site: u32,
    builder: *mut Builder,
    out: *mut *mut Tensor,
) -> i32 {
    unsafe {
        let element = context.layouts.element(object::header(builder).contents);
        let items = &mut *(*builder).items;
        let tensor = context.new_tensor(element, &[items.len() as i64]);
        if let Ok(tensor) = &tensor {
            for (place, word) in items.drain(..).enumerate() {
                store_word(element, word, (**tensor).data.add(place * element.size()));
            }
        }
        context.release(builder);
        context.answer(site, tensor, out)
    }
}

unsafe fn store_word(element: Element, word: u64, at: *mut u8) {
    unsafe {
        match element {
            Element::Scalar(scalar) => crate::cell::Cell::of_word(scalar, word).store(scalar, at),
            Element::Str => *(at as *mut u64) = word,
        }
    }
}

pub unsafe extern "C" fn build_stack(
    context: &mut Context,
    site: u32,
    builder: *mut Builder,
    rank: i32,
    row_extents: *const i64,
    out: *mut *mut Tensor,
) -> i32 {
    unsafe {
        let ir::loops::Layout::Tensor(cell, _) = *context.layouts.row(object::header(builder).contents) else {
            unreachable!("only tensors are stacked");
        };
        let element = context.layouts.element(cell.0);
        let items = &*(*builder).items;
        let tensor = stacked(context, element, items, shape(rank, row_extents));
        context.release(builder);
        context.answer(site, tensor, out)
    }
}

unsafe fn stacked(
    context: &mut Context,
    element: Element,
    rows: &[u64],
    no_row: &[i64],
) -> Result<*mut Tensor, Problem> {
    unsafe {
        let row_shape = rows.first().map_or(no_row, |row| object::extents(*row as *const Tensor));
        for row in rows {
            let extents = object::extents(*row as *const Tensor);
            if extents != row_shape {
                return Err(Problem::Shape {
                    found: type_text(element, extents),
                    wanted: type_text(element, row_shape),
                });
            }
        }
        let extents: Vec<i64> = std::iter::once(rows.len() as i64).chain(row_shape.iter().copied()).collect();
        let tensor = context.new_tensor(element, &extents)?;
        let cells = row_shape.iter().product::<i64>().max(0) as usize;
        for (place, row) in rows.iter().enumerate() {
            let to = (*tensor).data.add(place * cells * element.size());
            object::copy_cells(element, (*(*row as *const Tensor)).data, to, cells);
        }
        Ok(tensor)
    }
}

// --- lists ---

pub unsafe extern "C" fn list_len(list: *const List) -> i64 {
    unsafe { object::list_len(list) as i64 }
}

pub unsafe extern "C" fn list_get(context: &mut Context, list: *const List, index: i64, to: *mut u64) {
    unsafe {
        let count = (*list).item_words;
        let item = &object::list_words(list)[index as usize * count..][..count];
        context.retain_words(object::header(list).contents, item);
        std::ptr::copy_nonoverlapping(item.as_ptr(), to, count);
    }
}

pub unsafe extern "C" fn list_slice(
    context: &mut Context,
    site: u32,
    list: *mut List,
    from: i64,
    to: i64,
    out: *mut *mut List,
) -> i32 {
    unsafe {
        let part = context.part_of(list, from as usize, (to - from).max(0) as usize);
        context.answer(site, part, out)
    }
}

pub unsafe extern "C" fn list_append(
    context: &mut Context,
    site: u32,
    list: *mut List,
    item: *const u64,
    out: *mut *mut List,
) -> i32 {
    unsafe {
        let (layout, before) = (object::header(list).contents, object::list_words(list));
        let (count, len) = ((*list).item_words, object::list_len(list));
        let all = [before, words(item, count)].concat();
        let longer = context.new_list(layout, count, len + 1, &all);
        match longer {
            Ok(_) => context.retain_words(layout, before),
            Err(_) => context.release_item(layout, words(item, count)),
        }
        context.answer(site, longer, out)
    }
}

pub unsafe extern "C" fn tensor_to_list(
    context: &mut Context,
    site: u32,
    tensor: *mut Tensor,
    item: u32,
    out: *mut *mut List,
) -> i32 {
    unsafe {
        let list = rows_as_list(context, tensor, item);
        context.answer(site, list, out)
    }
}

unsafe fn rows_as_list(context: &mut Context, tensor: *mut Tensor, item: u32) -> Result<*mut List, OutOfMemory> {
    unsafe {
        let (element, extents) = (object::element(tensor), object::extents(tensor));
        let mut words = Vec::with_capacity(extents[0] as usize);
        for row in 0..extents[0] {
            let word = if extents.len() > 1 {
                context.rows_of(tensor, row, 1, true)? as u64
            } else {
                let at = (*tensor).data.add(row as usize * element.size());
                match element {
                    Element::Scalar(scalar) => crate::cell::Cell::load(scalar, at).word(),
                    Element::Str => {
                        let string = *(at as *const *mut Str);
                        object::retain(string);
                        string as u64
                    }
                }
            };
            words.push(word);
        }
        context.new_list(item, 1, words.len(), &words)
    }
}

// --- enums ---

pub unsafe extern "C" fn enum_new(
    context: &mut Context,
    site: u32,
    layout: u32,
    tag: u32,
    fields: *const u64,
    count: i32,
    out: *mut *mut Enum,
) -> i32 {
    unsafe {
        let fields = words(fields, count as usize);
        let object = context.new_enum(layout, tag, fields);
        if object.is_err() {
            for at in context.layouts.variant_objects(layout, tag).to_vec() {
                context.release(fields[at] as *mut Object);
            }
        }
        context.answer(site, object, out)
    }
}

pub unsafe extern "C" fn enum_tag(object: *const Enum) -> i32 {
    unsafe { (*object).tag as i32 }
}

pub unsafe extern "C" fn enum_word(object: *const Enum, place: i32) -> i64 {
    unsafe { object::enum_words(object)[place as usize] as i64 }
}
