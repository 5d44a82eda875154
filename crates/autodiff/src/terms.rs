//! The reads of a cell with their local derivatives: the one place where an operation's derivative is used.
//!
//! For a cell `e` with cotangent `ct`, every read of an active variable gives a term: the target, the index that is
//! read, the cotangent times the local derivative, and the coordinates, definitions and guards under which it
//! stands. Reverse mode sums terms by what they read; nothing else is known of an operation here but its row.

use crate::build::*;
use crate::depend::moves_with;
use crate::errors::Blocked;
use ir::ops::D;
use ir::{
    Binder, Expr, ExprKind, FuncId, Op, Program, Reduce, ReduceOp, Scalar, Stmt, Type, Var, VarId, VarKind, WhereItem,
};
use std::collections::HashSet;

/// A contribution to the cotangent of `target`.
#[derive(Clone, Debug)]
pub struct Term {
    pub target: VarId,
    /// `None` for a scalar, or for a contribution to a whole tensor.
    pub index: Option<Vec<Expr>>,
    /// A scalar, or a tensor of the target's shape.
    pub value: Expr,
    pub context: Context,
}

/// Where a term stands: coordinates that run, definitions and guards in order.
#[derive(Clone, Debug, Default)]
pub struct Context {
    pub binders: Vec<Binder>,
    pub items: Vec<WhereItem>,
}

/// What the pass around provides.
pub trait Surroundings {
    fn program(&mut self) -> &mut Program;
    /// The pullback of a function that is called and not inlined: its parameters and a cotangent give a tuple of the
    /// cotangents of its float parameters.
    fn pullback(&mut self, func: FuncId) -> Result<FuncId, Blocked>;
    /// A statement in front of the adjoints, where the context runs over no coordinates.
    fn bind(&mut self, value: Expr) -> VarId;
    /// The variable that stands for a field of a tuple variable.
    fn field(&mut self, tuple: VarId, field: usize) -> VarId;
    /// No coordinates run around the cell: it is evaluated once.
    fn once(&self) -> bool;
    /// The index of a reduction's winner, as a family over the coordinates of the context. Where there is no winner, the
    /// search is not made, and what stands in its place is read by nobody.
    fn winner(&mut self, context: &Context, reduce: Reduce, exists: Expr) -> Expr;
}

/// A cotangent of a variable that a cell binds, or of one of its fields, where it stands.
struct Contribution {
    field: usize,
    context: Context,
    value: Expr,
}

pub struct Cell<'a> {
    pub around: &'a mut dyn Surroundings,
    /// Variables whose cotangent is wanted.
    pub active: &'a HashSet<VarId>,
    /// Everything that depends on the denominator, in any way.
    pub dependent: &'a HashSet<VarId>,
    pub terms: Vec<Term>,
    /// Variables that the cell binds itself and that depend on active ones, with contributions to them.
    local: Vec<(VarId, Vec<Contribution>)>,
}

impl<'a> Cell<'a> {
    pub fn new(around: &'a mut dyn Surroundings, active: &'a HashSet<VarId>, dependent: &'a HashSet<VarId>) -> Self {
        Cell { around, active, dependent, terms: Vec::new(), local: Vec::new() }
    }

    fn temp(&mut self, ty: &Type, span: diagnostics::Span) -> VarId {
        let program = self.around.program();
        program.vars.push(Var {
            name: diagnostics::Symbol::new(""),
            ty: ty.clone(),
            span,
            kind: VarKind::Temp,
            coords: vec![None; ty.rank()],
        });
        VarId(program.vars.len() as u32 - 1)
    }

    fn is_active(&self, e: &Expr) -> bool {
        moves_with(e).iter().any(|v| self.active.contains(v) || self.local.iter().any(|(l, _)| l == v))
    }

