//! Functions that are not looked into get a pullback: a function of their parameters and of the cotangent of their result.

use crate::build::*;
use crate::depend::{bound_by, forward, leading};
use crate::errors::Blocked;
use crate::reverse::{Reverse, new_var};
use crate::tensors::zeros_like;
use crate::terms::is_float;
use crate::{Differentiator, behind_statements, carries, prune, terms};
use diagnostics::{Span, Symbol};
use ir::{Expr, ExprKind, Func, FuncId, Program, Stmt, Type, VarId};
use std::collections::{HashMap, HashSet};

impl Differentiator {
    /// The pullback of a function that is not inlined: its parameters and the cotangent of its result give the
    /// cotangents of its float parameters. A rule's pullback is the transpose of the rule.
    pub(crate) fn pullback(&mut self, program: &mut Program, func: FuncId) -> Result<FuncId, Blocked> {
        if let Some(pullback) = self.pullbacks.get(&func) {
            return Ok(*pullback);
        }
        self.function(program, func);
        let primal = program.funcs[func.index()].clone();
        if let Some(rule) = primal.rule {
            self.function(program, rule);
        }
        let span = primal.span;
        let floats: Vec<VarId> =
            primal.params.iter().copied().filter(|p| carries(&program.vars[p.index()].ty)).collect();
        if primal.rule.is_some() && floats.iter().any(|p| !is_float(&program.vars[p.index()].ty)) {
            return Err(Blocked { span, what: "a rule for tuples has no transpose".into() });
        }
        let types = floats.iter().flat_map(|p| terms::leaves(&program.vars[p.index()].ty)).flatten();
        let result = Type::Tuple(types.collect());
        let id = FuncId(program.funcs.len() as u32);
        let name = Symbol::new(&format!("{}_pullback", primal.name));
        let unit = expr(ExprKind::Unit, Type::Unit, span);
        program.funcs.push(Func { name, params: Vec::new(), result: result.clone(), body: unit, span, rule: None });
        self.done.insert(id);
        self.pullbacks.insert(func, id);

        // A copy with parameters of its own.
        let mut copy = |v: VarId| {
            let info = program.vars[v.index()].clone();
            program.vars.push(info);
            VarId(program.vars.len() as u32 - 1)
        };
        let params: Vec<VarId> = primal.params.iter().map(|p| copy(*p)).collect();
        let mut names: HashMap<VarId, VarId> = primal.params.iter().copied().zip(params.iter().copied()).collect();
        for (of, copy) in primal.params.iter().zip(&params) {
            program.copy_extents(*of, *copy, &names);
        }
        let own: Vec<VarId> = floats.iter().map(|f| names[f]).collect();
        let mut statements: Vec<Stmt> = Vec::new();
        let (body, denominators) = match primal.rule {
            None => (primal.body.clone(), own.clone()),
            Some(rule) => {
                let rule = program.funcs[rule.index()].clone();
                let name_of = |program: &Program, v: VarId| program.vars[v.index()].name.as_str();
                let mut tangents: Vec<VarId> = Vec::new();
                let mut of_floats: Vec<Option<VarId>> = vec![None; own.len()];
                for given in &rule.params {
                    let name = name_of(program, *given).to_owned();
                    let Some(of) = name.strip_prefix('@') else {
                        // Values, also those of the module that the rule reads, are the function's own.
                        let same = primal.params.iter().position(|p| name_of(program, *p) == name);
                        let Some(k) = same else {
                            return Err(Blocked { span, what: format!("the rule reads `{name}`") });
                        };
                        names.insert(*given, params[k]);
                        continue;
                    };
                    let Some(k) = floats.iter().position(|f| name_of(program, *f) == of) else { continue };
                    // Linear in the tangents: where they are does not matter.
                    let ty = program.vars[own[k].index()].ty.clone();
                    let v = new_var(program, "", &ty, span);
                    let value = zeros_like(program, &var(own[k], ty, span), span);
                    statements.push(Stmt::Let(v, value));
                    names.insert(*given, v);
                    of_floats[k] = Some(v);
                }
                for (k, tangent) in of_floats.iter().enumerate() {
                    // A parameter without tangent in the rule has no derivative.
                    let ty = program.vars[own[k].index()].ty.clone();
                    tangents.push(tangent.unwrap_or_else(|| new_var(program, "", &ty, span)));
                }
                (rule.body, tangents)
            }
        };
        let mut body = ir::visit::refresh(&body, program);
        ir::visit::rename(&mut body, &names);
        let cotangent = new_var(program, "ct", &primal.result, span);
        let body = behind_statements(statements, body);
        let pulled = match self.pulled_by(program, &body, cotangent, &denominators, &own) {
            Ok(pulled) => pulled,
            Err(blocked) => {
                self.pullbacks.remove(&func);
                return Err(blocked);
            }
        };
        let info = &mut program.funcs[id.index()];
        info.params = params;
        info.params.push(cotangent);
        info.body = pulled;
        Ok(id)
    }

