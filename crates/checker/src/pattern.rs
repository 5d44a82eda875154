//! Patterns: what they test, what they bind, and the shapes that exhaustiveness asks about.

use crate::exhaustive::{self, Ctor, Pat, Shape};
use crate::lift::{Pick, int};
use crate::modules::Item;
use crate::ty::{Axis, Ty, Val};
use crate::unify::Why;
use crate::{Checker, errors};
use diagnostics::{Span, Symbol};
use ir::{Builtin, Expr, ExprKind, Load, Op, Scalar, Stmt, Type, VarKind};
use syntax::ast::{self, ArrayPattern, PatternKind};

/// A pattern against a value.
pub(crate) struct Matched {
    pub pat: Pat,
    pub test: Expr,
    pub binds: Vec<(ast::Ident, Val)>,
}

impl Matched {
    pub fn names(&self) -> Vec<ast::Ident> {
        self.binds.iter().map(|(name, _)| *name).collect()
    }
}

impl Checker<'_> {
    /// `let pattern = val;` in the current scope.
    pub(crate) fn bind_pattern(&mut self, pattern: &ast::Pattern, val: Val) {
        match &pattern.kind {
            PatternKind::Bind(name) => {
                self.bind_name(*name, val);
                return;
            }
            PatternKind::Wildcard => {
                if !val.ty.is_error() {
                    self.cx.sink.push(Stmt::Do(val.expr));
                }
                return;
            }
            _ => {}
        }
        if val.ty.is_error() {
            self.bind_errors(pattern);
            return;
        }
        let subject = self.named(val);
        match self.pattern(pattern, subject.clone()) {
            Some(matched) => {
                self.each_once(&matched.names());
                let shape = self.shape(&subject.ty);
                if let Some(missing) = exhaustive::missing(&[(matched.pat, false)], &shape, self) {
                    // A tensor whose length only the run knows is checked there.
                    if matches!(subject.ty, Ty::Tensor(_)) && matches!(pattern.kind, PatternKind::Array(_)) {
                        self.assert_pattern(matched.test, pattern.span);
                    } else {
                        self.report(errors::not_exhaustive(pattern.span, &missing));
                    }
                }
                for (name, val) in matched.binds {
                    self.bind_name(name, val);
                }
            }
            None => self.bind_errors(pattern),
        }
    }

    fn assert_pattern(&mut self, test: Expr, span: Span) {
        let message = Expr {
            kind: ExprKind::Str("the value does not have as many items as the pattern".into()),
            ty: Type::Str,
            span,
        };
        let assert = ir::Assert { cond: test, message: Some(message), operands: None, lets: Vec::new() };
        self.cx.sink.push(Stmt::Do(Expr { kind: ExprKind::Assert(Box::new(assert)), ty: Type::Unit, span }));
    }

    fn bind_name(&mut self, name: ast::Ident, val: Val) {
        if val.ty.is_error() {
            self.bind_var(name.name, ir::VarId(0), Ty::Error);
            return;
        }
        let val = self.whole(val);
        let var = self.new_var(name.name, &val.ty, name.span, VarKind::Let);
        // Extents that nothing else knows are the variable's own.
        let axes: Vec<Axis> = val
            .ty
            .axes()
            .iter()
            .map(|axis| Axis { name: axis.name, extent: self.facts_extent(&axis.extent) })
            .collect();
        let ty = if axes.is_empty() { val.ty.clone() } else { val.ty.with_axes(axes) };
        let ty = crate::owned(var, &ty);
        self.define(var, &Val { expr: val.expr.clone(), ty: ty.clone() });
        self.cx.sink.push(Stmt::Let(var, val.expr));
        self.bind_var(name.name, var, ty);
    }

    /// Names of a pattern whose value has an error already.
    fn bind_errors(&mut self, pattern: &ast::Pattern) {
        let mut names = Vec::new();
        names_of(pattern, &mut names);
        for name in names {
            self.bind_var(name.name, ir::VarId(0), Ty::Error);
        }
    }

    pub(crate) fn pattern(&mut self, pattern: &ast::Pattern, val: Val) -> Option<Matched> {
        let span = pattern.span;
        let always = truth(true, span);
        match &pattern.kind {
            PatternKind::Wildcard => Some(Matched { pat: Pat::Wild, test: always, binds: Vec::new() }),
            PatternKind::Error => None,
            PatternKind::Bind(name) => Some(Matched { pat: Pat::Wild, test: always, binds: vec![(*name, val)] }),
            PatternKind::At(name, inner) => {
                let mut matched = self.pattern(inner, val.clone())?;
                matched.binds.insert(0, (*name, val));
                Some(matched)
            }
            PatternKind::Literal(literal) => self.literal_pattern(literal, val, span),
            PatternKind::Range { lo, hi, inclusive } => self.range_pattern(lo, hi, *inclusive, val, span),
            PatternKind::Or(alternatives) => self.or_pattern(alternatives, val, span),
            PatternKind::Tuple(items) => {
                let Ty::Tuple(types) = val.ty.clone() else {
                    return self.misfit_pattern("a tuple pattern", &val, span);
                };
                if types.len() != items.len() {
                    let what = format!("a pattern of {} items", items.len());
                    return self.misfit_pattern(&what, &val, span);
                }
                let fields = types.iter().enumerate().map(|(k, ty)| field(&val, k, ty)).collect();
                self.parts(items, fields, Ctor::Tuple, always)
            }
            PatternKind::Struct { path, fields } => self.struct_pattern(path, fields, val, span),
            PatternKind::Variant { path, args } => self.variant_pattern(path, args, val, span),
            PatternKind::Array(items) => self.array_pattern(items, val, span),
        }
    }

    fn misfit_pattern(&mut self, what: &str, val: &Val, span: Span) -> Option<Matched> {
        if !val.ty.is_error() {
            let ty = self.show(&val.ty);
            self.report(errors::pattern_type(span, what, &ty));
        }
        None
    }

    fn literal_pattern(&mut self, literal: &ast::Expr, val: Val, span: Span) -> Option<Matched> {
        let lit = self.expr(literal, Some(&val.ty.clone()));
        if lit.ty.is_error() {
            return None;
        }
        let (a, b) = (lit.ty.clone(), val.ty.clone());
        if !self.same(&a, &b) {
            let what = format!("the pattern `{}` of type `{}`", self.sources.text(span), self.show(&lit.ty));
            return self.misfit_pattern(&what, &val, span);
        }
        let pat = match &lit.expr.kind {
            ExprKind::Bool(value) => Pat::Bool(*value),
            ExprKind::Int(value) if self.is_float(&val.ty) => Pat::Float((*value as f64).to_bits()),
            ExprKind::Int(value) => Pat::IntRange(*value as i128, *value as i128),
            ExprKind::Float(value) => Pat::Float(value.to_bits()),
            ExprKind::Str(text) => Pat::Str(text.clone()),
            ExprKind::Unit => Pat::Wild,
            // A negative float.
            _ => Pat::Float((span.start as u64).to_be()),
        };
        let test = match &lit.expr.kind {
            ExprKind::Bool(true) => val.expr,
            ExprKind::Bool(false) => op(Op::Not, vec![val.expr], span),
            ExprKind::Str(_) => {
                Expr { kind: ExprKind::Builtin(Builtin::Equal, vec![val.expr, lit.expr]), ty: Type::BOOL, span }
            }
            ExprKind::Unit => truth(true, span),
            _ => op(Op::Eq, vec![val.expr, lit.expr], span),
        };
        Some(Matched { pat, test, binds: Vec::new() })
    }

    fn range_pattern(
        &mut self,
        lo: &ast::Expr,
        hi: &ast::Expr,
        inclusive: bool,
        val: Val,
        span: Span,
    ) -> Option<Matched> {
        if val.ty.scalar().is_none() || !self.is_number(&val.ty) {
            return self.misfit_pattern("a range pattern", &val, span);
        }
        let want = val.ty.clone();
        let lo = self.expr(lo, Some(&want));
        let lo = self.annotated(lo, &want, None, Why::Annotation);
        let hi = self.expr(hi, Some(&want));
        let hi = self.annotated(hi, &want, None, Why::Annotation);
        let pat = match (&lo.expr.kind, &hi.expr.kind) {
            (ExprKind::Int(a), ExprKind::Int(b)) if !self.is_float(&val.ty) => {
                Pat::IntRange(*a as i128, if inclusive { *b as i128 } else { *b as i128 - 1 })
            }
            _ => Pat::Float(u64::from(span.start)),
        };
        let low = op(Op::Le, vec![lo.expr, val.expr.clone()], span);
        let high = op(if inclusive { Op::Le } else { Op::Lt }, vec![val.expr, hi.expr], span);
        Some(Matched { pat, test: and(low, high), binds: Vec::new() })
    }

    fn or_pattern(&mut self, alternatives: &[ast::Pattern], val: Val, span: Span) -> Option<Matched> {
        let matched: Option<Vec<Matched>> = alternatives.iter().map(|p| self.pattern(p, val.clone())).collect();
        let matched = matched?;
        let mut binds: Vec<(ast::Ident, Val)> = Vec::new();
        for (name, last) in &matched.last()?.binds {
            // The value of the first alternative that fits.
            let mut chosen = last.clone();
            for other in matched[..matched.len() - 1].iter().rev() {
                let Some((_, value)) = other.binds.iter().find(|(n, _)| n.name == name.name) else {
                    return self.misfit_pattern(
                        &format!("an alternative that does not bind `{}`", name.name),
                        &val,
                        span,
                    );
                };
                let ty = chosen.ty.clone();
                chosen = Val::new(
                    ExprKind::If(Box::new(other.test.clone()), value.clone().boxed(), chosen.boxed()),
                    ty,
                    span,
                );
            }
            binds.push((*name, chosen));
        }
        let mut tests = Vec::new();
        let mut pats = Vec::new();
        for m in matched {
            tests.push(m.test);
            pats.push(m.pat);
        }
        let test = tests
            .into_iter()
            .reduce(|a, b| Expr { kind: ExprKind::Or(Box::new(a), Box::new(b)), ty: Type::BOOL, span })
            .expect("there are alternatives");
        Some(Matched { pat: Pat::Or(pats), test, binds })
    }

    /// Sub-patterns against sub-values, behind a test that makes them accessible.
    fn parts(&mut self, patterns: &[ast::Pattern], vals: Vec<Val>, of: Ctor, test: Expr) -> Option<Matched> {
        let mut all = Matched { pat: Pat::Wild, test, binds: Vec::new() };
        let mut args = Vec::new();
        for (pattern, val) in patterns.iter().zip(vals) {
            let part = self.pattern(pattern, val)?;
            args.push(part.pat);
            all.test = and(all.test, part.test);
            all.binds.extend(part.binds);
        }
        all.pat = Pat::Ctor { of, args };
        Some(all)
    }

    fn struct_pattern(
        &mut self,
        path: &ast::Path,
        fields: &[ast::FieldPattern],
        val: Val,
        span: Span,
    ) -> Option<Matched> {
        let item = self.pattern_item(path)?;
        let (names, types, ctor, vals, test): (Vec<Symbol>, Vec<Ty>, Ctor, Vec<Val>, Expr) = match item {
            (Item::Struct(def, module), _) => {
                let id = self.struct_id(&def, module);
                if !matches!(val.ty, Ty::Struct(own) if own == id) {
                    return self.misfit_pattern(&format!("the pattern `{}`", def.name.name), &val, span);
                }
                let (names, types): (Vec<Symbol>, Vec<Ty>) = self.struct_fields[id.index()].iter().cloned().unzip();
                let vals = types.iter().enumerate().map(|(k, ty)| field(&val, k, ty)).collect();
                (names, types, Ctor::Struct, vals, truth(true, span))
            }
            (Item::Enum(def, module), used) if used < path.segments.len() => {
                let id = self.enum_id(&def, module);
                if !matches!(val.ty, Ty::Enum(own) if own == id) {
                    return self.misfit_pattern(
                        &format!("the pattern `{}`", self.sources.text(path.span).to_owned()),
                        &val,
                        span,
                    );
                }
                let name = path.segments[used];
                let Some(k) = self.program.enums[id.index()].variants.iter().position(|v| v.name == name.name) else {
                    self.unknown_variant(id, name);
                    return None;
                };
                let types = self.enum_fields[id.index()][k].clone();
                let names = self.program.enums[id.index()].variants[k].names.clone().unwrap_or_default();
                let vals = types.iter().enumerate().map(|(f, ty)| payload(&val, k, f, ty)).collect();
                (names, types, Ctor::Variant(k), vals, is_variant(&val, k, span))
            }
            _ => return self.misfit_pattern("a struct pattern", &val, span),
        };
        let mut all = Matched { pat: Pat::Wild, test, binds: Vec::new() };
        let mut args = vec![Pat::Wild; types.len()];
        for given in fields {
            let Some(k) = names.iter().position(|n| *n == given.name.name) else {
                let near = diagnostics::closest(given.name.name.as_str(), names.iter().map(|n| n.as_str()));
                let of = format!("`{}`", self.sources.text(path.span));
                self.report(errors::unknown_field(given.name.span, given.name.name.as_str(), &of, near));
                return None;
            };
            match &given.pattern {
                None => all.binds.push((given.name, vals[k].clone())),
                Some(pattern) => {
                    let part = self.pattern(pattern, vals[k].clone())?;
                    args[k] = part.pat;
                    all.test = and(all.test, part.test);
                    all.binds.extend(part.binds);
                }
            }
        }
        all.pat = Pat::Ctor { of: ctor, args };
        Some(all)
    }

    fn pattern_item(&mut self, path: &ast::Path) -> Option<(Item, usize)> {
        let env = self.cx.env.clone();
        let local = |name: Symbol| match env.lookup(name) {
            Some(crate::env::Entry::Item(item)) => Some(item),
            _ => None,
        };
        match self.modules.resolve_path(self.cx.env.module(), path, &local) {
            Ok(found) => Some(found),
            Err(diagnostic) => {
                self.report(diagnostic);
                None
            }
        }
    }

    fn variant_pattern(&mut self, path: &ast::Path, args: &[ast::Pattern], val: Val, span: Span) -> Option<Matched> {
        let (item, used) = self.pattern_item(path)?;
        let Item::Enum(def, module) = item else {
            return self.misfit_pattern(&format!("the pattern `{}`", self.sources.text(span).to_owned()), &val, span);
        };
        let id = self.enum_id(&def, module);
        if !matches!(val.ty, Ty::Enum(own) if own == id) || used >= path.segments.len() {
            return self.misfit_pattern(&format!("the pattern `{}`", self.sources.text(span).to_owned()), &val, span);
        }
        let name = path.segments[used];
        let Some(k) = self.program.enums[id.index()].variants.iter().position(|v| v.name == name.name) else {
            self.unknown_variant(id, name);
            return None;
        };
        let types = self.enum_fields[id.index()][k].clone();
        if types.len() != args.len() {
            let def = self.program.enums[id.index()].span;
            self.report(errors::variant_pattern(span, name.name.as_str(), types.len(), args.len(), def));
            return None;
        }
        let vals = types.iter().enumerate().map(|(f, ty)| payload(&val, k, f, ty)).collect();
        self.parts(args, vals, Ctor::Variant(k), is_variant(&val, k, span))
    }

    fn array_pattern(&mut self, items: &[ArrayPattern], val: Val, span: Span) -> Option<Matched> {
        let rest_at = items.iter().position(|i| matches!(i, ArrayPattern::Rest(..)));
        let fixed = items.iter().filter(|i| matches!(i, ArrayPattern::Item(_))).count();
        let item_ty = match &val.ty {
            Ty::Tensor(t) => val.ty.with_axes(t.axes[1..].to_vec()),
            Ty::List(item) => (**item).clone(),
            _ => return self.misfit_pattern("an array pattern", &val, span),
        };
        let len = self.length_of(&val, span);
        let wanted = Expr { kind: ExprKind::Int(fixed as i64), ty: Type::I32, span };
        let known = self.facts.of(&len).map(|s| self.facts_extent(&s)).and_then(|s| s.as_const());
        let fits = known.map(|n| if rest_at.is_some() { n >= fixed as i64 } else { n == fixed as i64 });
        let test = match fits {
            Some(fits) => truth(fits, span),
            None => op(if rest_at.is_some() { Op::Ge } else { Op::Eq }, vec![len.clone(), wanted], span),
        };
        let mut all = Matched { pat: Pat::Wild, test, binds: Vec::new() };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (k, item) in items.iter().enumerate() {
            match item {
                ArrayPattern::Item(pattern) => {
                    let from_end = rest_at.is_some_and(|r| k > r);
                    let at = if from_end {
                        let back = Expr { kind: ExprKind::Int((items.len() - k) as i64), ty: Type::I32, span };
                        Expr { kind: ExprKind::Op(Op::Sub, vec![len.clone(), back]), ty: Type::I32, span }
                    } else {
                        Expr { kind: ExprKind::Int(k as i64), ty: Type::I32, span }
                    };
                    let cell = self.item_at(&val, at, &item_ty, pattern.span);
                    let part = self.pattern(pattern, cell)?;
                    all.test = and(all.test, part.test);
                    all.binds.extend(part.binds);
                    if from_end { after.push(part.pat) } else { before.push(part.pat) }
                }
                ArrayPattern::Rest(name, at) => {
                    if let Some(name) = name {
                        let rest = self.rest_of(&val, k as i64, (items.len() - 1 - k) as i64, &len, *at);
                        all.binds.push((*name, rest));
                    }
                }
            }
        }
        all.pat = Pat::Array { before, rest: rest_at.is_some(), after };
        Some(all)
    }

    fn length_of(&mut self, val: &Val, span: Span) -> Expr {
        match &val.ty {
            Ty::Tensor(_) => Expr { kind: ExprKind::Dim(Box::new(val.expr.clone()), 0), ty: Type::I32, span },
            _ => Expr { kind: ExprKind::Builtin(Builtin::Len, vec![val.expr.clone()]), ty: Type::I32, span },
        }
    }

    /// An item whose index the pattern's length test has proven.
    fn item_at(&mut self, val: &Val, at: Expr, item: &Ty, span: Span) -> Val {
        let rank = val.ty.rank();
        match &val.ty {
            Ty::Tensor(_) if rank == 1 => {
                let id = self.fresh_load(1);
                self.proven.insert(id, vec![true]);
                let load =
                    Load { id, tensor: val.expr.clone(), index: vec![at], proven: vec![false], spans: vec![span] };
                Val::new(ExprKind::Load(Box::new(load)), item.clone(), span)
            }
            Ty::Tensor(_) => self.row_at(val, at, span),
            _ => Val::new(
                ExprKind::Item(Box::new(val.expr.clone()), Box::new(crate::expr::to_i64(at))),
                item.clone(),
                span,
            ),
        }
    }

    fn row_at(&mut self, val: &Val, at: Expr, span: Span) -> Val {
        let axes = val.ty.axes().to_vec();
        let id = self.fresh_load(axes.len());
        self.proven.insert(id, vec![true; axes.len()]);
        let binders: Vec<ir::Binder> = axes[1..].iter().map(|axis| self.axis_binder(axis, span)).collect();
        let mut index = vec![at];
        index.extend(binders.iter().map(|b| crate::lift::coord_expr(b.var, span)));
        let load = Load {
            id,
            tensor: val.expr.clone(),
            proven: vec![false; axes.len()],
            spans: vec![span; axes.len()],
            index,
        };
        let cell = Val::new(ExprKind::Load(Box::new(load)), val.ty.elem().clone(), span);
        self.family_of(binders, axes[1..].to_vec(), cell, span)
    }

    fn rest_of(&mut self, val: &Val, before: i64, after: i64, len: &Expr, span: Span) -> Val {
        match val.ty.clone() {
            Ty::Tensor(t) => {
                let part = t.axes[0].extent.offset(-(before + after));
                let mut picks =
                    vec![Pick::Slice { lo: Expr { kind: ExprKind::Int(before), ty: Type::I32, span }, len: part }];
                picks.extend(t.axes[1..].iter().map(|_| Pick::All));
                let place = self.place_of(val);
                self.read(val.clone(), picks, place, span)
            }
            ty => {
                let end = Expr {
                    kind: ExprKind::Op(Op::Sub, vec![crate::expr::to_i64(len.clone()), int(after, span)]),
                    ty: Type::I64,
                    span,
                };
                Val::new(
                    ExprKind::Builtin(Builtin::ListSlice, vec![int(before, span), end, val.expr.clone()]),
                    ty,
                    span,
                )
            }
        }
    }

    /// What values of a type look like.
    pub(crate) fn shape(&self, ty: &Ty) -> Shape {
        match ty {
            Ty::Scalar(s) => match self.opens.resolve(*s) {
                Scalar::Bool => Shape::Bool,
                s => match s.int_range() {
                    Some((lo, hi)) => Shape::Int(lo as i128, hi as i128),
                    None => Shape::Open,
                },
            },
            Ty::Address(_) => Shape::Int(i32::MIN as i128, i32::MAX as i128),
            Ty::Tuple(items) => Shape::Tuple(items.iter().map(|t| self.shape(t)).collect()),
            Ty::Struct(id) => Shape::Struct {
                name: self.program.structs[id.index()].name.to_string(),
                fields: self.struct_fields[id.index()].iter().map(|(n, t)| (n.to_string(), self.shape(t))).collect(),
            },
            Ty::Enum(id) => Shape::Enum(id.0),
            Ty::Tensor(t) => {
                let known = self.facts_extent(&t.axes[0].extent).as_const().map(|n| n.max(0) as u64);
                Shape::Array(Box::new(self.shape(&ty.with_axes(t.axes[1..].to_vec()))), known)
            }
            Ty::List(item) => Shape::Array(Box::new(self.shape(item)), None),
            _ => Shape::Open,
        }
    }
}

