//! How objects lie in memory.
//!
//! An object is a pointer behind a header of 16 bytes: its count at -16 (`u64`), its kind at -8 and size class at -7
//! (`u8`), and at -4 (`u32`) what its contents are. Emitted code counts at -16 and reads a tensor's data and extents at
//! the offsets below; everything else goes through this crate. Objects never change once others can see them, so they
//! form no cycles.

use crate::context::Context;
use crate::heap::{LINE, OutOfMemory};
use crate::layout::Element;
use std::ptr::{copy_nonoverlapping, null_mut, write_bytes};

pub const COUNT_OFFSET: i32 = -16;
pub const TENSOR_DATA_OFFSET: i32 = 0;
pub const TENSOR_EXTENTS_OFFSET: i32 = 24;

/// A count that no program reaches from either side.
const IMMORTAL: u64 = 1 << 62;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    Tensor,
    Str,
    List,
    Enum,
    Dyn,
    Builder,
    /// Raw memory; the pointer is its first byte.
    Scratch,
}

#[repr(C)]
pub struct Header {
    pub count: u64,
    pub kind: Kind,
    pub class: u8,
    unused: u16,
    /// Tensor: code of the element. List and builder: layout of an item. Enum: its own layout.
    pub contents: u32,
}

/// Any object, seen from outside.
#[repr(C)]
pub struct Object {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct Tensor {
    pub data: *mut u8,
    /// The tensor that owns the data where it is not this one.
    owner: *mut Tensor,
    rank: u64,
}

#[repr(C)]
pub struct Str {
    bytes: usize,
    /// Unicode scalar values.
    chars: usize,
}

#[repr(C)]
pub struct List {
    words: *mut u64,
    /// The list that owns the words where it is not this one.
    owner: *mut List,
    len: usize,
    pub item_words: usize,
}

#[repr(C)]
pub struct Enum {
    pub tag: u32,
    count: u32,
}

/// A loaded tensor.
#[repr(C)]
pub struct Dyn {
    pub tensor: *mut Tensor,
}

#[repr(C)]
pub struct Builder {
    pub items: *mut Vec<u64>,
    /// Items so far: those without words leave no other trace.
    pub len: usize,
}

const _: () = assert!(size_of::<Header>() == 16 && size_of::<Tensor>() == TENSOR_EXTENTS_OFFSET as usize);

/// # Safety
/// For all functions below: pointers are live objects of the kind that their type says.
pub unsafe fn header<'a, T>(object: *const T) -> &'a mut Header {
    unsafe { &mut *(object as *mut Header).sub(1) }
}

pub unsafe fn retain<T>(object: *const T) {
    unsafe { header(object).count += 1 };
}

pub unsafe fn extents<'a>(tensor: *const Tensor) -> &'a [i64] {
    unsafe { std::slice::from_raw_parts(tensor.add(1) as *const i64, (*tensor).rank as usize) }
}

pub unsafe fn cells(tensor: *const Tensor) -> usize {
    unsafe { extents(tensor).iter().product::<i64>() as usize }
}

pub unsafe fn element(tensor: *const Tensor) -> Element {
    unsafe { Element::from_code(header(tensor).contents) }
}

/// The text of a string.
pub unsafe fn text<'a>(string: *const Str) -> &'a str {
    unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(string.add(1) as *const u8, (*string).bytes)) }
}

pub unsafe fn chars(string: *const Str) -> usize {
    unsafe { (*string).chars }
}

pub unsafe fn list_len(list: *const List) -> usize {
    unsafe { (*list).len }
}

pub unsafe fn list_words<'a>(list: *const List) -> &'a [u64] {
    unsafe { std::slice::from_raw_parts((*list).words, (*list).len * (*list).item_words) }
}

pub unsafe fn enum_words<'a>(object: *const Enum) -> &'a [u64] {
    unsafe { std::slice::from_raw_parts(object.add(1) as *const u64, (*object).count as usize) }
}

impl Context {
    unsafe fn new_object(&mut self, kind: Kind, contents: u32, bytes: usize) -> Result<*mut u8, OutOfMemory> {
        let (block, class) = self.heap.allocate(size_of::<Header>() + bytes)?;
        unsafe { (block as *mut Header).write(Header { count: 1, kind, class, unused: 0, contents }) };
        self.live += 1;
        Ok(unsafe { block.add(size_of::<Header>()) })
    }

