//! Conversions between scalars (§2.5).

use super::function::Lower;
use super::region::Reach;
use super::value::Part;
use ir::loops::{Cmp, Convert, Ex, Ty};
use ir::{Expr, Scalar, Type};

pub fn is_signed(scalar: Scalar) -> bool {
    !matches!(scalar, Scalar::U8 | Scalar::Bool)
}

impl Lower<'_, '_> {
    pub fn cast(&mut self, inner: &Expr, to: &Type) -> Part {
        let (from, to) = (inner.ty.scalar().unwrap_or(Scalar::I32), to.scalar().expect("a cast is to a scalar"));
        let part = self.scalar(inner);
        self.converted(part, from, to)
    }

    pub fn converted(&mut self, part: Part, from: Scalar, to: Scalar) -> Part {
        let (source, target) = (part.ty, Ty::of(to));
        let part = match (from.is_float(), to.is_float()) {
            _ if from == to => return part,
            _ if to == Scalar::Bool => {
                let zero = Part::zero(source);
                return part.cmp(Cmp::Ne, zero);
            }
            (true, true) if source == target => part,
            (true, true) => part.convert(Convert::Float(target), target),
            (true, false) if is_signed(to) => part.convert(Convert::FloatToSint(target), target),
            (true, false) => part.convert(Convert::FloatToUint(target), target),
            (false, true) if is_signed(from) => part.convert(Convert::SintToFloat(target), target),
            (false, true) => part.convert(Convert::UintToFloat(target), target),
            (false, false) => resized(part, is_signed(from), target),
        };
        let rounded = self.rounded(part, to);
        let placed = self.placed(rounded, Reach::Free);
        if self.may_wrap(&placed) { self.bound(placed, "") } else { placed }
    }

    /// The lower half of what may not be an index: as a local of its own it is not taken for the whole.
    fn may_wrap(&self, part: &Part) -> bool {
        matches!(part.ex, Ex::Convert(Convert::Trunc(Ty::I32), _)) && self.interval(&part.ex).is_none()
    }

    /// Half floats are rounded to what 16 bits hold; everything else stays.
    pub fn rounded(&self, part: Part, scalar: Scalar) -> Part {
        match scalar {
            Scalar::F16 => part.convert(Convert::ToF16, Ty::I16).convert(Convert::FromF16, Ty::F32),
            Scalar::BF16 => part.convert(Convert::ToBF16, Ty::I16).convert(Convert::FromBF16, Ty::F32),
            _ => part,
        }
    }

    /// A scalar as its element in memory.
    pub fn to_memory(&self, part: Part, elem: &Type) -> Part {
        match elem.scalar() {
            Some(Scalar::F16) => part.convert(Convert::ToF16, Ty::I16),
            Some(Scalar::BF16) => part.convert(Convert::ToBF16, Ty::I16),
            _ => part,
        }
    }

    /// An element in memory as a scalar.
    pub fn in_register(&self, part: Part, elem: &Type) -> Part {
        match elem.scalar() {
            Some(Scalar::F16) => part.convert(Convert::FromF16, Ty::F32),
            Some(Scalar::BF16) => part.convert(Convert::FromBF16, Ty::F32),
            _ => part,
        }
    }
}

/// An integer in another width.
pub fn resized(part: Part, signed: bool, target: Ty) -> Part {
    if part.ty == target {
        return part;
    }
    if target == Ty::I64 {
        return part.widened(signed);
    }
    if let Some(value) = part.as_int() {
        return Part::int(target, wrapped(value, target));
    }
    match (part.ty.size() < target.size(), signed) {
        (true, true) => part.convert(Convert::Sext(target), target),
        (true, false) => part.convert(Convert::Zext(target), target),
        (false, _) => part.convert(Convert::Trunc(target), target),
    }
}

fn wrapped(value: i64, ty: Ty) -> i64 {
    match ty {
        Ty::I8 => value as i8 as i64,
        Ty::I16 => value as i16 as i64,
        Ty::I32 => value as i32 as i64,
        _ => value,
    }
}
