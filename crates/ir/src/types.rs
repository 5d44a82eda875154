//! Types of the checked program.

use diagnostics::{Span, Symbol};
use std::fmt;
use std::rc::Rc;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Scalar {
    Bool,
    I8,
    U8,
    I32,
    I64,
    /// Stored in 16 bits, computed in `f32`.
    F16,
    BF16,
    F32,
    F64,
    /// An untyped constant that no use has settled; only inside the checker.
    Open(u32),
}

impl Scalar {
    pub fn is_float(self) -> bool {
        matches!(self, Scalar::F16 | Scalar::BF16 | Scalar::F32 | Scalar::F64)
    }

    pub fn is_int(self) -> bool {
        matches!(self, Scalar::I8 | Scalar::U8 | Scalar::I32 | Scalar::I64)
    }

    /// Bytes of one element in memory.
    pub fn size(self) -> usize {
        match self {
            Scalar::Bool | Scalar::I8 | Scalar::U8 => 1,
            Scalar::F16 | Scalar::BF16 => 2,
            Scalar::I32 | Scalar::F32 => 4,
            Scalar::I64 | Scalar::F64 => 8,
            Scalar::Open(_) => unreachable!("an open constant has no size"),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Scalar::Bool => "bool",
            Scalar::I8 => "i8",
            Scalar::U8 => "u8",
            Scalar::I32 => "i32",
            Scalar::I64 => "i64",
            Scalar::F16 => "f16",
            Scalar::BF16 => "bf16",
            Scalar::F32 => "f32",
            Scalar::F64 => "f64",
            Scalar::Open(_) => "untyped",
        }
    }

    /// The value of a float type that is nearest to a number, ties to even.
    pub fn nearest(self, x: f64) -> f64 {
        match self {
            Scalar::F32 => f64::from(x as f32),
            Scalar::F16 => round_to_bits(x, 11, -14, 65504.0),
            Scalar::BF16 => round_to_bits(x, 8, -126, 3.3895313892515355e38),
            _ => x,
        }
    }

    pub fn from_name(name: &str) -> Option<Scalar> {
        use Scalar::*;
        [Bool, I8, U8, I32, I64, F16, BF16, F32, F64].into_iter().find(|s| s.name() == name)
    }

    /// The values that an integer type can hold.
    pub fn int_range(self) -> Option<(i64, i64)> {
        match self {
            Scalar::I8 => Some((i8::MIN as i64, i8::MAX as i64)),
            Scalar::U8 => Some((0, u8::MAX as i64)),
            Scalar::I32 => Some((i32::MIN as i64, i32::MAX as i64)),
            Scalar::I64 => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }
}

/// Rounds to a format of that many significant bits, with its smallest exponent and its largest value.
fn round_to_bits(x: f64, bits: i32, smallest: i32, largest: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let exponent = ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    let quantum = 2f64.powi(exponent.max(smallest) - (bits - 1));
    let rounded = (x / quantum).round_ties_even() * quantum;
    if rounded.abs() > largest { f64::INFINITY.copysign(x) } else { rounded }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    Scalar(Scalar),
    Str,
    Unit,
    /// What `panic` and other dead ends have; fits everywhere.
    Never,
    /// Dense and rectangular; elements are scalars or strings.
    Tensor(Rc<Type>, usize),
    /// A loaded tensor whose element type and rank a cast has still to state.
    Dyn,
    List(Rc<Type>),
    /// Also the captures of a closure.
    Tuple(Rc<[Type]>),
    Struct(StructId),
    Enum(EnumId),
    /// A half-open range of integers: two `i64`.
    Range,
}

impl Type {
    pub const BOOL: Type = Type::Scalar(Scalar::Bool);
    pub const I32: Type = Type::Scalar(Scalar::I32);
    pub const I64: Type = Type::Scalar(Scalar::I64);
    pub const F32: Type = Type::Scalar(Scalar::F32);
    pub const F64: Type = Type::Scalar(Scalar::F64);

    pub fn tensor(elem: Type, rank: usize) -> Type {
        if rank == 0 { elem } else { Type::Tensor(Rc::new(elem), rank) }
    }

    pub fn scalar(&self) -> Option<Scalar> {
        match self {
            Type::Scalar(s) => Some(*s),
            _ => None,
        }
    }

    pub fn rank(&self) -> usize {
        match self {
            Type::Tensor(_, rank) => *rank,
            _ => 0,
        }
    }

    /// The element of a tensor, and everything else itself.
    pub fn elem(&self) -> &Type {
        match self {
            Type::Tensor(elem, _) => elem,
            other => other,
        }
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl $name {
            pub fn index(self) -> usize { self.0 as usize }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { write!(f, concat!($prefix, "{}"), self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { write!(f, concat!($prefix, "{}"), self.0) }
        }
    )* };
}

ids! {
    /// A binding: a `let`, a parameter, a coordinate. Unique in the whole program.
    VarId "%"
    FuncId "fn"
    StructId "struct"
    EnumId "enum"
}

#[derive(Clone, Debug)]
pub struct StructInfo {
    pub name: Symbol,
    pub fields: Vec<(Symbol, Type)>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct EnumInfo {
    pub name: Symbol,
    pub variants: Vec<VariantInfo>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct VariantInfo {
    pub name: Symbol,
    pub fields: Vec<Type>,
    /// Set for variants with named fields.
    pub names: Option<Vec<Symbol>>,
}