    /// A tensor whose cells are not set, or null where they are strings.
    pub fn new_tensor(&mut self, element: Element, extents: &[i64]) -> Result<*mut Tensor, OutOfMemory> {
        let (bytes, before) = (data_bytes(element, extents), tensor_head(extents.len()));
        let bytes = usize::try_from(bytes).ok().and_then(|b| b.checked_add(before));
        let Some(total) = bytes.filter(|total| *total <= isize::MAX as usize / 2) else {
            let available = crate::heap::available_memory();
            return Err(OutOfMemory { asked: data_bytes(element, extents), available });
        };
        unsafe {
            let tensor = self.new_object(Kind::Tensor, element.code(), total - size_of::<Header>())? as *mut Tensor;
            let data = (tensor as *mut u8).add(before - size_of::<Header>());
            set_tensor(tensor, data, null_mut(), extents);
            if element == Element::Str {
                write_bytes(data, 0, total - before);
            }
            Ok(tensor)
        }
    }

    /// Zero, false or the empty string in every cell.
    pub fn new_zeroed(&mut self, element: Element, extents: &[i64]) -> Result<*mut Tensor, OutOfMemory> {
        let tensor = self.new_tensor(element, extents)?;
        unsafe {
            let cells = cells(tensor);
            if element == Element::Str {
                let empty = self.empty_string()?;
                std::slice::from_raw_parts_mut((*tensor).data as *mut *mut Str, cells).fill(empty);
            } else {
                write_bytes((*tensor).data, 0, cells * element.size());
            }
        }
        Ok(tensor)
    }

    /// `count` rows from `first` on: shares the data where copying would cost more than keeping it.
    ///
    /// # Safety
    /// The rows are within the tensor.
    pub unsafe fn rows_of(
        &mut self,
        tensor: *mut Tensor,
        first: i64,
        count: i64,
        drop_axis: bool,
    ) -> Result<*mut Tensor, OutOfMemory> {
        const COPIED_BYTES: usize = 512;
        unsafe {
            let (element, whole) = (element(tensor), extents(tensor));
            let mut shape = whole[usize::from(drop_axis)..].to_vec();
            if !drop_axis {
                shape[0] = count;
            }
            let row = whole[1..].iter().product::<i64>() as usize * element.size();
            let data = (*tensor).data.add(first as usize * row);
            let bytes = count as usize * row;
            if bytes <= COPIED_BYTES {
                let copy = self.new_tensor(element, &shape)?;
                copy_cells(element, data, (*copy).data, bytes / element.size());
                return Ok(copy);
            }
            let view = self.new_object(Kind::Tensor, element.code(), tensor_head(shape.len()))? as *mut Tensor;
            let owner = if (*tensor).owner.is_null() { tensor } else { (*tensor).owner };
            retain(owner);
            set_tensor(view, data, owner, &shape);
            Ok(view)
        }
    }

    pub fn new_string(&mut self, text: &str) -> Result<*mut Str, OutOfMemory> {
        self.new_string_of(&[text])
    }

    /// The pieces one after the other.
    pub fn new_string_of(&mut self, pieces: &[&str]) -> Result<*mut Str, OutOfMemory> {
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        unsafe {
            let string = self.new_object(Kind::Str, 0, size_of::<Str>() + bytes)? as *mut Str;
            let chars = pieces.iter().map(|piece| piece.chars().count()).sum();
            string.write(Str { bytes, chars });
            let mut end = string.add(1) as *mut u8;
            for piece in pieces {
                copy_nonoverlapping(piece.as_ptr(), end, piece.len());
                end = end.add(piece.len());
            }
            Ok(string)
        }
    }

    /// A string that has to be: nothing where there is no memory for it.
    pub fn message_string(&mut self, text: &str) -> *mut Str {
        self.new_string(text).or_else(|_| self.empty_string()).expect("memory for a string of no bytes")
    }

