//! Values of a type that a cast states, out of what a file holds.

use crate::cell::Cell;
use crate::context::Context;
use crate::errors::Problem;
use crate::layout::Element;
use crate::object::{self, Tensor};
use crate::objects::type_text;
use ir::Scalar;
use ir::loops::Layout;
use serde_json::Value;
use std::collections::HashMap;

/// The extents that a stated type asks for, at each part of it that is a tensor.
#[derive(Clone, Debug)]
pub enum Asked {
    Nothing,
    /// `-1` is any.
    Extents(Vec<i64>),
    Each(Box<Asked>),
    Fields(Vec<Asked>),
    /// A struct or enum, whose fields ask the same everywhere.
    Named(u32),
}

/// What a whole type asks for.
pub struct Demands {
    pub whole: Asked,
    /// Fields of each variant; a struct has one.
    named: HashMap<u32, Vec<Vec<Asked>>>,
}

impl Demands {
    /// The extents stand in the order of the type's parts, those of a struct or enum where it comes first.
    pub fn of(context: &Context, layout: u32, extents: &[i64]) -> Demands {
        let mut demands = Demands { whole: Asked::Nothing, named: HashMap::new() };
        let mut rest = extents.iter().copied();
        demands.whole = demands.part(context, layout, &mut rest);
        demands
    }

    fn part(&mut self, context: &Context, layout: u32, rest: &mut dyn Iterator<Item = i64>) -> Asked {
        match context.layouts.row(layout) {
            Layout::Tensor(_, rank) => Asked::Extents(rest.take(*rank).collect()),
            Layout::List(item) => Asked::Each(Box::new(self.part(context, item.0, rest))),
            Layout::Tuple { name: None, fields, .. } => {
                Asked::Fields(fields.iter().map(|field| self.part(context, field.0, rest)).collect())
            }
            Layout::Tuple { fields, .. } => {
                let fields = fields.iter().map(|field| field.0).collect();
                self.name(context, layout, vec![fields], rest)
            }
            Layout::Enum { variants, .. } => {
                let variants = variants.iter().map(|v| v.fields.iter().map(|field| field.0).collect()).collect();
                self.name(context, layout, variants, rest)
            }
            _ => Asked::Nothing,
        }
    }

    fn name(
        &mut self,
        context: &Context,
        layout: u32,
        variants: Vec<Vec<u32>>,
        rest: &mut dyn Iterator<Item = i64>,
    ) -> Asked {
        if !self.named.contains_key(&layout) {
            self.named.insert(layout, Vec::new());
            let asked = variants
                .into_iter()
                .map(|fields| fields.into_iter().map(|field| self.part(context, field, rest)).collect())
                .collect();
            self.named.insert(layout, asked);
        }
        Asked::Named(layout)
    }

    pub fn fields<'a>(&'a self, asked: &'a Asked, variant: usize) -> &'a [Asked] {
        match asked {
            Asked::Named(layout) => &self.named[layout][variant],
            Asked::Fields(fields) => fields,
            _ => &[],
        }
    }
}

fn misfit(place: &str, found: impl Into<String>, wanted: impl Into<String>) -> Problem {
    Problem::Misfit { place: place.to_string(), found: found.into(), wanted: wanted.into() }
}

/// What stands in a JSON text, for messages.
fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "a truth value".into(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "a text".into(),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".into(),
    }
}

/// Reads JSON as values of a layout.
pub struct Json<'a> {
    pub context: &'a mut Context,
    pub demands: &'a Demands,
    /// Where the value stands: `$.layers[2].w`.
    pub place: String,
}

