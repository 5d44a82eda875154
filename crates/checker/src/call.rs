//! Calls: what a callee is, and how its arguments reach it.

use crate::builtin;
use crate::env::{Entry, FnRef};
use crate::functions::Surroundings;
use crate::modules::Item;
use crate::ty::{FnKind, FnValue, Ty, Val};
use crate::unify::Why;
use crate::{Checker, errors, walk};
use diagnostics::{Span, Symbol};
use ir::{Expr, ExprKind, Op, ReduceOp, Scalar};
use std::collections::HashSet;
use std::rc::Rc;
use syntax::ast::{self, CoordArg, PatternKind};

/// What stands in front of the parentheses.
pub(crate) enum Callee {
    Fn(Rc<FnValue>, Val),
    Variant(ir::EnumId, ast::Ident),
    Builtin(&'static str),
    /// Reported already.
    Bad,
}

impl Checker<'_> {
    pub(crate) fn call_expr(&mut self, callee: &ast::Expr, args: &[ast::Expr], want: Option<&Ty>, span: Span) -> Val {
        if let ast::ExprKind::Field(base, name) = &callee.kind {
            return self.method(base, *name, args, span);
        }
        // What is called is no coordinate, be it in an index.
        let in_index = std::mem::take(&mut self.in_index);
        let callee = self.callee(callee);
        self.in_index = in_index;
        match callee {
            Callee::Bad => {
                for arg in args {
                    self.expr(arg, None);
                }
                Val::error(span)
            }
            Callee::Variant(id, name) => self.variant(id, name, args, span),
            Callee::Builtin(name) => self.builtin_call(name, args, want, span),
            Callee::Fn(f, value) => match &f.kind {
                FnKind::Item(Item::Native(name)) => self.builtin_call(name, args, want, span),
                _ => {
                    let args = self.args(args, &f);
                    self.apply(&f, value, args, span)
                }
            },
        }
    }

    /// Arguments in order; lambdas and literals learn nothing from the parameters.
    fn args(&mut self, args: &[ast::Expr], _f: &FnValue) -> Vec<Val> {
        args.iter().map(|arg| self.expr(arg, None)).collect()
    }

    fn method(&mut self, base: &ast::Expr, name: ast::Ident, args: &[ast::Expr], span: Span) -> Val {
        let text = name.name.as_str();
        if builtin::MEASURES.contains(&text) && args.is_empty() {
            let val = self.expr(base, None);
            return self.measure(text, val, span);
        }
        let val = self.expr(base, None);
        if let Ty::Struct(id) = val.ty
            && let Some(k) = self.struct_fields[id.index()].iter().position(|(f, _)| *f == name.name)
            && let Ty::Fn(f) = self.struct_fields[id.index()][k].1.clone()
        {
            let ty = Ty::Fn(f.clone());
            let value = self.project(val, k, ty, span);
            let args = self.args(args, &f);
            return self.apply(&f, value, args, span);
        }
        if !val.ty.is_error() {
            let of = format!("`{}`", self.show(&val.ty));
            let near = diagnostics::closest(text, builtin::MEASURES.iter().copied());
            let mut d = errors::unknown_field(name.span, text, &of, near);
            if self.lookup_item(name.name).is_some() || self.cx.env.lookup(name.name).is_some() {
                let base = self.sources.text(base.span);
                d = d.help(format!(
                    "functions are called by name: `{text}({base})`, or in a pipeline: `{base} |> {text}`"
                ));
            }
            self.report(d);
        }
        Val::error(span)
    }

    pub(crate) fn callee(&mut self, callee: &ast::Expr) -> Callee {
        if let ast::ExprKind::Path(path) = &callee.kind {
            return self.path_callee(path);
        }
        let val = self.expr(callee, None);
        self.callable(val)
    }

    fn callable(&mut self, val: Val) -> Callee {
        match val.ty.clone() {
            Ty::Fn(f) => Callee::Fn(f, val),
            Ty::Error => Callee::Bad,
            other => {
                let shown = self.show(&other);
                self.report(errors::not_callable(val.span(), &shown));
                Callee::Bad
            }
        }
    }