    /// The one empty string that fills tensors; it is never freed and counts as no object.
    fn empty_string(&mut self) -> Result<*mut Str, OutOfMemory> {
        if self.empty.is_null() {
            self.empty = self.new_string("")?;
            unsafe { header(self.empty).count = IMMORTAL };
            self.live -= 1;
        }
        Ok(self.empty)
    }

    /// Takes over the counts of the words.
    pub fn new_list(
        &mut self,
        item: u32,
        item_words: usize,
        len: usize,
        words: &[u64],
    ) -> Result<*mut List, OutOfMemory> {
        unsafe {
            let bytes = size_of::<List>() + size_of_val(words);
            let list = self.new_object(Kind::List, item, bytes)? as *mut List;
            let start = list.add(1) as *mut u64;
            copy_nonoverlapping(words.as_ptr(), start, words.len());
            list.write(List { words: start, owner: null_mut(), len, item_words });
            Ok(list)
        }
    }

    /// # Safety
    /// The items are within the list.
    pub unsafe fn part_of(&mut self, list: *mut List, first: usize, len: usize) -> Result<*mut List, OutOfMemory> {
        unsafe {
            let part = self.new_object(Kind::List, header(list).contents, size_of::<List>())? as *mut List;
            let owner = if (*list).owner.is_null() { list } else { (*list).owner };
            retain(owner);
            let item_words = (*list).item_words;
            part.write(List { words: (*list).words.add(first * item_words), owner, len, item_words });
            Ok(part)
        }
    }

    /// Takes over the counts of the words.
    pub fn new_enum(&mut self, layout: u32, tag: u32, words: &[u64]) -> Result<*mut Enum, OutOfMemory> {
        unsafe {
            let bytes = size_of::<Enum>() + size_of_val(words);
            let object = self.new_object(Kind::Enum, layout, bytes)? as *mut Enum;
            object.write(Enum { tag, count: words.len() as u32 });
            copy_nonoverlapping(words.as_ptr(), object.add(1) as *mut u64, words.len());
            Ok(object)
        }
    }

    /// Takes over the tensor's count.
    pub fn new_dyn(&mut self, tensor: *mut Tensor) -> Result<*mut Dyn, OutOfMemory> {
        unsafe {
            let object = self.new_object(Kind::Dyn, 0, size_of::<Dyn>())? as *mut Dyn;
            object.write(Dyn { tensor });
            Ok(object)
        }
    }

    pub fn new_builder(&mut self, item: u32) -> Result<*mut Builder, OutOfMemory> {
        unsafe {
            let object = self.new_object(Kind::Builder, item, size_of::<Builder>())? as *mut Builder;
            object.write(Builder { items: Box::into_raw(Box::default()), len: 0 });
            Ok(object)
        }
    }

    /// Raw memory whose first byte is aligned to a line; the header stands right before it.
    pub fn new_scratch(&mut self, bytes: usize) -> Result<*mut u8, OutOfMemory> {
        let (block, class) = self.heap.allocate(bytes.saturating_add(LINE))?;
        unsafe {
            let memory = block.add(LINE);
            *header(memory) = Header { count: 1, kind: Kind::Scratch, class, unused: 0, contents: 0 };
            self.live += 1;
            Ok(memory)
        }
    }

    /// # Safety
    /// The caller owns a count of the object and gives it back with this call.
    pub unsafe fn release<T>(&mut self, object: *mut T) {
        unsafe {
            header(object).count -= 1;
            if header(object).count == 0 {
                self.free(object as *mut Object);
            }
        }
    }

    /// Frees an object whose count is zero, and whatever that was the last owner of; a long chain takes no stack.
    ///
    /// # Safety
    /// Nothing uses the object any more.
    pub unsafe fn free(&mut self, object: *mut Object) {
        // The list is kept from call to call: most objects own nothing, and freeing them should not allocate.
        let mut dead = std::mem::take(&mut self.dead);
        dead.push(object);
        while let Some(object) = dead.pop() {
            unsafe {
                self.drop_contents(object, &mut dead);
                let before = if header(object).kind == Kind::Scratch { LINE } else { size_of::<Header>() };
                let class = header(object).class;
                self.heap.free((object as *mut u8).sub(before), class);
            }
            self.live -= 1;
        }
        self.dead = dead;
    }

