//! The declared result: what it says before the body is checked, and how it grounds the body's value (§5.5).

use crate::block::is_rows_of_texts;
use crate::cells::SlotSpec;
use crate::env::{Entry, Level};
use crate::signature::Bound;
use crate::sym::Sym;
use crate::ty::{Axis, Ty, Val};
use crate::types::Want;
use crate::unify::Why;
use crate::{Checker, errors, walk};
use diagnostics::{Span, Symbol};
use syntax::ast::{self, DimKind};

/// The declared result: as an expectation, and as a type where a recursive call needs one.
pub(crate) struct Declared {
    want: Want,
    pub early: Option<Ty>,
    span: Span,
    /// Names and packs, members in place, if every dim is one.
    specs: Option<Vec<SlotSpec>>,
}

impl Checker<'_> {
    /// The declared result in the function's own scope.
    pub(crate) fn declared(&mut self, ty: &ast::TypeExpr, bound: &Bound) -> Declared {
        let want = self.want(ty);
        let want = self.generic_want(want, &bound.generics);
        let mut specs = None;
        let listed = Some(self.want_ty(&want)).filter(|ty| matches!(ty, Ty::List(_)));
        let early = match &want {
            Want::Tensor { .. } if listed.is_some() => listed,
            Want::Tensor { elem, dims } => {
                let elem = self.want_ty(elem);
                let mut axes = Vec::new();
                let mut all_named = true;
                let mut slots = Vec::new();
                for dim in dims {
                    match dim.kind {
                        DimKind::Pack(pack) => {
                            let members = bound
                                .packs
                                .iter()
                                .find(|(p, _)| *p == pack)
                                .map(|(_, m)| m.clone())
                                .unwrap_or_default();
                            for member in members {
                                axes.push(Axis { name: Some(member.name), extent: self.unknown_extent() });
                                slots.push(SlotSpec::Coord { name: member.name, span: dim.span, range: None });
                            }
                        }
                        DimKind::Name(name) => {
                            axes.push(Axis { name: Some(name), extent: self.unknown_extent() });
                            slots.push(SlotSpec::Coord { name, span: dim.span, range: None });
                        }
                        DimKind::Extent(n) => {
                            all_named = false;
                            axes.push(Axis { name: None, extent: Sym::constant(n as i64) });
                        }
                        _ => {
                            all_named = false;
                            axes.push(Axis { name: None, extent: self.unknown_extent() });
                        }
                    }
                }
                if all_named {
                    specs = Some(slots);
                }
                Some(Ty::tensor(elem, axes))
            }
            Want::Fn(..) | Want::AnyRank | Want::Generic(_) => None,
            other => Some(self.want_ty(other)),
        };
        Declared { want, early: early.filter(|t| !t.is_error()), span: ty.span, specs }
    }

    fn generic_want(&self, want: Want, generics: &[(Symbol, Ty)]) -> Want {
        match want {
            Want::Generic(name) => match generics.iter().find(|(n, _)| *n == name) {
                Some((_, ty)) => Want::Exact(ty.clone()),
                None => Want::Generic(name),
            },
            Want::Tensor { elem, dims } => Want::Tensor { elem: Box::new(self.generic_want(*elem, generics)), dims },
            Want::Tuple(items) => Want::Tuple(items.into_iter().map(|w| self.generic_want(w, generics)).collect()),
            other => other,
        }
    }

    /// The body's statements and its value against the declared result.
    pub(crate) fn body_value(&mut self, def: &ast::FnDef, declared: Option<&Declared>) -> Val {
        let block = &def.body;
        self.scoped(Level::Inner, |this| {
            let (statements, value) = this.statements_and(&block.statements, |this| {
                let value = match (&block.value, declared) {
                    (Some(value), Some(declared)) => this.declared_value(value, declared),
                    (Some(value), None) => this.last_value(value),
                    (None, declared) => {
                        let end = this.block_end(block);
                        match declared.and_then(|d| d.early.clone().map(|ty| (ty, d.span))) {
                            Some((ty, from)) => this.annotated(end, &ty, Some(from), Why::Annotation),
                            None => end,
                        }
                    }
                };
                this.returned(value)
            });
            crate::wrap(statements, value)
        })
    }

    /// The value of a body that declares no result. Each way to its end is noted: where another way is a call of the
    /// function itself, it shows the type that is missing.
    fn last_value(&mut self, value: &ast::Expr) -> Val {
        let tail: crate::block::Tail = &mut |this, e| this.last_value(e);
        match &value.kind {
            ast::ExprKind::Block(block) => self.block(block, tail),
            ast::ExprKind::If { cond, then, otherwise: Some(otherwise) } => {
                self.if_expr(cond, then, Some(otherwise), value.span, tail)
            }
            ast::ExprKind::Match { scrutinee, arms } => self.match_expr(scrutinee, arms, value.span, tail),
            _ => {
                let val = self.expr(value, None);
                if !val.ty.is_error() && !val.ty.is_never() {
                    self.cx.ends.push(val.ty.clone());
                }
                val
            }
        }
    }

    /// The result type that the ends of a body show, as a user would declare it.
    pub(crate) fn shown_result(&mut self, ends: &[Ty], params: &[Ty]) -> Option<String> {
        let end = ends.iter().find(|ty| !self.is_open(ty)).or(ends.first())?.clone();
        let end = match end {
            // A constant follows what it meets, most likely a parameter.
            Ty::Scalar(_) if self.is_open(&end) => {
                let fits = |ty: &&Ty| match ty {
                    Ty::Scalar(s) if self.is_float(&end) => s.is_float(),
                    Ty::Scalar(s) => s.is_int() || s.is_float(),
                    _ => false,
                };
                params.iter().find(fits).cloned().unwrap_or(end)
            }
            end => self.forget_extents(&end),
        };
        let written = matches!(
            end,
            Ty::Scalar(_) | Ty::Str | Ty::Tensor(_) | Ty::List(_) | Ty::Tuple(_) | Ty::Struct(_) | Ty::Enum(_)
        );
        written.then(|| self.show(&end))
    }

    /// A rule's value: grounded by the function's result, and its coordinates compared by name.
    pub(crate) fn rule_value(&mut self, rule: &ast::FnDef, declared: Option<&Declared>) -> Val {
        let block = &rule.body;
        self.scoped(Level::Inner, |this| {
            let (statements, value) = this.statements_and(&block.statements, |this| {
                let Some(value) = &block.value else { return Val::unit(block.span) };
                let grounded = declared
                    .filter(|d| d.specs.as_ref().is_some_and(|specs| !specs.is_empty() && this.mentions(value, specs)));
                let Some(declared) = grounded else {
                    let value = this.expr(value, None);
                    return this.returned(value);
                };
                // A name of the result that the value does not spell is one that it does not have.
                let specs = declared.specs.as_ref().expect("checked");
                let spelled: Vec<SlotSpec> =
                    specs.iter().filter(|s| this.mentions(value, std::slice::from_ref(*s))).cloned().collect();
                let elem = declared.early.as_ref().map(|ty| ty.elem().clone());
                let Some(cells) = this.cells(&spelled, None, value, elem.as_ref(), declared.span) else {
                    return Val::error(value.span);
                };
                let value = this.family_val(cells, value.span);
                this.returned(value)
            });
            crate::wrap(statements, value)
        })
    }

    /// The last expression: its coordinates are grounded by the declared result.
    fn declared_value(&mut self, value: &ast::Expr, declared: &Declared) -> Val {
        if let Some(specs) = &declared.specs
            && !specs.is_empty()
            && self.mentions(value, specs)
        {
            // Statements, conditions and scrutinees in front of the value itself are none of its cells.
            let tail: crate::block::Tail = &mut |this, e| this.declared_value(e, declared);
            match &value.kind {
                ast::ExprKind::Block(block) => return self.block(block, tail),
                ast::ExprKind::If { cond, then, otherwise: Some(otherwise) } if !self.mentions(cond, specs) => {
                    return self.if_expr(cond, then, Some(otherwise), value.span, tail);
                }
                ast::ExprKind::Match { scrutinee, arms }
                    if !self.mentions(scrutinee, specs)
                        && !arms.iter().any(|a| a.guard.as_ref().is_some_and(|g| self.mentions(g, specs))) =>
                {
                    return self.match_expr(scrutinee, arms, value.span, tail);
                }
                _ => {}
            }
            let elem = declared.early.as_ref().map(|ty| ty.elem().clone());
            let Some(cells) = self.cells(specs, None, value, elem.as_ref(), declared.span) else {
                return Val::error(value.span);
            };
            let val = self.family_val(cells, value.span);
            if val.ty.is_error() {
                return val;
            }
            return match elem {
                Some(elem) => {
                    let wanted = Ty::tensor(elem, val.ty.axes().to_vec());
                    if val.ty.rank() != specs.len() {
                        let (w, g) = (self.show(declared.early.as_ref().expect("a tensor type")), self.show(&val.ty));
                        self.report(errors::rank_mismatch(value.span, &w, &g, Some(declared.span)));
                        return Val::error(value.span);
                    }
                    self.annotated(val, &wanted, Some(declared.span), Why::Annotation)
                }
                None => val,
            };
        }
        let early = declared.early.clone();
        let expected = declared.specs.as_ref().map(|specs| {
            specs
                .iter()
                .filter_map(|s| match s {
                    SlotSpec::Coord { name, .. } => Some(*name),
                    SlotSpec::Fixed(_) | SlotSpec::Pack(..) => None,
                })
                .collect()
        });
        let outer = std::mem::replace(&mut self.cx.expected, expected);
        let val = self.expr(value, early.as_ref());
        self.cx.expected = outer;
        match (early, &declared.want) {
            (_, Want::AnyRank | Want::Fn(..) | Want::Generic(_)) | (None, _) => val,
            (Some(ty), _) if is_rows_of_texts(&val.ty, &ty) => val,
            (Some(ty), _) => {
                let val = self.arrange(val, &ty);
                let fitted = self.annotated(val, &ty, Some(declared.span), Why::Annotation);
                // The value knows its extents better than `?` does; the names are the declared ones.
                fitted
            }
        }
    }

    /// A named value in the order of the declared names.
    fn arrange(&mut self, val: Val, ty: &Ty) -> Val {
        let (own, wanted) = (val.ty.coords(), ty.coords());
        if own == wanted
            || own.len() != wanted.len()
            || own.iter().any(Option::is_none)
            || !wanted.iter().all(|w| own.contains(w))
        {
            return val;
        }
        let span = val.span();
        let axes: Vec<Axis> =
            wanted.iter().map(|w| val.ty.axes()[own.iter().position(|o| o == w).expect("checked")].clone()).collect();
        let binders: Vec<ir::Binder> = axes.iter().map(|axis| self.axis_binder(axis, span)).collect();
        let picks = own
            .iter()
            .map(|o| {
                let k = wanted.iter().position(|w| w == o).expect("checked");
                crate::lift::Pick::At(Val::var(binders[k].var, Ty::I32, span))
            })
            .collect();
        let place = self.place_of(&val);
        let cell = self.read(val, picks, place, span);
        self.family_of(binders, axes, cell, span)
    }

    /// Whether a value spells some coordinate of the result.
    fn mentions(&self, value: &ast::Expr, specs: &[SlotSpec]) -> bool {
        let mut free = Vec::new();
        walk::free_coords(value, &mut free);
        specs.iter().any(|spec| match spec {
            SlotSpec::Coord { name, .. } => {
                let pack = name
                    .as_str()
                    .strip_prefix("..")
                    .and_then(|t| t.rsplit_once('.'))
                    .map(|(p, _)| Symbol::new(&format!("..{p}")));
                let free = free.contains(name) || pack.is_some_and(|p| free.contains(&p));
                free && !matches!(self.cx.env.lookup(*name), Some(Entry::Var { .. }))
            }
            SlotSpec::Fixed(_) | SlotSpec::Pack(..) => false,
        })
    }
}
