//! Type expressions.

use crate::env::Entry;
use crate::modules::Item;
use crate::sym::Sym;
use crate::ty::{Axis, Ty};
use crate::{Checker, errors};
use diagnostics::{Span, Symbol};
use ir::{EnumId, EnumInfo, Scalar, StructId, StructInfo, VariantInfo};
use std::rc::Rc;
use syntax::ast::{self, DimKind, TypeKind, VariantFields};

/// A type as it was written: extents may be open, functions are only functions.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    Exact(Ty),
    /// Element type and dims; no dims is `[f32]`.
    Tensor {
        elem: Box<Want>,
        dims: Vec<ast::Dim>,
    },
    /// `[f32; *]`
    AnyRank,
    Tuple(Vec<Want>),
    Fn(Vec<Want>, Box<Want>, Span),
    /// A capitalised name that is no type: bound by the argument's element type.
    Generic(Symbol),
}

/// Stands for the variable of an extent that nothing is known of.
const UNKNOWN: ir::VarId = ir::VarId(u32::MAX);

pub(crate) fn is_unknown(extent: &Sym) -> bool {
    extent.mentions(UNKNOWN)
}

const SCALARS: [&str; 10] = ["bool", "i8", "u8", "i32", "i64", "f16", "bf16", "f32", "f64", "str"];

