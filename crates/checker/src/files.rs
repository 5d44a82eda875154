//! Functions of `std::io` as the rows of `ir::files` type them, and casts of what they read.

use crate::ty::{Ty, Val};
use crate::unify::Why;
use crate::{Checker, errors};
use diagnostics::Span;
use ir::files::{FileOp, FileParam, FileResult, ROWS, extents_text};
use ir::{Builtin, ExprKind};
use std::collections::HashSet;
use std::rc::Rc;

impl Checker<'_> {
    /// Which operation of a name is meant is told by the number of arguments.
    pub(crate) fn file_call(&mut self, op: FileOp, args: Vec<Val>, span: Span) -> Val {
        let name = op.row().name;
        let forms: Vec<_> = ROWS.iter().filter(|row| row.name == name).collect();
        let fits = |params: &[FileParam], optional: usize| {
            let many = params.last() == Some(&FileParam::Entries);
            args.len() + optional >= params.len() && (many || args.len() <= params.len())
        };
        let Some(row) = forms.iter().find(|row| fits(row.params, row.optional)) else {
            let most = forms.iter().map(|row| row.params.len()).max().unwrap_or(0);
            self.report(errors::argument_count(span, name, most, args.len(), None));
            return Val::error(span);
        };
        let mut exprs = Vec::new();
        for (k, arg) in args.into_iter().enumerate() {
            let arg = self.file_argument(name, row.params[k.min(row.params.len() - 1)], arg);
            if arg.ty.is_error() {
                return Val::error(span);
            }
            exprs.push(arg.expr);
        }
        let texts = || Ty::List(Rc::new(Ty::Str));
        let ty = match row.result {
            FileResult::Nothing => Ty::Unit,
            FileResult::Truth => Ty::BOOL,
            FileResult::Text => Ty::Str,
            FileResult::Texts => texts(),
            FileResult::Rows => Ty::List(Rc::new(texts())),
            FileResult::Loaded => Ty::Dyn,
            FileResult::Stored(by) => Ty::Stored(by),
            FileResult::Stated => unreachable!("casts are no calls"),
        };
        Val::new(ExprKind::Builtin(Builtin::File(row.op), exprs), ty, span)
    }

    fn file_argument(&mut self, name: &str, param: FileParam, arg: Val) -> Val {
        let arg = self.whole(arg);
        match param {
            FileParam::Text => self.annotated(arg, &Ty::Str, None, Why::Argument),
            FileParam::Texts => self.annotated(arg, &Ty::List(Rc::new(Ty::Str)), None, Why::Argument),
            FileParam::Tensor | FileParam::Entries | FileParam::Value => {
                self.settle_default(&arg.ty.clone());
                let arg = Val { ty: self.resolved(&arg.ty), ..arg };
                let (fits, wanted) = match param {
                    FileParam::Tensor => (matches!(arg.ty.rank(), 1 | 2), "a vector or a matrix"),
                    FileParam::Entries => (
                        self.is_entry(&arg.ty),
                        "pairs `(\"name\", tensor)`, or structs and tuples of tensors and numbers",
                    ),
                    _ => (self.has_json(&arg.ty, &mut HashSet::new()), "a value without functions"),
                };
                if !fits && !arg.ty.is_error() {
                    let shown = self.show(&arg.ty);
                    let message = format!("`{name}` takes {wanted}, and this is `{shown}`");
                    self.report(errors::mismatch(arg.span(), message, None, None));
                    return Val::error(arg.span());
                }
                arg
            }
        }
    }

    /// Something that an archive holds under names.
    fn is_entry(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Tuple(items) => match &items[..] {
                [Ty::Str, value] => self.is_leaf(value) || self.is_entry(value),
                items => !items.is_empty() && items.iter().all(|item| self.is_leaf(item) || self.is_entry(item)),
            },
            Ty::List(item) => {
                matches!(&**item, Ty::Tuple(items) if matches!(items[..], [Ty::Str, _])) && self.is_entry(item)
            }
            Ty::Struct(id) => {
                let fields = &self.struct_fields[id.index()];
                !fields.is_empty() && fields.iter().all(|(_, ty)| self.is_leaf(ty) || self.is_entry(ty))
            }
            _ => false,
        }
    }

    fn is_leaf(&self, ty: &Ty) -> bool {
        matches!(ty, Ty::Dyn) || ty.elem().scalar().is_some()
    }

    /// Whether a value has a form as JSON.
    fn has_json(&self, ty: &Ty, seen: &mut HashSet<ir::Type>) -> bool {
        match ty {
            Ty::Fn(_) | Ty::Stored(_) | Ty::Never => false,
            Ty::List(item) => self.has_json(item, seen),
            Ty::Attempt(value) => self.has_json(value, seen),
            Ty::Tuple(items) => items.iter().all(|item| self.has_json(item, seen)),
            Ty::Struct(id) if seen.insert(ty.ir()) => {
                self.struct_fields[id.index()].iter().all(|(_, ty)| self.has_json(ty, seen))
            }
            Ty::Enum(id) if seen.insert(ty.ir()) => {
                self.enum_fields[id.index()].iter().flatten().all(|ty| self.has_json(ty, seen))
            }
            _ => true,
        }
    }

    /// A cast of something stored to the type that it states.
    pub(crate) fn stated(&mut self, val: Val, by: FileOp, wanted: Ty, written: Span, span: Span) -> Val {
        if wanted.is_error() {
            return Val::error(span);
        }
        let fits = match by {
            FileOp::StateJson => !matches!(wanted, Ty::Dyn) && self.is_read(&wanted, &mut HashSet::new()),
            FileOp::StateLoaded => wanted.scalar().is_some(),
            _ => matches!(wanted, Ty::Struct(_)) && self.is_entry(&wanted) && !self.holds_dyn(&wanted),
        };
        if !fits {
            let (from, to) = (self.show(&val.ty), self.sources.text(written).to_owned());
            let d = errors::bad_cast(span, &from, &to);
            self.report(match by {
                FileOp::StateNpz | FileOp::StateSafetensors => d.help(
                    "state a struct whose fields are the entries, or load one entry: `load_npz(path, \"name\") as [f32; ?]`",
                ),
                _ => d,
            });
            return Val::error(span);
        }
        let mut extents = Vec::new();
        self.demands(&wanted, &mut extents, &mut HashSet::new());
        let mut items = vec![val.expr];
        if by != FileOp::StateLoaded {
            items.push(Val::new(ExprKind::Str(extents_text(&extents).into()), Ty::Str, span).expr);
        }
        let read = Val::new(ExprKind::Builtin(Builtin::File(by), items), wanted, span);
        self.with_extents(read)
    }

    fn holds_dyn(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Dyn => true,
            Ty::Tuple(items) => items.iter().any(|item| self.holds_dyn(item)),
            Ty::Struct(id) => self.struct_fields[id.index()].iter().any(|(_, ty)| self.holds_dyn(ty)),
            _ => false,
        }
    }

    /// Whether JSON can be read as a type.
    fn is_read(&self, ty: &Ty, seen: &mut HashSet<ir::Type>) -> bool {
        match ty {
            Ty::Dyn | Ty::Range | Ty::Attempt(_) => false,
            Ty::List(item) => self.is_read(item, seen),
            Ty::Tuple(items) => items.iter().all(|item| self.is_read(item, seen)),
            Ty::Struct(id) if seen.insert(ty.ir()) => {
                self.struct_fields[id.index()].iter().all(|(_, ty)| self.is_read(ty, seen))
            }
            Ty::Enum(id) if seen.insert(ty.ir()) => {
                self.enum_fields[id.index()].iter().flatten().all(|ty| self.is_read(ty, seen))
            }
            other => self.has_json(other, seen),
        }
    }

    /// The extents that the tensors of a type are to have, in the order in which the runtime looks at its parts: those
    /// of a struct or enum where it comes first.
    fn demands(&self, ty: &Ty, extents: &mut Vec<i64>, seen: &mut HashSet<ir::Type>) {
        match ty {
            Ty::Tensor(t) => extents.extend(t.axes.iter().map(|axis| axis.extent.as_const().unwrap_or(-1))),
            Ty::List(item) => self.demands(item, extents, seen),
            Ty::Tuple(items) => items.iter().for_each(|item| self.demands(item, extents, seen)),
            Ty::Struct(id) if seen.insert(ty.ir()) => {
                self.struct_fields[id.index()].iter().for_each(|(_, ty)| self.demands(ty, extents, seen));
            }
            Ty::Enum(id) if seen.insert(ty.ir()) => {
                self.enum_fields[id.index()].iter().flatten().for_each(|ty| self.demands(ty, extents, seen));
            }
            _ => {}
        }
    }
}
