//! Comprehensions: generators, filters and bindings from left to right.

use crate::env::Level;
use crate::sym::Sym;
use crate::ty::{Axis, Ty, Val};
use crate::unify::Why;
use crate::{Checker, errors};
use diagnostics::{Span, Symbol};
use ir::{CompClause, Comprehension, Expr, ExprKind, Scalar, Stmt, VarId, VarKind};
use std::collections::HashSet;
use std::rc::Rc;
use syntax::ast::{self, PatternKind};

impl Checker<'_> {
    pub(crate) fn comprehension(
        &mut self,
        body: &ast::Expr,
        clauses: &[ast::CompClause],
        want: Option<&Ty>,
        span: Span,
    ) -> Val {
        // Whatever is inside is evaluated per item.
        let first_var = self.program.vars.len() as u32;
        let facts = self.facts.mark();
        let conditional = self.cx.conditional;
        let result = self.scoped(Level::Inner, |this| {
            let mut out: Vec<CompClause> = Vec::new();
            let mut bound: HashSet<Symbol> = HashSet::new();
            let mut filtered = false;
            let mut counts: Vec<Option<Sym>> = Vec::new();
            for clause in clauses {
                this.comp_clause(clause, &mut out, &mut bound, &mut filtered, &mut counts)?;
            }
            let item_want = match want {
                Some(Ty::Tensor(t)) if t.axes.len() == 1 => Some((*t.elem).clone()),
                Some(Ty::Tensor(t)) => Some(Ty::tensor((*t.elem).clone(), t.axes[1..].to_vec())),
                Some(Ty::List(item)) => Some((**item).clone()),
                _ => None,
            };
            let outer = this.open_sink();
            let val = this.expr(body, item_want.as_ref());
            let val = this.whole(val);
            let statements = this.close_sink(outer);
            if val.ty.is_error() {
                return None;
            }
            let val = crate::wrap(statements, val);
            Some((out, val, filtered, counts))
        });
        self.facts.reset(facts);
        self.cx.conditional = conditional;
        let Some((out, val, filtered, counts)) = result else { return Val::error(span) };
        self.items(out, val, filtered, counts, first_var, span)
    }

    fn comp_clause(
        &mut self,
        clause: &ast::CompClause,
        out: &mut Vec<CompClause>,
        bound: &mut HashSet<Symbol>,
        filtered: &mut bool,
        counts: &mut Vec<Option<Sym>>,
    ) -> Option<()> {
        match clause {
            ast::CompClause::In(pattern, e) => {
                if let PatternKind::Bind(name) = &pattern.kind
                    && bound.contains(&name.name)
                {
                    // Bound already: a membership test.
                    let left = ast::Expr {
                        kind: ast::ExprKind::Path(ast::Path { segments: vec![*name], span: name.span }),
                        span: name.span,
                    };
                    let test = ast::Expr {
                        span: pattern.span.to(e.span),
                        kind: ast::ExprKind::Binary {
                            op: ast::BinaryOp::In,
                            op_span: pattern.span,
                            left: Box::new(left),
                            right: Box::new(e.clone()),
                        },
                    };
                    return self.filter(&test, out, filtered);
                }
                self.generator(pattern, e, out, bound, counts)
            }
            ast::CompClause::Bind(name, e) => {
                let val = self.comp_value(e, out)?;
                let var = self.new_var(name.name, &val.ty, name.span, VarKind::Let);
                self.define(var, &val);
                out.push(CompClause::Let(var, val.expr));
                self.bind_var(name.name, var, val.ty);
                bound.insert(name.name);
                Some(())
            }
            ast::CompClause::Cond(e) => self.filter(e, out, filtered),
        }
    }

    /// A value with what it needs as bindings of the comprehension.
    fn comp_value(&mut self, e: &ast::Expr, out: &mut Vec<CompClause>) -> Option<Val> {
        // In front of the first generator, what a value needs is computed once.
        let once = out.is_empty();
        let outer = self.open_sink();
        let val = self.expr(e, None);
        let val = self.whole(val);
        let needed = self.close_sink(outer);
        if once {
            self.cx.sink.extend(needed);
        } else {
            self.needs(needed, out);
        }
        (!val.ty.is_error()).then_some(val)
    }

    fn needs(&mut self, statements: Vec<Stmt>, out: &mut Vec<CompClause>) {
        for statement in statements {
            match statement {
                Stmt::Let(var, e) => out.push(CompClause::Let(var, e)),
                Stmt::Do(e) => {
                    let unit = self.new_temp(&Ty::Unit, e.span);
                    out.push(CompClause::Let(unit, e));
                }
                rec @ Stmt::Rec(_) => self.cx.sink.push(rec),
            }
        }
    }

    fn filter(&mut self, e: &ast::Expr, out: &mut Vec<CompClause>, filtered: &mut bool) -> Option<()> {
        let val = self.comp_value(e, out)?;
        let val = self.annotated(val, &Ty::BOOL, None, Why::Condition);
        if val.ty.is_error() {
            return None;
        }
        self.facts.assume(&val.expr, true);
        self.cx.conditional += 1;
        out.push(CompClause::If(val.expr));
        *filtered = true;
        Some(())
    }

    fn generator(
        &mut self,
        pattern: &ast::Pattern,
        e: &ast::Expr,
        out: &mut Vec<CompClause>,
        bound: &mut HashSet<Symbol>,
        counts: &mut Vec<Option<Sym>>,
    ) -> Option<()> {
        let of = self.comp_value(e, out)?;
        let (item, count) = match of.ty.clone() {
            Ty::Range => {
                let count = match &of.expr.kind {
                    ExprKind::Range(lo, hi) => match (self.facts.of(lo), self.facts.of(hi)) {
                        (Some(lo), Some(hi)) => Some(hi.sub(&lo)),
                        _ => None,
                    },
                    _ => None,
                };
                (Ty::I32, count.map(|c| if self.facts.nonneg(&c) { c } else { Sym::constant(0).greater(&c) }))
            }
            Ty::Tensor(t) => (of.ty.with_axes(t.axes[1..].to_vec()), Some(self.facts_extent(&t.axes[0].extent))),
            Ty::List(item) => {
                let count = match &of.expr.kind {
                    ExprKind::List(items) => Some(Sym::constant(items.len() as i64)),
                    ExprKind::Var(list) => Some(self.facts_extent(&Sym::extent(*list, 0))),
                    _ => None,
                };
                ((*item).clone(), count)
            }
            other => {
                let shown = self.show(&other);
                let message = format!("a generator runs over a range, a tensor or a list, and this is `{shown}`");
                self.report(errors::mismatch(e.span, message, None, None));
                return None;
            }
        };
        counts.push(count);
        let var = match &pattern.kind {
            PatternKind::Bind(name) => {
                let var = self.new_var(name.name, &item, name.span, VarKind::Let);
                bound.insert(name.name);
                var
            }
            _ => self.new_temp(&item, pattern.span),
        };
        if let ExprKind::Range(lo, hi) = &of.expr.kind
            && let (Some(lo), Some(hi)) = (self.facts.of(lo), self.facts.of(hi))
        {
            self.facts.ranges.insert(var, (lo, hi));
        }
        // Rows of unknown extents know them by their own variable.
        let axes: Vec<Axis> = item
            .axes()
            .iter()
            .enumerate()
            .map(|(k, a)| if a.extent.is_const() || of.ty.rank() > 0 { a.clone() } else { Axis::of(var, k, a.name) })
            .collect();
        let ty = if axes.is_empty() { item.clone() } else { item.with_axes(axes) };
        out.push(CompClause::For(var, of.expr));
        match &pattern.kind {
            PatternKind::Bind(name) => self.bind_var(name.name, var, ty),
            PatternKind::Wildcard => {}
            _ => {
                let outer = self.open_sink();
                self.bind_pattern(pattern, Val::var(var, ty, pattern.span));
                let needed = self.close_sink(outer);
                self.needs(needed, out);
                let mut names = Vec::new();
                crate::pattern::names_of(pattern, &mut names);
                bound.extend(names.iter().map(|n| n.name));
            }
        }
        Some(())
    }

    /// Numbers of one shape make a tensor, everything else a list.
    fn items(
        &mut self,
        clauses: Vec<CompClause>,
        val: Val,
        filtered: bool,
        counts: Vec<Option<Sym>>,
        first_var: u32,
        span: Span,
    ) -> Val {
        let inside = |var: &VarId| var.0 >= first_var;
        let fixed = |this: &Self, axis: &Axis| {
            let extent = this.facts_extent(&axis.extent);
            if extent.vars().iter().any(inside) { None } else { Some(Axis { name: None, extent }) }
        };
        let scalar = matches!(val.ty, Ty::Scalar(_) | Ty::Address(_));
        let rows: Option<Vec<Axis>> = match &val.ty {
            Ty::Tensor(t) if t.elem.scalar().is_some() => t.axes.iter().map(|a| fixed(self, a)).collect(),
            _ => None,
        };
        if !scalar && rows.is_none() {
            let item = self.escaped(&val.ty, first_var);
            let ty = Ty::List(Rc::new(item));
            let comp = Comprehension { clauses, body: val.expr, row: Vec::new() };
            return Val::new(ExprKind::Comprehension(Box::new(comp)), ty, span);
        }
        let row_axes = rows.unwrap_or_default();
        let row: Vec<Expr> = row_axes.iter().map(|a| a.extent.to_expr(Scalar::I64, &self.program.vars, span)).collect();
        // One generator without filter: as many items as it gives.
        let count = match counts.as_slice() {
            [Some(count)] if !filtered && !count.vars().iter().any(inside) => Some(count.clone()),
            all if !filtered
                && !all.is_empty()
                && all.iter().all(|c| c.as_ref().is_some_and(|c| !c.vars().iter().any(inside))) =>
            {
                Some(all.iter().flatten().fold(Sym::constant(1), |product, c| product.times(c)))
            }
            _ => None,
        };
        let elem = match val.ty.elem() {
            Ty::Address(_) => Ty::I32,
            other => other.clone(),
        };
        let comp = Comprehension { clauses, body: val.expr, row };
        let extent = count.unwrap_or_else(|| self.unknown_extent());
        let mut axes = vec![Axis { name: None, extent }];
        axes.extend(row_axes);
        let val = Val::new(ExprKind::Comprehension(Box::new(comp)), Ty::tensor(elem, axes), span);
        self.with_extents(val)
    }
}