impl exhaustive::Enums for Checker<'_> {
    fn variants(&self, id: u32) -> Vec<(String, Option<Vec<String>>, Vec<Shape>)> {
        let info = &self.program.enums[id as usize];
        info.variants
            .iter()
            .zip(&self.enum_fields[id as usize])
            .map(|(variant, fields)| {
                let names = variant.names.as_ref().map(|names| names.iter().map(|n| n.to_string()).collect());
                (format!("{}::{}", info.name, variant.name), names, fields.iter().map(|t| self.shape(t)).collect())
            })
            .collect()
    }
}

fn field(val: &Val, k: usize, ty: &Ty) -> Val {
    Val::new(ExprKind::Field(Box::new(val.expr.clone()), k), ty.clone(), val.span())
}

fn payload(val: &Val, variant: usize, k: usize, ty: &Ty) -> Val {
    Val::new(ExprKind::Payload(Box::new(val.expr.clone()), variant, k), ty.clone(), val.span())
}

fn is_variant(val: &Val, variant: usize, span: Span) -> Expr {
    Expr { kind: ExprKind::IsVariant(Box::new(val.expr.clone()), variant), ty: Type::BOOL, span }
}

fn op(op: Op, args: Vec<Expr>, span: Span) -> Expr {
    Expr { kind: ExprKind::Op(op, args), ty: Type::BOOL, span }
}