    /// An integer or truth value that depends on the denominator, used as a number.
    pub fn blocked(&self, e: &Expr) -> Result<(), Blocked> {
        match &e.kind {
            ExprKind::Cast(inner) if is_float(&e.ty) && !is_float(&inner.ty) => {
                let moves = moves_with(inner).iter().any(|v| self.dependent.contains(v));
                if moves { Err(Blocked::through(inner)) } else { Ok(()) }
            }
            ExprKind::Cast(inner) | ExprKind::Checkpoint(inner) => self.blocked(inner),
            ExprKind::Op(_, args) => args.iter().try_for_each(|a| self.blocked(a)),
            // A condition only chooses.
            ExprKind::If(_, a, b) => {
                self.blocked(a)?;
                self.blocked(b)
            }
            ExprKind::Reduce(reduce) => {
                self.blocked_items(&reduce.wheres)?;
                self.blocked(&reduce.body)
            }
            ExprKind::Block(statements, value) => {
                for statement in statements {
                    if let Stmt::Let(_, d) = statement {
                        self.blocked(d)?;
                    }
                }
                self.blocked(value)
            }
            _ => Ok(()),
        }
    }

    pub fn blocked_items(&self, items: &[WhereItem]) -> Result<(), Blocked> {
        items.iter().try_for_each(|item| match item {
            WhereItem::Def(_, d) => self.blocked(d),
            WhereItem::Guard(_) => Ok(()),
        })
    }

    /// Makes an expression free to repeat.
    fn atom(&mut self, e: &Expr, context: &mut Context) -> Expr {
        if is_atom(e) {
            return e.clone();
        }
        let temp = self.temp(&e.ty, e.span);
        let copy = ir::visit::refresh(e, self.around.program());
        context.items.push(WhereItem::Def(temp, copy));
        var(temp, e.ty.clone(), e.span)
    }

    pub fn pull(&mut self, e: &Expr, ct: Expr, context: &Context) -> Result<(), Blocked> {
        if !self.is_active(e) || is_number(&ct, 0.0) {
            return Ok(());
        }
        match &e.kind {
            ExprKind::Var(v) => {
                if let Some((_, contributions)) = self.local.iter_mut().rev().find(|(l, _)| l == v) {
                    contributions.push(Contribution { field: 0, context: context.clone(), value: ct });
                } else {
                    self.terms.push(Term { target: *v, index: None, value: ct, context: context.clone() });
                }
            }
            ExprKind::Load(load) => {
                let ExprKind::Var(tensor) = load.tensor.kind else { return Err(Blocked::unknown(e)) };
                if self.active.contains(&tensor) {
                    self.terms.push(Term {
                        target: tensor,
                        index: Some(load.index.clone()),
                        value: ct,
                        context: context.clone(),
                    });
                }
            }
            ExprKind::Op(op, args) => self.operation(*op, args, e, ct, context)?,
            ExprKind::Cast(inner) => {
                let from = inner.ty.scalar();
                if from.is_some_and(|s| s.is_float()) && e.ty.scalar().is_some_and(|s| s.is_float()) {
                    let span = ct.span;
                    let back =
                        if ct.ty == inner.ty { ct } else { expr(ExprKind::Cast(Box::new(ct)), inner.ty.clone(), span) };
                    self.pull(inner, back, context)?;
                } else if moves_with(inner).iter().any(|v| self.dependent.contains(v)) {
                    return Err(Blocked::through(inner));
                }
            }
            ExprKind::If(c, a, b) => {
                for (branch, guard) in [(a, (**c).clone()), (b, not((**c).clone()))] {
                    let mut inside = context.clone();
                    let guard = ir::visit::refresh(&guard, self.around.program());
                    inside.items.push(WhereItem::Guard(guard));
                    self.pull(branch, ct.clone(), &inside)?;
                }
            }
            ExprKind::Block(statements, value) => {
                let items = self.block_items(statements, e)?;
                self.definitions(&items, context, |this, inside| this.pull(value, ct, inside))?;
            }
            ExprKind::Reduce(reduce) => self.reduction(reduce, e, ct, context)?,
            ExprKind::Call(func, args) => self.call(*func, args, e, ct, context)?,
            ExprKind::Field(inner, k) => {
                let mut cts = vec![None; fields_of(&inner.ty).len()];
                cts[*k] = Some(ct);
                self.pull_tuple(inner, &cts, context)?;
            }
            ExprKind::Checkpoint(inner) => self.pull(inner, ct, context)?,
            ExprKind::StopGradient(_) => {}
            _ => return Err(Blocked::unknown(e)),
        }
        Ok(())
    }

