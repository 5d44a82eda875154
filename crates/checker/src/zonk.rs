//! The end of checking: open constants get their types, binders their ranges, accesses their proofs.

use crate::Checker;
use ir::{Binder, Expr, ExprKind, Family, Op, Scalar, Slot, Type, VarId};
use std::rc::Rc;

impl Checker<'_> {
    pub(crate) fn zonk(&mut self) {
        for (misfit, default) in self.opens.settle_all() {
            self.report_misfit(misfit, default);
        }
        if self.diags.iter().any(|d| d.is_error()) {
            return;
        }
        let mut funcs = std::mem::take(&mut self.program.funcs);
        for func in &mut funcs {
            self.settle_type(&mut func.result);
            self.zonk_expr(&mut func.body);
        }
        self.program.funcs = funcs;
        let mut vars = std::mem::take(&mut self.program.vars);
        for var in &mut vars {
            self.settle_type(&mut var.ty);
        }
        self.program.vars = vars;
    }

    fn settle_type(&self, ty: &mut Type) {
        match ty {
            Type::Scalar(s) => *s = self.opens.resolve(*s),
            Type::Tensor(elem, _) | Type::List(elem) => {
                let mut inner = (**elem).clone();
                self.settle_type(&mut inner);
                *elem = Rc::new(inner);
            }
            Type::Tuple(items) => {
                let mut inner = items.to_vec();
                inner.iter_mut().for_each(|t| self.settle_type(t));
                *items = inner.into();
            }
            _ => {}
        }
    }

    fn zonk_expr(&mut self, e: &mut Expr) {
        e.for_each_child_mut(|child| self.zonk_expr(child));
        self.settle_type(&mut e.ty);
        if let ExprKind::Family(family) = &mut e.kind {
            self.settle_type(&mut family.elem);
        }
        if let ExprKind::Block(statements, _) = &mut e.kind {
            for statement in statements {
                if let ir::Stmt::Rec(rec) = statement {
                    for (_, family) in &mut Rc::make_mut(rec).families {
                        self.settle_type(&mut family.elem);
                    }
                }
            }
        }
        self.fill_node(e);
        match (&mut e.kind, &e.ty) {
            (ExprKind::Int(value), Type::Scalar(s)) if s.is_float() => {
                e.kind = ExprKind::Float(s.nearest(*value as f64))
            }
            (ExprKind::Int(value), Type::Scalar(Scalar::Bool)) => e.kind = ExprKind::Bool(*value != 0),
            (ExprKind::Float(value), Type::Scalar(s)) if s.is_float() => *value = s.nearest(*value),
            (ExprKind::Float(value), Type::Scalar(s)) if s.is_int() => e.kind = ExprKind::Int(*value as i64),
            (ExprKind::Op(op @ Op::Pow, args), _) => {
                let (base, exponent) = (args[0].ty.scalar(), args[1].ty.scalar());
                if let (Some(base), Some(exponent)) = (base, exponent) {
                    if base.is_float() && exponent.is_int() {
                        *op = Op::PowI;
                    } else if base.is_int() && exponent != base {
                        let (span, inner) = (args[1].span, args[1].clone());
                        args[1] = Expr { kind: ExprKind::Cast(Box::new(inner)), ty: Type::Scalar(base), span };
                    }
                }
            }
            _ => {}
        }
    }

    /// Ranges and proofs that were open when a node was made.
    fn fill_node(&mut self, e: &mut Expr) {
        match &mut e.kind {
            ExprKind::Load(load) => {
                if let Some(proven) = self.proven.get(&load.id) {
                    load.proven.clone_from(proven);
                }
            }
            ExprKind::Reduce(reduce) => reduce.binders.iter_mut().for_each(|b| self.fill_binder(b)),
            ExprKind::Family(family) => self.fill_slots(family),
            _ => {}
        }
    }

    fn fill_slots(&self, family: &mut Family) {
        for clause in &mut family.clauses {
            for slot in &mut clause.slots {
                if let Slot::Coord(binder) = slot {
                    self.fill_binder(binder);
                }
            }
        }
    }

    fn fill_binder(&self, binder: &mut Binder) {
        if matches!(binder.hi.kind, ExprKind::Unit) {
            let span = self.program_span(binder.var);
            *binder = self.binder(binder.var, span);
        }
    }

    fn program_span(&self, var: VarId) -> diagnostics::Span {
        self.program.vars.get(var.index()).map(|v| v.span).unwrap_or_default()
    }

    /// The ranges inside a family, for the passes that look at it before the end.
    pub(crate) fn fill_family(&mut self, family: &mut Family) {
        self.fill_slots(family);
        family.for_each_child_mut(|child| {
            child.walk_mut(&mut |e| self.fill_node(e));
        });
    }
}
