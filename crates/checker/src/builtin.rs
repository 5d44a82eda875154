//! Built-in functions: what they take and what they give.

use crate::lift::Pick;
use crate::sym::Sym;
use crate::ty::{Axis, Ty, Val};
use crate::unify::Why;
use crate::{Checker, errors};
use diagnostics::{Span, Symbol};
use ir::{Builtin, Expr, ExprKind, Piece, Scalar, Type, VarKind};
use std::rc::Rc;
use syntax::ast::{self, CoordArg};

pub(crate) const NAMES: [&str; 25] = [
    "print",
    "assert",
    "len",
    "shape",
    "rank",
    "size",
    "typeof",
    "extent",
    "stop_gradient",
    "checkpoint",
    "zeros_like",
    "ones_like",
    "array_append",
    "concat",
    "panic",
    "sum",
    "prod",
    "max",
    "min",
    "mean",
    "any",
    "all",
    "argmax",
    "argmin",
    "length",
];

pub(crate) const MEASURES: [&str; 5] = ["len", "shape", "rank", "size", "length"];

pub(crate) fn is_builtin(name: &str) -> bool {
    NAMES.contains(&name)
}

pub(crate) fn native_name(name: &str) -> &'static str {
    NAMES.into_iter().find(|n| *n == name).unwrap_or("print")
}

/// Built-ins whose arguments are more than values.
pub(crate) fn reads_arguments(name: &str) -> bool {
    name == "assert" || is_reduction(name) && !matches!(name, "max" | "min")
}

pub(crate) fn is_reduction(name: &str) -> bool {
    matches!(name, "sum" | "prod" | "max" | "min" | "mean" | "any" | "all" | "argmax" | "argmin")
}