    fn operation(&mut self, op: Op, args: &[Expr], e: &Expr, ct: Expr, context: &Context) -> Result<(), Blocked> {
        let actives: Vec<bool> = args.iter().map(|a| self.is_active(a)).collect();
        let mut inside = context.clone();
        // Linear operations need no operand's value.
        match op {
            Op::Add | Op::Sub => {
                self.pull(&args[0], ct.clone(), context)?;
                return self.pull(&args[1], if op == Op::Sub { neg(ct) } else { ct }, context);
            }
            Op::Neg => return self.pull(&args[0], neg(ct), context),
            Op::Mul => {
                let ct = if actives[0] && actives[1] { self.atom(&ct, &mut inside) } else { ct };
                let (a, b) = (args[0].clone(), args[1].clone());
                let b_atom = if actives[0] { self.atom(&b, &mut inside) } else { b.clone() };
                let a_atom = if actives[1] { self.atom(&a, &mut inside) } else { a.clone() };
                self.pull(&a, mul(ct.clone(), b_atom), &inside)?;
                return self.pull(&b, mul(ct, a_atom), &inside);
            }
            Op::Div if !actives[1] => {
                let divisor = self.atom(&args[1], &mut inside);
                let (ty, span) = (ct.ty.clone(), ct.span);
                return self.pull(&args[0], expr(ExprKind::Op(Op::Div, vec![ct, divisor]), ty, span), &inside);
            }
            _ => {}
        }
        let many = actives.iter().filter(|a| **a).count() > 1;
        let ct = if many { self.atom(&ct, &mut inside) } else { ct };
        let atoms: Vec<Expr> = args.iter().map(|a| self.atom(a, &mut inside)).collect();
        // The result itself is bound if some partial reads it.
        let result = self.temp(&e.ty, e.span);
        let value = expr(ExprKind::Op(op, atoms.clone()), e.ty.clone(), e.span);
        let operands: Vec<D> = atoms.into_iter().map(D).collect();
        let partials = (op.row().partials)(&operands, &D(var(result, e.ty.clone(), e.span)));
        inside.items.push(WhereItem::Def(result, value));
        for ((arg, partial), active) in args.iter().zip(partials).zip(actives) {
            if !active {
                continue;
            }
            match partial {
                Some(D(partial)) => {
                    let partial = ir::visit::refresh(&folded(partial), self.around.program());
                    self.pull(arg, times(ct.clone(), partial), &inside)?;
                }
                None => return Err(Blocked::through(e)),
            }
        }
        Ok(())
    }

