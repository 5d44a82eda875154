//! Expressions: one arm per form, the work in the file of the form.

use crate::env::{Crossing, Entry, FnRef};
use crate::modules::Item;
use crate::open::Kind;
use crate::sym::Sym;
use crate::ty::{Axis, FnKind, FnValue, Ty, Val};
use crate::{Checker, errors};
use diagnostics::{Span, Symbol};
use ir::{Expr, ExprKind, Piece, Scalar, Type};
use std::rc::Rc;
use syntax::ast::{self, StrPart, Suffix, UnaryOp};

/// An integer with its symbolic value, if it has one.
pub(crate) type End = (Expr, Option<Sym>);

impl Checker<'_> {
    pub(crate) fn expr(&mut self, e: &ast::Expr, want: Option<&Ty>) -> Val {
        let span = e.span;
        match &e.kind {
            ast::ExprKind::Int { value, suffix } => self.int_literal(*value, *suffix, false, span),
            ast::ExprKind::Float { text, suffix } => self.float_literal(text, *suffix, span),
            ast::ExprKind::Bool(value) => Val::new(ExprKind::Bool(*value), Ty::BOOL, span),
            ast::ExprKind::Str(parts) => self.string(parts, span),
            ast::ExprKind::Path(path) => self.path(path),
            ast::ExprKind::Unary(op, operand) => self.unary(*op, operand, want, span),
            ast::ExprKind::Binary { op, op_span, left, right } => self.binary(*op, *op_span, left, right, want, span),
            ast::ExprKind::Cast(operand, ty) => self.cast(operand, ty, span),
            ast::ExprKind::Call { callee, args } => self.call_expr(callee, args, want, span),
            ast::ExprKind::CoordCall { callee, coords, bracket, args, wheres } => {
                self.coord_call(callee, coords, *bracket, args, wheres.as_ref(), want, span)
            }
            ast::ExprKind::Index { base, indices, bracket } => self.index(base, indices, *bracket, span),
            ast::ExprKind::Field(base, name) => self.field(base, *name, span),
            ast::ExprKind::TupleField(base, k, at) => self.tuple_field(base, *k, *at, span),
            ast::ExprKind::Range { lo, hi, inclusive } => self.range(lo.as_deref(), hi.as_deref(), *inclusive, span),
            ast::ExprKind::Tuple(items) => self.tuple(items, want, span),
            ast::ExprKind::Array(items) => self.array(items, want, span),
            ast::ExprKind::Comprehension { body, clauses } => self.comprehension(body, clauses, want, span),
            ast::ExprKind::Struct { path, fields } => self.struct_literal(path, fields, span),
            ast::ExprKind::If { cond, then, otherwise } => {
                self.if_expr(cond, then, otherwise.as_deref(), span, &mut |this, e| this.expr(e, want))
            }
            ast::ExprKind::Match { scrutinee, arms } => {
                self.match_expr(scrutinee, arms, span, &mut |this, e| this.expr(e, want))
            }
            ast::ExprKind::Block(block) => self.block(block, &mut |this, e| this.expr(e, want)),
            ast::ExprKind::Lambda(lambda) => self.lambda(lambda, span),
            ast::ExprKind::Pipe { head, stages, handler } => self.pipe(head, stages, handler, span),
            ast::ExprKind::Try(body) => self.try_expr(body, span),
            ast::ExprKind::Tangent(operand) => self.tangent(operand, span),
            ast::ExprKind::Error => Val::error(span),
        }
    }

    pub(crate) fn int_literal(&mut self, value: u64, suffix: Option<Suffix>, negative: bool, span: Span) -> Val {
        let signed = if negative { -(value as i128) } else { value as i128 };
        let scalar = match suffix {
            None => self.opens.int(signed, span),
            Some(suffix) => {
                let scalar = suffix_scalar(suffix);
                if let Some((lo, hi)) = scalar.int_range()
                    && (signed < lo as i128 || signed > hi as i128)
                {
                    let text = self.sources.text(span).to_owned();
                    self.report(errors::literal_range(span, &text, scalar.name(), Some((lo, hi))));
                    return Val::error(span);
                }
                scalar
            }
        };
        if scalar.is_float() {
            return Val::new(ExprKind::Float(signed as f64), Ty::Scalar(scalar), span);
        }
        match i64::try_from(signed) {
            Ok(value) => Val::new(ExprKind::Int(value), Ty::Scalar(scalar), span),
            // Beyond every integer type: only a float can hold it.
            Err(_) => Val::new(ExprKind::Float(signed as f64), Ty::Scalar(scalar), span),
        }
    }

    fn float_literal(&mut self, text: &str, suffix: Option<Suffix>, span: Span) -> Val {
        let value: f64 = text.parse().unwrap_or(f64::NAN);
        let scalar = match suffix {
            None => self.opens.float(value, span),
            Some(suffix) => suffix_scalar(suffix),
        };
        if suffix.is_some() && scalar.is_float() && scalar.nearest(value).is_infinite() && value.is_finite() {
            let shown = self.sources.text(span).to_owned();
            self.report(errors::too_large(span, &shown, scalar.name()));
            return Val::error(span);
        }
        if value.is_infinite() {
            let shown = self.sources.text(span).to_owned();
            self.report(errors::too_large(span, &shown, "f64"));
            return Val::error(span);
        }
        if scalar.is_int() {
            let shown = self.sources.text(span).to_owned();
            self.report(errors::literal_range(span, &shown, scalar.name(), scalar.int_range()));
            return Val::error(span);
        }
        Val::new(ExprKind::Float(value), Ty::Scalar(scalar), span)
    }

    fn string(&mut self, parts: &[StrPart], span: Span) -> Val {
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                StrPart::Text(text) => pieces.push(Piece::Text(text.clone())),
                StrPart::Hole { expr, format } => {
                    let val = self.expr(expr, None);
                    if val.ty.is_error() {
                        return Val::error(span);
                    }
                    let val = self.whole(val);
                    if let Some(format) = format {
                        self.check_format(format, &val);
                    }
                    let format = format.as_ref().map(|f| ir::Format {
                        fill: f.fill,
                        align: f.align,
                        plus: f.plus,
                        zero: f.zero,
                        width: f.width,
                        precision: f.precision,
                        kind: f.kind,
                    });
                    pieces.push(Piece::Value(val.expr, format));
                }
            }
        }
        let kind = match pieces.as_slice() {
            [] => ExprKind::Str("".into()),
            [Piece::Text(text)] => ExprKind::Str(text.clone()),
            _ => ExprKind::Interpolate(pieces),
        };
        Val::new(kind, Ty::Str, span)
    }

    fn check_format(&mut self, format: &ast::Format, val: &Val) {
        let Some(kind) = format.kind else { return };
        let scalar = val.ty.elem().scalar().map(|s| self.opens.resolve(s));
        let is_int =
            scalar.is_some_and(|s| s.is_int()) || matches!(scalar, Some(s) if self.opens.kind(s) == Some(Kind::Int));
        let is_float = scalar.is_some_and(|s| s.is_float())
            || matches!(scalar, Some(s) if self.opens.kind(s) == Some(Kind::Float));
        let fits = match kind {
            'd' | 'x' | 'b' => is_int,
            _ => is_int || is_float,
        };
        if !fits {
            let ty = self.show(&val.ty);
            self.report(errors::bad_format(format.span, kind, &ty));
        }
    }

    fn path(&mut self, path: &ast::Path) -> Val {
        if let [name] = path.segments.as_slice() {
            return self.name(*name);
        }
        let env = self.cx.env.clone();
        let local = |name: Symbol| match env.lookup(name) {
            Some(Entry::Item(item)) => Some(item),
            _ => None,
        };
        match self.modules.resolve_path(self.cx.env.module(), path, &local) {
            Ok((Item::Enum(def, module), used)) if used + 1 == path.segments.len() => {
                let id = self.enum_id(&def, module);
                self.variant(id, path.segments[used], &[], path.span)
            }
            Ok((item, used)) if used == path.segments.len() => {
                self.item_value(*path.segments.last().expect("paths have segments"), item)
            }
            Ok((_, used)) => {
                let extra = path.segments[used.min(path.segments.len() - 1)];
                self.report(errors::unknown_name(extra.span, extra.name.as_str(), None));
                Val::error(path.span)
            }
            Err(diagnostic) => {
                self.report(diagnostic);
                Val::error(path.span)
            }
        }
    }

    /// Whether something in sight or in the library is called so, or nearly.
    fn is_like_a_name(&self, text: &str) -> bool {
        let mut names = self.cx.env.names();
        names.extend(self.modules.names(self.cx.env.module()).iter().map(|n| n.as_str()));
        names.extend(crate::builtin::NAMES);
        // One letter is like any other.
        let is_letter = text.chars().nth(1).is_none();
        self.modules.library_module_of(text).is_some()
            || !is_letter && diagnostics::closest(text, names.into_iter()).is_some()
    }

    /// A single name as a value.
    pub(crate) fn name(&mut self, name: ast::Ident) -> Val {
        if let Some((entry, crossing)) = self.cx.env.lookup_across(name.name) {
            return self.entry_value(name, entry, crossing);
        }
        if self.cx.in_function {
            // A function sees the module's bindings, also those that stand behind it.
            if let Some(entry @ Entry::Var { .. }) = self.cx.env.later(name.name)
                && self.lookup_item(name.name).is_some()
            {
                return self.entry_value(name, entry, Crossing { module_level: true });
            }
        }
        if let Some(item) = self.lookup_item(name.name) {
            if let Item::Let(module, symbol) = item {
                return self.module_let(name, module, symbol);
            }
            return self.item_value(name, item);
        }
        self.unknown(name)
    }

    fn unknown(&mut self, name: ast::Ident) -> Val {
        let text = name.name.as_str();
        // What a `where` defines too far out has an error of its own there.
        if self.cx.trailing.iter().any(|waiting| waiting.defines(name.name)) {
            return Val::error(name.span);
        }
        if let Some(bound) = self.ended.get(&name.name).copied()
            && self.cx.env.lookup(name.name).is_none()
        {
            if self.is_floating() {
                self.note_floating(name);
                return Val::error(name.span);
            }
            let in_cell = self.cx.cells > 0 && self.in_index > 0;
            if !in_cell || self.unbound.insert(name.name) {
                self.report(errors::outside_scope(name.span, name.name, bound, in_cell));
            }
            return Val::error(name.span);
        }
        let names = self.cx.env.names();
        if self.cx.env.domain(name.name).is_some() || self.cx.cells > 0 && self.in_index > 0 {
            if !self.unbound.insert(name.name) {
                return Val::error(name.span);
            }
            let coords: Vec<&str> = self.coords_in_scope();
            let near = diagnostics::closest(text, coords.into_iter());
            let is_value = self.in_index == 0 && self.cx.env.domain(name.name).is_some();
            self.report(match is_value {
                true => errors::coordinate_as_extent(name.span, name.name),
                false => errors::unbound_coord(name.span, name.name, near),
            });
            return Val::error(name.span);
        }
        if self.in_index > 0 && !self.is_like_a_name(text) {
            self.note_floating(name);
            return Val::error(name.span);
        }
        if crate::builtin::is_builtin(text) {
            return self.item_value(name, Item::Native(crate::builtin::native_name(text)));
        }
        self.unknown_with(name, names);
        Val::error(name.span)
    }

    /// A name that nothing in sight knows; some names are in sight.
    pub(crate) fn unknown_with(&mut self, name: ast::Ident, mut names: Vec<&str>) {
        let text = name.name.as_str();
        if let Some(module) = self.modules.library_module_of(text) {
            let start = Span { start: 0, end: 0, ..name.span };
            self.report(errors::not_imported(name.span, text, module, start));
            return;
        }
        if let Some(of) = self.enum_with(name.name) {
            self.report(errors::bare_variant(name.span, of.as_str(), text));
            return;
        }
        if self.sources.behind(name.span).trim_start_matches(' ').starts_with("<- ") {
            self.report(errors::arrow_assignment(name.span, text));
            return;
        }
        names.extend(self.modules.names(self.cx.env.module()).iter().map(|n| n.as_str()));
        names.extend(crate::builtin::NAMES);
        let near = diagnostics::closest(text, names.into_iter());
        self.report(errors::unknown_name(name.span, text, near));
    }

    /// The enum in sight that has a variant of this name.
    fn enum_with(&self, variant: Symbol) -> Option<Symbol> {
        let module = self.cx.env.module();
        self.modules.names(module).into_iter().find(|name| match self.modules.lookup(module, *name) {
            Some(Item::Enum(def, _)) => def.variants.iter().any(|v| v.name.name == variant),
            _ => false,
        })
    }

    fn coords_in_scope(&self) -> Vec<&'static str> {
        self.cx.env.names().into_iter().filter(|n| self.coord_in_scope(Symbol::new(n)).is_some()).collect()
    }

    fn entry_value(&mut self, name: ast::Ident, entry: Entry, crossing: Crossing) -> Val {
        match entry {
            Entry::Var { var, ty, .. } => {
                let val = Val::var(var, self.refined(var, &ty), name.span);
                // An open constant of the module is what its default says inside functions.
                if self.cx.in_function && crossing.module_level && self.is_open(&val.ty) {
                    let module = self.cx.env.module();
                    return self.library_constant(name, module, name.name).unwrap_or_else(|| self.at_default(val));
                }
                val
            }
            Entry::Coord { var, .. } => Val::var(var, Ty::I32, name.span),
            Entry::Fn(def) => self.local_fn_value(def, name.span),
            Entry::Item(Item::Let(module, symbol)) => self.module_let(name, module, symbol),
            Entry::Item(item) => self.item_value(name, item),
        }
    }

    /// A variable's type with what has been found out about it since it was bound.
    fn refined(&self, var: ir::VarId, ty: &Ty) -> Ty {
        match ty {
            Ty::Tensor(t) => {
                let axes: Vec<Axis> = t
                    .axes
                    .iter()
                    .enumerate()
                    .map(|(k, axis)| {
                        let extent = self.facts_extent(&axis.extent);
                        let extent = if extent.is_const() {
                            extent
                        } else {
                            self.facts.extents.get(&(var, k)).map_or(extent, |e| self.facts_extent(e))
                        };
                        Axis { name: axis.name, extent }
                    })
                    .collect();
                Ty::tensor((*t.elem).clone(), axes)
            }
            other => other.clone(),
        }
    }

    /// The same constant, as its default type, without settling it.
    pub(crate) fn at_default(&mut self, val: Val) -> Val {
        match &val.ty {
            Ty::Scalar(s) => {
                let ty = Ty::Scalar(self.opens.default_of(*s));
                let span = val.span();
                Val::new(ExprKind::Cast(val.boxed()), ty, span)
            }
            _ => {
                self.settle_default(&val.ty.clone());
                Val { ty: self.resolved(&val.ty), ..val }
            }
        }
    }

    /// A constant of the library stands for its number: each use takes the type that it is asked for.
    fn library_constant(&mut self, name: ast::Ident, module: crate::modules::ModuleId, symbol: Symbol) -> Option<Val> {
        if !self.modules.module(module).is_std {
            return None;
        }
        let statements = self.modules.module(module).statements.clone();
        let value = statements.iter().find_map(|s| match &s.kind {
            ast::StmtKind::Let(l) if matches!(&l.pattern.kind, ast::PatternKind::Bind(n) if n.name == symbol) => {
                Some(&l.value)
            }
            _ => None,
        })?;
        let mut val = self.expr(value, None);
        val.expr.span = name.span;
        Some(val)
    }

    fn module_let(&mut self, name: ast::Ident, module: crate::modules::ModuleId, symbol: Symbol) -> Val {
        if let Some(val) = self.library_constant(name, module, symbol) {
            return val;
        }
        let root = self.root(module);
        match root.later(symbol).filter(|_| true).and_then(|_| root.lookup(symbol)) {
            Some(Entry::Var { var, ty, .. }) => {
                let val = Val::var(var, self.refined(var, &ty), name.span);
                if self.is_open(&val.ty) && (self.cx.in_function || module != self.cx.env.module()) {
                    self.at_default(val)
                } else {
                    val
                }
            }
            _ => {
                let defined = self.modules.module(module).items.get(&symbol).map(|d| d.span).unwrap_or(name.span);
                self.report(errors::used_before_definition(name.span, name.name.as_str(), defined));
                Val::error(name.span)
            }
        }
    }

    pub(crate) fn item_value(&mut self, name: ast::Ident, item: Item) -> Val {
        match item {
            Item::Fn(def, module) => {
                let fn_ref = self.fn_ref(def, module);
                self.fn_value(FnKind::Def(fn_ref), Vec::new(), name.span)
            }
            Item::Let(module, symbol) => self.module_let(name, module, symbol),
            Item::Op(_) | Item::Builtin(_) | Item::Native(_) => {
                self.fn_value(FnKind::Item(item), Vec::new(), name.span)
            }
            other => crate::block::unused_item(self, name, &other),
        }
    }

    pub(crate) fn fn_ref(&mut self, def: Rc<ast::FnDef>, module: crate::modules::ModuleId) -> FnRef {
        let env = self.places.get(&Rc::as_ptr(&def)).cloned().unwrap_or_else(|| self.root(module));
        FnRef { def, env }
    }

    pub(crate) fn fn_value(&mut self, kind: FnKind, captures: Vec<(ir::VarId, Ty)>, span: Span) -> Val {
        self.next_fn += 1;
        let fresh = self.next_fn;
        let id = match &kind {
            FnKind::Def(def) => {
                *self.fn_ids.entry(format!("{:p}/{}", Rc::as_ptr(&def.def), def.env.id())).or_insert(fresh)
            }
            FnKind::Item(item @ (Item::Op(_) | Item::Builtin(_) | Item::Native(_))) => {
                *self.fn_ids.entry(format!("{item:?}")).or_insert(fresh)
            }
            _ => fresh,
        };
        let items = captures.iter().map(|(var, ty)| Expr { kind: ExprKind::Var(*var), ty: ty.ir(), span }).collect();
        Val::new(ExprKind::Tuple(items), Ty::Fn(Rc::new(FnValue { kind, captures, id })), span)
    }

    fn unary(&mut self, op: UnaryOp, operand: &ast::Expr, want: Option<&Ty>, span: Span) -> Val {
        if op == UnaryOp::Neg
            && let ast::ExprKind::Int { value, suffix } = &operand.kind
        {
            return self.int_literal(*value, *suffix, true, span);
        }
        let val = self.expr(operand, want);
        self.unary_val(op, val, span)
    }

    pub(crate) fn tuple(&mut self, items: &[ast::Expr], want: Option<&Ty>, span: Span) -> Val {
        if items.is_empty() {
            return Val::unit(span);
        }
        let wants = match want {
            Some(Ty::Tuple(wants)) if wants.len() == items.len() => Some(wants.clone()),
            _ => None,
        };
        let vals: Vec<Val> = items
            .iter()
            .enumerate()
            .map(|(k, item)| {
                let want = wants.as_ref().map(|w| w[k].clone());
                let val = self.expr(item, want.as_ref());
                let val = self.whole(val);
                match want {
                    Some(want) if self.is_open(&val.ty) => {
                        self.annotated(val, &want, None, crate::unify::Why::Annotation)
                    }
                    _ => val,
                }
            })
            .collect();
        if vals.iter().any(|v| v.ty.is_error()) {
            return Val::error(span);
        }
        let ty = Ty::Tuple(vals.iter().map(|v| v.ty.clone()).collect());
        Val::new(ExprKind::Tuple(vals.into_iter().map(|v| v.expr).collect()), ty, span)
    }

    /// In cells, a value with coordinates in scope stands for its cell.
    pub(crate) fn whole(&mut self, val: Val) -> Val {
        self.localise(val)
    }

    pub(crate) fn array(&mut self, items: &[ast::Expr], want: Option<&Ty>, span: Span) -> Val {
        let item_want = match want {
            Some(Ty::Tensor(t)) => Some(t.elem.as_ref().clone()),
            Some(Ty::List(item)) => Some((**item).clone()),
            _ => None,
        };
        // An empty row is one of what the others are rows of.
        let is_empty = |item: &ast::Expr| matches!(&item.kind, ast::ExprKind::Array(row) if row.is_empty());
        let mut vals: Vec<Option<Val>> = vec![None; items.len()];
        let mut row_want = None;
        for empty in [false, true] {
            for (val, item) in vals.iter_mut().zip(items).filter(|(_, item)| is_empty(item) == empty) {
                let is_row = matches!(item.kind, ast::ExprKind::Array(_));
                let item_want = if is_row { &row_want } else { &item_want };
                let made = self.expr(item, item_want.as_ref().filter(|_| empty || !is_row));
                let made = self.whole(made);
                if made.ty.is_error() {
                    return Val::error(span);
                }
                row_want.get_or_insert_with(|| made.ty.clone());
                *val = Some(made);
            }
        }
        self.array_of(vals.into_iter().flatten().collect(), want, span)
    }

    /// A bracket literal: a tensor where the items are numbers or bools of one shape, else a list.
    fn array_of(&mut self, mut vals: Vec<Val>, want: Option<&Ty>, span: Span) -> Val {
        if vals.is_empty() {
            return match want {
                Some(ty @ Ty::List(_)) => Val::new(ExprKind::List(Vec::new()), ty.clone(), span),
                Some(Ty::Tensor(t)) => {
                    let others = t.axes[1..].iter().map(|axis| axis.extent.as_const().unwrap_or(0));
                    let shape: Vec<i64> = std::iter::once(0).chain(others).collect();
                    let axes = shape.iter().map(|n| Axis { name: None, extent: Sym::constant(*n) }).collect();
                    let shape = shape.iter().map(|n| *n as usize).collect();
                    Val::new(ExprKind::Literal(shape, Vec::new()), Ty::tensor((*t.elem).clone(), axes), span)
                }
                _ => {
                    let open = self.opens.fresh(Kind::Nothing);
                    let axes = vec![Axis { name: None, extent: Sym::constant(0) }];
                    Val::new(ExprKind::Literal([0].into(), Vec::new()), Ty::tensor(Ty::Scalar(open), axes), span)
                }
            };
        }
        if vals.iter().all(|v| matches!(v.ty, Ty::Scalar(_) | Ty::Address(_))) {
            // The first typed item says what the others are.
            let typed = vals.iter().position(|v| !self.is_open(&v.ty)).unwrap_or(0);
            let first = vals[typed].clone();
            let elem = Ty::Scalar(first.ty.scalar().expect("scalar"));
            for val in &mut vals {
                *val = self.annotated(val.clone(), &elem, Some(first.span()), crate::unify::Why::Item);
                if val.ty.is_error() {
                    return Val::error(span);
                }
            }
            let extent = Sym::constant(vals.len() as i64);
            let ty = Ty::tensor(Ty::Scalar(first.ty.scalar().expect("scalar")), vec![Axis { name: None, extent }]);
            let shape = [vals.len()].into();
            return Val::new(ExprKind::Literal(shape, vals.into_iter().map(|v| v.expr).collect()), ty, span);
        }
        if vals.iter().all(|v| matches!(v.ty, Ty::Tensor(_)) && v.ty.elem().scalar().is_some()) && self.one_shape(&vals)
        {
            return self.rows_literal(vals, span);
        }
        let vals = self.level(vals);
        if vals.iter().any(|v| v.ty.is_error()) {
            return Val::error(span);
        }
        let mut vals = self.unite(vals);
        if let Some(Ty::List(item)) = want
            && crate::unify::is_open_fn(item)
        {
            vals = vals.into_iter().map(|val| self.annotated(val, item, None, crate::unify::Why::Item)).collect();
        }
        let mut list: Vec<Val> = Vec::with_capacity(vals.len());
        let mut item_ty = vals[0].ty.clone();
        let first = vals[0].clone();
        for val in vals {
            let val = if list.is_empty() { val } else { self.join_for(&first, val, crate::unify::Why::Item) };
            if val.ty.is_error() {
                return Val::error(span);
            }
            item_ty = self.joined_ty(&item_ty, &val.ty);
            list.push(val);
        }
        Val::new(ExprKind::List(list.into_iter().map(|v| v.expr).collect()), Ty::List(Rc::new(item_ty)), span)
    }

    /// Provably one shape.
    fn one_shape(&mut self, vals: &[Val]) -> bool {
        let first: Vec<Sym> = vals[0].ty.axes().iter().map(|a| self.facts_extent(&a.extent)).collect();
        vals.iter().all(|v| {
            let own: Vec<Sym> = v.ty.axes().iter().map(|a| self.facts_extent(&a.extent)).collect();
            own.len() == first.len() && own.iter().zip(&first).all(|(a, b)| a == b || self.facts.equal(a, b))
        })
    }

    /// Rows of one shape: a literal of literals is one literal, anything else a family of rows.
    fn rows_literal(&mut self, vals: Vec<Val>, span: Span) -> Val {
        let typed = vals.iter().position(|v| !self.is_open(&v.ty)).unwrap_or(0);
        let first = vals[typed].clone();
        for val in &vals {
            let (a, b) = (first.ty.elem().clone(), val.ty.elem().clone());
            if !self.same(&a, &b) {
                self.type_mismatch(val.clone(), &first.ty.clone(), Some(first.span()), crate::unify::Why::Item);
                return Val::error(span);
            }
        }
        let mut axes = vec![Axis { name: None, extent: Sym::constant(vals.len() as i64) }];
        axes.extend(first.ty.axes().iter().map(|a| Axis { name: None, extent: self.facts_extent(&a.extent) }));
        let elem = first.ty.elem().clone();
        let ty = Ty::tensor(elem.clone(), axes.clone());
        if vals.iter().all(|v| matches!(v.expr.kind, ExprKind::Literal(..))) {
            let mut shape = vec![vals.len()];
            let mut cells = Vec::new();
            for val in vals {
                if let ExprKind::Literal(row, items) = val.expr.kind {
                    shape.truncate(1);
                    shape.extend(row.iter());
                    cells.extend(items);
                }
            }
            return Val::new(ExprKind::Literal(shape.into(), cells), ty, span);
        }
        let clauses = vals
            .into_iter()
            .enumerate()
            .map(|(k, val)| ir::Clause {
                slots: vec![ir::Slot::Fixed(k as i64)],
                wheres: Vec::new(),
                otherwise: None,
                span: val.span(),
                body: val.expr,
            })
            .collect();
        let ir_axes = axes
            .iter()
            .map(|a| ir::Axis { name: None, extent: a.extent.to_expr(Scalar::I64, &self.program.vars, span) })
            .collect();
        let family = ir::Family { name: Symbol::new(""), axes: ir_axes, elem: elem.ir(), clauses, span };
        Val::new(ExprKind::Family(Box::new(family)), ty, span)
    }

    fn range(&mut self, lo: Option<&ast::Expr>, hi: Option<&ast::Expr>, inclusive: bool, span: Span) -> Val {
        let (Some(lo), Some(hi)) = (lo, hi) else {
            self.report(
                diagnostics::Diagnostic::error("E0101", span, "an open range stands only in an index")
                    .label("needs both ends"),
            );
            return Val::error(span);
        };
        let (lo, hi) = self.range_ends(lo, hi, inclusive);
        match (lo, hi) {
            (Some(lo), Some(hi)) => Val::new(ExprKind::Range(Box::new(lo.0), Box::new(hi.0)), Ty::Range, span),
            _ => Val::error(span),
        }
    }

    /// Both ends as `i64`, the upper one exclusive, with their symbolic values.
    pub(crate) fn range_ends(&mut self, lo: &ast::Expr, hi: &ast::Expr, inclusive: bool) -> (Option<End>, Option<End>) {
        let lo = self.integer(lo);
        let hi = self.integer(hi).map(|(expr, sym)| {
            if !inclusive {
                return (expr, sym);
            }
            let span = expr.span;
            let sym = sym.map(|s| s.offset(1));
            let one = crate::lift::int(1, span);
            (Expr { kind: ExprKind::Op(ir::Op::Add, vec![expr, one]), ty: Type::I64, span }, sym)
        });
        (lo, hi)
    }

    /// An integer expression of any integer type, as `i64`.
    pub(crate) fn integer(&mut self, e: &ast::Expr) -> Option<End> {
        let val = self.expr(e, None);
        self.integer_val(val)
    }

    pub(crate) fn integer_val(&mut self, val: Val) -> Option<End> {
        let val = self.whole(val);
        if val.ty.is_error() {
            return None;
        }
        let is_int = match val.ty.scalar().map(|s| self.opens.resolve(s)) {
            Some(s @ Scalar::Open(_)) => {
                let ok = matches!(self.opens.kind(s), Some(Kind::Int | Kind::Any));
                if ok {
                    self.settle_default(&val.ty.clone());
                }
                ok
            }
            Some(s) => s.is_int(),
            None => false,
        };
        if !is_int {
            self.type_mismatch(val, &Ty::I32, None, crate::unify::Why::Item);
            return None;
        }
        let sym = self.facts.of(&val.expr);
        Some((to_i64(val.expr), sym))
    }
}

/// An integer expression widened to `i64`.
pub(crate) fn to_i64(expr: Expr) -> Expr {
    if expr.ty == Type::I64 {
        return expr;
    }
    let span = expr.span;
    if let ExprKind::Int(value) = expr.kind {
        return crate::lift::int(value, span);
    }
    Expr { kind: ExprKind::Cast(Box::new(expr)), ty: Type::I64, span }
}

fn suffix_scalar(suffix: Suffix) -> Scalar {
    match suffix {
        Suffix::I8 => Scalar::I8,
        Suffix::U8 => Scalar::U8,
        Suffix::I32 => Scalar::I32,
        Suffix::I64 => Scalar::I64,
        Suffix::F16 => Scalar::F16,
        Suffix::BF16 => Scalar::BF16,
        Suffix::F32 => Scalar::F32,
        Suffix::F64 => Scalar::F64,
    }
}
