//! Values as JSON: structs are objects, tuples and tensors arrays, a variant is its name or an object with that alone.

use crate::cell::Cell;
use crate::context::Context;
use crate::errors::Problem;
use crate::layout::Element;
use crate::object::{self, Enum, List, Str, Tensor};
use ir::loops::Layout;

pub struct Writer<'a> {
    pub context: &'a Context,
    pub out: String,
}

impl Writer<'_> {
    /// # Safety
    /// The words are a value of the layout; so for all functions here.
    pub unsafe fn value(&mut self, layout: u32, words: &[u64]) -> Result<(), Problem> {
        if self.context.is_deep() {
            return Err(Problem::Recursion);
        }
        let layouts = &self.context.layouts;
        unsafe {
            match layouts.row(layout) {
                Layout::Unit => self.out.push_str("null"),
                Layout::Scalar(scalar) => self.number(Cell::of_word(*scalar, words[0]))?,
                Layout::Str => self.text(object::text(words[0] as *const Str)),
                Layout::Range => self.out.push_str(&format!("[{}, {}]", words[0] as i64, words[1] as i64)),
                Layout::Tensor(..) => self.tensor(words[0] as *const Tensor)?,
                Layout::Dyn => self.tensor((*(words[0] as *const object::Dyn)).tensor)?,
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
                    let fields: Vec<u32> = fields.iter().map(|field| field.0).collect();
                    self.fields(&fields, name.as_ref().map(|_| names.as_slice()), words)?;
                }
                Layout::Enum { variants, .. } => {
                    let value = words[0] as *const Enum;
                    let variant = &variants[(*value).tag as usize];
                    let (fields, words) = (&variant.fields, object::enum_words(value));
                    if fields.is_empty() && variant.names.is_none() {
                        self.text(&variant.name);
                        return Ok(());
                    }
                    self.out.push('{');
                    self.text(&variant.name);
                    self.out.push_str(": ");
                    match (fields.as_slice(), &variant.names) {
                        ([field], None) => self.value(field.0, words)?,
                        (_, names) => {
                            let fields: Vec<u32> = fields.iter().map(|field| field.0).collect();
                            self.fields(&fields, names.as_deref(), words)?;
                        }
                    }
                    self.out.push('}');
                }
            }
        }
        Ok(())
    }

    unsafe fn fields(&mut self, fields: &[u32], names: Option<&[String]>, words: &[u64]) -> Result<(), Problem> {
        self.out.push(if names.is_some() { '{' } else { '[' });
        let mut rest = words;
        for (place, field) in fields.iter().enumerate() {
            self.comma(place);
            if let Some(names) = names {
                self.text(&names[place]);
                self.out.push_str(": ");
            }
            let (own, others) = rest.split_at(self.context.layouts.words(*field).count);
            unsafe { self.value(*field, own)? };
            rest = others;
        }
        self.out.push(if names.is_some() { '}' } else { ']' });
        Ok(())
    }

    fn comma(&mut self, place: usize) {
        if place > 0 {
            self.out.push_str(", ");
        }
    }

    fn number(&mut self, cell: Cell) -> Result<(), Problem> {
        if !matches!(cell, Cell::Int(_) | Cell::Bool(_)) && !cell.float().is_finite() {
            let found = format!("the number {}", cell.text());
            return Err(Problem::Misfit { place: "JSON".into(), found, wanted: "a number with digits".into() });
        }
        cell.write(&mut self.out);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(&serde_json::Value::from(text).to_string());
    }

    unsafe fn tensor(&mut self, tensor: *const Tensor) -> Result<(), Problem> {
        unsafe { self.axis(object::element(tensor), object::extents(tensor), (*tensor).data) }
    }

    unsafe fn axis(&mut self, element: Element, extents: &[i64], data: *const u8) -> Result<(), Problem> {
        let Some((extent, inner)) = extents.split_first() else {
            return unsafe {
                match element {
                    Element::Scalar(scalar) => self.number(Cell::load(scalar, data)),
                    Element::Str => {
                        self.text(object::text(*(data as *const *const Str)));
                        Ok(())
                    }
                }
            };
        };
        let stride = inner.iter().product::<i64>() * element.size() as i64;
        self.out.push('[');
        for place in 0..*extent {
            self.comma(place as usize);
            unsafe { self.axis(element, inner, data.add((place * stride) as usize))? };
        }
        self.out.push(']');
        Ok(())
    }
}