impl Checker<'_> {
    pub(crate) fn builtin_call(
        &mut self,
        name: &'static str,
        args: &[ast::Expr],
        want: Option<&Ty>,
        span: Span,
    ) -> Val {
        match name {
            "assert" => self.assert(args, span),
            "extent" => self.extent_of(args, span),
            "checkpoint" | "stop_gradient" => {
                let vals: Vec<Val> = args.iter().map(|a| self.expr(a, want)).collect();
                self.checked_native(name, vals, span)
            }
            "sum" | "prod" | "mean" | "any" | "all" | "argmax" | "argmin" | "max" | "min" if args.len() < 2 => {
                let vals: Vec<Val> = args.iter().map(|a| self.expr(a, None)).collect();
                if vals.iter().any(|v| v.ty.is_error()) {
                    return Val::error(span);
                }
                let axes = vals.first().map(|v| v.ty.axes().to_vec()).unwrap_or_default();
                let text = args.first().map_or("x", |a| self.sources.text(a.span));
                let text = if text.contains("|>") { format!("({text})") } else { text.to_owned() };
                let carried = crate::text::axis_names(&axes);
                let fixed = if !carried.is_empty() && carried.len() == axes.len() {
                    format!("{name}[{}]({text})", carried.join(", "))
                } else {
                    let coords: Vec<&str> =
                        ["i", "j", "k", "l", "m", "n"].into_iter().take(axes.len().max(1)).collect();
                    let coords = coords.join(", ");
                    format!("{name}[{coords}]({text}[{coords}])")
                };
                self.report(errors::reduction_without_coordinate(span, name, &fixed));
                Val::error(span)
            }
            _ => {
                let vals: Vec<Val> = args.iter().map(|a| self.expr(a, None)).collect();
                self.checked_native(name, vals, span)
            }
        }
    }

    fn checked_native(&mut self, name: &'static str, vals: Vec<Val>, span: Span) -> Val {
        if vals.iter().any(|v| v.ty.is_error()) {
            return Val::error(span);
        }
        self.native_vals(name, vals, span)
    }

    /// Built-ins on checked arguments.
    pub(crate) fn native_vals(&mut self, name: &'static str, mut vals: Vec<Val>, span: Span) -> Val {
        let count = match name {
            "print" => vals.len(),
            "max" | "min" => 2,
            "array_append" => 2,
            _ => 1,
        };
        if vals.len() != count {
            self.report(errors::argument_count(span, name, count, vals.len(), None));
            return Val::error(span);
        }
        match name {
            "print" => {
                let vals: Vec<Expr> = vals
                    .into_iter()
                    .filter_map(|v| {
                        let v = self.whole(v);
                        self.printable(v)
                    })
                    .collect();
                Val::new(ExprKind::Builtin(Builtin::Print, vals), Ty::Unit, span)
            }
            "panic" => {
                let message = vals.pop().expect("one argument");
                let message = self.annotated(message, &Ty::Str, None, Why::Argument);
                if message.ty.is_error() {
                    return message;
                }
                Val::new(ExprKind::Builtin(Builtin::Panic, vec![message.expr]), Ty::Never, span)
            }
            "len" | "shape" | "rank" | "size" | "length" => self.measure(name, vals.pop().expect("one argument"), span),
            "typeof" => {
                let val = vals.pop().expect("one argument");
                self.settle_default(&val.ty.clone());
                self.type_text(val, span)
            }
            "max" | "min" => self.call_op(if name == "max" { ir::Op::Max } else { ir::Op::Min }, vals, span),
            "zeros_like" | "ones_like" => {
                self.constant_like(vals.pop().expect("one argument"), (name == "ones_like") as i64, span)
            }
            "array_append" => self.append(vals, span),
            "stop_gradient" => {
                let val = vals.pop().expect("one argument");
                let val = self.whole(val);
                let ty = val.ty.clone();
                Val::new(ExprKind::StopGradient(val.boxed()), ty, span)
            }
            "checkpoint" => {
                let val = vals.pop().expect("one argument");
                match val.ty.clone() {
                    Ty::Fn(f) => {
                        self.next_fn += 1;
                        let wrapped = crate::ty::FnValue {
                            captures: f.captures.clone(),
                            id: self.next_fn,
                            kind: crate::ty::FnKind::Checkpoint(f),
                        };
                        Val { ty: Ty::Fn(Rc::new(wrapped)), ..val }
                    }
                    other => {
                        let shown = self.show(&other);
                        self.report(errors::not_callable(val.span(), &shown));
                        Val::error(span)
                    }
                }
            }
            "argsort" => {
                let val = vals.pop().expect("one argument");
                if val.ty.rank() != 1 || val.ty.elem().scalar().is_none() {
                    let shown = self.show(&val.ty);
                    self.report(errors::rank_mismatch(val.span(), "a vector", &shown, None));
                    return Val::error(span);
                }
                let axes = val.ty.axes().to_vec();
                Val::new(ExprKind::Builtin(Builtin::ArgSort, vec![val.expr]), Ty::tensor(Ty::I32, axes), span)
            }
            _ => {
                self.report(errors::not_callable(span, name));
                Val::error(span)
            }
        }
    }

    /// Values that have a text.
    fn printable(&mut self, val: Val) -> Option<Expr> {
        match val.ty {
            Ty::Fn(_) => {
                let text = self.show(&val.ty);
                Some(Expr { kind: ExprKind::Str(format!("<{text}>").into()), ty: Type::Str, span: val.span() })
            }
            Ty::Never => Some(val.expr),
            Ty::Error => None,
            _ => Some(val.expr),
        }
    }

    /// `len shape rank size`, as functions, methods and fields.
    pub(crate) fn measure(&mut self, name: &str, val: Val, span: Span) -> Val {
        let int = |n: i64| Val::new(ExprKind::Int(n), Ty::I32, span);
        match (&val.ty, name) {
            (Ty::Error, _) => Val::error(span),
            (Ty::Str | Ty::List(_), "len" | "length" | "size") => {
                Val::new(ExprKind::Builtin(Builtin::Len, vec![val.expr]), Ty::I32, span)
            }
            (Ty::Dyn, "rank") => Val::new(ExprKind::Builtin(Builtin::DynRank, vec![val.expr]), Ty::I32, span),
            (Ty::Dyn, "shape") => {
                let axes = vec![Axis { name: None, extent: self.unknown_extent() }];
                let shape =
                    Val::new(ExprKind::Builtin(Builtin::DynShape, vec![val.expr]), Ty::tensor(Ty::I32, axes), span);
                self.with_extents(shape)
            }
            (Ty::Tensor(_), _) => {
                let val = self.named(val);
                let axes = val.ty.axes().to_vec();
                match name {
                    "len" | "length" => self.extent_value(&axes[0].extent, span),
                    "rank" => int(axes.len() as i64),
                    "size" => {
                        let size = axes.iter().fold(Sym::constant(1), |p, a| p.times(&self.facts_extent(&a.extent)));
                        self.extent_value(&size, span)
                    }
                    _ => {
                        let items: Vec<Expr> = axes.iter().map(|a| self.extent_value(&a.extent, span).expr).collect();
                        let rank = items.len();
                        let ty = Ty::tensor(Ty::I32, vec![Axis { name: None, extent: Sym::constant(rank as i64) }]);
                        Val::new(ExprKind::Literal([rank].into(), items), ty, span)
                    }
                }
            }
            (Ty::Tuple(items), "len" | "length" | "size") => int(items.len() as i64),
            (Ty::Scalar(_) | Ty::Address(_), "rank") => int(0),
            (Ty::Scalar(_) | Ty::Address(_), "size") => int(1),
            (Ty::Scalar(_) | Ty::Address(_), "shape") => {
                let ty = Ty::tensor(Ty::I32, vec![Axis { name: None, extent: Sym::constant(0) }]);
                Val::new(ExprKind::Literal([0].into(), Vec::new()), ty, span)
            }
            (Ty::Range, "len" | "length" | "size") => {
                let val = self.named(val);
                let end = |k: usize| Expr { kind: ExprKind::Field(Box::new(val.expr.clone()), k), ty: Type::I64, span };
                let length = Expr { kind: ExprKind::Op(ir::Op::Sub, vec![end(1), end(0)]), ty: Type::I64, span };
                let zero = crate::lift::int(0, span);
                let length = Expr { kind: ExprKind::Op(ir::Op::Max, vec![length, zero]), ty: Type::I64, span };
                Val::new(ExprKind::Cast(Box::new(length)), Ty::I32, span)
            }
            (_, "rank") => int(0),
            (ty, _) => {
                let shown = self.show(ty);
                self.report(errors::no_operator(span, name, (val.span(), shown), None));
                Val::error(span)
            }
        }
    }

    /// An extent as an `i32` value.
    /// A value's type as text; extents that only the run knows are put in by the run.
    fn type_text(&mut self, val: Val, span: Span) -> Val {
        let ty = self.resolved(&val.ty);
        let extents: Vec<Sym> = ty.axes().iter().map(|axis| self.facts_extent(&axis.extent)).collect();
        if extents.iter().all(Sym::is_const) {
            return Val::new(ExprKind::Str(self.show(&ty).into()), Ty::Str, span);
        }
        let val = self.named(val);
        let mut pieces = vec![Piece::Text(format!("[{}; ", self.show(ty.elem())).into())];
        for (k, axis) in val.ty.axes().to_vec().iter().enumerate() {
            if k > 0 {
                pieces.push(Piece::Text(", ".into()));
            }
            pieces.push(Piece::Value(self.extent_value(&axis.extent, span).expr, None));
        }
        pieces.push(Piece::Text("]".into()));
        Val::new(ExprKind::Interpolate(pieces), Ty::Str, span)
    }

    fn extent_value(&mut self, extent: &Sym, span: Span) -> Val {
        let extent = self.facts_extent(extent);
        Val { expr: extent.to_expr(Scalar::I32, &self.program.vars, span), ty: Ty::I32 }
    }

    fn extent_of(&mut self, args: &[ast::Expr], span: Span) -> Val {
        let [ast::Expr { kind: ast::ExprKind::Path(path), .. }] = args else {
            self.report(errors::argument_count(span, "extent", 1, args.len(), None));
            return Val::error(span);
        };
        let name = path.segments[0];
        if let Some(extent) = self.cx.env.domain(name.name) {
            return self.extent_value(&extent, span);
        }
        if let Some(var) = self.coord_in_scope(name.name)
            && let Some((lo, hi)) = self.facts.ranges.get(&var).cloned()
        {
            return self.extent_value(&hi.sub(&lo), span);
        }
        let near = self.cx.env.names();
        let near = diagnostics::closest(name.name.as_str(), near.into_iter());
        self.report(errors::unbound_coord(name.span, name.name, near));
        Val::error(span)
    }

    fn constant_like(&mut self, like: Val, value: i64, span: Span) -> Val {
        let Some(scalar) = like.ty.elem().scalar() else {
            let shown = self.show(&like.ty);
            self.report(errors::no_operator(
                span,
                if value == 0 { "zeros_like" } else { "ones_like" },
                (like.span(), shown),
                None,
            ));
            return Val::error(span);
        };
        let kind =
            if self.opens.resolve(scalar) == Scalar::Bool { ExprKind::Bool(value == 1) } else { ExprKind::Int(value) };
        let cell = Val::new(kind, Ty::Scalar(scalar), span);
        if like.ty.rank() == 0 {
            return cell;
        }
        let like = self.named(like);
        let axes = like.ty.axes().to_vec();
        let binders = axes.iter().map(|axis| self.axis_binder(axis, span)).collect();
        self.family_of(binders, axes, cell, span)
    }

    fn append(&mut self, mut vals: Vec<Val>, span: Span) -> Val {
        let item = vals.pop().expect("two arguments");
        let to = vals.pop().expect("two arguments");
        match to.ty.clone() {
            Ty::List(want) => {
                let item = self.annotated(item, &want, Some(to.span()), Why::Argument);
                if item.ty.is_error() {
                    return item;
                }
                let ty = to.ty.clone();
                Val::new(ExprKind::Builtin(Builtin::Append, vec![to.expr, item.expr]), ty, span)
            }
            Ty::Tensor(t) if t.axes.len() == 1 => {
                let item = self.annotated(item, &t.elem.clone(), Some(to.span()), Why::Argument);
                if item.ty.is_error() {
                    return item;
                }
                let to = self.named(to);
                let item = self.named(item);
                // Cells of the old tensor, then the item: a family of two clauses.
                let old = self.facts_extent(&t.axes[0].extent);
                let axis = Axis { name: None, extent: old.offset(1) };
                let binder = self.axis_binder(&t.axes[0], span);
                let place = self.place_of(&to);
                self.cx.cells += 1;
                let cell = self.read(to, vec![Pick::At(Val::var(binder.var, Ty::I32, span))], place, span);
                self.cx.cells -= 1;
                let last = self.new_coord(Symbol::new(""), span);
                let one = |sym: &Sym, this: &Self| sym.to_expr(Scalar::I64, &this.program.vars, span);
                let end = ir::Binder { var: last, lo: one(&old, self), hi: one(&old.offset(1), self) };
                let clause =
                    |slot, body| ir::Clause { slots: vec![slot], wheres: Vec::new(), body, otherwise: None, span };
                let family = ir::Family {
                    name: Symbol::new(""),
                    axes: vec![ir::Axis { name: None, extent: one(&axis.extent, self) }],
                    elem: t.elem.ir(),
                    clauses: vec![clause(ir::Slot::Coord(binder), cell.expr), clause(ir::Slot::Coord(end), item.expr)],
                    span,
                };
                Val::new(ExprKind::Family(Box::new(family)), Ty::tensor((*t.elem).clone(), vec![axis]), span)
            }
            Ty::Tensor(_) => {
                let rows = self.rows_of(to);
                self.append(vec![rows, item], span)
            }
            other => {
                let shown = self.show(&other);
                self.report(errors::no_operator(span, "array_append", (to.span(), shown), None));
                Val::error(span)
            }
        }
    }

    fn assert(&mut self, args: &[ast::Expr], span: Span) -> Val {
        let (cond, message) = match args {
            [cond] => (cond, None),
            [cond, message] => (cond, Some(message)),
            _ => {
                self.report(errors::argument_count(span, "assert", 1, args.len(), None));
                return Val::error(span);
            }
        };
        // Both sides of a comparison are shown.
        let sides = match &cond.kind {
            ast::ExprKind::Binary { op, op_span, left, right } if is_comparison(*op) => {
                Some((*op, *op_span, left, right))
            }
            _ => None,
        };
        let mut lets = Vec::new();
        let mut operands = None;
        let test = match sides {
            Some((op, op_span, left, right)) => {
                let a = self.expr(left, None);
                let b = self.expr(right, None);
                if a.ty.is_error() || b.ty.is_error() {
                    return Val::error(span);
                }
                let simple = |v: &Val| matches!(v.ty, Ty::Scalar(_) | Ty::Address(_) | Ty::Str);
                if simple(&a) && simple(&b) {
                    let mut bind = |this: &mut Self, val: Val| {
                        let place = val.span();
                        let var = this.new_var(Symbol::new(""), &val.ty, place, VarKind::Temp);
                        this.define(var, &val);
                        lets.push((var, val.expr));
                        Val::var(var, val.ty, place)
                    };
                    let a = bind(self, a);
                    let b = bind(self, b);
                    operands = Some((a.as_var().expect("bound"), b.as_var().expect("bound")));
                    self.binary_vals(op, op_span, a, b, cond.span)
                } else {
                    self.binary_vals(op, op_span, a, b, cond.span)
                }
            }
            None => self.expr(cond, None),
        };
        let message = message.map(|m| {
            self.cx.conditional += 1;
            let val = self.with_sink(|this| this.expr(m, None));
            self.cx.conditional -= 1;
            self.annotated(val, &Ty::Str, None, Why::Argument)
        });
        if test.ty.is_error() || message.as_ref().is_some_and(|m| m.ty.is_error()) {
            return Val::error(span);
        }
        if !self.is_bool(test.ty.elem()) {
            self.annotated(test, &Ty::BOOL, None, Why::Condition);
            return Val::error(span);
        }
        let test = self.whole(test);
        if test.ty.rank() == 0 && self.cx.conditional == 0 {
            self.facts.assume(&test.expr, true);
        }
        let assert = ir::Assert { cond: test.expr, message: message.map(|m| m.expr), operands, lets };
        Val::new(ExprKind::Assert(Box::new(assert)), Ty::Unit, span)
    }

    /// Functions of `std::io`.
    pub(crate) fn call_builtin(&mut self, builtin: Builtin, args: Vec<Val>, span: Span) -> Val {
        let (wants, result): (Vec<Option<Ty>>, Ty) = match builtin {
            Builtin::File(op) => return self.file_call(op, args, span),
            Builtin::LoadNpy => (vec![Some(Ty::Str)], Ty::Dyn),
            Builtin::SaveNpy => (vec![Some(Ty::Str), None], Ty::Unit),
            Builtin::ReadText => (vec![Some(Ty::Str)], Ty::Str),
            Builtin::WriteText => (vec![Some(Ty::Str), Some(Ty::Str)], Ty::Unit),
            Builtin::ToStr => (vec![None], Ty::Str),
            _ => (Vec::new(), Ty::Error),
        };
        if args.len() != wants.len() {
            self.report(errors::argument_count(span, "this function", wants.len(), args.len(), None));
            return Val::error(span);
        }
        let mut exprs = Vec::new();
        for (arg, want) in args.into_iter().zip(wants) {
            let arg = match want {
                Some(want) => self.annotated(arg, &want, None, Why::Argument),
                None => {
                    self.settle_default(&arg.ty.clone());
                    arg
                }
            };
            if arg.ty.is_error() {
                return arg;
            }
            if builtin == Builtin::SaveNpy
                && exprs.len() == 1
                && (arg.ty.rank() == 0 || arg.ty.elem().scalar().is_none())
            {
                let shown = self.show(&arg.ty);
                let message = format!("`save_npy` takes a tensor, and this is `{shown}`");
                self.report(errors::mismatch(arg.span(), message, None, None));
                return Val::error(span);
            }
            exprs.push(arg.expr);
        }
        Val::new(ExprKind::Builtin(builtin, exprs), result, span)
    }

    /// `concat[j](a, b)`: a family with one clause for each part.
    pub(crate) fn concat(&mut self, coords: &[CoordArg], args: &[ast::Expr], span: Span) -> Val {
        let [CoordArg::Coord { name, range: None }] = coords else {
            self.report(errors::argument_count(span, "concat[…]", 1, coords.len(), None));
            return Val::error(span);
        };
        let mut parts: Vec<Val> = Vec::new();
        for arg in args {
            let val = self.ground(arg, &[name.name]);
            if val.ty.is_error() {
                return val;
            }
            parts.push(self.named(val));
        }
        let Some(first) = parts.first().cloned() else {
            self.report(errors::argument_count(span, "concat", 1, 0, None));
            return Val::error(span);
        };
        let at = |val: &Val| val.ty.axes().iter().position(|a| a.name == Some(name.name));
        for part in &parts {
            let carried = crate::text::axis_names(part.ty.axes());
            if at(part).is_none() {
                self.report(errors::not_carried(name.span, name.name.as_str(), part.span(), &carried));
                return Val::error(span);
            }
            let names = |v: &Val| v.ty.coords();
            if names(part).iter().any(|n| !names(&first).contains(n)) || part.ty.rank() != first.ty.rank() {
                let own = crate::text::axis_names(first.ty.axes());
                self.report(errors::packs_disagree(
                    span,
                    name.name.as_str(),
                    (first.span(), &own),
                    (part.span(), &carried),
                ));
                return Val::error(span);
            }
            let (a, b) = (first.ty.elem().clone(), part.ty.elem().clone());
            if !self.same(&a, &b) {
                self.type_mismatch(part.clone(), &first.ty.clone(), Some(first.span()), Why::Item);
                return Val::error(span);
            }
        }
        let axis = at(&first).expect("checked");
        let mut start = Sym::constant(0);
        let mut clauses = Vec::new();
        for part in &parts {
            let place = self.place_of(part);
            let mut slots = Vec::new();
            let mut by_name: Vec<(Option<Symbol>, Expr)> = Vec::new();
            let own_extent = self.facts_extent(&part.ty.axes()[at(part).expect("checked")].extent);
            for (k, own) in first.ty.axes().to_vec().iter().enumerate() {
                let extent = if k == axis { own_extent.clone() } else { self.facts_extent(&own.extent) };
                let other = part.ty.axes().iter().find(|a| a.name == own.name).cloned().expect("checked");
                let theirs = self.facts_extent(&other.extent);
                if k != axis && theirs != extent {
                    if let (Some(x), Some(y)) = (extent.as_const(), theirs.as_const()) {
                        let label = own.name.map(|n| n.to_string()).unwrap_or_default();
                        let places =
                            [(first.span(), x.to_string(), "here".into()), (part.span(), y.to_string(), "here".into())];
                        self.report(errors::extents(span, &label, &places));
                        return Val::error(span);
                    }
                    let parties = ["one part", "another"].map(String::from);
                    self.compare_extents(own.name, [&extent, &theirs], parties, span);
                }
                let var = self.new_coord(own.name.unwrap_or(Symbol::new("")), span);
                let (lo, hi) = if k == axis {
                    (start.clone(), start.add(&own_extent))
                } else {
                    (Sym::constant(0), extent.clone())
                };
                self.facts.ranges.insert(var, (lo.clone(), hi.clone()));
                let to = |s: &Sym, this: &Self| s.to_expr(Scalar::I64, &this.program.vars, span);
                slots.push(ir::Slot::Coord(ir::Binder { var, lo: to(&lo, self), hi: to(&hi, self) }));
                let index = if k == axis {
                    let shift = start.to_expr(Scalar::I32, &self.program.vars, span);
                    Expr {
                        kind: ExprKind::Op(ir::Op::Sub, vec![crate::lift::coord_expr(var, span), shift]),
                        ty: Type::I32,
                        span,
                    }
                } else {
                    crate::lift::coord_expr(var, span)
                };
                by_name.push((own.name, index));
            }
            let picks = part
                .ty
                .axes()
                .iter()
                .map(|a| {
                    let index = by_name.iter().find(|(n, _)| *n == a.name).map(|(_, e)| e.clone()).expect("checked");
                    Pick::At(Val { expr: index, ty: Ty::I32 })
                })
                .collect();
            let mark = self.infer_mark();
            self.cx.cells += 1;
            let cell = self.read(part.clone(), picks, place, span);
            self.cx.cells -= 1;
            self.settle_ranges(mark, self.cx.cells == 0);
            clauses.push(ir::Clause { slots, wheres: Vec::new(), body: cell.expr, otherwise: None, span: part.span() });
            start = start.add(&own_extent);
        }
        let axes: Vec<Axis> = first
            .ty
            .axes()
            .iter()
            .enumerate()
            .map(|(k, a)| Axis {
                name: a.name,
                extent: if k == axis { start.clone() } else { self.facts_extent(&a.extent) },
            })
            .collect();
        let elem = first.ty.elem().clone();
        let family = ir::Family {
            name: Symbol::new(""),
            axes: axes
                .iter()
                .map(|a| ir::Axis { name: a.name, extent: a.extent.to_expr(Scalar::I64, &self.program.vars, span) })
                .collect(),
            elem: elem.ir(),
            clauses,
            span,
        };
        Val::new(ExprKind::Family(Box::new(family)), Ty::tensor(elem, axes), span)
    }
}

fn is_comparison(op: ast::BinaryOp) -> bool {
    use ast::BinaryOp::*;
    matches!(op, Eq | Ne | Lt | Gt | Le | Ge)
}