    /// Definitions around a pull: cotangents of what they bind flow on to what they read.
    pub fn definitions(
        &mut self,
        items: &[WhereItem],
        context: &Context,
        inner: impl FnOnce(&mut Self, &Context) -> Result<(), Blocked>,
    ) -> Result<(), Blocked> {
        let mut inside = context.clone();
        let mark = self.local.len();
        let mut bound: Vec<(Expr, usize)> = Vec::new();
        for item in items {
            if let WhereItem::Def(v, d) = item {
                let at = inside.items.len();
                // The original is walked; what stands in terms is a copy with coordinates of its own.
                let copy = ir::visit::refresh(d, self.around.program());
                inside.items.push(WhereItem::Def(*v, copy));
                if self.is_active(d) {
                    if d.ty.rank() > 0 {
                        return Err(Blocked::unknown(d));
                    }
                    if is_float(&d.ty) || is_float_tuple(&d.ty) {
                        self.local.push((*v, Vec::new()));
                        bound.push((d.clone(), at));
                    }
                }
            } else {
                inside.items.push(item.clone());
            }
        }
        inner(self, &inside)?;
        for (d, at) in bound.into_iter().rev() {
            let (_, contributions) = self.local.pop().expect("pushed for this definition");
            debug_assert!(self.local.len() >= mark);
            if contributions.is_empty() {
                continue;
            }
            let mut at_def = Context { binders: inside.binders.clone(), items: inside.items[..=at].to_vec() };
            let mut totals: Vec<Option<Expr>> = vec![None; fields_of(&d.ty).len().max(1)];
            for Contribution { field, context: used, value } in contributions {
                // What stands behind the definition: its own binders and items, up to here.
                let binders = used.binders[context.binders.len().min(used.binders.len())..].to_vec();
                let behind_def = used.items[(at + 1).min(used.items.len())..].to_vec();
                let part = sum(binders, needed(behind_def, &value), value);
                let part = ir::visit::refresh(&part, self.around.program());
                totals[field] = Some(match totals[field].take() {
                    Some(total) => plus(total, part),
                    None => part,
                });
            }
            for total in totals.iter_mut().flatten() {
                *total = self.atom(total, &mut at_def);
            }
            if fields_of(&d.ty).is_empty() {
                let total = totals.pop().flatten().expect("there are contributions");
                self.pull(&d, total, &at_def)?;
            } else {
                self.pull_tuple(&d, &totals, &at_def)?;
            }
        }
        Ok(())
    }

    fn reduction(&mut self, reduce: &Reduce, e: &Expr, ct: Expr, context: &Context) -> Result<(), Blocked> {
        let mut inside = context.clone();
        match reduce.op {
            ReduceOp::Sum => {
                inside.binders.extend(reduce.binders.iter().cloned());
                self.definitions(&reduce.wheres, &inside, |this, inside| this.pull(&reduce.body, ct, inside))
            }
            ReduceOp::Mean => {
                let count = self.count(reduce, &e.ty, e.span);
                let count = self.atom(&count, &mut inside);
                let (ty, span) = (ct.ty.clone(), ct.span);
                let share = expr(ExprKind::Op(Op::Div, vec![ct, count]), ty, span);
                inside.binders.extend(reduce.binders.iter().cloned());
                self.definitions(&reduce.wheres, &inside, |this, inside| this.pull(&reduce.body, share, inside))
            }
            ReduceOp::Max | ReduceOp::Min => {
                let (flat, own) = self.flattened(reduce, e.span);
                let exists = self.has_points(reduce, e.span);
                let winner = self.around.winner(context, flat, exists);
                inside.binders.extend(reduce.binders.iter().cloned());
                inside.items.push(WhereItem::Guard(binary(Op::Eq, own, winner)));
                self.definitions(&reduce.wheres, &inside, |this, inside| this.pull(&reduce.body, ct, inside))
            }
            ReduceOp::Prod => {
                // The product of all other factors stays right where factors are zero.
                let mut others = match ir::visit::refresh(e, self.around.program()).kind {
                    ExprKind::Reduce(copy) => *copy,
                    _ => return Err(Blocked::unknown(e)),
                };
                let differ = reduce
                    .binders
                    .iter()
                    .zip(&others.binders)
                    .map(|(a, b)| binary(Op::Ne, coord(b.var, e.span), coord(a.var, e.span)))
                    .reduce(|a, b| expr(ExprKind::Or(Box::new(a), Box::new(b)), Type::BOOL, e.span));
                others.wheres.insert(0, WhereItem::Guard(differ.expect("a reduction has coordinates")));
                let product = expr(ExprKind::Reduce(Box::new(others)), e.ty.clone(), e.span);
                inside.binders.extend(reduce.binders.iter().cloned());
                self.definitions(&reduce.wheres, &inside, |this, inside| {
                    let mut inside = inside.clone();
                    let product = this.atom(&product, &mut inside);
                    this.pull(&reduce.body, mul(ct, product), &inside)
                })
            }
            ReduceOp::Any | ReduceOp::All | ReduceOp::ArgMax | ReduceOp::ArgMin => Err(Blocked::through(e)),
        }
    }

