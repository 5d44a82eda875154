//! The same walk forwards: tangents of what reads, from tangents of what is read.
//!
//! A tangent carries the coordinates of its variable, then those of the denominator. Along a direction there are none of
//! these. Clauses keep their coordinates and guards, and recurrences their order.

use super::*;
use ir::ReduceOp;

/// What moves: every cell of a variable by itself, or all of them along a direction.
#[derive(Clone, Copy)]
pub struct Source {
    pub x: VarId,
    pub direction: Option<VarId>,
}

impl Reverse<'_> {
    /// The tangent of `y`; nothing where it has none.
    pub fn push(
        &mut self,
        statements: &[&Stmt],
        source: Source,
        y: VarId,
        span: Span,
    ) -> Result<Option<VarId>, Blocked> {
        match source.direction {
            Some(direction) => {
                self.tangents.insert(source.x, direction);
            }
            None => self.seeds = self.axes_of(source.x, span),
        }
        for statement in statements {
            match statement {
                Stmt::Let(v, e) if *v != source.x && self.active.contains(v) => self.push_value(*v, e, source)?,
                Stmt::Rec(rec) if rec.families.iter().any(|(v, _)| *v == source.x) => {
                    // A cell that moves takes those behind it along.
                    return Err(Blocked::unknown(&rec.families[0].1.clauses[0].body));
                }
                Stmt::Rec(rec) if rec.families.iter().any(|(v, _)| self.active.contains(v)) => {
                    self.push_recurrence(rec, source)?;
                }
                _ => {}
            }
        }
        Ok(self.tangents.get(&y).copied())
    }

    fn push_value(&mut self, v: VarId, e: &Expr, source: Source) -> Result<(), Blocked> {
        if !moves_with(e).iter().any(|r| self.active.contains(r) || self.dependent.contains(r)) {
            return Ok(());
        }
        let rank = e.ty.rank();
        match &e.kind {
            ExprKind::CheckShape(inner, _) | ExprKind::Checkpoint(inner) if rank > 0 => {
                self.push_value(v, inner, source)
            }
            ExprKind::StopGradient(_) => Ok(()),
            ExprKind::Tuple(items) => {
                for (k, item) in items.iter().enumerate().filter(|(_, item)| is_float(&item.ty)) {
                    let field = self.differentiator.field(self.program, v, k);
                    self.push_value(field, item, source)?;
                }
                Ok(())
            }
            ExprKind::Field(inner, k) if rank > 0 => {
                let ExprKind::Var(tuple) = inner.kind else { return Err(Blocked::unknown(e)) };
                let field = self.differentiator.field(self.program, tuple, *k);
                self.push_copy(v, field, e, source)
            }
            ExprKind::Var(other) if rank > 0 => self.push_copy(v, *other, e, source),
            ExprKind::Family(family) => {
                let family = self.tangent_family(v, family, source)?;
                self.bind_tangent(v, family);
                Ok(())
            }
            ExprKind::Literal(shape, items) => {
                let axes = shape.iter().map(|n| Axis { name: None, extent: int(*n as i64, Scalar::I64, e.span) });
                let clauses = items.iter().enumerate().map(|(k, item)| {
                    let mut rest = k;
                    let mut slots = Vec::new();
                    for extent in shape.iter().rev() {
                        slots.insert(0, Slot::Fixed((rest % extent) as i64));
                        rest /= extent;
                    }
                    Clause { slots, wheres: Vec::new(), body: item.clone(), otherwise: None, span: e.span }
                });
                let (axes, clauses) = (axes.collect(), clauses.collect());
                let name = Symbol::new("");
                let family = Family { name, axes, elem: e.ty.elem().clone(), clauses, span: e.span };
                let family = self.tangent_family(v, &family, source)?;
                self.bind_tangent(v, family);
                Ok(())
            }
            _ if rank == 0 && e.ty.scalar().is_some() => {
                let (seeds, axes) = (self.seed_binders(e.span), self.seeds.clone());
                let cell = self.tangent_cell(v, &[], &[], e, &seeds, source)?;
                let name = format!("d{}", self.name_of(v));
                let tangent = self.family(&name, seeds, axes, cell, Vec::new(), e.span);
                self.tangents.insert(v, tangent);
                self.made.push((v, tangent));
                Ok(())
            }
            _ => Err(Blocked::unknown(e)),
        }
    }

    /// A copy of a variable moves as that one does.
    fn push_copy(&mut self, v: VarId, other: VarId, e: &Expr, source: Source) -> Result<(), Blocked> {
        if other != source.x {
            if let Some(tangent) = self.tangents.get(&other).copied() {
                self.tangents.insert(v, tangent);
            }
            return Ok(());
        }
        let axes = self.axes_of(other, e.span);
        let binders = crate::fresh_binders(self.program, &axes, e.span);
        let ty = self.program.vars[other.index()].ty.clone();
        let index = binders.iter().map(|b| coord(b.var, e.span)).collect();
        let copy = crate::family_expr(binders, axes, load(other, &ty, index, e.span), e.span);
        self.push_value(v, &copy, source)
    }

    fn bind_tangent(&mut self, v: VarId, family: Family) {
        let (ty, span) = (Type::tensor(family.elem.clone(), family.axes.len()), family.span);
        let tangent = self.tangent_var(v, span);
        self.program.vars[tangent.index()].coords = family.axes.iter().map(|axis| axis.name).collect();
        self.out.push(Stmt::Let(tangent, expr(ExprKind::Family(Box::new(family)), ty, span)));
        self.tangents.insert(v, tangent);
        self.made.push((v, tangent));
    }

    fn tangent_var(&mut self, v: VarId, span: Span) -> VarId {
        let name = format!("d{}", self.name_of(v));
        let ty = self.program.vars[v.index()].ty.clone();
        new_var(self.program, &name, &Type::tensor(ty.elem().clone(), ty.rank() + self.seeds.len()), span)
    }

    fn push_recurrence(&mut self, rec: &Recurrence, source: Source) -> Result<(), Blocked> {
        let mut place: HashMap<usize, usize> = HashMap::new();
        for (k, (v, family)) in rec.families.iter().enumerate().filter(|(_, (v, _))| self.active.contains(v)) {
            // What the cells read has its variable first.
            place.insert(k, place.len());
            let tangent = self.tangent_var(*v, family.span);
            self.tangents.insert(*v, tangent);
        }
        let mut families = Vec::new();
        for (k, (v, family)) in rec.families.iter().enumerate() {
            if !place.contains_key(&k) {
                continue;
            }
            let tangent = self.tangents[v];
            let family = self.tangent_family(*v, family, source)?;
            self.program.vars[tangent.index()].coords = family.axes.iter().map(|axis| axis.name).collect();
            families.push((tangent, family));
            self.made.push((*v, tangent));
        }
        let order = rec.order.iter().filter_map(|order| kept(order, &place)).collect();
        self.out.push(Stmt::Rec(Rc::new(Recurrence { families, order })));
        Ok(())
    }

    fn tangent_family(&mut self, v: VarId, family: &Family, source: Source) -> Result<Family, Blocked> {
        let mut axes = family.axes.clone();
        axes.extend(self.seeds.clone());
        let mut clauses = Vec::new();
        for clause in &family.clauses {
            let span = clause.span;
            if clause.slots.len() < family.axes.len() || calls::calls_for_each(family, clause) {
                return Err(Blocked::unknown(&clause.body));
            }
            let seeds = self.seed_binders(span);
            let body = self.tangent_cell(v, &clause.slots, &clause.wheres, &clause.body, &seeds, source)?;
            let otherwise = match &clause.otherwise {
                Some(e) => {
                    let before = before_guards(&clause.wheres);
                    Some(self.tangent_cell(v, &clause.slots, &before, e, &seeds, source)?)
                }
                None => None,
            };
            let slots = clause.slots.iter().cloned().chain(seeds.into_iter().map(Slot::Coord)).collect();
            clauses.push(Clause { slots, wheres: clause.wheres.clone(), body, otherwise, span });
        }
        let name = Symbol::new(&format!("d{}", self.name_of(v)));
        let whole = Family { name, axes, elem: family.elem.clone(), clauses, span: family.span };
        let ty = Type::tensor(whole.elem.clone(), whole.axes.len());
        let whole = expr(ExprKind::Family(Box::new(whole)), ty, family.span);
        match ir::visit::refresh(&whole, self.program).kind {
            ExprKind::Family(family) => Ok(*family),
            _ => unreachable!("a copy of a family is a family"),
        }
    }

    /// How a cell moves: each read's local derivative times the tangent of what is read.
    fn tangent_cell(
        &mut self,
        v: VarId,
        slots: &[Slot],
        wheres: &[WhereItem],
        body: &Expr,
        seeds: &[Binder],
        source: Source,
    ) -> Result<Expr, Blocked> {
        let span = body.span;
        let outer: Vec<Binder> = slots
            .iter()
            .filter_map(|slot| match slot {
                Slot::Coord(binder) => Some(binder.clone()),
                Slot::Fixed(_) => None,
            })
            .collect();
        let at: Vec<VarId> = seeds.iter().map(|b| b.var).collect();
        let behind_read: Vec<Expr> = at.iter().map(|s| coord(*s, span)).collect();
        let mut total: Option<Expr> = None;
        let mut shared: Vec<WhereItem> = Vec::new();
        for mut term in self.local_terms(slots, wheres, body)? {
            let read = self.read_of(v, &term, &outer);
            self.reads.push(read);
            // The clause has them already.
            let known = term.context.items.iter().zip(wheres).take_while(|(a, b)| is_same_item(a, b)).count();
            term.context.items.drain(..known);
            term.value = self.ordered(term.value);
            share(&mut term, &mut shared);
            let part = if term.target == source.x && source.direction.is_none() {
                if term.value.ty.rank() > 0 {
                    return Err(Blocked::unknown(body));
                }
                let extents: Vec<Expr> = self.seeds.iter().map(|axis| axis.extent.clone()).collect();
                contribution(&term, &[], &at, &extents, self.program)
            } else {
                let Some(tangent) = self.tangents.get(&term.target).copied() else { continue };
                self.along(term, tangent, &behind_read, span)
            };
            let part =
                if part.ty == body.ty { part } else { expr(ExprKind::Cast(Box::new(part)), body.ty.clone(), span) };
            total = Some(match total {
                Some(total) => plus(total, part),
                None => part,
            });
        }
        let total = total.unwrap_or_else(|| float(0.0, &body.ty, span));
        let shared = crate::terms::needed(shared, &total);
        Ok(behind(shared, total))
    }

    /// A local derivative times the tangent of what it belongs to.
    fn along(&mut self, term: Term, tangent: VarId, behind_read: &[Expr], span: Span) -> Expr {
        let Term { target, index, value, context } = term;
        let Context { mut binders, mut items } = context;
        let ty = self.program.vars[tangent.index()].ty.clone();
        let (index, value) = if value.ty.rank() > 0 {
            let axes = self.axes_of(target, span);
            let own = crate::fresh_binders(self.program, &axes, span);
            let index: Vec<Expr> = own.iter().map(|b| coord(b.var, span)).collect();
            let whole = new_var(self.program, "", &value.ty, span);
            let cell = load(whole, &value.ty, index.clone(), span);
            items.push(WhereItem::Def(whole, value));
            binders.extend(own);
            (index, cell)
        } else {
            (index.unwrap_or_default(), value)
        };
        let index = index.into_iter().chain(behind_read.iter().cloned()).collect();
        let value = mul(value, load(tangent, &ty, index, span));
        let part = sum(binders, crate::terms::needed(items, &value), value);
        ir::visit::refresh(&part, self.program)
    }

    /// The sum of a quotient's cells along a direction, for each cell of the numerator.
    pub fn contracted(&mut self, quotient: VarId, y: VarId, direction: VarId, span: Span) -> VarId {
        let (ty, y_axes) = (self.program.vars[quotient.index()].ty.clone(), self.axes_of(y, span));
        let direction_ty = self.program.vars[direction.index()].ty.clone();
        let own = crate::fresh_binders(self.program, &y_axes, span);
        let x_axes = crate::dims(&var(direction, direction_ty.clone(), span), direction_ty.rank(), span);
        let scans = crate::fresh_binders(self.program, &x_axes, span);
        let of = |binders: &[Binder]| binders.iter().map(|b| coord(b.var, span)).collect::<Vec<Expr>>();
        let index = of(&own).into_iter().chain(of(&scans)).collect();
        let cell = mul(load(quotient, &ty, index, span), load(direction, &direction_ty, of(&scans), span));
        let cell = if scans.is_empty() {
            cell
        } else {
            let elem = cell.ty.clone();
            let reduce = Reduce { op: ReduceOp::Sum, binders: scans, wheres: Vec::new(), body: cell };
            expr(ExprKind::Reduce(Box::new(reduce)), elem, span)
        };
        self.family("", own, y_axes, cell, Vec::new(), span)
    }
}

