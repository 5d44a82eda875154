//! Types as the checker sees them: with coordinate names, extents and address domains.

use crate::sym::{Atom, Sym};
use diagnostics::{Span, Symbol};
use ir::files::FileOp;
use ir::{EnumId, Expr, ExprKind, Scalar, StructId, Type, VarId};
use std::rc::Rc;

#[derive(Clone, Debug)]
pub enum Ty {
    Scalar(Scalar),
    /// An `i32` that `argmax` or `argmin` found along this coordinate.
    Address(Symbol),
    Str,
    Unit,
    Never,
    Tensor(Tensor),
    Dyn,
    /// A file whose type a cast states, and how it is read then.
    Stored(FileOp),
    List(Rc<Ty>),
    Tuple(Rc<[Ty]>),
    Struct(StructId),
    Enum(EnumId),
    Fn(Rc<FnValue>),
    Range,
    /// What `try` gives.
    Attempt(Rc<Ty>),
    /// Of something whose error is reported already: fits everywhere, says nothing more.
    Error,
}

#[derive(Clone, Debug)]
pub struct Tensor {
    /// `Scalar`, `Address` or `Str`.
    pub elem: Rc<Ty>,
    pub axes: Rc<[Axis]>,
}

#[derive(Clone, Debug)]
pub struct Axis {
    pub name: Option<Symbol>,
    pub extent: Sym,
}

/// A function as a value. The IR value is the tuple of what it captured, or the variant of a union.
#[derive(Debug)]
pub struct FnValue {
    pub kind: FnKind,
    pub captures: Vec<(VarId, Ty)>,
    /// Tells two values of one definition apart where their environments differ.
    pub id: u32,
}

#[derive(Debug)]
pub enum FnKind {
    Lambda(Rc<syntax::ast::Lambda>, crate::env::Env, Rc<crate::functions::Surroundings>),
    Def(crate::env::FnRef),
    Item(crate::modules::Item),
    /// One of several functions.
    Union(EnumId, Vec<Rc<FnValue>>),
    /// Any function that is stored under a written type.
    Open(EnumId),
    /// `checkpoint(f)`
    Checkpoint(Rc<FnValue>),
}

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Val {
    pub expr: Expr,
    pub ty: Ty,
}

impl Ty {
    pub const BOOL: Ty = Ty::Scalar(Scalar::Bool);
    pub const I32: Ty = Ty::Scalar(Scalar::I32);

    pub fn tensor(elem: Ty, axes: Vec<Axis>) -> Ty {
        if axes.is_empty() { elem } else { Ty::Tensor(Tensor { elem: Rc::new(elem), axes: axes.into() }) }
    }

    /// The scalar of a scalar or address.
    pub fn scalar(&self) -> Option<Scalar> {
        match self {
            Ty::Scalar(s) => Some(*s),
            Ty::Address(_) => Some(Scalar::I32),
            _ => None,
        }
    }

    pub fn elem(&self) -> &Ty {
        match self {
            Ty::Tensor(t) => &t.elem,
            other => other,
        }
    }

    pub fn axes(&self) -> &[Axis] {
        match self {
            Ty::Tensor(t) => &t.axes,
            _ => &[],
        }
    }

    pub fn rank(&self) -> usize {
        self.axes().len()
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Ty::Error)
    }

    pub fn is_never(&self) -> bool {
        matches!(self, Ty::Never)
    }

    /// Names that the value carries, in the order of its axes.
    pub fn coords(&self) -> Vec<Option<Symbol>> {
        self.axes().iter().map(|axis| axis.name).collect()
    }

    /// As the IR has it.
    pub fn ir(&self) -> Type {
        match self {
            Ty::Scalar(s) => Type::Scalar(*s),
            Ty::Address(_) => Type::I32,
            Ty::Str | Ty::Stored(_) => Type::Str,
            Ty::Unit => Type::Unit,
            Ty::Never | Ty::Error => Type::Never,
            Ty::Tensor(t) => Type::tensor(t.elem.ir(), t.axes.len()),
            Ty::Dyn => Type::Dyn,
            Ty::List(item) => Type::List(Rc::new(item.ir())),
            Ty::Tuple(items) => Type::Tuple(items.iter().map(Ty::ir).collect()),
            Ty::Struct(id) => Type::Struct(*id),
            Ty::Enum(id) => Type::Enum(*id),
            Ty::Fn(f) => match f.kind {
                FnKind::Union(id, _) | FnKind::Open(id) => Type::Enum(id),
                _ => Type::Tuple(f.captures.iter().map(|(_, ty)| ty.ir()).collect()),
            },
            Ty::Range => Type::Range,
            Ty::Attempt(value) => Type::Tuple([Type::BOOL, value.ir(), Type::Str].into()),
        }
    }

    /// The same elements with other axes.
    pub fn with_axes(&self, axes: Vec<Axis>) -> Ty {
        Ty::tensor(self.elem().clone(), axes)
    }
}

impl Axis {
    /// Axis `k` of a tensor variable whose extent only the run knows.
    pub fn of(var: VarId, k: usize, name: Option<Symbol>) -> Axis {
        Axis { name, extent: Sym::atom(Atom::Extent(var, k)) }
    }
}

impl Val {
    pub fn new(kind: ExprKind, ty: Ty, span: Span) -> Val {
        Val { expr: Expr { kind, ty: ty.ir(), span }, ty }
    }

    pub fn error(span: Span) -> Val {
        Val::new(ExprKind::Unit, Ty::Error, span)
    }

    pub fn unit(span: Span) -> Val {
        Val::new(ExprKind::Unit, Ty::Unit, span)
    }

    pub fn var(var: VarId, ty: Ty, span: Span) -> Val {
        Val::new(ExprKind::Var(var), ty, span)
    }

    pub fn span(&self) -> Span {
        self.expr.span
    }

    pub fn boxed(self) -> Box<Expr> {
        Box::new(self.expr)
    }

    pub fn as_var(&self) -> Option<VarId> {
        match self.expr.kind {
            ExprKind::Var(var) => Some(var),
            _ => None,
        }
    }
}
