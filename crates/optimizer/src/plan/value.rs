//! Values while they are on their way: machine expressions, not yet tied to a place.

use ir::loops::{Bin, Cmp, Convert, Ex, Local, Ty, Un};
use ir::{Program, Scalar, Type};

/// One machine scalar or object of a value.
#[derive(Clone, Debug)]
pub struct Part {
    pub ex: Ex,
    pub ty: Ty,
    /// The innermost region that has what this reads: nothing further out can compute it.
    pub level: usize,
    pub weight: Weight,
}

/// What computing a value takes; the order is that of caution.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    /// A few instructions.
    Free,
    /// Calls a function: not to be computed for nothing.
    Costly,
    /// Reads memory: not to be computed where the program might not.
    Reads,
}

/// A value, flattened: scalars and objects one after the other.
#[derive(Clone, Debug, Default)]
pub struct Value {
    pub parts: Vec<Part>,
}

impl Part {
    pub fn int(ty: Ty, value: i64) -> Part {
        Part { ex: Ex::Int(ty, value), ty, level: 0, weight: Weight::Free }
    }

    pub fn index(value: i64) -> Part {
        Part::int(Ty::I64, value)
    }

    pub fn float(ty: Ty, value: f64) -> Part {
        let ex = if ty == Ty::F32 { Ex::F32(value as f32) } else { Ex::F64(value) };
        Part { ex, ty, level: 0, weight: Weight::Free }
    }

    pub fn zero(ty: Ty) -> Part {
        if ty.is_float() { Part::float(ty, 0.0) } else { Part::int(ty, 0) }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self.ex {
            Ex::Int(_, value) => Some(value),
            _ => None,
        }
    }

    pub fn local(&self) -> Option<Local> {
        match self.ex {
            Ex::Local(local) => Some(local),
            _ => None,
        }
    }

    /// Free to write down more than once.
    pub fn is_atom(&self) -> bool {
        match &self.ex {
            Ex::Int(..) | Ex::F32(_) | Ex::F64(_) | Ex::Data(_) | Ex::Scratch(_) | Ex::Local(_) => true,
            Ex::Convert(Convert::Trunc(_), inner) => matches!(**inner, Ex::Local(_)),
            _ => false,
        }
    }

    fn joined(&self, other: &Part, ex: Ex, ty: Ty) -> Part {
        Part { ex, ty, level: self.level.max(other.level), weight: self.weight.max(other.weight) }
    }

    pub fn bin(self, op: Bin, other: Part) -> Part {
        if self.ty == Ty::I64
            && let Some(folded) = self.folded(op, &other)
        {
            return folded;
        }
        if self.ty == Ty::I8
            && let Some(folded) = self.folded_condition(op, &other)
        {
            return folded;
        }
        if op == Bin::FDiv
            && let Some(times) = exact_reciprocal(&other.ex)
        {
            return self.bin(Bin::Mul, Part { ex: times, ..other });
        }
        if let Some(folded) = folded_float(op, &self.ex, &other.ex) {
            return Part { ex: folded, ..self };
        }
        if self.ty == Ty::I32
            && let (Some(a), Some(b)) = (self.as_int(), other.as_int())
            && let Some(value) = folded_i32(op, a as i32, b as i32)
        {
            return Part::int(Ty::I32, i64::from(value));
        }
        let (ty, frame) = (self.ty, self.joined(&other, Ex::Int(Ty::I8, 0), self.ty));
        Part { ex: Ex::Bin(op, Box::new(self.ex), Box::new(other.ex)), ty, ..frame }
    }

    /// Conditions of which one is known; both are 0 or 1.
    fn folded_condition(&self, op: Bin, other: &Part) -> Option<Part> {
        match (op, self.as_int(), other.as_int()) {
            (Bin::And, Some(1), _) | (Bin::Or, Some(0), _) => Some(other.clone()),
            (Bin::And, _, Some(1)) | (Bin::Or, _, Some(0)) => Some(self.clone()),
            (Bin::And, Some(0), _) | (Bin::And, _, Some(0)) => Some(Part::int(Ty::I8, 0)),
            (Bin::Or, Some(1), _) | (Bin::Or, _, Some(1)) => Some(Part::int(Ty::I8, 1)),
            _ => None,
        }
    }

    /// Index arithmetic with constants.
    fn folded(&self, op: Bin, other: &Part) -> Option<Part> {
        match (op, self.as_int(), other.as_int()) {
            (Bin::Add, Some(a), Some(b)) => Some(Part::index(a.wrapping_add(b))),
            (Bin::Sub, Some(a), Some(b)) => Some(Part::index(a.wrapping_sub(b))),
            (Bin::Mul, Some(a), Some(b)) => Some(Part::index(a.wrapping_mul(b))),
            (Bin::SMin, Some(a), Some(b)) => Some(Part::index(a.min(b))),
            (Bin::SMax, Some(a), Some(b)) => Some(Part::index(a.max(b))),
            (Bin::Add, Some(0), _) | (Bin::Mul, Some(1), _) => Some(other.clone()),
            (Bin::Add | Bin::Sub, _, Some(0)) | (Bin::Mul, _, Some(1)) => Some(self.clone()),
            (Bin::Mul, Some(0), _) | (Bin::Mul, _, Some(0)) => Some(Part::index(0)),
            (Bin::Add, _, Some(b)) => self.shifted(b),
            (Bin::Sub, _, Some(b)) => self.shifted(b.checked_neg()?),
            _ => None,
        }
    }

