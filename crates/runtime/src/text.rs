//! Values as text (what `print` shows), by layout.

use crate::cell::Cell;
use crate::context::Context;
use crate::errors::Problem;
use crate::format::Format;
use crate::layout::Element;
use crate::object::{self, Enum, List, Str, Tensor};
use ir::loops::Layout;

/// Tensors with more cells are cut.
const MOST_CELLS: usize = 1000;
/// Axes that are longer are cut to three entries at each end.
const LONGEST_AXIS: i64 = 6;
const KEPT_ENTRIES: i64 = 3;

/// Writes values of one program; strings are quoted inside collections.
pub struct Printer<'a> {
    pub context: &'a Context,
    pub out: String,
    /// Applied to every number.
    pub format: Option<Format>,
}

impl<'a> Printer<'a> {
    pub fn new(context: &'a Context) -> Printer<'a> {
        Printer { context, out: String::new(), format: None }
    }

    /// A value as `print` writes it at top level: a string is raw.
    ///
    /// # Safety
    /// The words are a value of the layout; so for all functions here.
    pub unsafe fn top_level(&mut self, layout: u32, words: &[u64]) -> Result<(), Problem> {
        unsafe {
            if matches!(self.context.layouts.row(layout), Layout::Str) {
                self.out.push_str(object::text(words[0] as *const Str));
                return Ok(());
            }
            self.value(layout, words)
        }
    }

    unsafe fn value(&mut self, layout: u32, words: &[u64]) -> Result<(), Problem> {
        if self.context.is_deep() {
            return Err(Problem::Recursion);
        }
        let layouts = &self.context.layouts;
        unsafe {
            match layouts.row(layout) {
                Layout::Unit => self.out.push_str("()"),
                Layout::Scalar(scalar) => self.number(Cell::of_word(*scalar, words[0])),
                Layout::Str => self.quoted(object::text(words[0] as *const Str)),
                Layout::Range => self.out.push_str(&format!("{}..{}", words[0] as i64, words[1] as i64)),
                Layout::Tensor(..) => self.tensor(words[0] as *const Tensor),
                Layout::Dyn => self.tensor((*(words[0] as *const object::Dyn)).tensor),
                Layout::List(item) => {
                    let list = words[0] as *const List;
                    let (count, words) = ((*list).item_words, object::list_words(list));
                    self.out.push('[');
                    for place in 0..object::list_len(list) {
                        self.comma(place);
                        self.value(item.0, &words[place * count..][..count])?;
                    }
                    self.out.push(']');
                }
                Layout::Tuple { name, fields, names } => {
                    self.out.push_str(name.as_deref().unwrap_or(""));
                    let fields: Vec<u32> = fields.iter().map(|field| field.0).collect();
                    let names = name.as_ref().map(|_| names.as_slice());
                    self.fields(&fields, names, words, if fields.len() == 1 { ",)" } else { ")" })?;
                }
                Layout::Enum { variants, .. } => {
                    let value = words[0] as *const Enum;
                    let variant = &variants[(*value).tag as usize];
                    self.out.push_str(&variant.name);
                    let fields: Vec<u32> = variant.fields.iter().map(|field| field.0).collect();
                    if !fields.is_empty() || variant.names.is_some() {
                        self.fields(&fields, variant.names.as_deref(), object::enum_words(value), ")")?;
                    }
                }
            }
        }
        Ok(())
    }

    /// `(1, 2.5)`, or ` { x: 1.0 }` where the fields have names.
    unsafe fn fields(
        &mut self,
        fields: &[u32],
        names: Option<&[String]>,
        words: &[u64],
        close: &str,
    ) -> Result<(), Problem> {
        if names.is_some() && fields.is_empty() {
            self.out.push_str(" {}");
            return Ok(());
        }
        self.out.push_str(if names.is_some() { " { " } else { "(" });
        let mut rest = words;
        for (place, field) in fields.iter().enumerate() {
            self.comma(place);
            if let Some(names) = names {
                self.out.push_str(&names[place]);
                self.out.push_str(": ");
            }
            let (own, others) = rest.split_at(self.context.layouts.words(*field).count);
            unsafe { self.value(*field, own)? };
            rest = others;
        }
        self.out.push_str(if names.is_some() { " }" } else { close });
        Ok(())
    }

    fn comma(&mut self, place: usize) {
        if place > 0 {
            self.out.push_str(", ");
        }
    }

    fn number(&mut self, cell: Cell) {
        match &self.format {
            Some(format) => format.number(cell, &mut self.out),
            None => cell.write(&mut self.out),
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                '\r' => self.out.push_str("\\r"),
                '\0' => self.out.push_str("\\0"),
                c if c.is_control() => self.out.push_str(&format!("\\u{{{:X}}}", u32::from(c))),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    unsafe fn tensor(&mut self, tensor: *const Tensor) {
        unsafe {
            let extents = object::extents(tensor);
            let cut = object::cells(tensor) > MOST_CELLS;
            self.axis(object::element(tensor), extents, (*tensor).data, cut);
        }
    }

    unsafe fn axis(&mut self, element: Element, extents: &[i64], data: *const u8, cut: bool) {
        let Some((extent, inner)) = extents.split_first() else {
            return unsafe {
                match element {
                    Element::Scalar(scalar) => self.number(Cell::load(scalar, data)),
                    Element::Str => self.quoted(object::text(*(data as *const *const Str))),
                }
            };
        };
        let stride = inner.iter().product::<i64>() * element.size() as i64;
        let is_cut = cut && *extent > LONGEST_AXIS;
        self.out.push('[');
        let mut place = 0;
        while place < *extent {
            self.comma(place as usize);
            if is_cut && place == KEPT_ENTRIES {
                self.out.push_str("...");
                place = *extent - KEPT_ENTRIES;
                continue;
            }
            unsafe { self.axis(element, inner, data.add((place * stride) as usize), cut) };
            place += 1;
        }
        self.out.push(']');
    }
}
