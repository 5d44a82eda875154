//! Calls that are not looked into and are made for each cell of something: at each point a pullback of its own gives what
//! the operands get there, which is stored by the same coordinates.

use super::*;
use crate::terms::{is_hidden, leaves_of};
use ir::visit::refresh;

/// What is called at each point, and which field of its result is taken.
struct Called<'e> {
    func: FuncId,
    args: &'e [Expr],
    field: Option<usize>,
    /// Of the call itself.
    ty: &'e Type,
}

fn called(e: &Expr) -> Option<Called<'_>> {
    match &e.kind {
        ExprKind::Call(func, args) => Some(Called { func: *func, args, field: None, ty: &e.ty }),
        ExprKind::Field(of, k) => match &of.kind {
            ExprKind::Call(func, args) => Some(Called { func: *func, args, field: Some(*k), ty: &of.ty }),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a clause makes a call for each of its points.
pub(super) fn calls_for_each(family: &Family, clause: &Clause) -> bool {
    called(&clause.body).is_some_and(|called| {
        clause.slots.len() < family.axes.len()
            || called.field.is_some()
            || called.args.iter().any(|arg| matches!(arg.kind, ExprKind::Family(_)))
    })
}

impl Reverse<'_> {
    /// Terms of the operands of a clause's call, whose value has the cotangent `adjoint` at the clause's points.
    pub(super) fn calls(&mut self, family: &Family, k: usize, adjoint: VarId) -> Result<(), Blocked> {
        let clause = &family.clauses[k];
        let span = clause.body.span;
        let Some(Called { func, args, field, ty }) = called(&clause.body) else {
            return Err(Blocked::unknown(&clause.body));
        };
        let moves = |arg: &&Expr| moves_with(arg).iter().any(|v| self.active.contains(v));
        if let Some(hidden) = args.iter().filter(moves).find(|arg| is_hidden(self.program, &arg.ty)) {
            return Err(Blocked::unknown(hidden));
        }
        let (outer, point) = self.points(clause, span);
        let mut items = self.uncovered(family, k, &point, span);
        items.extend(clause.wheres.iter().cloned());
        let pullback = self.differentiator.pullback(self.program, func)?;
        let result = self.program.funcs[pullback.index()].result.clone();

        let seeds = self.seed_binders(span);
        let at: Vec<Expr> = seeds.iter().map(|b| coord(b.var, span)).chain(point.iter().cloned()).collect();
        let own = self.rest_at(adjoint, at, span);
        let (statements, ct) = match field {
            None => (Vec::new(), own),
            Some(field) => self.one_field(&clause.body, ty, field, own),
        };
        let pulled = ExprKind::Call(pullback, args.iter().cloned().chain([ct]).collect());
        let pulled = crate::behind_statements(statements, expr(pulled, result, span));

        for (leaf, operand) in args.iter().flat_map(leaves_of).enumerate() {
            if !moves_with(&operand).iter().any(|v| self.active.contains(v)) {
                continue;
            }
            let pulled = Box::new(refresh(&pulled, self.program));
            let part = expr(ExprKind::Field(pulled, leaf), operand.ty.clone(), span);
            let of_operand = self.axes_of_operand(&operand)?;
            let free: Vec<VarId> = of_operand.iter().flat_map(|axis| ir::visit::free_vars(&axis.extent)).collect();
            if outer.iter().any(|binder| free.contains(&binder.var)) {
                return Err(Blocked::unknown(&operand));
            }
            let mut axes = self.seeds.clone();
            axes.extend(family.axes[..clause.slots.len()].iter().cloned());
            axes.extend(of_operand);
            let slots = seeds.iter().cloned().map(Slot::Coord).chain(clause.slots.iter().cloned()).collect();
            let wheres = items.clone();
            let own = Clause { slots, wheres, body: part, otherwise: None, span };
            let stored = self.stored_for_each(axes, operand.ty.elem().clone(), own, span);
            self.operand_terms(&operand, stored, &outer, &point, &items, &clause.slots)?;
        }
        Ok(())
    }

    /// A tensor's cells behind some indices: a number, or what is left of it.
    fn rest_at(&mut self, tensor: VarId, index: Vec<Expr>, span: Span) -> Expr {
        let ty = self.program.vars[tensor.index()].ty.clone();
        let axes = crate::dims(&var(tensor, ty.clone(), span), ty.rank(), span).split_off(index.len());
        let binders = crate::fresh_binders(self.program, &axes, span);
        let index = index.into_iter().chain(binders.iter().map(|b| coord(b.var, span))).collect();
        let cell = load(tensor, &ty, index, span);
        if axes.is_empty() { cell } else { crate::family_expr(binders, axes, cell, span) }
    }

    /// The cotangent of a tuple of which one field is taken. The others are zero; their extents are those of the call.
    fn one_field(&mut self, body: &Expr, ty: &Type, field: usize, ct: Expr) -> (Vec<Stmt>, Expr) {
        let span = body.span;
        let mut statements = Vec::new();
        let mut all: Option<VarId> = None;
        let mut parts = Vec::new();
        for (k, own) in fields_of(ty).into_iter().enumerate() {
            if k == field {
                parts.push(ct.clone());
                continue;
            }
            if own.rank() == 0 {
                parts.push(zero(&own, span));
                continue;
            }
            let value = *all.get_or_insert_with(|| {
                let ExprKind::Field(call, _) = &body.kind else { unreachable!("a field of a call") };
                let v = new_var(self.program, "", ty, span);
                let call = ir::visit::refresh(call, self.program);
                statements.push(Stmt::Let(v, call));
                v
            });
            let part = expr(ExprKind::Field(Box::new(var(value, ty.clone(), span)), k), own.clone(), span);
            parts.push(if is_float(&own) { crate::zeros_like(self.program, &part, span) } else { part });
        }
        (statements, expr(ExprKind::Tuple(parts), ty.clone(), span))
    }

    fn axes_of_operand(&self, operand: &Expr) -> Result<Vec<Axis>, Blocked> {
        match &operand.kind {
            ExprKind::Family(row) => Ok(row.axes.clone()),
            ExprKind::Var(v) => Ok(self.axes_of(*v, operand.span)),
            _ if operand.ty.rank() == 0 => Ok(Vec::new()),
            _ => Err(Blocked::unknown(operand)),
        }
    }

    /// Binds what the pullbacks give, among the families of the recurrence that is walked, if one is.
    fn stored_for_each(&mut self, axes: Vec<Axis>, elem: Type, clause: Clause, span: Span) -> VarId {
        let ty = Type::tensor(elem.clone(), axes.len());
        let family = Family { name: Symbol::new(""), axes, elem, clauses: vec![clause], span };
        let whole = expr(ExprKind::Family(Box::new(family)), ty.clone(), span);
        let whole = ir::visit::refresh(&whole, self.program);
        let bound = new_var(self.program, "", &ty, span);
        match (&mut self.among, whole.kind) {
            (Some(among), ExprKind::Family(family)) => among.push((bound, *family)),
            (_, kind) => self.out.push(Stmt::Let(bound, expr(kind, ty, span))),
        }
        bound
    }

    fn operand_terms(
        &mut self,
        operand: &Expr,
        stored: VarId,
        outer: &[Binder],
        point: &[Expr],
        items: &[WhereItem],
        slots: &[Slot],
    ) -> Result<(), Blocked> {
        let span = operand.span;
        let mut context = Context { binders: Vec::new(), items: items.to_vec() };
        if operand.ty.rank() == 0 {
            let ct = self.cotangent(stored, point.to_vec(), span);
            return self.pull(operand, ct, context, outer.to_vec(), slots.to_vec());
        }
        let (target, index, own) = match ir::visit::refresh(operand, self.program).kind {
            ExprKind::Var(v) => {
                let axes = self.axes_of(v, span);
                let own = crate::fresh_binders(self.program, &axes, span);
                (v, own.iter().map(|b| coord(b.var, span)).collect(), own)
            }
            ExprKind::Family(row) => match &row.clauses[..] {
                [clause] if clause.wheres.is_empty() && clause.otherwise.is_none() => {
                    let ExprKind::Load(read) = &clause.body.kind else { return Err(Blocked::unknown(operand)) };
                    let ExprKind::Var(v) = read.tensor.kind else { return Err(Blocked::unknown(operand)) };
                    let binder = |slot: &Slot| match slot {
                        Slot::Coord(binder) => Some(binder.clone()),
                        Slot::Fixed(_) => None,
                    };
                    let own: Option<Vec<Binder>> = clause.slots.iter().map(binder).collect();
                    (v, read.index.clone(), own.ok_or_else(|| Blocked::unknown(operand))?)
                }
                _ => return Err(Blocked::unknown(operand)),
            },
            _ => return Err(Blocked::unknown(operand)),
        };
        let all = point.iter().cloned().chain(own.iter().map(|b| coord(b.var, span))).collect();
        let value = self.cotangent(stored, all, span);
        context.binders = own;
        self.contribute(outer.to_vec(), Term { target, index: Some(index), value, context });
        Ok(())
    }
}