    /// How many points a reduction takes.
    fn count(&mut self, reduce: &Reduce, ty: &Type, span: diagnostics::Span) -> Expr {
        if reduce.wheres.is_empty() {
            let dependent = reduce.binders.iter().any(|b| {
                let free = [&b.lo, &b.hi].into_iter().flat_map(ir::visit::free_vars).collect::<Vec<_>>();
                reduce.binders.iter().any(|o| free.contains(&o.var))
            });
            if !dependent {
                let lengths = reduce.binders.iter().map(|b| {
                    let length = match (&b.lo.kind, &b.hi.kind) {
                        (ExprKind::Int(0), _) => b.hi.clone(),
                        _ => shift(Op::Sub, b.hi.clone(), b.lo.clone()),
                    };
                    match length.kind {
                        ExprKind::Int(n) => float(n as f64, ty, span),
                        _ => expr(ExprKind::Cast(Box::new(length)), ty.clone(), span),
                    }
                });
                return lengths.reduce(|a, b| binary(Op::Mul, a, b)).expect("a reduction has coordinates");
            }
        }
        let one = float(1.0, ty, span);
        let counted =
            Reduce { op: ReduceOp::Sum, body: one, binders: reduce.binders.clone(), wheres: reduce.wheres.clone() };
        let counted = expr(ExprKind::Reduce(Box::new(counted)), ty.clone(), span);
        ir::visit::refresh(&counted, self.around.program())
    }

    /// Whether a reduction takes any point.
    fn has_points(&mut self, reduce: &Reduce, span: diagnostics::Span) -> Expr {
        let inner = |b: &Binder| {
            let free: Vec<VarId> = [&b.lo, &b.hi].into_iter().flat_map(ir::visit::free_vars).collect();
            reduce.binders.iter().any(|other| free.contains(&other.var))
        };
        if reduce.wheres.is_empty() && !reduce.binders.iter().any(inner) {
            let some = |b: &Binder| match (&b.lo.kind, &b.hi.kind) {
                (ExprKind::Int(lo), ExprKind::Int(hi)) => truth(lo < hi, span),
                _ => binary(Op::Lt, b.lo.clone(), b.hi.clone()),
            };
            return reduce.binders.iter().map(some).reduce(and).expect("a reduction has coordinates");
        }
        let (binders, wheres) = (reduce.binders.clone(), reduce.wheres.clone());
        let any = Reduce { op: ReduceOp::Any, binders, wheres, body: truth(true, span) };
        ir::visit::refresh(&expr(ExprKind::Reduce(Box::new(any)), Type::BOOL, span), self.around.program())
    }

