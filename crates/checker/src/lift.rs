//! Cells of tensors, and tensors of cells: whole-tensor arithmetic as families, implicit indices by name.

use crate::env::Entry;
use crate::infer::Place;
use crate::sym::Sym;
use crate::ty::{Axis, Ty, Val};
use crate::{Checker, errors, text};
use diagnostics::{Span, Symbol};
use ir::{Binder, Clause, Expr, ExprKind, Family, Load, Scalar, Slot, Type, VarId};
use std::collections::HashMap;

/// What an index does to one axis.
pub(crate) enum Pick {
    At(Val),
    All,
    /// From here on, this many.
    Slice {
        lo: Expr,
        len: Sym,
    },
}

impl Checker<'_> {
    /// A read of some axes, with the others left over as a tensor.
    pub(crate) fn read(&mut self, val: Val, picks: Vec<Pick>, place: Place, span: Span) -> Val {
        let val = self.named(val);
        let axes = val.ty.axes().to_vec();
        let elem = val.ty.elem().clone();
        let own = self.cx.own.is_some() && val.as_var() == self.cx.own;
        let load = self.fresh_load(axes.len());
        let (mut index, mut binders, mut left) = (Vec::new(), Vec::new(), Vec::new());
        let mut spans = Vec::new();
        for (k, (pick, axis)) in picks.into_iter().zip(&axes).enumerate() {
            match pick {
                Pick::At(at) => {
                    self.access((load, k), &at, &axis.extent, place.clone(), axis.name, own);
                    spans.push(at.span());
                    index.push(at.expr);
                }
                Pick::All => {
                    let binder = self.axis_binder(axis, span);
                    index.push(coord_expr(binder.var, span));
                    spans.push(span);
                    binders.push(binder);
                    left.push(axis.clone());
                    self.proven.get_mut(&load).expect("just made")[k] = true;
                }
                Pick::Slice { lo, len } => {
                    let part = Axis { name: axis.name, extent: len };
                    let binder = self.axis_binder(&part, span);
                    let at = Expr {
                        kind: ExprKind::Op(ir::Op::Add, vec![lo, coord_expr(binder.var, span)]),
                        ty: Type::I32,
                        span,
                    };
                    index.push(at);
                    spans.push(span);
                    binders.push(binder);
                    left.push(part);
                    // Its ends are checked where it is made.
                    self.proven.get_mut(&load).expect("just made")[k] = true;
                }
            }
        }
        let proven = vec![false; index.len()];
        let cell =
            Val::new(ExprKind::Load(Box::new(Load { id: load, tensor: val.expr, index, proven, spans })), elem, span);
        if binders.is_empty() { cell } else { self.family_of(binders, left, cell, span) }
    }

    /// A coordinate over a whole axis.
    pub(crate) fn axis_binder(&mut self, axis: &Axis, span: Span) -> Binder {
        let var = self.new_coord(axis.name.unwrap_or(Symbol::new("")), span);
        self.facts.ranges.insert(var, (Sym::constant(0), axis.extent.clone()));
        let hi = axis.extent.to_expr(Scalar::I64, &self.program.vars, span);
        Binder { var, lo: int(0, span), hi }
    }

    /// An anonymous family: `cell` over the binders.
    pub(crate) fn family_of(&mut self, binders: Vec<Binder>, axes: Vec<Axis>, cell: Val, span: Span) -> Val {
        let ty = Ty::tensor(cell.ty.clone(), axes.clone());
        let ir_axes = axes
            .iter()
            .map(|axis| ir::Axis {
                name: axis.name,
                extent: axis.extent.to_expr(Scalar::I64, &self.program.vars, span),
            })
            .collect();
        let clause = Clause {
            slots: binders.into_iter().map(Slot::Coord).collect(),
            wheres: Vec::new(),
            body: cell.expr,
            otherwise: None,
            span,
        };
        let family = Family { name: Symbol::new(""), axes: ir_axes, elem: cell.ty.ir(), clauses: vec![clause], span };
        Val::new(ExprKind::Family(Box::new(family)), ty, span)
    }

    /// A tensor's cell at coordinates that run over exactly its axes: families are read through.
    pub(crate) fn cell_at(&mut self, val: Val, coords: &[VarId], span: Span) -> Val {
        let elem = val.ty.elem().clone();
        if let ExprKind::Family(family) = &val.expr.kind
            && let [Clause { slots, wheres, body, otherwise: None, .. }] = family.clauses.as_slice()
            && wheres.is_empty()
            && slots.len() == coords.len()
            && slots.iter().all(|s| matches!(s, Slot::Coord(b) if matches!(b.lo.kind, ExprKind::Int(0))))
        {
            let by: HashMap<VarId, VarId> = slots
                .iter()
                .zip(coords)
                .filter_map(|(slot, coord)| match slot {
                    Slot::Coord(binder) => Some((binder.var, *coord)),
                    Slot::Fixed(_) => None,
                })
                .collect();
            let mut body = body.clone();
            ir::visit::rename(&mut body, &by);
            return Val { expr: body, ty: elem };
        }
        let val = self.named(val);
        let load = self.fresh_load(coords.len());
        self.proven.insert(load, vec![true; coords.len()]);
        let index = coords.iter().map(|c| coord_expr(*c, span)).collect();
        let load = Load {
            id: load,
            tensor: val.expr,
            index,
            proven: vec![false; coords.len()],
            spans: vec![span; coords.len()],
        };
        Val::new(ExprKind::Load(Box::new(load)), elem, span)
    }

    /// Inside cells, a value that carries a coordinate in scope is read at it.
    pub(crate) fn localise(&mut self, val: Val) -> Val {
        if self.cx.cells == 0 || val.ty.rank() == 0 {
            return val;
        }
        let axes = val.ty.axes().to_vec();
        let coords: Vec<Option<VarId>> =
            axes.iter().map(|axis| axis.name.and_then(|name| self.coord_in_scope(name))).collect();
        if coords.iter().all(Option::is_none) {
            return val;
        }
        let span = val.span();
        let place = self.place_of(&val);
        let picks = coords
            .into_iter()
            .map(|coord| match coord {
                Some(var) => Pick::At(Val::var(var, Ty::I32, span)),
                None => Pick::All,
            })
            .collect();
        self.read(val, picks, place, span)
    }

    pub(crate) fn coord_in_scope(&self, name: Symbol) -> Option<VarId> {
        match self.cx.env.lookup(name) {
            Some(Entry::Coord { var, .. }) => Some(var),
            _ => None,
        }
    }

    pub(crate) fn place_of(&self, val: &Val) -> Place {
        let span = val.span();
        match val.as_var() {
            Some(var) if !self.program.vars[var.index()].name.as_str().is_empty() => {
                let var = &self.program.vars[var.index()];
                Place { name: format!("`{}`", var.name), span: var.span }
            }
            _ => Place { name: "this value".into(), span },
        }
    }

    /// Applies a cell-wise construct to scalars, or to tensors that agree, cell by cell.
    pub(crate) fn pointwise(&mut self, vals: Vec<Val>, span: Span, f: impl FnOnce(&mut Self, Vec<Val>) -> Val) -> Val {
        let vals: Vec<Val> = vals
            .into_iter()
            .map(|val| {
                let val = self.localise(val);
                self.with_extents(val)
            })
            .collect();
        if vals.iter().any(|v| v.ty.is_error()) {
            return Val::error(span);
        }
        if vals.iter().all(|v| v.ty.rank() == 0) {
            return f(self, vals);
        }
        let Some(axes) = self.common_axes(&vals, span) else { return Val::error(span) };
        // What is computed once stays outside of the cells.
        let vals: Vec<Val> = vals
            .into_iter()
            .map(|val| if val.ty.rank() == 0 && !is_cheap(&val.expr) { self.named(val) } else { val })
            .collect();
        let binders: Vec<Binder> = axes.iter().map(|axis| self.axis_binder(axis, span)).collect();
        let coords: Vec<VarId> = binders.iter().map(|b| b.var).collect();
        let cells: Vec<Val> = vals
            .into_iter()
            .map(|val| match val.ty.rank() {
                0 => val,
                _ => {
                    let order = self.matched(&axes, val.ty.axes());
                    let coords: Vec<VarId> = order.iter().map(|k| coords[*k]).collect();
                    let place = val.span();
                    self.cell_at(val, &coords, place)
                }
            })
            .collect();
        self.cx.cells += 1;
        let cell = self.with_sink(|this| f(this, cells));
        self.cx.cells -= 1;
        if cell.ty.is_error() {
            return Val::error(span);
        }
        if cell.ty.rank() > 0 {
            return self.stacked(binders, axes, cell, span);
        }
        self.family_of(binders, axes, cell, span)
    }

    /// A family whose cells are tensors themselves: a slice clause.
    pub(crate) fn stacked(&mut self, binders: Vec<Binder>, axes: Vec<Axis>, slice: Val, span: Span) -> Val {
        if slice.ty.axes().iter().any(|axis| crate::types::is_unknown(&axis.extent)) {
            self.report(errors::rows_of_any_length(span));
            return Val::error(span);
        }
        let mut all = axes;
        all.extend(slice.ty.axes().iter().cloned());
        let elem = slice.ty.elem().clone();
        let mut val = self.family_of(binders, all.clone(), slice, span);
        if let ExprKind::Family(family) = &mut val.expr.kind {
            family.elem = elem.ir();
        }
        val.ty = Ty::tensor(elem, all);
        val.expr.ty = val.ty.ir();
        val
    }

    /// Which axis of `axes` each axis of a value is: by name where both have names, else in order.
    fn matched(&self, axes: &[Axis], own: &[Axis]) -> Vec<usize> {
        let by_name: Option<Vec<usize>> =
            own.iter().map(|a| a.name.and_then(|name| axes.iter().position(|b| b.name == Some(name)))).collect();
        by_name.filter(|_| distinct(own)).unwrap_or_else(|| (0..own.len()).collect())
    }

    /// The axes of a cell-wise combination.
    fn common_axes(&mut self, vals: &[Val], span: Span) -> Option<Vec<Axis>> {
        let tensors: Vec<&Val> = vals.iter().filter(|v| v.ty.rank() > 0).collect();
        let named = |v: &Val| v.ty.axes().iter().all(|a| a.name.is_some()) && distinct(v.ty.axes());
        let first = tensors.iter().find(|v| named(v)).unwrap_or(&tensors[0]);
        let mut axes: Vec<Axis> =
            first.ty.axes().iter().map(|a| Axis { name: a.name, extent: self.facts_extent(&a.extent) }).collect();
        for other in &tensors {
            let own = other.ty.axes();
            if std::ptr::eq(*other, *first) {
                continue;
            }
            let both = named(first) && named(other);
            let same_names =
                both && own.len() == axes.len() && own.iter().all(|a| axes.iter().any(|b| b.name == a.name));
            if own.len() != axes.len() || (both && !same_names) {
                self.disagree(first, other, span);
                return None;
            }
            for (own_axis, k) in own.iter().zip(self.matched(&axes, own)) {
                let (a, b) = (axes[k].extent.clone(), self.facts_extent(&own_axis.extent));
                if a == b {
                    continue;
                }
                match (a.as_const(), b.as_const()) {
                    (Some(x), Some(y)) if x != y => {
                        self.extents_disagree(first, other, axes[k].name.filter(|_| both), span);
                        return None;
                    }
                    (None, Some(_)) => axes[k].extent = b.clone(),
                    _ => {}
                }
                if !self.facts.equal(&a, &b) {
                    let parties = [first, other].map(|v| self.place_of(v).name);
                    self.compare_extents(axes[k].name, [&a, &b], parties, span);
                }
            }
        }
        Some(axes)
    }

    fn disagree(&mut self, first: &Val, other: &Val, span: Span) {
        let (left, right) = if first.span().start <= other.span().start { (first, other) } else { (other, first) };
        let (a, b) = (text::axis_names(left.ty.axes()), text::axis_names(right.ty.axes()));
        if a.is_empty() && b.is_empty() {
            let (x, y) = (self.show_shape(left.ty.axes()), self.show_shape(right.ty.axes()));
            self.report(errors::different_shapes(span, (left.span(), &x), (right.span(), &y)));
            return;
        }
        // Axes without names are most often the last ones of the other side.
        let indexed = |val: &Val, names: &[String], others: &[String], this: &Self| {
            let text = this.sources.text(val.span()).to_owned();
            let rank = val.ty.rank();
            let names = if names.is_empty() && rank <= others.len() { &others[others.len() - rank..] } else { names };
            if names.is_empty() { text } else { format!("{text}[{}]", names.join(", ")) }
        };
        let between = Span { start: left.span().end, end: right.span().start, ..span };
        let operator = self.sources.text(between).to_owned();
        let simple = left.as_var().is_some() && right.as_var().is_some() && operator.len() < 6;
        let fix = simple.then(|| format!("{}{operator}{}", indexed(left, &a, &b, self), indexed(right, &b, &a, self)));
        // What a `let` binds needs a left side that binds the coordinates.
        let fix = fix.map(|text| match self.binding {
            Some((name, pattern, value)) if value == span && !a.is_empty() => {
                let mut names = a.clone();
                names.extend(b.iter().filter(|name| !a.contains(name)).cloned());
                let between = Span { start: pattern.end, end: value.start, ..value };
                let between = self.sources.text(between);
                (pattern.to(value), format!("{name}[{}]{between}{text}", names.join(", ")))
            }
            _ => (span, text),
        });
        self.report(errors::different_coords(span, (left.span(), &a), (right.span(), &b), fix));
    }

    fn extents_disagree(&mut self, first: &Val, other: &Val, name: Option<Symbol>, span: Span) {
        let (left, right) = if first.span().start <= other.span().start { (first, other) } else { (other, first) };
        match name {
            Some(name) => {
                let extent = |v: &Val, this: &Self| {
                    let axis = v.ty.axes().iter().find(|a| a.name == Some(name)).map(|a| this.facts_extent(&a.extent));
                    axis.map(|e| this.show_sym(&e)).unwrap_or_default()
                };
                let places =
                    [left, right].map(|v| (v.span(), extent(v, self), format!("from {}", self.place_of(v).name)));
                self.report(errors::extents(span, name.as_str(), &places));
            }
            None => {
                let (x, y) = (self.show_shape(left.ty.axes()), self.show_shape(right.ty.axes()));
                self.report(errors::different_shapes(span, (left.span(), &x), (right.span(), &y)));
            }
        }
    }
}

/// Names do not repeat.
fn distinct(axes: &[Axis]) -> bool {
    axes.iter().enumerate().all(|(k, a)| axes[..k].iter().all(|b| a.name != b.name || a.name.is_none()))
}

/// Free to repeat.
pub(crate) fn is_cheap(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Var(_) | ExprKind::Str(_) => true,
        ExprKind::Cast(e) => is_cheap(e),
        ExprKind::Op(ir::Op::Neg, args) => args.iter().all(is_cheap),
        _ => false,
    }
}

pub(crate) fn coord_expr(var: VarId, span: Span) -> Expr {
    Expr { kind: ExprKind::Var(var), ty: Type::I32, span }
}

pub(crate) fn int(value: i64, span: Span) -> Expr {
    Expr { kind: ExprKind::Int(value), ty: Type::I64, span }
}