impl Json<'_> {
    /// The words of the value, which own their objects.
    pub fn value(&mut self, value: &Value, layout: u32, asked: &Asked) -> Result<Vec<u64>, Problem> {
        match self.context.layouts.row(layout).clone() {
            Layout::Unit if value.is_null() => Ok(Vec::new()),
            Layout::Scalar(scalar) => Ok(vec![self.scalar(value, scalar)?.word()]),
            Layout::Str => match value {
                Value::String(text) => Ok(vec![self.context.new_string(text)? as u64]),
                _ => Err(self.wrong(value, "a text")),
            },
            Layout::Tensor(elem, rank) => {
                let element = self.context.layouts.element(elem.0);
                Ok(vec![self.tensor(value, element, rank, asked)? as u64])
            }
            Layout::List(item) => self.list(value, item.0, asked),
            Layout::Tuple { name: None, fields, .. } => {
                let items = match value {
                    Value::Array(items) if items.len() == fields.len() => items,
                    _ => return Err(self.wrong(value, format!("an array of {}", fields.len()))),
                };
                let parts = items.iter().enumerate().map(|(k, item)| (format!("[{k}]"), item));
                let fields: Vec<u32> = fields.iter().map(|field| field.0).collect();
                self.sequence(parts.collect(), &fields, asked, 0)
            }
            Layout::Tuple { name: Some(name), fields, names } => {
                let fields: Vec<u32> = fields.iter().map(|field| field.0).collect();
                self.object(value, &name, &names, &fields, asked, 0)
            }
            Layout::Enum { variants, .. } => {
                let (tag, content) = match value {
                    Value::String(tag) => (tag, &Value::Null),
                    Value::Object(fields) if fields.len() == 1 => fields.iter().next().expect("there is one"),
                    _ => return Err(self.wrong(value, "the name of a variant, or an object with that alone")),
                };
                let Some(k) = variants.iter().position(|variant| variant.name == *tag) else {
                    let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
                    return Err(misfit(&self.place, format!("the variant `{tag}`"), names.join(" or ")));
                };
                let variant = &variants[k];
                let fields: Vec<u32> = variant.fields.iter().map(|field| field.0).collect();
                let words = match (&variant.names, fields.as_slice()) {
                    (None, []) if content.is_null() => Vec::new(),
                    (Some(names), _) => self.object(content, tag, names, &fields, asked, k)?,
                    (None, [_]) => self.sequence(vec![(format!(".{tag}"), content)], &fields, asked, k)?,
                    (None, _) => match content {
                        Value::Array(items) if items.len() == fields.len() => {
                            let parts = items.iter().enumerate().map(|(i, item)| (format!(".{tag}[{i}]"), item));
                            self.sequence(parts.collect(), &fields, asked, k)?
                        }
                        _ => return Err(self.wrong(content, format!("an array of {}", fields.len()))),
                    },
                };
                Ok(vec![self.context.new_enum(layout, k as u32, &words)? as u64])
            }
            Layout::Unit => Err(self.wrong(value, "null")),
            other => unreachable!("no cast states {other:?}"),
        }
    }

    fn wrong(&self, value: &Value, wanted: impl Into<String>) -> Problem {
        misfit(&self.place, kind_of(value), wanted)
    }

    fn object(
        &mut self,
        value: &Value,
        name: &str,
        names: &[String],
        fields: &[u32],
        asked: &Asked,
        variant: usize,
    ) -> Result<Vec<u64>, Problem> {
        let Value::Object(given) = value else { return Err(self.wrong(value, format!("an object for `{name}`"))) };
        let mut parts = Vec::new();
        for field in names {
            let Some(part) = given.get(field) else {
                let has: Vec<String> = given.keys().map(|key| format!("`{key}`")).collect();
                let has = if has.is_empty() {
                    "an empty object".into()
                } else {
                    format!("an object with {}", has.join(", "))
                };
                return Err(misfit(&self.place, has, format!("the field `{field}` of `{name}`")));
            };
            parts.push((format!(".{field}"), part));
        }
        self.sequence(parts, fields, asked, variant)
    }

    /// Parts one after the other; what was made is given back if a later one does not fit.
    fn sequence(
        &mut self,
        parts: Vec<(String, &Value)>,
        fields: &[u32],
        asked: &Asked,
        variant: usize,
    ) -> Result<Vec<u64>, Problem> {
        let demands = self.demands;
        let asked = demands.fields(asked, variant);
        let mut words: Vec<u64> = Vec::new();
        let mut done: Vec<(u32, usize)> = Vec::new();
        for (k, ((step, part), field)) in parts.into_iter().zip(fields).enumerate() {
            match self.at(&step, |this| this.value(part, *field, &asked[k])) {
                Ok(more) => {
                    done.push((*field, words.len()));
                    words.extend(more);
                }
                Err(problem) => {
                    for (field, start) in done {
                        let count = self.context.layouts.words(field).count;
                        // SAFETY: these words were made above, and nobody else has them.
                        unsafe { self.context.release_item(field, &words[start..start + count]) };
                    }
                    return Err(problem);
                }
            }
        }
        Ok(words)
    }

    fn list(&mut self, value: &Value, item: u32, asked: &Asked) -> Result<Vec<u64>, Problem> {
        let Value::Array(items) = value else { return Err(self.wrong(value, "an array")) };
        let Asked::Each(asked) = asked else { unreachable!("a list asks the same of each item") };
        let mut words: Vec<u64> = Vec::new();
        for (k, part) in items.iter().enumerate() {
            match self.at(&format!("[{k}]"), |this| this.value(part, item, asked)) {
                Ok(more) => words.extend(more),
                Err(problem) => {
                    // SAFETY: these words were made above, and nobody else has them.
                    unsafe { self.context.release_item(item, &words) };
                    return Err(problem);
                }
            }
        }
        let count = self.context.layouts.words(item).count;
        Ok(vec![self.context.new_list(item, count, items.len(), &words)? as u64])
    }

    fn at<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.place.len();
        self.place.push_str(step);
        let result = read(self);
        self.place.truncate(before);
        result
    }

    fn scalar(&self, value: &Value, scalar: Scalar) -> Result<Cell, Problem> {
        let wrong = || self.wrong(value, format!("`{scalar}`"));
        Ok(match (value, scalar) {
            (Value::Bool(truth), Scalar::Bool) => Cell::Bool(*truth),
            (Value::Number(number), scalar) if scalar.is_int() => {
                let (lo, hi) = scalar.int_range().expect("an integer");
                let value = number.as_i64().filter(|value| (lo..=hi).contains(value));
                Cell::Int(value.ok_or_else(wrong)?)
            }
            (Value::Number(number), scalar) if scalar.is_float() => {
                let value = number.as_f64().ok_or_else(wrong)?;
                match scalar {
                    Scalar::F64 => Cell::F64(value),
                    Scalar::F16 => Cell::F16(scalar.nearest(value) as f32),
                    Scalar::BF16 => Cell::BF16(scalar.nearest(value) as f32),
                    _ => Cell::F32(value as f32),
                }
            }
            _ => return Err(wrong()),
        })
    }

    fn tensor(&mut self, value: &Value, element: Element, rank: usize, asked: &Asked) -> Result<*mut Tensor, Problem> {
        let Asked::Extents(asked) = asked else { unreachable!("a tensor asks for extents") };
        let wanted = type_text(element, asked);
        let mut extents: Vec<i64> = Vec::new();
        let mut row = value;
        for _ in 0..rank {
            let Value::Array(items) = row else {
                return Err(self.wrong(row, format!("`{wanted}`")));
            };
            extents.push(items.len() as i64);
            match items.first() {
                Some(first) => row = first,
                None => {
                    extents.resize(rank, 0);
                    break;
                }
            }
        }
        let fits = extents.iter().zip(asked).all(|(have, want)| *want < 0 || have == want);
        if !fits {
            return Err(misfit(&self.place, format!("`{}`", type_text(element, &extents)), format!("`{wanted}`")));
        }
        let tensor = self.context.new_tensor(element, &extents)?;
        let mut place = 0;
        match self.cells(value, element, &extents, tensor, &mut place) {
            Ok(()) => Ok(tensor),
            Err(problem) => {
                // SAFETY: the tensor was made above; cells that have no text yet are null.
                unsafe { self.context.release(tensor) };
                Err(problem)
            }
        }
    }

    fn cells(
        &mut self,
        value: &Value,
        element: Element,
        extents: &[i64],
        tensor: *mut Tensor,
        place: &mut usize,
    ) -> Result<(), Problem> {
        let Some((extent, inner)) = extents.split_first() else {
            // SAFETY: the place is one of the tensor's cells.
            unsafe {
                let at = (*tensor).data.add(*place * element.size());
                match element {
                    Element::Scalar(scalar) => self.scalar(value, scalar)?.store(scalar, at),
                    Element::Str => match value {
                        Value::String(text) => *(at as *mut *mut object::Str) = self.context.new_string(text)?,
                        _ => return Err(self.wrong(value, "a text")),
                    },
                }
            }
            *place += 1;
            return Ok(());
        };
        match value {
            Value::Array(items) if items.len() as i64 == *extent => {
                for (k, item) in items.iter().enumerate() {
                    self.at(&format!("[{k}]"), |this| this.cells(item, element, inner, tensor, place))?;
                }
                Ok(())
            }
            _ => Err(self.wrong(value, format!("an array of {extent}, as its first row is"))),
        }
    }
}