    /// The search for a winner over one coordinate, and that coordinate's value in terms of the reduction's own.
    fn flattened(&mut self, reduce: &Reduce, span: diagnostics::Span) -> (Reduce, Expr) {
        let op = if reduce.op == ReduceOp::Max { ReduceOp::ArgMax } else { ReduceOp::ArgMin };
        let copy = expr(ExprKind::Reduce(Box::new(Reduce { op, ..reduce.clone() })), Type::I32, span);
        let ExprKind::Reduce(copy) = ir::visit::refresh(&copy, self.around.program()).kind else {
            unreachable!("a copy of a reduction is a reduction")
        };
        if let [own] = reduce.binders.as_slice() {
            return (*copy, coord(own.var, span));
        }
        // Row-major position among all points.
        let narrow = |e: Expr| match e.kind {
            ExprKind::Int(v) => int(v, Scalar::I32, span),
            _ if e.ty == Type::I32 => e,
            _ => expr(ExprKind::Cast(Box::new(e)), Type::I32, span),
        };
        let lengths: Vec<Expr> =
            copy.binders.iter().map(|b| narrow(shift(Op::Sub, b.hi.clone(), b.lo.clone()))).collect();
        let flat = self.temp(&Type::I32, span);
        self.around.program().vars[flat.index()].kind = VarKind::Coord;
        let mut defs = Vec::new();
        let mut rest = coord(flat, span);
        for (k, binder) in copy.binders.iter().enumerate().rev() {
            let at = if k == 0 { rest.clone() } else { binary(Op::Rem, rest.clone(), lengths[k].clone()) };
            let at = shift(Op::Add, at, narrow(binder.lo.clone()));
            defs.insert(0, WhereItem::Def(binder.var, at));
            rest = shift(Op::Div, rest, lengths[k].clone());
            self.around.program().vars[binder.var.index()].kind = VarKind::Temp;
        }
        let total = lengths.iter().cloned().reduce(|a, b| binary(Op::Mul, a, b)).expect("several coordinates");
        let total = expr(ExprKind::Cast(Box::new(total)), Type::I64, span);
        defs.extend(copy.wheres);
        let search = Reduce {
            op,
            binders: vec![Binder { var: flat, lo: int(0, Scalar::I64, span), hi: total }],
            wheres: defs,
            body: copy.body,
        };
        let mut own: Option<Expr> = None;
        for (binder, length) in reduce.binders.iter().zip(&lengths) {
            let offset = shift(Op::Sub, coord(binder.var, span), narrow(binder.lo.clone()));
            own = Some(match own {
                Some(before) => binary(Op::Add, binary(Op::Mul, before, length.clone()), offset),
                None => offset,
            });
        }
        (search, own.expect("several coordinates"))
    }

    /// What a pullback gives where its call is not made.
    fn zeros(&mut self, args: &[Expr], result: &Type, span: diagnostics::Span) -> Expr {
        let leaves: Vec<Expr> = args.iter().flat_map(leaves_of).collect();
        let parts = leaves.iter().map(|leaf| crate::zeros_like(self.around.program(), leaf, span)).collect();
        expr(ExprKind::Tuple(parts), result.clone(), span)
    }

    /// A tuple, with a cotangent for each field that has one.
    pub fn pull_tuple(&mut self, e: &Expr, cts: &[Option<Expr>], context: &Context) -> Result<(), Blocked> {
        match &e.kind {
            ExprKind::Tuple(items) => {
                for (item, ct) in items.iter().zip(cts) {
                    match ct {
                        Some(ct) if item.ty.rank() == 0 => self.pull(item, ct.clone(), context)?,
                        Some(ct) => self.pull_whole(item, ct, context)?,
                        None => {}
                    }
                }
                Ok(())
            }
            ExprKind::Call(func, args) => {
                let items = fields_of(&e.ty);
                let parts = items
                    .iter()
                    .zip(cts)
                    .map(|(ty, ct)| match ct {
                        Some(ct) => Ok(ct.clone()),
                        None if ty.rank() == 0 => Ok(zero(ty, e.span)),
                        None => Err(Blocked::unknown(e)),
                    })
                    .collect::<Result<Vec<Expr>, Blocked>>()?;
                let ct = expr(ExprKind::Tuple(parts), e.ty.clone(), e.span);
                self.call(*func, args, e, ct, context)
            }
            ExprKind::If(c, a, b) => {
                for (branch, guard) in [(a, (**c).clone()), (b, not((**c).clone()))] {
                    let mut inside = context.clone();
                    let guard = ir::visit::refresh(&guard, self.around.program());
                    inside.items.push(WhereItem::Guard(guard));
                    self.pull_tuple(branch, cts, &inside)?;
                }
                Ok(())
            }
            ExprKind::Block(statements, value) => {
                let items = self.block_items(statements, e)?;
                self.definitions(&items, context, |this, inside| this.pull_tuple(value, cts, inside))
            }
            ExprKind::Try(inner) if inner.ty.rank() == 0 => {
                let tried = ir::visit::refresh(e, self.around.program());
                let done = expr(ExprKind::Field(Box::new(tried), 0), Type::BOOL, e.span);
                let mut inside = context.clone();
                inside.items.push(WhereItem::Guard(done));
                match &cts[1] {
                    Some(ct) => self.pull(inner, ct.clone(), &inside),
                    None => Ok(()),
                }
            }
            ExprKind::Var(other) => {
                if let Some((_, contributions)) = self.local.iter_mut().rev().find(|(l, _)| l == other) {
                    for (field, ct) in cts.iter().enumerate() {
                        if let Some(value) = ct.clone() {
                            contributions.push(Contribution { field, context: context.clone(), value });
                        }
                    }
                    return Ok(());
                }
                if !self.active.contains(other) {
                    return Ok(());
                }
                for (k, ct) in cts.iter().enumerate() {
                    if let Some(ct) = ct {
                        let target = self.around.field(*other, k);
                        self.terms.push(Term { target, index: None, value: ct.clone(), context: context.clone() });
                    }
                }
                Ok(())
            }
            _ => Err(Blocked::unknown(e)),
        }
    }

