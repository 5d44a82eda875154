//! Values that are not cells: tuples, what functions give that are not inlined, and choices between whole tensors. Their
//! cotangents are whole values, too, and what the operands get comes in one tuple.

use super::*;
use crate::terms::{is_hidden, leaves_of};
use ir::visit::refresh;

/// How a whole value gives the cotangents of what it reads.
enum Pull<'e> {
    /// By the pullback of the function that is called.
    Call(FuncId, &'e [Expr]),
    /// By the reverse of its own statements.
    Scope(&'e Expr),
}

impl Reverse<'_> {
    /// A tuple passes on the adjoints of its fields.
    pub(super) fn tuple(&mut self, v: VarId, e: &Expr) -> Result<(), Blocked> {
        let mut adjoints = Vec::new();
        for (k, ty) in fields_of(&e.ty).iter().enumerate() {
            let field = is_float(ty).then(|| self.differentiator.field(self.program, v, k));
            adjoints.push(field.and_then(|field| self.adjoint(field, e.span)));
        }
        if adjoints.iter().all(Option::is_none) {
            return Ok(());
        }
        if let ExprKind::Try(inner) = &e.kind {
            let Some(adjoint) = adjoints[1] else { return Ok(()) };
            // What failed passes nothing on, and is not tried again.
            let field = |k: usize, ty: Type| {
                let all = Box::new(var(v, e.ty.clone(), e.span));
                expr(ExprKind::Field(all, k), ty, e.span)
            };
            let done = field(1, inner.ty.clone());
            let done = expr(ExprKind::StopGradient(Box::new(done)), inner.ty.clone(), e.span);
            let chosen = ExprKind::If(Box::new(field(0, Type::BOOL)), inner.clone(), Box::new(done));
            return self.tensor(&expr(chosen, inner.ty.clone(), e.span), adjoint);
        }
        let in_cells = match &e.kind {
            ExprKind::Tuple(_) | ExprKind::Var(_) => true,
            _ => self.seeds.is_empty() && fields_of(&e.ty).iter().all(|ty| ty.rank() == 0) && !is_scope(e),
        };
        if !in_cells {
            let whole = |this: &mut Self, seeds: &[Binder]| this.whole_cotangent(v, &adjoints, seeds, e.span);
            return match &e.kind {
                ExprKind::Call(func, args) => self.whole(&Pull::Call(*func, args), e, &whole),
                ExprKind::If(..) | ExprKind::Block(..) => self.whole(&Pull::Scope(e), e, &whole),
                _ => Err(Blocked::unknown(e)),
            };
        }
        if let ExprKind::Tuple(items) = &e.kind {
            for (item, adjoint) in items.iter().zip(&adjoints) {
                if let Some(adjoint) = adjoint {
                    self.through(item, *adjoint)?;
                }
            }
            return Ok(());
        }
        if let ExprKind::Var(other) = e.kind {
            for (k, adjoint) in adjoints.into_iter().enumerate() {
                let field = self.differentiator.field(self.program, other, k);
                if let Some(adjoint) = adjoint
                    && self.active.contains(&other)
                {
                    self.copy(field, adjoint, e.span);
                }
            }
            return Ok(());
        }
        let cts: Vec<Option<Expr>> =
            adjoints.iter().map(|a| a.map(|adjoint| self.cotangent(adjoint, Vec::new(), e.span))).collect();
        let saved = std::mem::take(&mut self.slots);
        let (active, dependent) = (self.active, self.dependent);
        let mut cell = Cell::new(self, active, dependent);
        let result = cell.pull_tuple(e, &cts, &Context::default());
        let terms = std::mem::take(&mut cell.terms);
        self.slots = saved;
        result?;
        for term in terms {
            self.contribute(Vec::new(), term);
        }
        Ok(())
    }

    /// All of a value that is a call, or a choice between blocks.
    pub(super) fn tensor(&mut self, e: &Expr, adjoint: VarId) -> Result<(), Blocked> {
        let slice = |this: &mut Self, seeds: &[Binder]| this.slice(adjoint, seeds, e.span);
        match &e.kind {
            ExprKind::Call(func, args) => self.whole(&Pull::Call(*func, args), e, &slice),
            _ => self.whole(&Pull::Scope(e), e, &slice),
        }
    }

    /// A tuple's cotangent at one point of the seed, zero for the fields that have none.
    fn whole_cotangent(&mut self, v: VarId, adjoints: &[Option<VarId>], seeds: &[Binder], span: Span) -> Expr {
        let ty = self.program.vars[v.index()].ty.clone();
        let mut items = Vec::new();
        for (k, (field, adjoint)) in fields_of(&ty).into_iter().zip(adjoints).enumerate() {
            items.push(match adjoint {
                Some(adjoint) => self.slice(*adjoint, seeds, span),
                None => {
                    let own = expr(ExprKind::Field(Box::new(var(v, ty.clone(), span)), k), field.clone(), span);
                    // What is no float has no cotangent, and nobody reads what stands in its place.
                    if is_float(&field) { crate::zeros_like(self.program, &own, span) } else { own }
                }
            });
        }
        expr(ExprKind::Tuple(items), ty, span)
    }

    /// An adjoint at one point of the seed.
    fn slice(&mut self, adjoint: VarId, seeds: &[Binder], span: Span) -> Expr {
        let ty = self.program.vars[adjoint.index()].ty.clone();
        if seeds.is_empty() {
            return var(adjoint, ty, span);
        }
        let all = var(adjoint, ty.clone(), span);
        let axes = crate::dims(&all, ty.rank(), span).split_off(seeds.len());
        let binders = crate::fresh_binders(self.program, &axes, span);
        let index = seeds.iter().chain(&binders).map(|b| coord(b.var, span)).collect();
        let cell = load(adjoint, &ty, index, span);
        if axes.is_empty() { cell } else { crate::family_expr(binders, axes, cell, span) }
    }

    fn whole(
        &mut self,
        pull: &Pull,
        e: &Expr,
        cotangent: &dyn Fn(&mut Self, &[Binder]) -> Expr,
    ) -> Result<(), Blocked> {
        let span = e.span;
        // What the parts of the pulled tuple belong to.
        let operands: Vec<Expr> = match pull {
            Pull::Call(_, args) => {
                let moves = |a: &Expr| moves_with(a).iter().any(|v| self.active.contains(v));
                if let Some(hidden) = args.iter().find(|a| moves(a) && is_hidden(self.program, &a.ty)) {
                    return Err(Blocked::unknown(hidden));
                }
                args.iter().flat_map(leaves_of).collect()
            }
            Pull::Scope(e) => {
                let mut read = moves_with(e);
                read.sort_unstable();
                read.dedup();
                read.retain(|v| self.active.contains(v));
                let whole = |v: VarId| var(v, self.program.vars[v.index()].ty.clone(), span);
                read.into_iter().flat_map(|v| leaves_of(&whole(v))).collect()
            }
        };
        if self.seeds.is_empty() {
            let ct = cotangent(self, &[]);
            let pulled = self.pulled(pull, &operands, ct, span)?;
            let result = pulled.ty.clone();
            let all = self.bind(pulled);
            for (field, operand) in operands.iter().enumerate() {
                let part = ExprKind::Field(Box::new(var(all, result.clone(), span)), field);
                self.whole_term(operand, expr(part, operand.ty.clone(), span))?;
            }
            return Ok(());
        }
        for (field, operand) in operands.iter().enumerate() {
            if !moves_with(operand).iter().any(|v| self.active.contains(v)) {
                continue;
            }
            let target = self.target(operand).map(|(_, target)| target);
            if target.is_none() && operand.ty.rank() > 0 {
                return Err(Blocked::unknown(operand));
            }
            // For each point of the seed a pullback of its own.
            let seeds = self.seed_binders(span);
            let ct = cotangent(self, &seeds);
            let pulled = self.pulled(pull, &operands, ct, span)?;
            let part = expr(ExprKind::Field(Box::new(pulled), field), operand.ty.clone(), span);
            let mut axes = self.seeds.clone();
            axes.extend(target.into_iter().flat_map(|target| self.axes_of(target, span)));
            let slots = seeds.into_iter().map(Slot::Coord).collect();
            let clause = Clause { slots, wheres: Vec::new(), body: part, otherwise: None, span };
            let (rank, elem) = (axes.len(), operand.ty.elem().clone());
            let family = Family { name: Symbol::new(""), axes, elem: elem.clone(), clauses: vec![clause], span };
            let family = expr(ExprKind::Family(Box::new(family)), Type::tensor(elem, rank), span);
            let bound = self.bind(family);
            match target {
                Some(target) => self.copy(target, bound, span),
                None => {
                    let ct = self.cotangent(bound, Vec::new(), span);
                    self.pull(operand, ct, Context::default(), Vec::new(), Vec::new())?;
                }
            }
        }
        Ok(())
    }

    /// The cotangents of the operands in a tuple.
    fn pulled(&mut self, pull: &Pull, operands: &[Expr], ct: Expr, span: Span) -> Result<Expr, Blocked> {
        match pull {
            Pull::Call(func, args) => {
                let pullback = self.differentiator.pullback(self.program, *func)?;
                let result = self.program.funcs[pullback.index()].result.clone();
                // The same arguments stand in several calls.
                let args = args.iter().map(|arg| refresh(arg, self.program)).chain([ct]).collect();
                Ok(expr(ExprKind::Call(pullback, args), result, span))
            }
            Pull::Scope(e) => {
                let mut read: Vec<VarId> = operands.iter().filter_map(|o| self.target(o)).map(|(of, _)| of).collect();
                read.dedup();
                let cotangent = new_var(self.program, "ct", &ct.ty, span);
                let pulled = self.differentiator.pulled(self.program, e, cotangent, &read)?;
                let (kind, ty) = (vec![Stmt::Let(cotangent, ct)], pulled.ty.clone());
                Ok(expr(ExprKind::Block(kind, Box::new(pulled)), ty, span))
            }
        }
    }

    /// The variable that an operand is or that it is a field of, and the variable that stands for the operand.
    fn target(&mut self, operand: &Expr) -> Option<(VarId, VarId)> {
        match &operand.kind {
            ExprKind::Var(v) => Some((*v, *v)),
            ExprKind::Field(of, k) => match of.kind {
                ExprKind::Var(tuple) => Some((tuple, self.differentiator.field(self.program, tuple, *k))),
                _ => None,
            },
            _ => None,
        }
    }

    fn whole_term(&mut self, arg: &Expr, part: Expr) -> Result<(), Blocked> {
        match self.target(arg) {
            Some((of, target)) if arg.ty.rank() > 0 => {
                if self.active.contains(&of) {
                    let bound = self.bind(part.clone());
                    let value = var(bound, part.ty, part.span);
                    let term = Term { target, index: None, value, context: Context::default() };
                    self.contribute(Vec::new(), term);
                }
                Ok(())
            }
            _ => self.pull(arg, part, Context::default(), Vec::new(), Vec::new()),
        }
    }
}

/// Whether an expression binds or makes what no cell can hold.
pub(super) fn is_scope(e: &Expr) -> bool {
    let mut found = e.ty.rank() > 0;
    e.walk(&mut |e| {
        found |= match &e.kind {
            ExprKind::Family(_) | ExprKind::Literal(..) => true,
            ExprKind::Block(statements, _) => statements.iter().any(|s| match s {
                Stmt::Let(_, d) => d.ty.rank() > 0,
                Stmt::Rec(_) => true,
                Stmt::Do(_) => false,
            }),
            _ => false,
        }
    });
    found
}