/// Takes the definitions of a term that stands in its cell alone to those of the cell. Those of integers stay, too, as
/// the term's index may be made of them.
fn share(term: &mut Term, shared: &mut Vec<WhereItem>) {
    let items = &mut term.context.items;
    if !term.context.binders.is_empty() || items.iter().any(|item| matches!(item, WhereItem::Guard(_))) {
        return;
    }
    for item in items.iter() {
        if !shared.iter().any(|known| is_same_item(known, item)) {
            shared.push(item.clone());
        }
    }
    items.retain(|item| matches!(item, WhereItem::Def(_, e) if e.ty.scalar().is_some_and(|s| s.is_int())));
}

fn is_same_item(a: &WhereItem, b: &WhereItem) -> bool {
    match (a, b) {
        (WhereItem::Def(a, _), WhereItem::Def(b, _)) => a == b,
        (WhereItem::Guard(a), WhereItem::Guard(b)) => solve::same(a, b),
        _ => false,
    }
}

/// The order of those families that have a place.
fn kept(order: &Order, place: &HashMap<usize, usize>) -> Option<Order> {
    match order {
        Order::Cells(k) => place.get(k).map(|k| Order::Cells(*k)),
        Order::Steps { axes, descending, body } => {
            let axes = axes.iter().filter_map(|(k, axis)| place.get(k).map(|k| (*k, *axis))).collect();
            let body: Vec<Order> = body.iter().filter_map(|order| kept(order, place)).collect();
            (!body.is_empty()).then_some(Order::Steps { axes, descending: *descending, body })
        }
    }
}