    /// A tensor as it is, with the cotangent of all of it.
    fn pull_whole(&mut self, e: &Expr, ct: &Expr, context: &Context) -> Result<(), Blocked> {
        match e.kind {
            ExprKind::Var(target) => {
                if self.active.contains(&target) {
                    self.terms.push(Term { target, index: None, value: ct.clone(), context: context.clone() });
                }
                Ok(())
            }
            _ if !self.is_active(e) => Ok(()),
            _ => Err(Blocked::unknown(e)),
        }
    }

    fn block_items(&mut self, statements: &[Stmt], e: &Expr) -> Result<Vec<WhereItem>, Blocked> {
        let mut items = Vec::new();
        for statement in statements {
            match statement {
                Stmt::Let(v, d) => items.push(WhereItem::Def(*v, d.clone())),
                Stmt::Do(_) => {}
                Stmt::Rec(_) => return Err(Blocked::unknown(e)),
            }
        }
        Ok(items)
    }

    /// A call that is not inlined: its pullback gives the cotangents of its parameters.
    fn call(&mut self, func: FuncId, args: &[Expr], e: &Expr, ct: Expr, context: &Context) -> Result<(), Blocked> {
        if let Some(hidden) = args.iter().find(|a| self.is_active(a) && is_hidden(self.around.program(), &a.ty)) {
            return Err(Blocked::unknown(hidden));
        }
        let pullback = self.around.pullback(func)?;
        let mut inside = context.clone();
        let mut operands = Vec::new();
        for arg in args {
            let operand = match arg.ty.rank() {
                0 => self.atom(arg, &mut inside),
                _ => ir::visit::refresh(arg, self.around.program()),
            };
            operands.push(operand);
        }
        operands.push(ct);
        let program = self.around.program();
        let result = program.funcs[pullback.index()].result.clone();
        let call = expr(ExprKind::Call(pullback, operands), result.clone(), e.span);
        let gives = fields_of(&result);
        let all = if inside.binders.is_empty() && self.around.once() {
            // Called once, whatever the number of its operands.
            let closed = self.zeros(args, &result, e.span);
            let kept = needed(inside.items.clone(), &call);
            let guards = kept.iter().filter(|item| matches!(item, WhereItem::Guard(_))).count();
            let value = if guards < 2 {
                behind_or(kept, call, &closed)
            } else {
                // What stands for the call where it is not made stands there once, whatever the number of guards.
                let open = crate::reverse::holds(&kept, truth(true, e.span));
                let open = ir::visit::refresh(&open, self.around.program());
                let definitions = kept.into_iter().filter(|item| matches!(item, WhereItem::Def(..))).collect();
                let made = behind(definitions, call);
                expr(ExprKind::If(Box::new(open), Box::new(made), Box::new(closed)), result.clone(), e.span)
            };
            let value = ir::visit::refresh(&value, self.around.program());
            let bound = self.around.bind(value);
            var(bound, result.clone(), e.span)
        } else {
            let temp = self.temp(&result, e.span);
            inside.items.push(WhereItem::Def(temp, call));
            var(temp, result.clone(), e.span)
        };
        let mut parts = gives
            .into_iter()
            .enumerate()
            .map(|(field, ty)| expr(ExprKind::Field(Box::new(all.clone()), field), ty, e.span));
        for arg in args {
            let own: Vec<Option<Expr>> =
                leaves(&arg.ty).into_iter().map(|leaf| leaf.and_then(|_| parts.next())).collect();
            if own.iter().all(Option::is_none) || !self.is_active(arg) {
                continue;
            }
            if is_float_tuple(&arg.ty) {
                self.pull_tuple(arg, &own, &inside)?;
                continue;
            }
            let Some(part) = own.into_iter().flatten().next() else { continue };
            if arg.ty.rank() == 0 {
                self.pull(arg, part, &inside)?;
            } else if let ExprKind::Var(target) = arg.kind {
                self.terms.push(Term { target, index: None, value: part, context: inside.clone() });
            } else {
                return Err(Blocked::unknown(arg));
            }
        }
        Ok(())
    }
}

