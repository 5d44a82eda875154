//! Scalars: what remains of them is a cell.

use super::place::Item;
use super::value::Value;
use super::{Normaliser, Outcome, Unsupported, make};
use diagnostics::{Span, Symbol};
use ir::*;

impl Normaliser<'_> {
    pub(super) fn temporary(&self, ty: Type, span: Span) -> Var {
        let coords = vec![None; ty.rank()];
        Var { name: Symbol::new(""), ty, span, kind: VarKind::Temp, coords }
    }

    /// As a cell; at a `root` it may be a reduction as a whole.
    pub(super) fn cell(&mut self, e: &Expr, root: bool) -> Outcome<Expr> {
        use ExprKind::*;
        if e.ty.scalar().is_none() && e.ty != Type::Str {
            return Err(Unsupported);
        }
        let again = |kind| make::expr(kind, e.ty.clone(), e.span);
        Ok(match &e.kind {
            Bool(_) | Int(_) | Float(_) | Str(_) => e.clone(),
            Var(var) => match self.env.get(var).cloned() {
                Some(Value::Cell(value)) => self.fresh(&value),
                Some(_) => return Err(Unsupported),
                None => e.clone(),
            },
            Op(op, items) => {
                let items = self.cells(items)?;
                if *op == ir::Op::Not && items.len() == 1 {
                    return Ok(make::not(items.into_iter().next().ok_or(Unsupported)?));
                }
                again(Op(*op, items))
            }
            Cast(value) => {
                let value = self.cell(value, false)?;
                let range = e.ty.scalar().and_then(Scalar::int_range);
                match (&value.kind, range) {
                    (Int(number), Some((lo, hi))) if (lo..=hi).contains(number) => again(Int(*number)),
                    _ => again(Cast(Box::new(value))),
                }
            }
            And(a, b) => {
                let a = self.cell(a, false)?;
                let b = self.under(a.clone(), |n| n.cell(b, false))?;
                match a.kind {
                    Bool(true) => b,
                    Bool(false) => a,
                    _ => again(And(Box::new(a), Box::new(b))),
                }
            }
            Or(a, b) => {
                let a = self.cell(a, false)?;
                let b = self.under(make::not(a.clone()), |n| n.cell(b, false))?;
                match a.kind {
                    Bool(true) => a,
                    Bool(false) => b,
                    _ => again(Or(Box::new(a), Box::new(b))),
                }
            }
            If(cond, yes, no) => {
                let cond = self.cell(cond, false)?;
                match cond.kind {
                    Bool(true) => return self.cell(yes, root),
                    Bool(false) => return self.cell(no, root),
                    _ => {}
                }
                if yes.ty == Type::Never || no.ty == Type::Never {
                    let (dead, live, opening) = if yes.ty == Type::Never {
                        (yes, no, make::not(cond.clone()))
                    } else {
                        (no, yes, cond.clone())
                    };
                    self.under(make::not(opening), |n| n.effect_of(dead))?;
                    return self.cell(live, root);
                }
                let yes = self.under(cond.clone(), |n| n.cell(yes, false))?;
                let no = self.under(make::not(cond.clone()), |n| n.cell(no, false))?;
                again(If(Box::new(cond), Box::new(yes), Box::new(no)))
            }
            Block(stmts, value) => {
                let mark = self.scope.len();
                self.stmts(stmts, true)?;
                let value = self.cell(value, root)?;
                self.close_block(mark, value)
            }
            Load(load) => {
                let index = self.cells(&load.index)?;
                let tensor = self.tensor(&load.tensor)?;
                self.read(&tensor, ir::Load { index, ..(**load).clone() })?
            }
            Dim(of, axis) => {
                let tensor = self.tensor(of)?;
                let extent = tensor.extents.get(*axis).ok_or(Unsupported)?;
                let extent = self.fresh(extent);
                make::cast(extent, Type::I32)
            }
            // Over an empty pack: the value itself.
            Reduce(reduce) if reduce.binders.is_empty() && reduce.wheres.is_empty() && reduce.body.ty == e.ty => {
                self.cell(&reduce.body, root)?
            }
            Reduce(reduce) => self.reduce(e, reduce, root)?,
            Family(family) if family.axes.is_empty() => {
                let own = self.clauses(family, &[], None)?;
                let like = self.temporary(e.ty.clone(), e.span);
                let (var, prefix) = self.place(like, None, own)?;
                make::load(self.read_var(var, e.span), prefix, e.span)
            }
            Literal(shape, items) if shape.is_empty() && items.len() == 1 => self.cell(&items[0], root)?,
            Field(..) | Payload(..) | Item(..) => match self.value(e)? {
                Value::Cell(value) => value,
                _ => return Err(Unsupported),
            },
            IsVariant(of, variant) => {
                let value = self.value(of)?;
                self.is_variant(&value, *variant, &of.ty, e.span)?
            }
            Call(callee, items) if !self.opaque_calls.contains(callee) => {
                let body = self.inlined(*callee, items)?;
                self.cell(&body, root)?
            }
            Call(callee, items) => {
                let items = self.arguments(items)?;
                let has_rows = items.iter().any(|item| matches!(item.kind, Family(_)));
                let call = again(Call(*callee, items));
                if has_rows { self.extract(call)? } else { call }
            }
            Builtin(ir::Builtin::Len, items) if matches!(items[0].ty, Type::List(_)) => match self.value(&items[0])? {
                Value::List(_, count) => make::cast(self.fresh(&count), e.ty.clone()),
                Value::Items(items) => make::int(items.len() as i64, e.ty.clone(), e.span),
                _ => self.foreign_scalar(e)?,
            },
            StopGradient(of) => again(StopGradient(Box::new(self.cell(of, false)?))),
            Checkpoint(of) => self.checkpoint(|this| this.cell(of, root))?,
            Quotient(_) | Tangent(..) => return Err(Unsupported),
            _ => self.foreign_scalar(e)?,
        })
    }

    pub(super) fn cells(&mut self, items: &[Expr]) -> Outcome<Vec<Expr>> {
        items.iter().map(|item| self.cell(item, false)).collect()
    }

    /// Evaluates what is reached only under a condition.
    pub(super) fn under<T>(&mut self, cond: Expr, evaluate: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let mark = self.scope.len();
        self.push_guard(cond);
        let result = evaluate(self);
        self.scope.truncate(mark);
        result
    }

    /// Ends a scope: the definitions that the value needs go with it.
    pub(super) fn close_block(&mut self, mark: usize, value: Expr) -> Expr {
        let items = self.scope.split_off(mark);
        let mut needed: std::collections::HashSet<VarId> = visit::free_vars(&value).into_iter().collect();
        let mut lets = Vec::new();
        for item in items.into_iter().rev() {
            if let Item::Def(var, e) = item
                && (needed.contains(&var) || !make::is_total(&e))
            {
                needed.extend(visit::free_vars(&e));
                lets.push(Stmt::Let(var, e));
            }
        }
        lets.reverse();
        make::block(lets, value)
    }

    /// Arguments of a call that stays: cells, and tensors that are variables or rows of them.
    fn arguments(&mut self, items: &[Expr]) -> Outcome<Vec<Expr>> {
        let mut done = Vec::new();
        for item in items {
            done.push(match &item.ty {
                Type::Tensor(..) => self.operand(item)?,
                Type::Scalar(_) | Type::Str => self.cell(item, false)?,
                ty => {
                    let value = self.value(item)?;
                    self.reify(&value, ty, item.span)?
                }
            });
        }
        Ok(done)
    }

    pub(super) fn is_variant(&mut self, value: &Value, variant: usize, ty: &Type, span: Span) -> Outcome<Expr> {
        Ok(match value {
            Value::Variant(found, _) => make::truth(*found == variant, span),
            Value::Choice(cond, yes, no) => {
                let (yes, no) = (self.is_variant(yes, variant, ty, span)?, self.is_variant(no, variant, ty, span)?);
                match (&yes.kind, &no.kind) {
                    (ExprKind::Bool(true), ExprKind::Bool(false)) => self.fresh(cond),
                    (ExprKind::Bool(false), ExprKind::Bool(true)) => make::not(self.fresh(cond)),
                    (ExprKind::Bool(a), ExprKind::Bool(b)) if a == b => yes,
                    _ => make::select(self.fresh(cond), yes, no),
                }
            }
            Value::Opaque(e) if e.ty == *ty => {
                let test = ExprKind::IsVariant(Box::new(self.fresh(e)), variant);
                self.outside(make::expr(test, Type::BOOL, span))?
            }
            _ => return Err(Unsupported),
        })
    }

    /// A scalar that no cell can compute, but the program around can: it may not depend on coordinates.
    fn foreign_scalar(&mut self, e: &Expr) -> Outcome<Expr> {
        if e.ty.scalar().is_some_and(Scalar::is_float) {
            return Err(Unsupported);
        }
        let value = self.reified(e)?;
        self.outside(value)
    }

    /// A scalar of the program around as a variable.
    pub(super) fn outside(&mut self, e: Expr) -> Outcome<Expr> {
        let free = visit::free_vars(&e);
        let (selection, gate) = self.select(&free, false, false)?;
        if !selection.coords.is_empty() || gate.is_some() || selection.group.is_some() {
            return Err(Unsupported);
        }
        let like = self.temporary(e.ty.clone(), e.span);
        self.place_scalar(like, None, e)
    }
}