    /// A sum with a constant, one more constant added.
    fn shifted(&self, by: i64) -> Option<Part> {
        let Ex::Bin(op @ (Bin::Add | Bin::Sub), first, second) = &self.ex else { return None };
        let Ex::Int(_, second) = **second else { return None };
        let total = by.checked_add(if *op == Bin::Add { second } else { second.checked_neg()? })?;
        let first = Part { ex: (**first).clone(), ..self.clone() };
        Some(match total {
            0 => first,
            1.. => {
                Part { ex: Ex::Bin(Bin::Add, Box::new(first.ex), Box::new(Ex::Int(Ty::I64, total))), ..self.clone() }
            }
            _ => Part {
                ex: Ex::Bin(Bin::Sub, Box::new(first.ex), Box::new(Ex::Int(Ty::I64, total.checked_neg()?))),
                ..self.clone()
            },
        })
    }

    pub fn cmp(self, op: Cmp, other: Part) -> Part {
        if let (Some(a), Some(b)) = (self.as_int(), other.as_int())
            && let Some(holds) = compared(op, a, b)
        {
            return Part::int(Ty::I8, i64::from(holds));
        }
        let frame = self.joined(&other, Ex::Int(Ty::I8, 0), Ty::I8);
        Part { ex: Ex::Cmp(op, Box::new(self.ex), Box::new(other.ex)), ..frame }
    }

    pub fn un(self, op: Un) -> Part {
        if let (Un::Not, Some(value)) = (op, self.as_int()) {
            return Part::int(Ty::I8, 1 - value);
        }
        Part { ex: Ex::Un(op, Box::new(self.ex)), ..self }
    }

    pub fn convert(self, how: Convert, ty: Ty) -> Part {
        Part { ex: Ex::Convert(how, Box::new(self.ex)), ty, ..self }
    }

    /// `if self { yes } else { no }`, both computed.
    pub fn select(self, yes: Part, no: Part) -> Part {
        if let Some(holds) = self.as_int() {
            return if holds != 0 { yes } else { no };
        }
        let ty = yes.ty;
        if let Some(op) = better_of(&self.ex, &yes.ex, &no.ex).filter(|_| matches!(ty, Ty::I32 | Ty::I64)) {
            return yes.bin(op, no);
        }
        let frame = yes.joined(&no, Ex::Int(Ty::I8, 0), ty);
        let level = frame.level.max(self.level);
        let ex = Ex::Select(Box::new(self.ex), Box::new(yes.ex), Box::new(no.ex));
        Part { ex, level, weight: frame.weight.max(self.weight), ty }
    }

    /// A call of a pure function of the runtime.
    pub fn math(name: &'static str, ty: Ty, args: Vec<Part>) -> Part {
        let level = args.iter().map(|arg| arg.level).max().unwrap_or(0);
        let weight = args.iter().map(|arg| arg.weight).fold(Weight::Costly, Weight::max);
        Part { ex: Ex::Math(name, ty, args.into_iter().map(|arg| arg.ex).collect()), ty, level, weight }
    }

    /// Element `index` of raw memory, as the type that memory has.
    pub fn load(ty: Ty, base: Part, index: Part) -> Part {
        let frame = base.joined(&index, Ex::Int(Ty::I8, 0), ty);
        Part { ex: Ex::Load(ty, Box::new(base.ex), Box::new(index.ex)), weight: Weight::Reads, ..frame }
    }

    /// An index from an integer of any width. A coordinate is an index already: seen as an `i32` and back it is itself.
    pub fn widened(self, signed: bool) -> Part {
        if self.ty == Ty::I64 {
            return self;
        }
        match self.ex {
            Ex::Int(_, value) => Part::index(value),
            Ex::Convert(Convert::Trunc(Ty::I32), inner) if matches!(*inner, Ex::Local(_)) => {
                Part { ex: *inner, ty: Ty::I64, level: self.level, weight: self.weight }
            }
            _ => self.convert(if signed { Convert::Sext(Ty::I64) } else { Convert::Zext(Ty::I64) }, Ty::I64),
        }
    }
}

impl Value {
    pub fn unit() -> Value {
        Value::default()
    }

    pub fn one(part: Part) -> Value {
        Value { parts: vec![part] }
    }

    /// The parts `from..from + count`.
    pub fn slice(&self, from: usize, count: usize) -> Value {
        Value { parts: self.parts[from..from + count].to_vec() }
    }
}