/// Types of a tuple's fields.
pub fn fields_of(ty: &Type) -> Vec<Type> {
    match ty {
        Type::Tuple(items) => items.to_vec(),
        _ => Vec::new(),
    }
}

/// The parts of a value that have cotangents of their own: itself, or its fields. What is no float has none.
pub fn leaves(ty: &Type) -> Vec<Option<Type>> {
    match ty {
        Type::Tuple(items) => items.iter().map(|item| is_float(item).then(|| item.clone())).collect(),
        _ => vec![is_float(ty).then(|| ty.clone())],
    }
}

/// The parts of an operand that have cotangents of their own.
pub fn leaves_of(e: &Expr) -> Vec<Expr> {
    if is_float(&e.ty) {
        return vec![e.clone()];
    }
    if let ExprKind::Tuple(items) = &e.kind {
        return items.iter().filter(|item| is_float(&item.ty)).cloned().collect();
    }
    let fields = fields_of(&e.ty).into_iter().enumerate().filter(|(_, ty)| is_float(ty));
    fields.map(|(k, ty)| expr(ExprKind::Field(Box::new(e.clone()), k), ty, e.span)).collect()
}

/// Whether a type holds floats where no part with a cotangent of its own is.
pub fn is_hidden(program: &Program, ty: &Type) -> bool {
    match ty {
        Type::Tuple(items) => items.iter().any(|item| !is_float(item) && crate::holds_floats(program, item, 0)),
        _ => !is_float(ty) && crate::holds_floats(program, ty, 0),
    }
}

/// Tuples with a field that carries derivatives.
pub fn is_float_tuple(ty: &Type) -> bool {
    fields_of(ty).iter().any(is_float)
}

/// Types that carry derivatives.
pub fn is_float(ty: &Type) -> bool {
    ty.elem().scalar().is_some_and(|s| s.is_float())
}

/// `ct * partial`, where a partial that is a choice becomes a choice of products: the side not taken is not computed.
fn times(ct: Expr, partial: Expr) -> Expr {
    if let ExprKind::If(c, a, b) = &partial.kind {
        let (ty, span) = (ct.ty.clone(), partial.span);
        let a = times(ct.clone(), (**a).clone());
        let b = times(ct, (**b).clone());
        return expr(ExprKind::If(c.clone(), Box::new(a), Box::new(b)), ty, span);
    }
    mul(ct, partial)
}

/// Items without the definitions that nothing behind them reads.
pub fn needed(items: Vec<WhereItem>, value: &Expr) -> Vec<WhereItem> {
    let mut wanted: HashSet<VarId> = ir::visit::free_vars(value).into_iter().collect();
    let mut kept = Vec::new();
    for item in items.into_iter().rev() {
        match &item {
            WhereItem::Def(v, d) => {
                if !wanted.contains(v) {
                    continue;
                }
                wanted.extend(ir::visit::free_vars(d));
            }
            WhereItem::Guard(g) => wanted.extend(ir::visit::free_vars(g)),
        }
        kept.push(item);
    }
    kept.reverse();
    kept
}