impl Checker<'_> {
    /// A type as an expectation for the value that it annotates.
    pub(crate) fn type_expr(&mut self, ty: &ast::TypeExpr) -> Ty {
        let want = self.want(ty);
        self.want_ty(&want)
    }

    pub(crate) fn want(&mut self, ty: &ast::TypeExpr) -> Want {
        match &ty.kind {
            TypeKind::Unit => Want::Exact(Ty::Unit),
            TypeKind::Error => Want::Exact(Ty::Error),
            TypeKind::Tuple(items) => Want::Tuple(items.iter().map(|t| self.want(t)).collect()),
            TypeKind::Fn { params, result } => {
                Want::Fn(params.iter().map(|t| self.want(t)).collect(), Box::new(self.want(result)), ty.span)
            }
            TypeKind::Tensor { elem, dims } => {
                let elem = Box::new(self.want(elem));
                match dims {
                    None => Want::Tensor { elem, dims: vec![ast::Dim { kind: DimKind::Unknown, span: ty.span }] },
                    Some(dims) if dims.iter().any(|d| matches!(d.kind, DimKind::AnyRank)) => Want::AnyRank,
                    Some(dims) => Want::Tensor { elem, dims: dims.clone() },
                }
            }
            TypeKind::Path(path) => self.named_type(path),
        }
    }

    fn named_type(&mut self, path: &ast::Path) -> Want {
        if let [name] = path.segments.as_slice() {
            if name.name.as_str() == "str" {
                return Want::Exact(Ty::Str);
            }
            if let Some(scalar) = Scalar::from_name(name.name.as_str()) {
                return Want::Exact(Ty::Scalar(scalar));
            }
            if let Some(ty) = self.cx.env.generic(name.name) {
                return Want::Exact(ty);
            }
        }
        match self.type_item(path) {
            Some(Item::Struct(def, module)) => Want::Exact(Ty::Struct(self.struct_id(&def, module))),
            Some(Item::Enum(def, module)) => Want::Exact(Ty::Enum(self.enum_id(&def, module))),
            Some(Item::Broken) => Want::Exact(Ty::Error),
            _ => {
                let name = path.segments.last().map(|s| s.name).unwrap_or(Symbol::new(""));
                if path.segments.len() == 1 && is_generic(name.as_str()) && self.cx.in_function {
                    return Want::Generic(name);
                }
                let near = diagnostics::closest(name.as_str(), SCALARS.into_iter());
                self.report(errors::unknown_type(path.span, name.as_str(), near));
                Want::Exact(Ty::Error)
            }
        }
    }

    fn type_item(&mut self, path: &ast::Path) -> Option<Item> {
        let env = self.cx.env.clone();
        let local = |name: Symbol| match env.lookup(name) {
            Some(Entry::Item(item)) => Some(item),
            _ => None,
        };
        self.modules.resolve_path(self.cx.env.module(), path, &local).ok().map(|(item, _)| item)
    }

    /// What an expectation says as a type: open extents are unknown, names are carried.
    pub(crate) fn want_ty(&mut self, want: &Want) -> Ty {
        match want {
            Want::Exact(ty) => ty.clone(),
            Want::Tuple(items) => Ty::Tuple(items.iter().map(|w| self.want_ty(w)).collect()),
            Want::Tensor { elem, dims } => {
                let elem = self.want_ty(elem);
                if dims.iter().any(|d| matches!(d.kind, DimKind::Pack(_))) {
                    return Ty::Error;
                }
                let axes: Vec<Axis> = dims
                    .iter()
                    .map(|dim| {
                        let name = match dim.kind {
                            DimKind::Name(name) => Some(name),
                            _ => None,
                        };
                        let extent = match dim.kind {
                            DimKind::Extent(n) => Sym::constant(n as i64),
                            _ => self.unknown_extent(),
                        };
                        Axis { name, extent }
                    })
                    .collect();
                match elem {
                    // Texts are kept in lists; only a written extent or name makes an axis of them.
                    Ty::Str if dims.iter().all(|d| matches!(d.kind, DimKind::Unknown)) => {
                        axes.iter().fold(elem, |item, _: &Axis| Ty::List(Rc::new(item)))
                    }
                    Ty::Scalar(_) | Ty::Str | Ty::Address(_) | Ty::Error => Ty::tensor(elem, axes),
                    item => axes.iter().fold(item, |item, _: &Axis| Ty::List(Rc::new(item))),
                }
            }
            Want::AnyRank => Ty::Dyn,
            Want::Fn(params, result, span) => {
                let params = params.iter().map(|w| self.want_ty(w)).collect();
                let result = self.want_ty(result);
                self.function_type(params, result, *span)
            }
            Want::Generic(_) => Ty::Error,
        }
    }

    /// An extent of which nothing is known: it becomes the extent of the variable that the value is bound to.
    pub(crate) fn unknown_extent(&mut self) -> Sym {
        self.next_unknown += 1;
        Sym::extent(UNKNOWN, self.next_unknown)
    }

    /// A type outside of the scope of some variables: extents that mention them are unknown there.
    pub(crate) fn escaped(&mut self, ty: &Ty, first: u32) -> Ty {
        match ty {
            Ty::Tensor(t) => {
                let mut axes = Vec::new();
                for axis in t.axes.iter() {
                    let extent = self.facts_extent(&axis.extent);
                    let inside = extent.vars().iter().any(|v| v.0 >= first && *v != UNKNOWN);
                    axes.push(Axis { name: axis.name, extent: if inside { self.unknown_extent() } else { extent } });
                }
                ty.with_axes(axes)
            }
            Ty::List(item) => Ty::List(Rc::new(self.escaped(item, first))),
            Ty::Attempt(item) => Ty::Attempt(Rc::new(self.escaped(item, first))),
            Ty::Tuple(items) => {
                let items: Vec<Ty> = items.iter().map(|t| self.escaped(t, first)).collect();
                Ty::Tuple(items.into())
            }
            other => other.clone(),
        }
    }

    pub(crate) fn struct_id(&mut self, def: &Rc<ast::StructDef>, module: crate::modules::ModuleId) -> StructId {
        if let Some(id) = self.structs.get(&Rc::as_ptr(def)) {
            return *id;
        }
        let id = StructId(self.program.structs.len() as u32);
        self.structs.insert(Rc::as_ptr(def), id);
        self.program.structs.push(StructInfo { name: def.name.name, fields: Vec::new(), span: def.name.span });
        self.struct_fields.push(Vec::new());
        let fields: Vec<(Symbol, Ty)> =
            self.in_module(module, |this| def.fields.iter().map(|f| (f.name.name, this.type_expr(&f.ty))).collect());
        self.struct_fields[id.index()] = fields;
        for (k, field) in def.fields.iter().enumerate() {
            let ty = self.struct_fields[id.index()][k].1.clone();
            if self.holds(&ty, id, &mut Vec::new()) {
                self.report(errors::endless_struct(field.ty.span, def.name.name.as_str(), def.name.span));
                self.struct_fields[id.index()][k].1 = Ty::Error;
            }
        }
        let fields = self.struct_fields[id.index()].iter().map(|(name, ty)| (*name, ty.ir())).collect();
        self.program.structs[id.index()].fields = fields;
        id
    }

    /// Whether every value of a type has one of a struct in it.
    fn holds(&self, ty: &Ty, id: StructId, seen: &mut Vec<StructId>) -> bool {
        match ty {
            Ty::Tuple(items) => items.iter().any(|item| self.holds(item, id, seen)),
            Ty::Struct(own) if *own == id => true,
            Ty::Struct(own) if !seen.contains(own) => {
                seen.push(*own);
                self.struct_fields[own.index()].iter().any(|(_, ty)| self.holds(ty, id, seen))
            }
            _ => false,
        }
    }

    pub(crate) fn enum_id(&mut self, def: &Rc<ast::EnumDef>, module: crate::modules::ModuleId) -> EnumId {
        if let Some(id) = self.enums.get(&Rc::as_ptr(def)) {
            return *id;
        }
        let id = EnumId(self.program.enums.len() as u32);
        self.enums.insert(Rc::as_ptr(def), id);
        self.program.enums.push(EnumInfo { name: def.name.name, variants: Vec::new(), span: def.name.span });
        self.enum_fields.push(Vec::new());
        let fields: Vec<Vec<Ty>> = self.in_module(module, |this| {
            def.variants
                .iter()
                .map(|variant| match &variant.fields {
                    VariantFields::Unit => Vec::new(),
                    VariantFields::Tuple(types) => types.iter().map(|t| this.type_expr(t)).collect(),
                    VariantFields::Named(fields) => fields.iter().map(|f| this.type_expr(&f.ty)).collect(),
                })
                .collect()
        });
        let variants = def
            .variants
            .iter()
            .zip(&fields)
            .map(|(variant, fields)| VariantInfo {
                name: variant.name.name,
                fields: fields.iter().map(Ty::ir).collect(),
                names: match &variant.fields {
                    VariantFields::Named(fields) => Some(fields.iter().map(|f| f.name.name).collect()),
                    _ => None,
                },
            })
            .collect();
        self.program.enums[id.index()].variants = variants;
        self.enum_fields[id.index()] = fields;
        id
    }

    /// Field types are read where the type is defined.
    fn in_module<T>(&mut self, module: crate::modules::ModuleId, check: impl FnOnce(&mut Self) -> T) -> T {
        if module == self.cx.env.module() {
            return check(self);
        }
        let root = self.root(module);
        let outer = std::mem::replace(&mut self.cx.env, root);
        let result = check(self);
        self.cx.env = outer;
        result
    }
}

/// `T`, `Elem`: an upper-case letter first.
pub(crate) fn is_generic(name: &str) -> bool {
    name.chars().next().is_some_and(char::is_uppercase)
}
