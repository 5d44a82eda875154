//! Pipelines and `try`.

use crate::env::Level;
use crate::ty::{Ty, Val};
use crate::{Checker, walk};
use diagnostics::{Span, Symbol};
use ir::{Builtin, Expr, ExprKind, Type, VarKind};
use std::rc::Rc;
use syntax::ast::{self, PipeHandler, PipeStage};

impl Checker<'_> {
    pub(crate) fn pipe(&mut self, head: &ast::Expr, stages: &[PipeStage], handler: &PipeHandler, span: Span) -> Val {
        let handled = !matches!(handler, PipeHandler::None);
        if !handled {
            return self.chain(head, stages, false, span);
        }
        // The head is a stage too; a `try` there is what the chain itself does, and a result that failed is a failure.
        let head = match &head.kind {
            ast::ExprKind::Try(inner) => inner,
            _ => head,
        };
        self.cx.conditional += 1;
        let body = self.with_sink(|this| this.chain(head, stages, true, span));
        self.cx.conditional -= 1;
        let attempt = self.attempt(body, span);
        if attempt.ty.is_error() {
            if let PipeHandler::Else(e) = handler {
                self.expr(e, None);
            }
            return attempt;
        }
        let Ty::Attempt(value) = attempt.ty.clone() else { return Val::error(span) };
        let attempt = self.named(attempt);
        let field = |k: usize, ty: Ty| Val::new(ExprKind::Field(Box::new(attempt.expr.clone()), k), ty, span);
        let ok = field(0, Ty::BOOL);
        let good = field(1, (*value).clone());
        self.cx.conditional += 1;
        let other = match handler {
            PipeHandler::Else(e) => self.with_sink(|this| {
                let val = this.expr(e, Some(&value));
                this.whole(val)
            }),
            PipeHandler::Catch(name, e) => {
                let message = field(2, Ty::Str);
                self.scoped(Level::Inner, |this| {
                    this.with_sink(|this| {
                        let var = this.new_var(name.name, &Ty::Str, name.span, VarKind::Let);
                        this.cx.sink.push(ir::Stmt::Let(var, message.expr));
                        this.bind_var(name.name, var, Ty::Str);
                        let val = this.expr(e, Some(&value));
                        this.whole(val)
                    })
                })
            }
            PipeHandler::None => unreachable!("chains without handler are done"),
        };
        self.cx.conditional -= 1;
        self.choose(ok, good, other, span)
    }

    /// The head through all stages. A result that failed is a failure where failures are `handled`.
    fn chain(&mut self, head: &ast::Expr, stages: &[PipeStage], handled: bool, span: Span) -> Val {
        let (mut val, stages) = match stages {
            // The first call may ground the coordinates that the head spells.
            [first, rest @ ..]
                if matches!(first.stage.kind, ast::ExprKind::CoordCall { .. })
                    && !walk::index_names(head).is_empty() =>
            {
                (self.coord_stage(head.clone(), &first.stage), rest)
            }
            _ => (self.expr(head, None), stages),
        };
        if let Ty::Attempt(value) = val.ty.clone()
            && handled
        {
            val = self.attempt_value(val, &value, head.span);
        }
        for stage in stages {
            if val.ty.is_error() {
                return val;
            }
            val = self.stage(val, &stage.stage, span);
            val.expr.span = head.span.to(stage.stage.span);
        }
        val
    }

    fn coord_stage(&mut self, first: ast::Expr, stage: &ast::Expr) -> Val {
        let ast::ExprKind::CoordCall { callee, coords, bracket, args, wheres } = &stage.kind else {
            unreachable!("only calls with coordinates come here")
        };
        let all: Vec<ast::Expr> = std::iter::once(first).chain(args.iter().cloned()).collect();
        self.coord_call(callee, coords, *bracket, &all, wheres.as_ref(), None, stage.span)
    }

    /// `f`, `f(2)`, `f[j](2)` with the value in front of the arguments.
    fn stage(&mut self, val: Val, stage: &ast::Expr, span: Span) -> Val {
        let (callee, rest): (&ast::Expr, &[ast::Expr]) = match &stage.kind {
            ast::ExprKind::Call { callee, args } => (callee, args),
            // Coordinates are read in arguments.
            ast::ExprKind::CoordCall { .. } => {
                return self.with_value_in_front(val, |this, first| this.coord_stage(first, stage));
            }
            _ => (stage, &[]),
        };
        match self.callee(callee) {
            crate::call::Callee::Fn(f, value) => {
                let mut vals = vec![val];
                vals.extend(rest.iter().map(|a| self.expr(a, None)));
                self.apply(&f, value, vals, stage.span.to(span))
            }
            crate::call::Callee::Builtin(name) if crate::builtin::reads_arguments(name) => {
                let whole = val.span().to(stage.span);
                self.with_value_in_front(val, |this, first| {
                    let args: Vec<ast::Expr> = std::iter::once(first).chain(rest.iter().cloned()).collect();
                    this.builtin_call(name, &args, None, whole)
                })
            }
            crate::call::Callee::Builtin(name) => {
                let mut vals = vec![val];
                vals.extend(rest.iter().map(|a| self.expr(a, None)));
                if vals.iter().any(|v| v.ty.is_error()) {
                    return Val::error(span);
                }
                self.native_vals(name, vals, stage.span)
            }
            crate::call::Callee::Variant(id, name) => self.with_value_in_front(val, |this, first| {
                let args: Vec<ast::Expr> = std::iter::once(first).chain(rest.iter().cloned()).collect();
                this.variant(id, name, &args, stage.span)
            }),
            crate::call::Callee::Bad => Val::error(span),
        }
    }

    /// A value as an argument that is read as text is: under a name.
    fn with_value_in_front(&mut self, val: Val, check: impl FnOnce(&mut Self, ast::Expr) -> Val) -> Val {
        let name = Symbol::new("the value in front");
        let val = self.named(val);
        let Some(var) = val.as_var() else { return Val::error(val.span()) };
        let path = ast::Path { segments: vec![ast::Ident { name, span: val.span() }], span: val.span() };
        let first = ast::Expr { kind: ast::ExprKind::Path(path), span: val.span() };
        self.scoped(Level::Inner, |this| {
            this.bind_var(name, var, val.ty);
            check(this, first)
        })
    }

    pub(crate) fn try_expr(&mut self, body: &ast::Expr, span: Span) -> Val {
        // What is tried may fail: that is no mistake.
        self.cx.conditional += 1;
        let body = self.with_sink(|this| this.expr(body, None));
        self.cx.conditional -= 1;
        self.attempt(body, span)
    }

    /// `(ok, value, message)`.
    fn attempt(&mut self, body: Val, span: Span) -> Val {
        if body.ty.is_error() {
            return body;
        }
        // The value of a failure is a default, so its type is settled here.
        self.settle_default(&body.ty.clone());
        let ty = self.resolved(&body.ty);
        let ty = if ty.is_never() { Ty::Unit } else { ty };
        let ty = self.forget_ty(ty);
        Val::new(ExprKind::Try(body.boxed()), Ty::Attempt(Rc::new(ty)), span)
    }

    /// A failed attempt's tensor is empty: nothing is known of its extents.
    fn forget_ty(&mut self, ty: Ty) -> Ty {
        let axes: Vec<crate::ty::Axis> =
            ty.axes().iter().map(|a| crate::ty::Axis { name: a.name, extent: self.unknown_extent() }).collect();
        if axes.is_empty() { ty } else { ty.with_axes(axes) }
    }

    /// `.value` of a result: its failure is a failure again.
    pub(crate) fn attempt_value(&mut self, val: Val, value: &Ty, span: Span) -> Val {
        let val = self.named(val);
        let field = |k: usize, ty: Type| Expr { kind: ExprKind::Field(Box::new(val.expr.clone()), k), ty, span };
        let message = field(2, Type::Str);
        let panic = Expr { kind: ExprKind::Builtin(Builtin::Panic, vec![message]), ty: Type::Never, span };
        let kind = ExprKind::If(Box::new(field(0, Type::BOOL)), Box::new(field(1, value.ir())), Box::new(panic));
        let chosen = Val::new(kind, value.clone(), span);
        self.with_extents(chosen)
    }
}
