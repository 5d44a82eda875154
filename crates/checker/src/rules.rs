//! Tangent rules (§6.9): a rule is checked with the parameters of its function and a tangent for each float among
//! them, for every specialisation of the function. That it is linear in the tangents is for differentiation to prove.

use crate::env::{Env, FnRef, Level};
use crate::signature::Bound;
use crate::ty::{Ty, Val};
use crate::{Checker, errors};
use diagnostics::{Span, Symbol};
use ir::{FuncId, VarId, VarKind};
use std::collections::HashSet;
use std::rc::Rc;
use syntax::ast::{self, CoordParam, ExprKind};

impl Checker<'_> {
    /// Rules without a function of their name.
    pub(crate) fn check_orphans(&mut self, statements: &[ast::Stmt]) {
        for statement in statements {
            if let ast::StmtKind::Rule(rule) = &statement.kind {
                let names = statements.iter().filter_map(|s| match &s.kind {
                    ast::StmtKind::Fn(def) => Some(def.name.name),
                    _ => None,
                });
                let names: HashSet<Symbol> = names.collect();
                if !names.contains(&rule.name.name) {
                    let near = diagnostics::closest(rule.name.name.as_str(), names.iter().map(|n| n.as_str()));
                    self.report(errors::rule_without_primal(rule.name.span, rule.name.name, near));
                }
            }
        }
    }

    /// The rule of a specialisation: its parameters, then their tangents.
    pub(crate) fn instantiate_rule(
        &mut self,
        def: &FnRef,
        rule: &Rc<ast::FnDef>,
        bound: &Bound,
        result: &Ty,
        widened: bool,
    ) -> Option<FuncId> {
        if !self.rule_fits(&def.def, rule) || result.is_error() {
            return None;
        }
        let func = self.new_func(rule.name.name, rule.signature);
        let env: Env = def.env.child(Level::Function);
        let caller = self.enter_function(&env);
        let params = self.bind_bound(&env, &rule.params, bound, widened);
        let mut all: Vec<VarId> = params.iter().map(|(v, _)| *v).collect();
        for (param, (var, ty)) in rule.params.iter().zip(&params) {
            if !self.is_float(ty.elem()) {
                continue;
            }
            let name = tangent_name(crate::call::param_name(param));
            let tangent = self.new_var(name, ty, param.pattern.span, VarKind::Param);
            let own = Val::var(*var, ty.clone(), param.pattern.span);
            self.define(tangent, &own);
            self.bind_var(name, tangent, ty.clone());
            all.push(tangent);
        }
        self.cx.rule = true;
        let body = self.with_sink(|this| {
            for (param, (var, ty)) in rule.params.iter().zip(&params) {
                this.open_param(param, *var, ty);
            }
            let declared = match (&rule.result, &def.def.result) {
                (Some(ty), _) => Some(this.declared(ty, bound)),
                (None, Some(ty)) => Some(this.declared(ty, bound)),
                (None, None) => None,
            };
            this.rule_value(rule, declared.as_ref())
        });
        self.leave_function(caller);
        if body.ty.is_error() {
            return None;
        }
        if !self.same_coordinates(&body.ty, result) {
            let (wanted, given) = (self.coordinates_of(result), self.coordinates_of(&body.ty));
            self.report(errors::rule_coordinates(rule.name.span, rule.name.name, &wanted, &given, def.def.signature));
            return None;
        }
        if body.ty.rank() > 0 && !matches!(body.ty.elem(), Ty::Scalar(_)) {
            let message = format!("a tangent is made of numbers, and this is `{}`", self.show(&body.ty));
            self.report(errors::mismatch(body.span(), message, None, None));
            return None;
        }
        let info = &mut self.program.funcs[func.index()];
        info.params = all;
        info.result = body.ty.ir();
        info.body = body.expr;
        Some(func)
    }

    fn same_coordinates(&self, a: &Ty, b: &Ty) -> bool {
        a.rank() == b.rank() && a.coords().iter().zip(b.coords()).all(|(x, y)| x.is_none() || y.is_none() || *x == y)
    }

    pub(crate) fn coordinates_of(&self, ty: &Ty) -> Vec<String> {
        ty.axes().iter().map(|a| a.name.map(|n| n.to_string()).unwrap_or_else(|| "?".into())).collect()
    }

    /// The same parameters and coordinate parameters, in order.
    pub(crate) fn rule_fits(&mut self, primal: &ast::FnDef, rule: &ast::FnDef) -> bool {
        let coord = |c: &CoordParam| match c {
            CoordParam::Coord(name) => name.name.to_string(),
            CoordParam::Pack(name) => format!("..{}", name.name),
        };
        let wanted: Vec<String> = primal.coords.iter().map(coord).collect();
        let given: Vec<String> = rule.coords.iter().map(coord).collect();
        if wanted != given {
            self.report(errors::rule_parameters(
                rule.name.span,
                rule.name.name,
                "coordinate parameters",
                &wanted,
                &given,
                primal.signature,
            ));
            return false;
        }
        let names = |def: &ast::FnDef| -> Vec<String> {
            def.params.iter().map(|p| self.sources.text(p.pattern.span).to_owned()).collect()
        };
        let (wanted, given) = (names(primal), names(rule));
        if wanted != given {
            self.report(errors::rule_parameters(
                rule.name.span,
                rule.name.name,
                "parameters",
                &wanted,
                &given,
                primal.signature,
            ));
            return false;
        }
        true
    }

    /// `@p`, `@p[i]` in a rule: the parameter's tangent.
    pub(crate) fn rule_tangent(&mut self, operand: &ast::Expr, span: Span) -> Val {
        match &operand.kind {
            ExprKind::Path(path) if path.segments.len() == 1 => {
                let name = path.segments[0];
                let tangent = ast::Ident { name: tangent_name(name.name), span };
                if self.cx.env.lookup(tangent.name).is_some() {
                    return self.name(tangent);
                }
                let val = self.name(name);
                if !val.ty.is_error() {
                    let ty = self.show(&val.ty);
                    self.report(errors::no_tangent(span, name.name, &ty));
                }
                Val::error(span)
            }
            ExprKind::Index { base, indices, bracket } => match &base.kind {
                ExprKind::Path(path) if path.segments.len() == 1 => {
                    let name = path.segments[0];
                    let ident = ast::Ident { name: tangent_name(name.name), span: name.span };
                    if self.cx.env.lookup(ident.name).is_none() {
                        return self.rule_tangent(base, span);
                    }
                    let path = ast::Path { segments: vec![ident], span: path.span };
                    let base = ast::Expr { kind: ExprKind::Path(path), span: base.span };
                    let read = ast::Expr {
                        kind: ExprKind::Index { base: Box::new(base), indices: indices.clone(), bracket: *bracket },
                        span,
                    };
                    self.expr(&read, None)
                }
                _ => {
                    self.report(errors::quotient_operand(span));
                    Val::error(span)
                }
            },
            _ => {
                self.report(errors::quotient_operand(span));
                Val::error(span)
            }
        }
    }
}

/// The name under which a rule's body finds a tangent; no program can spell it.
fn tangent_name(param: Symbol) -> Symbol {
    Symbol::new(&format!("@{param}"))
}
