//! `if` and `match`.

use crate::block::Tail;
use crate::env::Level;
use crate::ty::{Ty, Val};
use crate::unify::Why;
use crate::{Checker, errors, exhaustive, walk, wrap};
use diagnostics::Span;
use ir::{ExprKind, Stmt, VarKind};
use syntax::ast;

impl Checker<'_> {
    pub(crate) fn if_expr(
        &mut self,
        cond: &ast::Expr,
        then: &ast::Block,
        otherwise: Option<&ast::Expr>,
        span: Span,
        tail: Tail,
    ) -> Val {
        let test = self.expr(cond, None);
        let test = self.whole(test);
        // What is known when specialising selects before the branches are checked.
        if walk::asks_about_shape(cond)
            && let Some(known) = self.known_bool(&test.expr)
        {
            return match (known, otherwise) {
                (true, _) => self.block(then, tail),
                (false, Some(e)) => tail(self, e),
                (false, None) => Val::unit(span),
            };
        }
        if test.ty.rank() > 0 && matches!(test.ty, Ty::Tensor(_)) {
            return self.tensor_if(test, then, otherwise, span, tail);
        }
        let test = self.annotated(test, &Ty::BOOL, None, Why::Condition);
        let mark = self.facts.mark();
        self.cx.conditional += 1;
        self.facts.assume(&test.expr, true);
        let a = self.with_sink(|this| {
            let val = this.block(then, tail);
            this.whole(val)
        });
        self.facts.reset(mark);
        self.facts.assume(&test.expr, false);
        let b = match otherwise {
            Some(e) => self.with_sink(|this| {
                let val = tail(this, e);
                this.whole(val)
            }),
            None => Val::unit(span),
        };
        self.facts.reset(mark);
        self.cx.conditional -= 1;
        if test.ty.is_error() {
            return Val::error(span);
        }
        if otherwise.is_none() {
            let a = if matches!(a.ty, Ty::Unit | Ty::Never | Ty::Error) {
                a
            } else {
                self.annotated(a, &Ty::Unit, None, Why::Branch(span))
            };
            if a.ty.is_error() {
                return Val::error(span);
            }
            return Val::new(ExprKind::If(test.boxed(), a.boxed(), b.boxed()), Ty::Unit, span);
        }
        self.choose(test, a, b, span)
    }

    /// Two branches of one type.
    pub(crate) fn choose(&mut self, test: Val, a: Val, b: Val, span: Span) -> Val {
        if a.ty.is_error() || b.ty.is_error() {
            return Val::error(span);
        }
        let [a, b]: [Val; 2] = self.unite(vec![a, b]).try_into().expect("two values");
        // Under a scalar condition in cells, tensors carry on as tensors.
        let first_open = self.is_open(&a.ty) && !self.is_open(&b.ty);
        let (a, b) = if first_open {
            let a = self.join(&b, a);
            (a, b)
        } else {
            let b = self.join(&a, b);
            (a, b)
        };
        if a.ty.is_error() || b.ty.is_error() {
            return Val::error(span);
        }
        let (x, y) = (a.ty.clone(), b.ty.clone());
        let ty = self.joined_ty(&x, &y);
        let chosen = Val::new(ExprKind::If(test.boxed(), a.boxed(), b.boxed()), ty, span);
        self.with_extents(chosen)
    }

    /// Elementwise: each branch is computed where it is selected. The condition's coordinates become cells around
    /// the branches, in which whole tensors stand for their cells.
    fn tensor_if(
        &mut self,
        test: Val,
        then: &ast::Block,
        otherwise: Option<&ast::Expr>,
        span: Span,
        tail: Tail,
    ) -> Val {
        if !self.is_bool(test.ty.elem()) {
            self.annotated(test, &Ty::BOOL, None, Why::Condition);
            return Val::error(span);
        }
        self.cx.conditional += 1;
        let a = self.with_sink(|this| this.block(then, tail));
        let b = match otherwise {
            Some(e) => self.with_sink(|this| tail(this, e)),
            None => Val::unit(span),
        };
        self.cx.conditional -= 1;
        if a.ty.is_error() || b.ty.is_error() {
            return Val::error(span);
        }
        // Statements of a branch belong to its cells only if they are pure; they are kept in front of the family.
        let (a, b) = (self.spill(a), self.spill(b));
        self.pointwise(vec![test, a, b], span, |this, vals| {
            let [test, a, b]: [Val; 3] = vals.try_into().expect("three operands");
            this.choose(test, a, b, span)
        })
    }

    /// A block's statements in front, its value alone.
    fn spill(&mut self, val: Val) -> Val {
        match val.expr.kind {
            ExprKind::Block(statements, value) => {
                self.cx.sink.extend(statements);
                Val { expr: *value, ty: val.ty }
            }
            _ => val,
        }
    }

    /// The value of a condition that specialising settles.
    fn known_bool(&self, e: &ir::Expr) -> Option<bool> {
        match &e.kind {
            ExprKind::Bool(value) => Some(*value),
            ExprKind::And(a, b) => match (self.known_bool(a), self.known_bool(b)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            ExprKind::Or(a, b) => match (self.known_bool(a), self.known_bool(b)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            ExprKind::Op(ir::Op::Not, args) => self.known_bool(&args[0]).map(|v| !v),
            ExprKind::Op(op, args) if op.is_comparison() => {
                let side = |e: &ir::Expr| self.facts.of(e).map(|s| self.facts_extent(&s)).and_then(|s| s.as_const());
                let (a, b) = (side(&args[0])?, side(&args[1])?);
                Some(match op {
                    ir::Op::Eq => a == b,
                    ir::Op::Ne => a != b,
                    ir::Op::Lt => a < b,
                    ir::Op::Le => a <= b,
                    ir::Op::Gt => a > b,
                    _ => a >= b,
                })
            }
            _ => None,
        }
    }

    pub(crate) fn match_expr(&mut self, scrutinee: &ast::Expr, arms: &[ast::Arm], span: Span, tail: Tail) -> Val {
        let subject = self.expr(scrutinee, None);
        let subject = self.whole(subject);
        if subject.ty.is_error() {
            return Val::error(span);
        }
        if self.is_open(&subject.ty) {
            self.settle_default(&subject.ty.clone());
        }
        let subject = Val { ty: self.resolved(&subject.ty), ..subject };
        let subject = self.named(subject);
        let mut rows: Vec<(exhaustive::Pat, bool)> = Vec::new();
        let mut checked: Vec<(ir::Expr, Val)> = Vec::new();
        let mut ok = true;
        for arm in arms {
            let result = self.scoped(Level::Inner, |this| this.arm(&subject, arm, tail));
            match result {
                Some((pattern, test, value)) => {
                    rows.push((pattern, arm.guard.is_some()));
                    ok &= !value.ty.is_error();
                    checked.push((test, value));
                }
                None => ok = false,
            }
        }
        if rows.len() < arms.len() {
            return Val::error(span);
        }
        self.check_exhaustive(&subject, arms, &rows, scrutinee.span, span);
        if !ok || checked.is_empty() {
            return Val::error(span);
        }
        let (tests, values): (Vec<ir::Expr>, Vec<Val>) = checked.into_iter().unzip();
        let checked: Vec<(ir::Expr, Val)> = tests.into_iter().zip(self.unite(values)).collect();
        // One type for all arms: that of the first whose type is settled.
        let lead = checked.iter().position(|(_, v)| !v.ty.is_never() && !self.is_open(&v.ty));
        let lead = lead.or_else(|| checked.iter().position(|(_, v)| !v.ty.is_never())).unwrap_or(0);
        let first = checked[lead].1.clone();
        let mut ty = first.ty.clone();
        let mut fitted = Vec::new();
        for (test, value) in checked {
            let value = self.join(&first, value);
            if value.ty.is_error() {
                return Val::error(span);
            }
            ty = self.joined_ty(&ty, &value.ty.clone());
            fitted.push((test, value));
        }
        let mut chain: Option<Val> = None;
        for (test, value) in fitted.into_iter().rev() {
            let value = Val { ty: ty.clone(), expr: value.expr };
            chain = Some(match chain {
                // The last arm takes what is left.
                None => value,
                Some(rest) => Val::new(ExprKind::If(Box::new(test), value.boxed(), rest.boxed()), ty.clone(), span),
            });
        }
        let val = chain.expect("there is an arm");
        self.with_extents(Val { ty, ..val })
    }

    /// The pattern, its test with the guard, and the body behind what the pattern binds.
    fn arm(&mut self, subject: &Val, arm: &ast::Arm, tail: Tail) -> Option<(exhaustive::Pat, ir::Expr, Val)> {
        let matched = self.pattern(&arm.pattern, subject.clone())?;
        let mut binds = Vec::new();
        self.each_once(&matched.names());
        for (name, val) in matched.binds {
            let var = self.new_var(name.name, &val.ty, name.span, VarKind::Let);
            let val = Val { ty: crate::owned(var, &val.ty), ..val };
            self.define(var, &val);
            self.bind_var(name.name, var, val.ty);
            binds.push(Stmt::Let(var, val.expr));
        }
        let test = matched.test;
        self.cx.conditional += 1;
        let mark = self.facts.mark();
        self.facts.assume(&test, true);
        let guard = arm.guard.as_ref().map(|guard| {
            self.with_sink(|this| {
                let val = this.expr(guard, None);
                let val = this.whole(val);
                this.annotated(val, &Ty::BOOL, None, Why::Condition)
            })
        });
        if let Some(guard) = &guard {
            self.facts.assume(&guard.expr, true);
        }
        let value = self.with_sink(|this| {
            let val = tail(this, &arm.body);
            this.whole(val)
        });
        self.facts.reset(mark);
        self.cx.conditional -= 1;
        let value = wrap(binds.clone(), value);
        let test = match guard {
            Some(guard) if guard.ty.is_error() => return Some((matched.pat, test, Val::error(arm.body.span))),
            Some(guard) => {
                let span = guard.span();
                // The guard has copies of what the pattern binds: the body binds it for itself.
                let guard = ir::visit::refresh(&wrap(binds, guard).expr, &mut self.program);
                ir::Expr { kind: ExprKind::And(Box::new(test), Box::new(guard)), ty: ir::Type::BOOL, span }
            }
            None => test,
        };
        Some((matched.pat, test, value))
    }

    fn check_exhaustive(
        &mut self,
        subject: &Val,
        arms: &[ast::Arm],
        rows: &[(exhaustive::Pat, bool)],
        place: Span,
        span: Span,
    ) {
        let shape = self.shape(&subject.ty);
        let missing = exhaustive::missing(rows, &shape, self);
        if let Some(missing) = missing {
            let at = Span { end: place.end, ..span };
            self.report(errors::not_exhaustive(at, &missing));
            return;
        }
        // How long an array is may be what this specialisation alone knows.
        let shape = if self.cx.in_function {
            let open = self.forget_extents(&subject.ty);
            self.shape(&open)
        } else {
            shape
        };
        for arm in exhaustive::unreachable(rows, &shape, self) {
            self.report(errors::unreachable_arm(arms[arm].pattern.span));
        }
    }
}