pub(crate) fn truth(value: bool, span: Span) -> Expr {
    Expr { kind: ExprKind::Bool(value), ty: Type::BOOL, span }
}

pub(crate) fn and(a: Expr, b: Expr) -> Expr {
    match (&a.kind, &b.kind) {
        (ExprKind::Bool(true), _) => b,
        (_, ExprKind::Bool(true)) => a,
        _ => {
            let span = a.span;
            Expr { kind: ExprKind::And(Box::new(a), Box::new(b)), ty: Type::BOOL, span }
        }
    }
}

/// Every name that a pattern binds.
pub(crate) fn names_of(pattern: &ast::Pattern, names: &mut Vec<ast::Ident>) {
    match &pattern.kind {
        PatternKind::Bind(name) => names.push(*name),
        PatternKind::At(name, inner) => {
            names.push(*name);
            names_of(inner, names);
        }
        PatternKind::Or(items) | PatternKind::Tuple(items) | PatternKind::Variant { args: items, .. } => {
            items.iter().for_each(|p| names_of(p, names));
        }
        PatternKind::Array(items) => {
            for item in items {
                match item {
                    ArrayPattern::Item(p) => names_of(p, names),
                    ArrayPattern::Rest(Some(name), _) => names.push(*name),
                    ArrayPattern::Rest(None, _) => {}
                }
            }
        }
        PatternKind::Struct { fields, .. } => {
            for field in fields {
                match &field.pattern {
                    Some(p) => names_of(p, names),
                    None => names.push(field.name),
                }
            }
        }
        _ => {}
    }
}