    pub(crate) fn path_callee(&mut self, path: &ast::Path) -> Callee {
        let env = self.cx.env.clone();
        if let [name] = path.segments.as_slice() {
            match env.lookup(name.name) {
                Some(Entry::Item(Item::Native(native))) => return Callee::Builtin(native),
                // What it reads of the function around it, every caller inside of that function can pass on.
                Some(Entry::Fn(def)) => {
                    let val = self.fn_value(FnKind::Def(def), Vec::new(), name.span);
                    return self.callable(val);
                }
                Some(Entry::Var { .. } | Entry::Coord { .. }) => {
                    let val = self.name(*name);
                    return self.callable(val);
                }
                Some(Entry::Item(_)) => {}
                None => {
                    if self.lookup_item(name.name).is_none() && builtin::is_builtin(name.name.as_str()) {
                        return Callee::Builtin(builtin::native_name(name.name.as_str()));
                    }
                }
            }
        }
        let local = |name: Symbol| match env.lookup(name) {
            Some(Entry::Item(item)) => Some(item),
            _ => None,
        };
        match self.modules.resolve_path(self.cx.env.module(), path, &local) {
            Ok((Item::Enum(def, module), used)) if used + 1 == path.segments.len() => {
                Callee::Variant(self.enum_id(&def, module), path.segments[used])
            }
            Ok((Item::Native(name), _)) => Callee::Builtin(name),
            Ok((Item::Broken, _)) => Callee::Bad,
            Ok((item, _)) => {
                let val = self.item_value(*path.segments.last().expect("paths have segments"), item);
                self.callable(val)
            }
            Err(diagnostic) => {
                if let [name] = path.segments.as_slice() {
                    // The checker knows more names: locals, built-ins, spellings of other languages.
                    let val = self.name(*name);
                    return self.callable(val);
                }
                self.report(diagnostic);
                Callee::Bad
            }
        }
    }

