//! Types as a user would write them, for messages and `typeof`.

use crate::Checker;
use crate::sym::Sym;
use crate::ty::{Axis, FnKind, Tensor, Ty};
use diagnostics::Symbol;
use ir::Scalar;
use ir::files::FileOp;

impl Checker<'_> {
    pub(crate) fn show(&self, ty: &Ty) -> String {
        match ty {
            Ty::Scalar(s) => self.show_scalar(*s),
            Ty::Address(_) => "i32".into(),
            Ty::Str => "str".into(),
            Ty::Unit => "()".into(),
            Ty::Never => "!".into(),
            Ty::Error => "an unknown type".into(),
            Ty::Tensor(t) => self.show_tensor(t),
            Ty::Dyn => "[?; *]".into(),
            Ty::Stored(by) => match by {
                FileOp::StateNpz => "npz".into(),
                FileOp::StateSafetensors => "safetensors".into(),
                _ => "json".into(),
            },
            Ty::List(item) => format!("[{}]", self.show(item)),
            Ty::Tuple(items) => {
                let items: Vec<String> = items.iter().map(|t| self.show(t)).collect();
                format!("({})", items.join(", "))
            }
            Ty::Struct(id) => self.program.structs[id.index()].name.to_string(),
            Ty::Enum(id) => self.program.enums[id.index()].name.to_string(),
            Ty::Fn(f) => match &f.kind {
                FnKind::Lambda(..) => "a lambda".into(),
                FnKind::Open(id) => self.show_open(*id),
                _ => "a function".into(),
            },
            Ty::Range => "a range".into(),
            Ty::Attempt(value) => format!("a result of {}", self.show(value)),
        }
    }

    fn show_scalar(&self, scalar: Scalar) -> String {
        match self.opens.resolve(scalar) {
            Scalar::Open(_) => self.opens.default_of(scalar).name().into(),
            settled => settled.name().into(),
        }
    }

    fn show_tensor(&self, tensor: &Tensor) -> String {
        let dims: Vec<String> = tensor.axes.iter().map(|axis| self.show_extent(axis)).collect();
        format!("[{}; {}]", self.show(&tensor.elem), dims.join(", "))
    }

    fn show_extent(&self, axis: &Axis) -> String {
        match axis.extent.as_const() {
            Some(extent) => extent.to_string(),
            None => "?".into(),
        }
    }

    /// Extents alone: `(2, ?)`.
    pub(crate) fn show_shape(&self, axes: &[Axis]) -> String {
        let dims: Vec<String> = axes.iter().map(|axis| self.show_extent(axis)).collect();
        format!("({})", dims.join(", "))
    }

    pub(crate) fn show_sym(&self, sym: &Sym) -> String {
        sym.text(&self.program.vars)
    }
}

/// A coordinate as the user knows it: members of packs have internal names `..left.0`.
pub(crate) fn coord_name(name: Symbol) -> String {
    name.to_string()
}

/// Names of axes for a message; unnamed ones leave nothing.
pub(crate) fn axis_names(axes: &[Axis]) -> Vec<String> {
    axes.iter().filter_map(|axis| axis.name.map(coord_name)).collect()
}
