//! Reductions over coordinates and packs, with bodies, or in the call form on a value that carries them.

use crate::cells::SlotRange;
use crate::env::{Entry, Level};
use crate::infer::Pending;
use crate::ty::{Axis, Ty, Val};
use crate::{Checker, errors, text, walk};
use diagnostics::{Span, Symbol};
use ir::{Binder, ExprKind, Reduce, ReduceOp, Scalar, VarId};
use syntax::ast::{self, CoordArg};

/// A coordinate of a reduction.
struct Scan {
    name: Symbol,
    span: Span,
    range: Option<ast::Range>,
}

impl Checker<'_> {
    pub(crate) fn reduce(
        &mut self,
        op: ReduceOp,
        coords: &[CoordArg],
        args: &[ast::Expr],
        wheres: Option<&ast::Where>,
        span: Span,
    ) -> Val {
        let [body] = args else {
            self.report(errors::argument_count(span, op.name(), 1, args.len(), None));
            return Val::error(span);
        };
        let mark = self.infer_mark();
        let facts = self.facts.mark();
        let conditional = self.cx.conditional;
        let outermost = self.enter_cells();
        let mut scans: Vec<(Scan, VarId)> = Vec::new();
        let mut binders: Vec<Option<Binder>> = Vec::new();
        let result = self.scoped(Level::Inner, |this| {
            let wanted = this.scans(coords, body)?;
            let names: Vec<Symbol> = wanted.iter().map(|s| s.name).collect();
            for scan in wanted {
                let (var, binder) = this.bind_scan(&scan)?;
                scans.push((scan, var));
                binders.push(binder);
            }
            let (taken, further) = this.take_trailing(&names);
            let guards = this.cx.guards.len();
            let (mut items, waiting) = this.own_items(wheres, &[body], taken);
            this.cx.guards.truncate(guards);
            this.gate_here(&names, &mut items);
            let mut inner = further;
            inner.extend(waiting.iter().cloned());
            let outer = std::mem::replace(&mut this.cx.trailing, inner);
            let val = this.with_sink(|this| {
                let val = this.expr(body, None);
                this.whole(val)
            });
            this.cx.trailing = outer;
            this.check_taken(&waiting);
            if let Some(otherwise) = wheres.and_then(|w| w.otherwise.as_ref()) {
                this.report(errors::misplaced_else(otherwise.span));
            }
            if val.ty.is_error() { None } else { Some((items, val)) }
        });
        for (scan, _) in &scans {
            self.ended.insert(scan.name, scan.span);
        }
        self.cx.cells -= 1;
        // The value's own axes, if the body does not spell them, are reduced or carried on.
        let result = result.filter(|(_, val)| self.check_carried(&scans, val, mark, body));
        if result.is_none() {
            self.drop_ranges(mark);
        }
        let place = self.cx.sink.len();
        self.settle_ranges(mark, outermost);
        let coords: Vec<VarId> = scans.iter().map(|(_, var)| *var).collect();
        let result = result.and_then(|(mut items, mut val)| {
            self.put_in_front(&coords, &mut items, &mut val, place).then_some((items, val))
        });
        self.facts.reset(facts);
        self.cx.conditional = conditional;
        if outermost {
            self.place_checks();
        }
        let Some((items, val)) = result else { return Val::error(span) };
        let binders: Vec<Binder> = scans
            .iter()
            .zip(binders)
            .map(|((scan, var), binder)| binder.unwrap_or_else(|| self.binder(*var, scan.span)))
            .collect();
        self.reduction(op, binders, &scans, items, val, span)
    }

    /// Coordinates of the bracket; packs stand for their members.
    fn scans(&mut self, coords: &[CoordArg], body: &ast::Expr) -> Option<Vec<Scan>> {
        let mut scans: Vec<Scan> = Vec::new();
        for coord in coords {
            match coord {
                CoordArg::Coord { name, range } => {
                    if scans.iter().any(|s| s.name == name.name) {
                        self.report(errors::shadowed_coord(name.span, name.name));
                        return None;
                    }
                    scans.push(Scan { name: name.name, span: name.span, range: range.clone() });
                }
                CoordArg::Group(names, _) => {
                    scans.extend(names.iter().map(|n| Scan { name: n.name, span: n.span, range: None }));
                }
                CoordArg::Pack(name) => {
                    let members = match self.cx.env.pack(name.name) {
                        Some(members) => members,
                        None => {
                            let members = self.new_pack(*name, &[body])?;
                            self.cx.env.bind_pack(name.name, members.clone());
                            members
                        }
                    };
                    scans.extend(members.into_iter().map(|m| Scan { name: m.name, span: name.span, range: None }));
                }
                CoordArg::Expr(e) => {
                    self.report(errors::left_slot(e.span));
                    return None;
                }
            }
        }
        Some(scans)
    }

    fn bind_scan(&mut self, scan: &Scan) -> Option<(VarId, Option<Binder>)> {
        // Later ranges may use earlier coordinates.
        let range = match &scan.range {
            Some(range) => {
                let outer = self.open_sink();
                let range = self.slot_range(range);
                let inner = self.close_sink(outer);
                self.cx.sink.extend(inner);
                Some(range?)
            }
            None => None,
        };
        let var = self.new_coord(scan.name, scan.span);
        let binder = match range {
            Some(SlotRange { lo, hi, lo_sym, hi_sym }) => {
                if let (Some(lo), Some(hi)) = (lo_sym, hi_sym) {
                    self.facts.ranges.insert(var, (lo, hi));
                }
                Some(Binder { var, lo, hi })
            }
            None => {
                let domain = self.cx.env.domain(scan.name);
                self.cx.pending.push(Pending { var, name: scan.name, span: scan.span, domain });
                None
            }
        };
        self.cx.env.bind(scan.name, Entry::Coord { var });
        Some((var, binder))
    }

    /// Whether the value carries what is reduced: E0308 where the call form is used on one that does not.
    fn check_carried(
        &mut self,
        scans: &[(Scan, VarId)],
        val: &Val,
        mark: crate::infer::Mark,
        body: &ast::Expr,
    ) -> bool {
        let mut all = true;
        for (scan, var) in scans {
            if scan.range.is_some() || self.is_used(*var, mark) {
                continue;
            }
            let mut spelled = Vec::new();
            walk::free_coords(body, &mut spelled);
            let carried = self.carried_by(body);
            if spelled.contains(&scan.name) || (carried.is_empty() && val.ty.rank() == 0 && !names_tensor(self, body)) {
                continue;
            }
            self.report(errors::not_carried(scan.span, scan.name.as_str(), body.span, &carried));
            self.forget(std::slice::from_ref(&(Scan { name: scan.name, span: scan.span, range: None }, *var)));
            all = false;
        }
        all
    }

    fn forget(&mut self, scans: &[(Scan, VarId)]) {
        for (_, var) in scans {
            self.cx.pending.retain(|p| p.var != *var);
            self.poison(*var);
        }
    }

    /// Names that the unindexed tensors of a body carry.
    fn carried_by(&self, body: &ast::Expr) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut indexed: Vec<*const ast::Expr> = Vec::new();
        walk::each_expr(body, &mut |e| {
            if let ast::ExprKind::Index { base, .. } = &e.kind {
                indexed.push(&**base);
            }
            if let ast::ExprKind::Path(path) = &e.kind
                && !indexed.contains(&(e as *const _))
                && let Some(Entry::Var { ty, .. }) = self.cx.env.lookup(path.segments[0].name)
            {
                for name in text::axis_names(ty.axes()) {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
        });
        names
    }

    /// A reduction of a checked body, which may carry coordinates on.
    fn reduction(
        &mut self,
        op: ReduceOp,
        binders: Vec<Binder>,
        scans: &[(Scan, VarId)],
        items: Vec<ir::WhereItem>,
        val: Val,
        span: Span,
    ) -> Val {
        let elem = val.ty.elem().clone();
        let Some(result) = self.reduced_type(op, &elem, scans, val.span()) else { return Val::error(span) };
        if val.ty.rank() == 0 {
            let reduce = Reduce { op, binders, wheres: items, body: val.expr };
            return Val::new(ExprKind::Reduce(Box::new(reduce)), result, span);
        }
        // Coordinates that the body carries and nothing binds go around the reduction.
        let axes: Vec<Axis> =
            val.ty.axes().iter().map(|a| Axis { name: a.name, extent: self.facts_extent(&a.extent) }).collect();
        let varies = |axis: &Axis| {
            crate::types::is_unknown(&axis.extent) || binders.iter().any(|binder| axis.extent.mentions(binder.var))
        };
        if axes.iter().any(varies) {
            self.report(errors::points_of_any_length(val.span()));
            return Val::error(span);
        }
        let outer: Vec<Binder> = axes.iter().map(|axis| self.axis_binder(axis, span)).collect();
        let coords: Vec<VarId> = outer.iter().map(|b| b.var).collect();
        self.cx.cells += 1;
        let body = self.with_sink(|this| this.cell_at(val, &coords, span));
        self.cx.cells -= 1;
        let reduce = Reduce { op, binders, wheres: items, body: body.expr };
        let cell = Val::new(ExprKind::Reduce(Box::new(reduce)), result, span);
        self.family_of(outer, axes, cell, span)
    }

    /// The result's type, or why the reduction does not apply.
    fn reduced_type(&mut self, op: ReduceOp, elem: &Ty, scans: &[(Scan, VarId)], span: Span) -> Option<Ty> {
        let Some(scalar) = elem.scalar() else {
            let shown = self.show(elem);
            self.report(errors::no_operator(span, op.name(), (span, shown), None));
            return None;
        };
        let is_bool = self.opens.resolve(scalar) == Scalar::Bool;
        match op {
            ReduceOp::Any | ReduceOp::All => {
                if !is_bool {
                    let given = self.show(elem);
                    let message = format!("`{}` reduces truth values, and this is `{given}`", op.name());
                    let text = self.sources.text(span).to_owned();
                    self.report(errors::mismatch(span, message, None, None).fix(
                        "compare",
                        span,
                        format!("{text} != 0"),
                    ));
                    return None;
                }
                Some(Ty::BOOL)
            }
            ReduceOp::ArgMax | ReduceOp::ArgMin => {
                if scans.len() != 1 {
                    let message = format!("`{}` finds along one coordinate, and {} are given", op.name(), scans.len());
                    self.report(diagnostics::Diagnostic::error("E0206", span, message).label("takes one coordinate"));
                    return None;
                }
                Some(Ty::Address(scans[0].0.name))
            }
            ReduceOp::Sum | ReduceOp::Prod | ReduceOp::Mean if is_bool => {
                let message = format!("`{}` of `bool` is not defined", op.name());
                let to = if op == ReduceOp::Mean { Ty::Scalar(Scalar::F32) } else { Ty::I32 };
                let text = self.cast_text(span, &to);
                self.report(errors::mismatch(span, message, None, None).fix("count with a cast", span, text));
                None
            }
            ReduceOp::Max | ReduceOp::Min if is_bool => {
                let message = format!("`{}` of `bool` is not defined", op.name());
                self.report(errors::mismatch(span, message, None, None).help("use `any` or `all`"));
                None
            }
            ReduceOp::Mean if !self.is_float(elem) => {
                let text = self.cast_text(span, &Ty::Scalar(Scalar::F32));
                self.report(errors::mismatch(span, "`mean` of integers is not an integer".into(), None, None).fix(
                    "convert first",
                    span,
                    text,
                ));
                None
            }
            _ => Some(match elem {
                Ty::Address(_) => Ty::I32,
                other => other.clone(),
            }),
        }
    }
}

/// Whether a body is a tensor without names, so that no coordinate can be carried.
fn names_tensor(this: &Checker, body: &ast::Expr) -> bool {
    match &body.kind {
        ast::ExprKind::Path(path) => {
            matches!(this.cx.env.lookup(path.segments[0].name), Some(Entry::Var { ty: Ty::Tensor(_), .. }))
        }
        _ => false,
    }
}