    unsafe fn drop_contents(&mut self, object: *mut Object, dead: &mut Vec<*mut Object>) {
        unsafe {
            match header(object).kind {
                Kind::Str | Kind::Scratch => {}
                Kind::Tensor => {
                    let tensor = object as *mut Tensor;
                    if !(*tensor).owner.is_null() {
                        release_later((*tensor).owner as *mut Object, dead);
                    } else if element(tensor) == Element::Str {
                        let cells = std::slice::from_raw_parts((*tensor).data as *const *mut Object, cells(tensor));
                        // A tensor that was never filled up has null cells.
                        for cell in cells.iter().filter(|cell| !cell.is_null()) {
                            release_later(*cell, dead);
                        }
                    }
                }
                Kind::List => {
                    let list = object as *mut List;
                    if !(*list).owner.is_null() {
                        release_later((*list).owner as *mut Object, dead);
                    } else {
                        self.release_words(header(list).contents, list_words(list), dead);
                    }
                }
                Kind::Builder => {
                    let items = Box::from_raw((*(object as *mut Builder)).items);
                    self.release_words(header(object).contents, &items, dead);
                }
                Kind::Enum => {
                    let object = object as *mut Enum;
                    let words = enum_words(object);
                    for at in self.layouts.variant_objects(header(object).contents, (*object).tag) {
                        release_later(words[*at] as *mut Object, dead);
                    }
                }
                Kind::Dyn => release_later((*(object as *mut Dyn)).tensor as *mut Object, dead),
            }
        }
    }

    /// Gives back the counts of the words of one item.
    ///
    /// # Safety
    /// The words are an item of the layout, and the caller owns their counts.
    pub unsafe fn release_item(&mut self, item: u32, words: &[u64]) {
        let mut dead = Vec::new();
        unsafe { self.release_words(item, words, &mut dead) };
        for object in dead {
            unsafe { self.free(object) };
        }
    }

    unsafe fn release_words(&self, item: u32, words: &[u64], dead: &mut Vec<*mut Object>) {
        let shape = self.layouts.words(item);
        if shape.objects.is_empty() {
            return;
        }
        for item in words.chunks_exact(shape.count) {
            for at in &shape.objects {
                unsafe { release_later(item[*at] as *mut Object, dead) };
            }
        }
    }

    /// One more count for every object among the words of items.
    ///
    /// # Safety
    /// The words are whole items of the layout.
    pub unsafe fn retain_words(&self, item: u32, words: &[u64]) {
        let shape = self.layouts.words(item);
        if shape.objects.is_empty() {
            return;
        }
        for item in words.chunks_exact(shape.count) {
            for at in &shape.objects {
                unsafe { retain(item[*at] as *const Object) };
            }
        }
    }
}

unsafe fn release_later(object: *mut Object, dead: &mut Vec<*mut Object>) {
    unsafe {
        header(object).count -= 1;
        if header(object).count == 0 {
            dead.push(object);
        }
    }
}

/// Bytes before the data of a tensor that holds its own, from the start of the block.
fn tensor_head(rank: usize) -> usize {
    (size_of::<Header>() + size_of::<Tensor>() + 8 * rank).next_multiple_of(LINE)
}

unsafe fn set_tensor(tensor: *mut Tensor, data: *mut u8, owner: *mut Tensor, extents: &[i64]) {
    unsafe {
        tensor.write(Tensor { data, owner, rank: extents.len() as u64 });
        let start = tensor.add(1) as *mut i64;
        for (axis, extent) in extents.iter().enumerate() {
            start.add(axis).write((*extent).max(0));
        }
    }
}

fn data_bytes(element: Element, extents: &[i64]) -> u128 {
    extents.iter().fold(element.size() as u128, |total, extent| total.saturating_mul((*extent).max(0) as u128))
}

/// Copies cells into a tensor that had none; strings get a count each.
///
/// # Safety
/// Both places hold that many cells.
pub unsafe fn copy_cells(element: Element, from: *const u8, to: *mut u8, cells: usize) {
    unsafe {
        copy_nonoverlapping(from, to, cells * element.size());
        if element == Element::Str {
            for string in std::slice::from_raw_parts(from as *const *const Str, cells) {
                retain(*string);
            }
        }
    }
}