    /// The cotangents of what an expression reads, in a tuple, by the cotangent of its value.
    pub(crate) fn pulled(
        &mut self,
        program: &mut Program,
        e: &Expr,
        cotangent: VarId,
        xs: &[VarId],
    ) -> Result<Expr, Blocked> {
        let copy = ir::visit::refresh(e, program);
        self.pulled_by(program, &copy, cotangent, xs, xs)
    }

    /// The same, where each cotangent has the shape of another variable.
    fn pulled_by(
        &mut self,
        program: &mut Program,
        e: &Expr,
        cotangent: VarId,
        xs: &[VarId],
        shapes: &[VarId],
    ) -> Result<Expr, Blocked> {
        let span = e.span;
        let shapes_of = |program: &Program| -> Vec<Expr> {
            let whole = |s: &VarId| var(*s, program.vars[s.index()].ty.clone(), span);
            shapes.iter().flat_map(|s| terms::leaves_of(&whole(s))).collect()
        };
        let result = Type::Tuple(shapes_of(program).into_iter().map(|leaf| leaf.ty).collect());
        let mut statements = Vec::new();
        let y = new_var(program, "", &e.ty, span);
        match &e.kind {
            // A branch that ends the program has no cotangents.
            _ if e.ty == Type::Never => return Ok(e.clone()),
            ExprKind::If(cond, a, b) => {
                let a = self.pulled_by(program, a, cotangent, xs, shapes)?;
                let b = self.pulled_by(program, b, cotangent, xs, shapes)?;
                return Ok(expr(ExprKind::If(cond.clone(), Box::new(a), Box::new(b)), result, span));
            }
            ExprKind::Block(inner, value) => {
                statements.extend(inner.iter().cloned());
                statements.push(Stmt::Let(y, (**value).clone()));
            }
            _ => statements.push(Stmt::Let(y, e.clone())),
        }
        let mut bound: HashSet<VarId> = xs.iter().chain(shapes).copied().collect();
        bound.insert(cotangent);
        statements.iter().for_each(|statement| bound_by(statement, &mut bound));
        let saved = self.enter(bound);
        self.levels[0].statements = statements;
        let adjoints = self.pull_level(program, y, cotangent, xs, span);
        let mut statements = std::mem::take(&mut self.levels[0].statements);
        self.leave(saved);
        let mut items = Vec::new();
        for (adjoint, of) in adjoints?.into_iter().zip(shapes_of(program)) {
            items.push(match adjoint {
                Some(v) => var(v, of.ty, span),
                None => zeros_like(program, &of, span),
            });
        }
        let used: Vec<VarId> = items.iter().flat_map(ir::visit::free_vars).collect();
        prune(&mut statements, used);
        Ok(behind_statements(statements, expr(ExprKind::Tuple(items), result, span)))
    }

    /// The adjoints of some variables of the current scope, or of their fields, by a given cotangent of `y`.
    fn pull_level(
        &mut self,
        program: &mut Program,
        y: VarId,
        cotangent: VarId,
        xs: &[VarId],
        span: Span,
    ) -> Result<Vec<Option<VarId>>, Blocked> {
        self.normalise_levels(program, y, xs, 0);
        let statements = self.levels[0].statements.clone();
        let refs: Vec<&Stmt> = statements.iter().collect();
        self.note_extents(&refs);
        let dependent = forward(&refs, xs);
        let needed = leading(&refs, y);
        let active: HashSet<VarId> =
            dependent.iter().copied().filter(|v| needed.contains(v) && carries(&program.vars[v.index()].ty)).collect();
        let mut leaves = Vec::new();
        for x in xs {
            let ty = program.vars[x.index()].ty.clone();
            match is_float(&ty) {
                true => leaves.push(*x),
                false => {
                    let floats = terms::leaves(&ty).into_iter().enumerate().filter(|(_, leaf)| leaf.is_some());
                    leaves.extend(floats.map(|(k, _)| self.field(program, *x, k)));
                }
            }
        }
        if !active.contains(&y) {
            return Ok(vec![None; leaves.len()]);
        }
        let on_path: HashSet<VarId> = dependent.intersection(&needed).copied().collect();
        if let Some(blocked) = self.opaque(program, &on_path) {
            return Err(blocked);
        }
        let result = program.vars[y.index()].ty.clone();
        let mut seeds = Vec::new();
        let mut parts = Vec::new();
        for (k, ty) in terms::fields_of(&result).iter().enumerate().filter(|(_, ty)| is_float(ty)) {
            let all = var(cotangent, result.clone(), span);
            let part = new_var(program, "", ty, span);
            parts.push(Stmt::Let(part, expr(ExprKind::Field(Box::new(all), k), ty.clone(), span)));
            seeds.push((self.field(program, y, k), part));
        }
        if seeds.is_empty() {
            seeds.push((y, cotangent));
        }
        let mut reverse = Reverse::new(self, program, &active, &dependent);
        reverse.out = parts;
        for (of, seed) in seeds {
            reverse.seed_with(of, seed);
        }
        reverse.walk(&refs)?;
        let adjoints = leaves.iter().map(|x| reverse.adjoint(*x, span)).collect();
        let out = std::mem::take(&mut reverse.out);
        self.levels[0].statements.extend(out);
        Ok(adjoints)
    }
}
