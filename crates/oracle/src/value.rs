//! Values of the oracle.

use crate::cells::Group;
use ir::{Program, Scalar, Type};
use std::rc::Rc;

#[derive(Clone, Debug)]
pub enum Value {
    Unit,
    Bool(bool),
    Int(i64),
    /// Rounded to its type.
    Float(f64),
    Str(Rc<str>),
    Tensor(Rc<Tensor>),
    List(Rc<[Value]>),
    /// Also structures.
    Tuple(Rc<[Value]>),
    Variant(usize, Rc<[Value]>),
    Range(i64, i64),
    /// A loaded tensor with the type of its elements.
    Dyn(Scalar, Rc<Tensor>),
    /// A family of a recurrence that is being evaluated.
    Growing(Rc<Group>, usize),
}

/// Cells in row-major order.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub cells: Vec<Value>,
}

impl Tensor {
    pub fn row(&self, k: usize) -> Value {
        let shape = self.shape[1..].to_vec();
        let size: usize = shape.iter().product();
        if shape.is_empty() {
            return self.cells[k].clone();
        }
        Value::Tensor(Rc::new(Tensor { shape, cells: self.cells[k * size..(k + 1) * size].to_vec() }))
    }

    /// Where the cell stands, if it is inside.
    pub fn flat(shape: &[usize], index: &[i64]) -> Option<usize> {
        let mut flat = 0;
        for (&extent, &k) in shape.iter().zip(index) {
            flat = flat * extent + usize::try_from(k).ok().filter(|&k| k < extent)?;
        }
        Some(flat)
    }
}

/// All indices of a shape, in row-major order.
pub fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<i64>> + use<> {
    let shape = shape.to_vec();
    (0..shape.iter().product::<usize>()).map(move |mut flat| {
        let mut index = vec![0; shape.len()];
        for (k, extent) in shape.iter().enumerate().rev() {
            index[k] = (flat % extent) as i64;
            flat /= extent;
        }
        index
    })
}

impl Value {
    pub fn str(text: impl Into<Rc<str>>) -> Value {
        Value::Str(text.into())
    }

    /// What cells that no clause defines, and values of failures, are.
    pub fn zero(program: &Program, ty: &Type) -> Value {
        let all = |types: &mut dyn Iterator<Item = &Type>| types.map(|ty| Value::zero(program, ty)).collect();
        match ty {
            Type::Scalar(Scalar::Bool) => Value::Bool(false),
            Type::Scalar(s) if s.is_float() => Value::Float(0.0),
            Type::Scalar(_) => Value::Int(0),
            Type::Str => Value::str(""),
            Type::Unit | Type::Never => Value::Unit,
            Type::Tensor(_, rank) => Value::Tensor(Rc::new(Tensor { shape: vec![0; *rank], cells: Vec::new() })),
            Type::Dyn => Value::Dyn(Scalar::F32, Rc::new(Tensor { shape: vec![0], cells: Vec::new() })),
            Type::List(_) => Value::List(Rc::new([])),
            Type::Tuple(items) => Value::Tuple(all(&mut items.iter())),
            Type::Struct(id) => Value::Tuple(all(&mut program.structs[id.index()].fields.iter().map(|(_, ty)| ty))),
            Type::Enum(id) => Value::Variant(0, all(&mut program.enums[id.index()].variants[0].fields.iter())),
            Type::Range => Value::Range(0, 0),
        }
    }

    pub fn equal(&self, other: &Value) -> bool {
        let all = |a: &[Value], b: &[Value]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equal(b));
        match (self, other) {
            (Value::Unit, Value::Unit) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Range(a, b), Value::Range(c, d)) => (a, b) == (c, d),
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => all(a, b),
            (Value::Variant(k, a), Value::Variant(l, b)) => k == l && all(a, b),
            (Value::Tensor(a), Value::Tensor(b)) => a.shape == b.shape && all(&a.cells, &b.cells),
            _ => false,
        }
    }
}
