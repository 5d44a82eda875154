//! Brackets, dots and fields.

use crate::infer::Place;
use crate::lift::{Pick, int};
use crate::sym::Sym;
use crate::ty::{Axis, Ty, Val};
use crate::{Checker, errors};
use diagnostics::{Span, Symbol};
use ir::{Builtin, Expr, ExprKind, Op, Scalar, Stmt, Type, VarId, VarKind};
use std::rc::Rc;
use syntax::ast;

impl Checker<'_> {
    pub(crate) fn index(&mut self, base: &ast::Expr, indices: &[ast::Expr], bracket: Span, span: Span) -> Val {
        let val = self.expr(base, None);
        match val.ty.clone() {
            Ty::Error => {
                self.in_index += 1;
                for index in indices {
                    if !matches!(index.kind, ast::ExprKind::Range { .. }) {
                        self.expr(index, None);
                    }
                }
                self.in_index -= 1;
                Val::error(span)
            }
            Ty::Tuple(_) => {
                let text = self.sources.text(base.span).to_owned();
                let at = match indices {
                    [ast::Expr { kind: ast::ExprKind::Int { value, .. }, .. }] => *value,
                    _ => 0,
                };
                self.report(errors::tuple_brackets(span, &text, at));
                Val::error(span)
            }
            Ty::List(item) => self.list_index(val, &item, indices, span),
            Ty::Tensor(_) => self.tensor_index(val, base, indices, span),
            Ty::Scalar(_) | Ty::Address(_) | Ty::Str if indices.iter().all(|i| self.is_empty_pack(i)) => val,
            other => {
                let shown = self.show(&other);
                let name = format!("a value of type `{shown}`");
                let reduces = |path: &ast::Path| {
                    let [name] = path.segments.as_slice() else { return false };
                    crate::builtin::is_reduction(name.name.as_str()) && self.cx.env.lookup(name.name).is_none()
                };
                if matches!(&base.kind, ast::ExprKind::Path(path) if reduces(path)) {
                    let text = self.sources.text(span).to_owned();
                    self.report(errors::reduction_without_body(span, &text));
                } else if other.scalar().is_some() {
                    self.report(errors::index_count(bracket, &name, 0, indices.len()));
                } else if matches!(other, Ty::Dyn | Ty::Stored(_)) {
                    let text = self.sources.text(val.span()).to_owned();
                    let dims = vec!["?"; indices.len().max(1)].join(", ");
                    self.report(errors::untyped(span, val.span(), &format!("({text} as [f64; {dims}])")));
                } else {
                    self.report(errors::no_operator(span, "[…]", (val.span(), shown), None));
                }
                Val::error(span)
            }
        }
    }

    fn list_index(&mut self, val: Val, item: &Rc<Ty>, indices: &[ast::Expr], span: Span) -> Val {
        let text = self.sources.text(val.span()).to_owned();
        let [index] = indices else {
            self.report(errors::list_indexed(span, &format!("`{text}`")));
            return Val::error(span);
        };
        if let ast::ExprKind::Range { lo, hi, inclusive } = &index.kind {
            let val = self.named(val);
            let len = Expr { kind: ExprKind::Builtin(Builtin::Len, vec![val.expr.clone()]), ty: Type::I32, span };
            let lo = lo.as_ref().map(|e| self.integer(e));
            let hi = hi.as_ref().map(|e| self.integer(e));
            let lo = match lo {
                Some(Some((lo, _))) => lo,
                Some(None) => return Val::error(span),
                None => int(0, span),
            };
            let hi = match hi {
                Some(Some((hi, _))) if *inclusive => add(hi, int(1, span)),
                Some(Some((hi, _))) => hi,
                Some(None) => return Val::error(span),
                None => crate::expr::to_i64(len),
            };
            let ty = val.ty.clone();
            return Val::new(ExprKind::Builtin(Builtin::ListSlice, vec![lo, hi, val.expr]), ty, span);
        }
        let at = self.expr(index, None);
        if at.ty.is_error() {
            return Val::error(span);
        }
        let by_coord =
            ir::visit::free_vars(&at.expr).iter().any(|v| self.program.vars[v.index()].kind == VarKind::Coord);
        if by_coord && self.cx.cells > 0 {
            self.report(errors::list_indexed(span, &format!("`{text}`")));
            return Val::error(span);
        }
        let Some((at, _)) = self.integer_val(at) else { return Val::error(span) };
        let item = Val::new(ExprKind::Item(val.boxed(), Box::new(at)), (**item).clone(), span);
        self.with_extents(item)
    }

    fn tensor_index(&mut self, val: Val, base: &ast::Expr, indices: &[ast::Expr], span: Span) -> Val {
        if let Some(item) = self.item_of_literal(&val, indices) {
            return item;
        }
        let rank = val.ty.rank();
        let place = match self.place_of(&val) {
            place if val.as_var().is_some() => place,
            place => Place { name: format!("`{}`", self.sources.text(base.span)), ..place },
        };
        // A pack stands for its members.
        let mut at: Vec<Index> = Vec::new();
        for index in indices {
            match &index.kind {
                ast::ExprKind::Range { lo: None, hi: Some(hi), inclusive: false } => match self.pack_members(hi) {
                    Some(members) => at.extend(members.into_iter().map(Index::Coord)),
                    None => at.push(Index::Slice(index)),
                },
                ast::ExprKind::Range { .. } => at.push(Index::Slice(index)),
                _ => at.push(Index::Expr(index)),
            }
        }
        if at.len() > rank {
            let name = format!("`{}`", self.sources.text(base.span));
            self.report(errors::index_count(span, &name, rank, at.len()));
            return Val::error(span);
        }
        let val = self.named(val);
        let axes = val.ty.axes().to_vec();
        let mut picks = Vec::new();
        let mut bad = false;
        for (k, axis) in axes.iter().enumerate() {
            let pick = match at.get(k) {
                None => Pick::All,
                Some(Index::Coord(coord)) => match coord {
                    Some(var) => Pick::At(Val::var(*var, Ty::I32, span)),
                    None => {
                        bad = true;
                        Pick::All
                    }
                },
                Some(Index::Slice(range)) => match self.slice(range, axis, &place) {
                    Some(pick) => pick,
                    None => {
                        bad = true;
                        Pick::All
                    }
                },
                Some(Index::Expr(index)) => {
                    self.in_index += 1;
                    let at = self.expr(index, None);
                    self.in_index -= 1;
                    let at = self.whole(at);
                    match self.index_value(at) {
                        Some(at) => Pick::At(at),
                        None => {
                            bad = true;
                            Pick::All
                        }
                    }
                }
            };
            picks.push(pick);
        }
        if bad {
            return Val::error(span);
        }
        if picks.iter().all(|p| matches!(p, Pick::All)) {
            return val;
        }
        self.read(val, picks, place, span)
    }

    /// `shape(a)[0]`: one of some known numbers, so that what is known of it is known of the whole.
    fn item_of_literal(&mut self, val: &Val, indices: &[ast::Expr]) -> Option<Val> {
        let (ExprKind::Literal(_, items), [ast::Expr { kind: ast::ExprKind::Int { value, suffix: None }, span }]) =
            (&val.expr.kind, indices)
        else {
            return None;
        };
        let plain = |e: &Expr| self.facts.of(e).is_some();
        if val.ty.rank() != 1 || !items.iter().all(plain) {
            return None;
        }
        let item = items.get(*value as usize)?.clone();
        Some(Val { expr: Expr { span: val.span().to(*span), ..item }, ty: val.ty.elem().clone() })
    }

    /// `..left` where the pack has no members.
    fn is_empty_pack(&self, index: &ast::Expr) -> bool {
        crate::cells::pack_in_index(index)
            .and_then(|pack| self.cx.env.pack(pack))
            .is_some_and(|members| members.is_empty())
    }

    /// The variables of a pack in scope; members without one are not bound here.
    fn pack_members(&mut self, name: &ast::Expr) -> Option<Vec<Option<ir::VarId>>> {
        let ast::ExprKind::Path(path) = &name.kind else { return None };
        let [segment] = path.segments.as_slice() else { return None };
        let members = self.cx.env.pack(segment.name)?;
        Some(
            members
                .iter()
                .map(|member| {
                    let var = self.coord_in_scope(member.name);
                    if var.is_none() {
                        let pack = Symbol::new(&format!("..{}", segment.name));
                        self.report(errors::unbound_coord(name.span, pack, None));
                    }
                    var
                })
                .collect(),
        )
    }

    /// An index must be an integer; an address keeps its domain.
    fn index_value(&mut self, at: Val) -> Option<Val> {
        if at.ty.is_error() {
            return None;
        }
        if let Ty::Address(_) = at.ty {
            return Some(at);
        }
        let ty = at.ty.clone();
        let span = at.span();
        if let Some(s) = ty.scalar() {
            match self.opens.resolve(s) {
                Scalar::Open(_) if !self.is_float(&ty) => {
                    self.settle_default(&ty);
                    return Some(Val { ty: self.resolved(&ty), ..at });
                }
                s if s.is_int() => return Some(at),
                _ => {}
            }
        }
        let shown = self.show(&ty);
        let message = format!("an index is an integer, and this is `{shown}`");
        self.report(errors::mismatch(span, message, None, None));
        None
    }

    fn slice(&mut self, range: &ast::Expr, axis: &Axis, place: &Place) -> Option<Pick> {
        let ast::ExprKind::Range { lo, hi, inclusive } = &range.kind else { return None };
        if lo.is_none() && hi.is_none() {
            return Some(Pick::All);
        }
        let span = range.span;
        let extent = self.facts_extent(&axis.extent);
        let whole = extent.to_expr(Scalar::I64, &self.program.vars, span);
        let (lo_expr, lo_sym) = match lo {
            Some(lo) => self.integer(lo)?,
            None => (int(0, span), Some(Sym::constant(0))),
        };
        let (hi_expr, hi_sym) = match hi {
            Some(hi) => {
                let (expr, sym) = self.integer(hi)?;
                if *inclusive { (add(expr, int(1, span)), sym.map(|s| s.offset(1))) } else { (expr, sym) }
            }
            None => (whole.clone(), Some(extent.clone())),
        };
        let first = VarId(self.program.vars.len() as u32);
        let above = if lo_sym.is_none() && hi_sym.is_none() { self.above(&lo_expr, &hi_expr) } else { None };
        let (lo_expr, lo_sym) = self.slice_end(lo_expr, lo_sym);
        let hi_sym = hi_sym.or(above.map(|length| lo_sym.add(&length)));
        let (hi_expr, hi_sym) = self.slice_end(hi_expr, hi_sym);
        let fits = self.facts.nonneg(&lo_sym) && self.facts.nonneg(&extent.sub(&hi_sym));
        if !fits {
            let out = [
                lo_sym.as_const().filter(|v| *v < 0),
                hi_sym.as_const().filter(|v| extent.as_const().is_some_and(|n| *v > n)),
            ];
            if let Some(reach) = out.into_iter().flatten().next()
                && self.cx.conditional == 0
            {
                let text = self.sources.text(span).to_owned();
                let coord = axis.name.map(|n| n.to_string());
                let shown = self.show_sym(&extent);
                self.report(errors::out_of_bounds(
                    span,
                    &text,
                    &place.name,
                    coord.as_deref(),
                    &reach.to_string(),
                    &shown,
                    Some(place.span),
                ));
                return None;
            }
            let words = |s: String| Expr { kind: ExprKind::Str(s.into()), ty: Type::Str, span };
            let args = vec![
                lo_expr.clone(),
                hi_expr.clone(),
                whole,
                words(axis.name.map(|n| n.to_string()).unwrap_or_default()),
                words(place.name.trim_matches('`').to_owned()),
            ];
            self.cx.sink.push(Stmt::Do(Expr {
                kind: ExprKind::Builtin(Builtin::SliceBounds, args),
                ty: Type::Unit,
                span,
            }));
        }
        // Nothing but the slice uses the variables of its ends, and they have been checked.
        for end in [&lo_sym, &hi_sym].into_iter().filter_map(Sym::as_var).filter(|var| *var >= first) {
            self.facts.ranges.insert(end, (Sym::constant(0), extent.offset(1)));
        }
        let len = hi_sym.sub(&lo_sym);
        let len = if self.facts.nonneg(&len) { len } else { Sym::constant(0).greater(&len) };
        let lo = Expr { kind: ExprKind::Cast(Box::new(lo_expr)), ty: Type::I32, span };
        Some(Pick::Slice { lo, len })
    }

    /// By how much an end of a slice is greater than the other one, which is data: `at[k] + 3` than `at[k]`. Ends that are
    /// `i32` are compared with the extent in more bits, where they cannot wrap around.
    fn above(&self, least: &Expr, end: &Expr) -> Option<Sym> {
        if let ExprKind::Op(Op::Add, operands) = &end.kind
            && end.ty == Type::I64
        {
            // `..=`
            let more = self.above(least, &operands[0])?;
            return Some(more.add(&self.facts.of(&operands[1])?));
        }
        let (ExprKind::Cast(least), ExprKind::Cast(end)) = (&least.kind, &end.kind) else { return None };
        let is_i32 =
            |e: &Expr| matches!(e.ty.scalar().map(|s| self.opens.resolve(s)), Some(Scalar::I32 | Scalar::Open(_)));
        if is_i32(least) && is_i32(end) { self.more(least, end) } else { None }
    }

    fn more(&self, least: &Expr, e: &Expr) -> Option<Sym> {
        if ir::visit::same(least, e) {
            return Some(Sym::constant(0));
        }
        let ExprKind::Op(op @ (Op::Add | Op::Sub), operands) = &e.kind else { return None };
        let [a, b] = operands.as_slice() else { return None };
        let of = |e: &Expr, other: &Expr| {
            let (more, other) = (self.more(least, e)?, self.facts.of(other)?);
            Some(if *op == Op::Add { more.add(&other) } else { more.sub(&other) })
        };
        of(a, b).or_else(|| if *op == Op::Add { of(b, a) } else { None })
    }

    /// An end of a slice that has no symbolic value gets a variable that is one.
    fn slice_end(&mut self, expr: Expr, sym: Option<Sym>) -> (Expr, Sym) {
        match sym {
            Some(sym) => (expr, sym),
            None => {
                let named = self.named(Val { ty: Ty::Scalar(Scalar::I64), expr });
                let sym = Sym::var(named.as_var().expect("named values are variables"));
                (named.expr, sym)
            }
        }
    }

    pub(crate) fn field(&mut self, base: &ast::Expr, name: ast::Ident, span: Span) -> Val {
        let val = self.expr(base, None);
        let text = name.name.as_str();
        match val.ty.clone() {
            Ty::Error => Val::error(span),
            Ty::Struct(id) => {
                let fields = &self.struct_fields[id.index()];
                if let Some(k) = fields.iter().position(|(field, _)| *field == name.name) {
                    let ty = fields[k].1.clone();
                    return self.project(val, k, ty, span);
                }
                let of = format!("`{}`", self.show(&val.ty));
                let near = diagnostics::closest(text, fields.iter().map(|(f, _)| f.as_str()));
                self.report(errors::unknown_field(name.span, text, &of, near));
                Val::error(span)
            }
            Ty::Attempt(value) => match text {
                "ok" => self.project(val, 0, Ty::BOOL, span),
                "message" => self.project(val, 2, Ty::Str, span),
                "value" => self.attempt_value(val, &value, span),
                _ => {
                    let near = diagnostics::closest(text, ["ok", "value", "message"].into_iter());
                    self.report(errors::unknown_field(name.span, text, "a result of `try`", near));
                    Val::error(span)
                }
            },
            _ => match text {
                "length" | "len" => self.measure("len", val, span),
                "size" => self.measure("size", val, span),
                "shape" => self.measure("shape", val, span),
                "rank" => self.measure("rank", val, span),
                _ => {
                    let of = format!("`{}`", self.show(&val.ty));
                    let near = diagnostics::closest(text, ["length", "size", "shape", "len", "rank"].into_iter());
                    self.report(errors::unknown_field(name.span, text, &of, near));
                    Val::error(span)
                }
            },
        }
    }

    pub(crate) fn tuple_field(&mut self, base: &ast::Expr, k: u32, at: Span, span: Span) -> Val {
        let val = self.expr(base, None);
        match val.ty.clone() {
            Ty::Error => Val::error(span),
            Ty::Tuple(items) if (k as usize) < items.len() => {
                self.project(val, k as usize, items[k as usize].clone(), span)
            }
            other => {
                let of = format!("`{}`", self.show(&other));
                self.report(errors::unknown_field(at, &k.to_string(), &of, None));
                Val::error(span)
            }
        }
    }

    /// A field of a tuple or struct. Extents of tensors inside come from the field itself.
    pub(crate) fn project(&mut self, val: Val, k: usize, ty: Ty, span: Span) -> Val {
        if let ExprKind::Tuple(items) = &val.expr.kind
            && items.iter().all(|i| {
                matches!(
                    i.kind,
                    ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Str(_)
                )
            })
        {
            return self.with_extents(Val { expr: items[k].clone(), ty });
        }
        let val = self.named(val);
        let field = Val::new(ExprKind::Field(val.boxed(), k), ty, span);
        self.with_extents(field)
    }

    /// A tensor whose type says nothing of its extents gets them from a variable of its own.
    pub(crate) fn with_extents(&mut self, val: Val) -> Val {
        if !val.ty.axes().iter().any(|a| crate::types::is_unknown(&a.extent)) {
            return val;
        }
        let val = self.named(val);
        match val.as_var() {
            Some(var) => Val { ty: crate::owned(var, &val.ty), ..val },
            None => val,
        }
    }

    pub(crate) fn struct_literal(
        &mut self,
        path: &ast::Path,
        fields: &[(ast::Ident, Option<ast::Expr>)],
        span: Span,
    ) -> Val {
        let env = self.cx.env.clone();
        let local = |name: Symbol| match env.lookup(name) {
            Some(crate::env::Entry::Item(item)) => Some(item),
            _ => None,
        };
        let resolved = self.modules.resolve_path(self.cx.env.module(), path, &local);
        match resolved {
            Ok((crate::modules::Item::Struct(def, module), _)) => {
                let id = self.struct_id(&def, module);
                let wanted = self.struct_fields[id.index()].clone();
                let Some(vals) = self.named_fields(fields, &wanted, def.name, span) else { return Val::error(span) };
                Val::new(ExprKind::Tuple(vals), Ty::Struct(id), span)
            }
            Ok((crate::modules::Item::Enum(def, module), used)) if used + 1 == path.segments.len() => {
                let id = self.enum_id(&def, module);
                let name = path.segments[used];
                let variants = &self.program.enums[id.index()].variants;
                let Some(k) = variants.iter().position(|v| v.name == name.name) else {
                    self.unknown_variant(id, name);
                    return Val::error(span);
                };
                let Some(names) = variants[k].names.clone() else {
                    self.report(errors::unknown_field(
                        name.span,
                        name.name.as_str(),
                        "a variant without named fields",
                        None,
                    ));
                    return Val::error(span);
                };
                let wanted: Vec<(Symbol, Ty)> =
                    names.into_iter().zip(self.enum_fields[id.index()][k].clone()).collect();
                let Some(vals) = self.named_fields(fields, &wanted, name, span) else { return Val::error(span) };
                Val::new(ExprKind::Variant(k, vals), Ty::Enum(id), span)
            }
            Ok(_) => {
                let text = self.sources.text(path.span).to_owned();
                self.report(errors::unknown_type(path.span, &text, None));
                Val::error(span)
            }
            Err(diagnostic) => {
                self.report(diagnostic);
                Val::error(span)
            }
        }
    }

    /// Fields by name, in any order, as expressions in the order of the definition.
    fn named_fields(
        &mut self,
        given: &[(ast::Ident, Option<ast::Expr>)],
        wanted: &[(Symbol, Ty)],
        of: ast::Ident,
        span: Span,
    ) -> Option<Vec<Expr>> {
        self.each_once(&given.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let mut vals: Vec<Option<Val>> = vec![None; wanted.len()];
        let mut ok = true;
        for (name, value) in given {
            let Some(k) = wanted.iter().position(|(field, _)| *field == name.name) else {
                let near = diagnostics::closest(name.name.as_str(), wanted.iter().map(|(f, _)| f.as_str()));
                let fields: Vec<String> = wanted.iter().map(|(f, _)| f.to_string()).collect();
                self.report(errors::no_field(name.span, name.name.as_str(), of.name.as_str(), &fields, near));
                ok = false;
                continue;
            };
            let want = wanted[k].1.clone();
            let val = match value {
                Some(value) => self.expr(value, Some(&want)),
                None => self.name(*name),
            };
            let val = self.whole(val);
            let val = self.annotated(val, &want, None, crate::unify::Why::Argument);
            ok &= !val.ty.is_error();
            // Evaluated in the order of the text.
            vals[k] = Some(if given.len() > 1 { self.named(val) } else { val });
        }
        let missing: Vec<&str> =
            wanted.iter().zip(&vals).filter(|(_, v)| v.is_none()).map(|((f, _), _)| f.as_str()).collect();
        if ok && !missing.is_empty() {
            self.report(errors::missing_fields(span, of.name.as_str(), &missing));
            ok = false;
        }
        if !ok {
            return None;
        }
        vals.into_iter().map(|v| v.map(|v| v.expr)).collect()
    }

    pub(crate) fn unknown_variant(&mut self, id: ir::EnumId, name: ast::Ident) {
        let info = &self.program.enums[id.index()];
        let near = diagnostics::closest(name.name.as_str(), info.variants.iter().map(|v| v.name.as_str()));
        let variants: Vec<String> = info.variants.iter().map(|v| v.name.to_string()).collect();
        self.report(errors::no_variant(name.span, name.name.as_str(), info.name.as_str(), &variants, near));
    }

    /// `Shape::Circle(r)`, `Light::Red`.
    pub(crate) fn variant(&mut self, id: ir::EnumId, name: ast::Ident, args: &[ast::Expr], span: Span) -> Val {
        let Some(k) = self.program.enums[id.index()].variants.iter().position(|v| v.name == name.name) else {
            self.unknown_variant(id, name);
            return Val::error(span);
        };
        let wanted = self.enum_fields[id.index()][k].clone();
        if wanted.len() != args.len() {
            let def = self.program.enums[id.index()].span;
            self.report(errors::argument_count(span, name.name.as_str(), wanted.len(), args.len(), Some(def)));
            return Val::error(span);
        }
        let mut vals = Vec::new();
        for (arg, want) in args.iter().zip(&wanted) {
            let val = self.expr(arg, Some(want));
            let val = self.whole(val);
            let val = self.annotated(val, want, None, crate::unify::Why::Argument);
            if val.ty.is_error() {
                return Val::error(span);
            }
            vals.push(val.expr);
        }
        Val::new(ExprKind::Variant(k, vals), Ty::Enum(id), span)
    }
}

enum Index<'a> {
    Coord(Option<ir::VarId>),
    Slice(&'a ast::Expr),
    Expr(&'a ast::Expr),
}

fn add(a: Expr, b: Expr) -> Expr {
    let span = a.span;
    Expr { kind: ExprKind::Op(ir::Op::Add, vec![a, b]), ty: Type::I64, span }
}