/// What a choice between two whole numbers by comparing them is.
fn better_of(condition: &Ex, yes: &Ex, no: &Ex) -> Option<Bin> {
    let Ex::Cmp(cmp, a, b) = condition else { return None };
    let first_if_less = match cmp {
        Cmp::SLt | Cmp::SLe => true,
        Cmp::SGt | Cmp::SGe => false,
        _ => return None,
    };
    let takes_first = match (&**a == yes && &**b == no, &**a == no && &**b == yes) {
        (true, _) => true,
        (_, true) => false,
        _ => return None,
    };
    Some(if first_if_less == takes_first { Bin::SMin } else { Bin::SMax })
}

/// What the machine would compute.
fn folded_float(op: Bin, a: &Ex, b: &Ex) -> Option<Ex> {
    fn value<T>(op: Bin, a: T, b: T) -> Option<T>
    where
        T: std::ops::Add<Output = T> + std::ops::Sub<Output = T> + std::ops::Mul<Output = T>,
    {
        match op {
            Bin::Add => Some(a + b),
            Bin::Sub => Some(a - b),
            Bin::Mul => Some(a * b),
            _ => None,
        }
    }
    match (a, b) {
        (Ex::F32(a), Ex::F32(b)) => value(op, *a, *b).map(Ex::F32),
        (Ex::F64(a), Ex::F64(b)) => value(op, *a, *b).map(Ex::F64),
        _ => None,
    }
}

/// What to multiply with instead of dividing by a power of two.
fn exact_reciprocal(divisor: &Ex) -> Option<Ex> {
    let is_exact = |bits: u64, fraction: u32, times: bool| bits & ((1 << fraction) - 1) == 0 && times;
    match divisor {
        Ex::F32(value) => {
            let times = 1.0 / value;
            let is_exact = is_exact(u64::from(value.to_bits()), 23, value.is_normal() && times.is_normal());
            (is_exact && *value != 1.0).then_some(Ex::F32(times))
        }
        Ex::F64(value) => {
            let times = 1.0 / value;
            let is_exact = is_exact(value.to_bits(), 52, value.is_normal() && times.is_normal());
            (is_exact && *value != 1.0).then_some(Ex::F64(times))
        }
        _ => None,
    }
}

fn folded_i32(op: Bin, a: i32, b: i32) -> Option<i32> {
    match op {
        Bin::Add => Some(a.wrapping_add(b)),
        Bin::Sub => Some(a.wrapping_sub(b)),
        Bin::Mul => Some(a.wrapping_mul(b)),
        _ => None,
    }
}

fn compared(op: Cmp, a: i64, b: i64) -> Option<bool> {
    match op {
        Cmp::Eq => Some(a == b),
        Cmp::Ne => Some(a != b),
        Cmp::SLt => Some(a < b),
        Cmp::SLe => Some(a <= b),
        Cmp::SGt => Some(a > b),
        Cmp::SGe => Some(a >= b),
        _ => None,
    }
}

/// How memory holds an element of this type.
pub fn memory_type(elem: &Type) -> Ty {
    match elem.scalar() {
        Some(Scalar::F16 | Scalar::BF16) => Ty::I16,
        Some(scalar) => Ty::of(scalar),
        None => Ty::Ptr,
    }
}

/// Types of a value's parts, each with the scalar that it is (`None` for objects).
pub fn flattened(program: &Program, ty: &Type) -> Vec<(Ty, Option<Scalar>)> {
    let mut parts = Vec::new();
    flatten_into(program, ty, &mut parts);
    parts
}

fn flatten_into(program: &Program, ty: &Type, parts: &mut Vec<(Ty, Option<Scalar>)>) {
    match ty {
        Type::Scalar(scalar) => parts.push((Ty::of(*scalar), Some(*scalar))),
        Type::Unit | Type::Never => {}
        Type::Str | Type::Tensor(..) | Type::Dyn | Type::List(_) | Type::Enum(_) => parts.push((Ty::Ptr, None)),
        Type::Tuple(items) => items.iter().for_each(|item| flatten_into(program, item, parts)),
        Type::Struct(id) => {
            program.structs[id.index()].fields.iter().for_each(|(_, field)| flatten_into(program, field, parts));
        }
        Type::Range => parts.extend([(Ty::I64, Some(Scalar::I64)), (Ty::I64, Some(Scalar::I64))]),
    }
}

/// The types of the fields of a tuple or struct; the ends of a range are its fields, too.
pub fn field_types(program: &Program, ty: &Type) -> Vec<Type> {
    match ty {
        Type::Tuple(items) => items.to_vec(),
        Type::Struct(id) => program.structs[id.index()].fields.iter().map(|(_, ty)| ty.clone()).collect(),
        Type::Range => vec![Type::I64, Type::I64],
        other => unreachable!("{other:?} has no fields"),
    }
}