    /// `f[j](x)` and reductions.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn coord_call(
        &mut self,
        callee: &ast::Path,
        coords: &[CoordArg],
        bracket: Span,
        args: &[ast::Expr],
        wheres: Option<&ast::Where>,
        want: Option<&Ty>,
        span: Span,
    ) -> Val {
        if let [name] = callee.segments.as_slice() {
            let text = name.name.as_str();
            if let Some(op) = ReduceOp::ALL.into_iter().find(|op| op.name() == text) {
                return self.reduce(op, coords, args, wheres, span);
            }
            if text == "concat" && self.cx.env.lookup(name.name).is_none() && self.lookup_item(name.name).is_none() {
                return self.concat(coords, args, span);
            }
        }
        // `fs[0](x)`: an item of a list, called.
        let of_list = match coords {
            [CoordArg::Expr(index)] => Some(index.clone()),
            [CoordArg::Coord { name, range: None }] if self.is_list(callee) => {
                let path = ast::Path { segments: vec![*name], span: name.span };
                Some(ast::Expr { kind: ast::ExprKind::Path(path), span: name.span })
            }
            _ => None,
        };
        if let Some(index) = of_list {
            let base = ast::Expr { kind: ast::ExprKind::Path(callee.clone()), span: callee.span };
            let item = ast::Expr {
                span: callee.span.to(bracket),
                kind: ast::ExprKind::Index { base: Box::new(base), indices: vec![index], bracket },
            };
            return self.call_expr(&item, args, want, span);
        }
        match self.path_callee(callee) {
            Callee::Fn(f, _) => match &f.kind {
                FnKind::Def(def) => {
                    let def = def.clone();
                    self.coord_apply(&def, coords, bracket, args, wheres, span)
                }
                _ => {
                    // `table[i](x)`: a function out of a bracket.
                    let shown = self.show(&Ty::Fn(f.clone()));
                    self.report(errors::not_callable(callee.span, &format!("{shown} without coordinates")));
                    Val::error(span)
                }
            },
            Callee::Bad => Val::error(span),
            Callee::Variant(_, name) => {
                self.report(errors::not_callable(name.span, "a variant"));
                Val::error(span)
            }
            Callee::Builtin(name) => {
                self.report(errors::not_callable(callee.span, &format!("`{name}` with coordinates")));
                Val::error(span)
            }
        }
    }

    fn is_list(&self, path: &ast::Path) -> bool {
        let entry = match path.segments.as_slice() {
            [name] => self.cx.env.lookup(name.name),
            _ => None,
        };
        matches!(entry, Some(Entry::Var { ty: Ty::List(_), .. }))
    }

    /// A function value on arguments.
    pub(crate) fn apply(&mut self, f: &Rc<FnValue>, value: Val, args: Vec<Val>, span: Span) -> Val {
        if args.iter().any(|a| a.ty.is_error()) {
            return Val::error(span);
        }
        match &f.kind {
            FnKind::Def(def) => {
                let def = def.clone();
                self.call_def(&def, args, span)
            }
            FnKind::Lambda(lambda, env, around) => {
                let (lambda, env, around) = (lambda.clone(), env.clone(), around.clone());
                self.call_lambda(f, &lambda, &env, &around, value, args, span)
            }
            FnKind::Union(_, variants) => {
                let variants = variants.clone();
                self.apply_union(&variants, value, args, span)
            }
            FnKind::Open(id) => self.apply_open(*id, value, args, span),
            FnKind::Item(Item::Op(op)) => self.call_op(*op, args, span),
            FnKind::Item(Item::Builtin(builtin)) => self.call_builtin(*builtin, args, span),
            FnKind::Item(Item::Native(name)) => self.native_vals(name, args, span),
            FnKind::Checkpoint(inner) => {
                let inner = inner.clone();
                let value = Val { ty: Ty::Fn(inner.clone()), ..value };
                let val = self.apply(&inner, value, args, span);
                if val.ty.is_error() {
                    return val;
                }
                let ty = val.ty.clone();
                Val::new(ExprKind::Checkpoint(val.boxed()), ty, span)
            }
            FnKind::Item(_) => Val::error(span),
        }
    }

    /// An operation of `std::math`, cell by cell.
    pub(crate) fn call_op(&mut self, op: Op, args: Vec<Val>, span: Span) -> Val {
        let row = op.row();
        if args.len() != row.arity {
            self.report(errors::argument_count(span, op.name(), row.arity, args.len(), None));
            return Val::error(span);
        }
        if op == Op::Pow {
            let [a, b]: [Val; 2] = args.try_into().expect("two arguments");
            return self.binary_vals(ast::BinaryOp::Pow, span, a, b, span);
        }
        self.pointwise(args, span, |this, vals| {
            let float = matches!(row.domain, ir::ops::Domain::Float);
            let int = matches!(row.domain, ir::ops::Domain::Int);
            let mut first: Option<Val> = None;
            let mut exprs = Vec::new();
            for (k, val) in vals.into_iter().enumerate() {
                let Some(scalar) = val.ty.scalar() else {
                    this.op_mismatch(op, &val, if int { "an integer" } else { "a float" });
                    return Val::error(span);
                };
                let exponent = matches!(row.domain, ir::ops::Domain::FloatInt) && k == 1;
                if float || (matches!(row.domain, ir::ops::Domain::FloatInt) && k == 0) {
                    let open = this.opens.fresh(crate::open::Kind::Float);
                    let settled = this.opens.resolve(scalar);
                    if !settled.is_float() && this.same_scalar(scalar, open).is_err() {
                        this.op_mismatch(op, &val, "a float");
                        return Val::error(span);
                    }
                } else if (int || exponent) && this.is_float(&val.ty) || this.opens.resolve(scalar) == Scalar::Bool {
                    this.op_mismatch(op, &val, "an integer");
                    return Val::error(span);
                }
                if let (Some(first), false) = (&first, exponent) {
                    let want = Ty::Scalar(first.ty.scalar().expect("a scalar"));
                    let place = first.span();
                    let fitted = this.annotated(val, &want, Some(place), Why::Argument);
                    if fitted.ty.is_error() {
                        return Val::error(span);
                    }
                    exprs.push(fitted.expr);
                    continue;
                }
                if first.is_none() {
                    first = Some(val.clone());
                }
                exprs.push(val.expr);
            }
            let ty = Ty::Scalar(first.expect("operations have arguments").ty.scalar().expect("a scalar"));
            Val::new(ExprKind::Op(op, exprs), ty, span)
        })
    }

    fn op_mismatch(&mut self, op: Op, val: &Val, want: &str) {
        let shown = self.show(&val.ty);
        let message = format!("`{}` takes {want}, and this is `{shown}`", op.name());
        let mut d = errors::mismatch(val.span(), message, None, None);
        if val.ty.scalar().is_some_and(|s| self.opens.resolve(s).is_int()) {
            let text = self.cast_text(val.span(), &Ty::Scalar(Scalar::F32));
            d = d.fix("convert it", val.span(), text);
        }
        self.report(d);
    }

    /// A lambda captures what it names, but for what the module sees anyway.
    pub(crate) fn lambda(&mut self, lambda: &Rc<ast::Lambda>, span: Span) -> Val {
        let mut names = HashSet::new();
        walk::names_in(&lambda.body, &mut names);
        let mut own = Vec::new();
        for param in &lambda.params {
            crate::pattern::names_of(&param.pattern, &mut own);
        }
        for name in own {
            names.remove(&name.name);
        }
        let around = self.surroundings(&self.cx.env, names);
        let env = self.cx.env.now();
        let captures = around.captures.clone();
        self.fn_value(FnKind::Lambda(lambda.clone(), env, Rc::new(around)), captures, span)
    }

    #[allow(clippy::too_many_arguments)]
    fn call_lambda(
        &mut self,
        f: &Rc<FnValue>,
        lambda: &Rc<ast::Lambda>,
        env: &crate::env::Env,
        around: &Rc<Surroundings>,
        value: Val,
        args: Vec<Val>,
        span: Span,
    ) -> Val {
        if args.len() != lambda.params.len() {
            self.report(errors::argument_count(
                span,
                "this lambda",
                lambda.params.len(),
                args.len(),
                Some(lambda.span),
            ));
            return Val::error(span);
        }
        let mut args: Vec<Val> = args;
        for (param, arg) in lambda.params.iter().zip(args.iter_mut()) {
            let taken = std::mem::replace(arg, Val::unit(span));
            *arg = match &param.ty {
                Some(ty) => {
                    let want = self.type_expr(ty);
                    self.annotated(taken, &want, Some(ty.span), Why::Argument)
                }
                None => self.argument(taken),
            };
            if arg.ty.is_error() {
                return Val::error(span);
            }
        }
        // Captures come from the tuple that the value is.
        let value = if matches!(value.expr.kind, ExprKind::Tuple(_)) { value } else { self.named(value) };
        let mut captures = Vec::new();
        for (k, (_, ty)) in f.captures.iter().enumerate() {
            captures.push(match &value.expr.kind {
                ExprKind::Tuple(items) => Val { expr: items[k].clone(), ty: ty.clone() },
                _ => {
                    // The variables that its extents are made of may be out of scope.
                    let ty = self.forget_extents(ty);
                    let field = Expr { kind: ExprKind::Field(Box::new(value.expr.clone()), k), ty: ty.ir(), span };
                    let field = Val { expr: field, ty };
                    if field.ty.rank() > 0 { self.named(field) } else { field }
                }
            });
        }
        self.lambda_instance(f, lambda, env, around, captures, args, span)
    }

    /// An argument without annotation has a settled type; a constant that something else may still settle is
    /// passed as its default.
    pub(crate) fn argument(&mut self, val: Val) -> Val {
        if !self.is_open(&val.ty) {
            return val;
        }
        let literal = val.as_var().is_none();
        if literal || val.ty.rank() > 0 {
            self.settle_default(&val.ty.clone());
            return Val { ty: self.resolved(&val.ty), ..val };
        }
        self.at_default(val)
    }

    pub(crate) fn call_ir(&mut self, func: ir::FuncId, args: Vec<Expr>, ty: Ty, span: Span) -> Val {
        Val::new(ExprKind::Call(func, args), ty, span)
    }
}

