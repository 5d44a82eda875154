//! Quotients in a `where`, and of what it defines.

use crate::{Differentiator, Level, behind_statements, expr, has_quotient};
use ir::visit::free_vars;
use ir::{Expr, ExprKind, Program, Stmt, Type, VarId, WhereItem};
use std::collections::HashSet;

impl Differentiator {
    /// Each item is a scope of its own, inside of what the construct binds.
    pub fn items(&mut self, program: &mut Program, bound: &HashSet<VarId>, items: &mut [WhereItem]) {
        for item in items {
            let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
            if !has_quotient(e) {
                continue;
            }
            self.levels.push(Level { bound: bound.clone(), statements: Vec::new() });
            let taken = std::mem::replace(e, expr(ExprKind::Unit, Type::Unit, e.span));
            let value = self.scope(program, taken);
            let level = self.levels.pop().expect("pushed above");
            *e = behind_statements(level.statements, value);
        }
    }
}

/// Puts definitions of a `where` in front of the quotients behind them, as statements: `@e / @w where e = …` goes
/// through them. What nothing else uses stays there alone.
pub fn bring_definitions(program: &mut Program, items: &mut Vec<WhereItem>, body: &mut Expr, otherwise: Option<&Expr>) {
    let mut definitions: Vec<(VarId, Expr)> = Vec::new();
    for item in items.iter_mut() {
        let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
        bring(program, &definitions, e);
        if let WhereItem::Def(var, value) = item {
            definitions.push((*var, value.clone()));
        }
    }
    let brought = bring(program, &definitions, body);
    let mut used: HashSet<VarId> =
        free_vars(body).into_iter().chain(otherwise.into_iter().flat_map(free_vars)).collect();
    for at in (0..items.len()).rev() {
        match &items[at] {
            WhereItem::Def(var, _) if brought.contains(var) && !used.contains(var) => {
                items.remove(at);
            }
            WhereItem::Def(_, e) | WhereItem::Guard(e) => used.extend(free_vars(e)),
        }
    }
}

/// Those that were needed.
fn bring(program: &mut Program, definitions: &[(VarId, Expr)], e: &mut Expr) -> Vec<VarId> {
    let mut brought = Vec::new();
    if !has_quotient(e) {
        return brought;
    }
    let mut needed: HashSet<VarId> = free_vars(e).into_iter().collect();
    let mut statements = Vec::new();
    for (var, value) in definitions.iter().rev() {
        if needed.contains(var) {
            needed.extend(free_vars(value));
            statements.push(Stmt::Let(*var, value.clone()));
            brought.push(*var);
        }
    }
    if !statements.is_empty() {
        statements.reverse();
        let value = std::mem::replace(e, expr(ExprKind::Unit, Type::Unit, e.span));
        *e = ir::visit::refresh(&behind_statements(statements, value), program);
    }
    brought
}
