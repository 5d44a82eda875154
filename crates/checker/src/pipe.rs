//! Pipelines and `try`.

use crate::env::Level;
use crate::ty::{Ty, Val};
use crate::{Checker, errors};
use diagnostics::Span;
use ir::{Builtin, Expr, ExprKind, Type, VarKind};
use std::rc::Rc;
use syntax::ast::{self, PipeHandler, PipeStage};

impl Checker<'_> {
    pub(crate) fn pipe(&mut self, head: &ast::Expr, stages: &[PipeStage], handler: &PipeHandler, span: Span) -> Val {
        let handled = !matches!(handler, PipeHandler::None);
        if !handled {
            let val = self.expr(head, None);
            return self.chain(val, stages, span);
        }
        // The head is a stage too; a `try` there is what the chain itself does, and a result that failed is a failure.
        let head = match &head.kind {
            ast::ExprKind::Try(inner) => inner,
            _ => head,
        };
        self.cx.conditional += 1;
        let body = self.with_sink(|this| {
            let val = this.expr(head, None);
            let val = match val.ty.clone() {
                Ty::Attempt(value) => this.attempt_value(val, &value, head.span),
                _ => val,
            };
            this.chain(val, stages, span)
        });
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

    /// The head through all stages.
    fn chain(&mut self, head: Val, stages: &[PipeStage], span: Span) -> Val {
        let mut val = head;
        for stage in stages {
            if val.ty.is_error() {
                return val;
            }
            val = self.stage(val, &stage.stage, span);
        }
        val
    }

    /// `f`, `f(2)`, `f[j](2)` with the value in front of the arguments.
    fn stage(&mut self, val: Val, stage: &ast::Expr, span: Span) -> Val {
        let (callee, coords, rest): (&ast::Expr, &[ast::CoordArg], &[ast::Expr]) = match &stage.kind {
            ast::ExprKind::Call { callee, args } => (callee, &[], args),
            ast::ExprKind::CoordCall { callee, coords, args, .. } => {
                let mut vals = vec![val];
                vals.extend(args.iter().map(|a| self.expr(a, None)));
                return match self.path_callee(callee) {
                    crate::call::Callee::Fn(f, _) => match &f.kind {
                        crate::ty::FnKind::Def(def) => {
                            let def = def.clone();
                            self.bind_call(&def, coords.clone(), vals, stage.span)
                        }
                        _ => Val::error(stage.span),
                    },
                    _ => Val::error(stage.span),
                };
            }
            _ => (stage, &[], &[]),
        };
        let _ = coords;
        match self.callee(callee) {
            crate::call::Callee::Fn(f, value) => {
                let mut vals = vec![val];
                vals.extend(rest.iter().map(|a| self.expr(a, None)));
                self.apply(&f, value, vals, stage.span.to(span))
            }
            crate::call::Callee::Builtin(name) => {
                let mut vals = vec![val];
                vals.extend(rest.iter().map(|a| self.expr(a, None)));
                if vals.iter().any(|v| v.ty.is_error()) {
                    return Val::error(span);
                }
                self.native_vals(name, vals, stage.span)
            }
            crate::call::Callee::Variant(_, name) => {
                self.report(errors::not_callable(name.span, "a variant in a pipeline"));
                Val::error(span)
            }
            crate::call::Callee::Bad => Val::error(span),
        }
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