/// Parameters that are plain names keep them; others are taken apart inside.
pub(crate) fn param_name(param: &ast::Param) -> Symbol {
    match &param.pattern.kind {
        PatternKind::Bind(name) => name.name,
        _ => Symbol::new(""),
    }
}

/// What makes two calls share one specialisation.
pub(crate) fn key_of(this: &Checker, ty: &Ty, names: bool, extents: bool, out: &mut String) {
    use std::fmt::Write;
    match ty {
        Ty::Tensor(t) => {
            out.push('[');
            key_of(this, &t.elem, names, extents, out);
            for axis in t.axes.iter() {
                out.push(';');
                if names && let Some(name) = axis.name {
                    let _ = write!(out, "{name}:");
                }
                match this.facts_extent(&axis.extent).as_const() {
                    Some(n) if extents => {
                        let _ = write!(out, "{n}");
                    }
                    _ => out.push('?'),
                }
            }
            out.push(']');
        }
        Ty::Fn(f) => {
            let _ = write!(out, "fn{}", f.id);
            for (_, ty) in &f.captures {
                key_of(this, ty, names, extents, out);
            }
        }
        Ty::Tuple(items) => {
            out.push('(');
            for item in items.iter() {
                key_of(this, item, names, extents, out);
                out.push(',');
            }
            out.push(')');
        }
        Ty::List(item) | Ty::Attempt(item) => {
            out.push('<');
            key_of(this, item, names, extents, out);
            out.push('>');
        }
        Ty::Scalar(s) => {
            let _ = write!(out, "{}", this.opens.resolve(*s).name());
        }
        Ty::Address(domain) => {
            let _ = write!(out, "@{domain}");
        }
        Ty::Struct(id) => {
            let _ = write!(out, "{id}");
        }
        Ty::Enum(id) => {
            let _ = write!(out, "{id}");
        }
        other => {
            let _ = write!(out, "{other:?}");
        }
    }
}

/// What a call needs of a definition.
pub(crate) fn is_coordinate_aware(def: &FnRef) -> bool {
    !def.def.coords.is_empty()
}
