//! Quotients: what may be differentiated, by what, and the coordinates of the result.

use crate::ty::{Ty, Val};
use crate::{Checker, errors};
use diagnostics::Span;
use ir::{ExprKind, Quotient};
use syntax::ast;

impl Checker<'_> {
    /// `@y / @x`
    pub(crate) fn quotient(&mut self, y: &ast::Expr, x: &ast::Expr, span: Span) -> Val {
        let numerator = self.expr(y, None);
        let denominator = self.denominator(x);
        let (Some((var, by, cell)), false) = (denominator, numerator.ty.is_error()) else { return Val::error(span) };
        for (val, e) in [(&numerator, y), (&by, x)] {
            if !self.is_float(val.ty.elem()) {
                let (name, ty) = (self.sources.text(e.span).to_owned(), self.show(val.ty.elem()));
                let d = errors::quotient_type(e.span, &name, &ty);
                self.report(match val.ty {
                    Ty::Struct(id) => {
                        let fields: Vec<&str> =
                            self.struct_fields[id.index()].iter().map(|(f, _)| f.as_str()).collect();
                        d.help(format!("take it apart before: `let {ty} {{ {} }} = {name};`", fields.join(", ")))
                    }
                    _ => d,
                });
                return Val::error(span);
            }
        }
        let mut axes = numerator.ty.axes().to_vec();
        let rest = if cell.is_empty() { by.ty.axes() } else { &[] };
        axes.extend(rest.iter().cloned());
        let ty = Ty::tensor(by.ty.elem().clone(), axes);
        let quotient = Quotient { y: numerator.expr, x: var, x_cell: cell };
        Val::new(ExprKind::Quotient(Box::new(quotient)), ty, span)
    }

    /// A binding, or a cell of one.
    fn denominator(&mut self, x: &ast::Expr) -> Option<(ir::VarId, Val, Vec<ir::Expr>)> {
        let (base, indices): (&ast::Expr, &[ast::Expr]) = match &x.kind {
            ast::ExprKind::Path(path) if path.segments.len() == 1 => (x, &[]),
            ast::ExprKind::Index { base, indices, .. } if matches!(base.kind, ast::ExprKind::Path(_)) => {
                (base, indices)
            }
            ast::ExprKind::Error => return None,
            ast::ExprKind::Field(base, name) if matches!(base.kind, ast::ExprKind::Path(_)) => {
                let base = self.sources.text(base.span).to_owned();
                self.report(errors::quotient_field(x.span, &base, name.name));
                return None;
            }
            _ => {
                self.report(errors::quotient_operand(x.span));
                return None;
            }
        };
        let val = self.expr(base, None);
        if val.ty.is_error() {
            return None;
        }
        let Some(var) = val.as_var() else {
            self.report(errors::quotient_operand(x.span));
            return None;
        };
        if indices.len() > val.ty.rank() {
            let name = format!("`{}`", self.sources.text(base.span));
            self.report(errors::index_count(x.span, &name, val.ty.rank(), indices.len()));
            return None;
        }
        // The cell is an access like any other: its coordinates take their ranges from it.
        let place = self.place_of(&val);
        let load = self.fresh_load(val.ty.rank());
        let mut cell = Vec::new();
        for (k, index) in indices.iter().enumerate() {
            let at = self.expr(index, None);
            if at.ty.is_error() {
                return None;
            }
            let axis = val.ty.axes()[k].clone();
            self.access((load, k), &at, &axis.extent, place.clone(), axis.name, false);
            cell.push(self.integer_val(at)?.0);
        }
        Some((var, val, cell))
    }

    /// `@e` alone.
    pub(crate) fn tangent(&mut self, operand: &ast::Expr, span: Span) -> Val {
        if self.cx.rule {
            return self.rule_tangent(operand, span);
        }
        let val = self.expr(operand, None);
        if val.ty.is_error() {
            return val;
        }
        if !self.is_float(val.ty.elem()) {
            let (name, ty) = (self.sources.text(operand.span).to_owned(), self.show(val.ty.elem()));
            self.report(errors::quotient_type(operand.span, &name, &ty));
            return Val::error(span);
        }
        let ty = val.ty.clone();
        Val::new(ExprKind::Tangent(val.boxed(), Vec::new()), ty, span)
    }
}
