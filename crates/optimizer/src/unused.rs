//! Bindings that nothing reads any more: derivatives leave behind what only the value needed that was derived.
//!
//! A binding goes if it cannot be seen to be gone: it neither fails nor prints, and always ends.

use crate::absorb::{Absorbed, Fate};
use crate::calls::CallGraph;
use crate::facts::FunctionFacts;
use ir::{Expr, ExprKind, Family, FuncId, Program, Recurrence, Stmt, VarId};
use std::collections::HashSet;

pub fn unused(program: &mut Program, checked: bool) -> Vec<Absorbed> {
    let facts = FunctionFacts::new(program, &CallGraph::new(program), checked);
    let mut pass = Pass { facts, func: FuncId(0), gone: Vec::new() };
    program.rewrite(|body, _, func| {
        pass.func = func;
        pass.expr(body, false);
    });
    pass.gone
}

struct Pass {
    facts: FunctionFacts,
    func: FuncId,
    gone: Vec<Absorbed>,
}

impl Pass {
    /// `kernel` says that the expression stands in a cell or a reduction.
    fn expr(&mut self, e: &mut Expr, kernel: bool) {
        if let ExprKind::Block(stmts, value) = &mut e.kind {
            let mut used = uses(value);
            let mut kept = Vec::with_capacity(stmts.len());
            for stmt in std::mem::take(stmts).into_iter().rev() {
                if self.is_needed(&stmt, &used, kernel) {
                    stmt.for_each_child(|e| used.extend(uses(e)));
                    kept.push(stmt);
                } else {
                    self.note(stmt);
                }
            }
            kept.reverse();
            *stmts = kept;
        }
        let inside = kernel || matches!(e.kind, ExprKind::Reduce(_) | ExprKind::Family(_));
        match &mut e.kind {
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    let inside = inside || matches!(stmt, Stmt::Rec(_));
                    stmt.for_each_child_mut(|e| self.expr(e, inside));
                }
                self.expr(value, inside);
            }
            _ => e.for_each_child_mut(|e| self.expr(e, inside)),
        }
    }

    fn is_needed(&self, stmt: &Stmt, used: &HashSet<VarId>, kernel: bool) -> bool {
        let is_silent = |e: &Expr, kernel: bool| {
            let facts = self.facts.of(e, kernel);
            !facts.traps && !facts.effects
        };
        match stmt {
            Stmt::Let(var, e) => used.contains(var) || !is_silent(e, kernel),
            Stmt::Do(e) => !is_silent(e, kernel),
            Stmt::Rec(recurrence) => {
                let Recurrence { families, .. } = &**recurrence;
                let is_slice = |family: &Family| family.clauses.iter().any(|c| c.slots.len() < family.axes.len());
                let mut all = true;
                stmt.for_each_child(|e| all = all && is_silent(e, true));
                !all || families.iter().any(|(var, family)| used.contains(var) || is_slice(family))
            }
        }
    }

    fn note(&mut self, stmt: Stmt) {
        let func = self.func;
        let gone = |var: VarId, family: Family| Absorbed { func, var, family, fate: Fate::Unused };
        match stmt {
            Stmt::Let(var, Expr { kind: ExprKind::Family(family), .. }) => {
                self.gone.push(gone(var, *family));
            }
            Stmt::Rec(recurrence) => {
                let families = recurrence.families.iter();
                self.gone.extend(families.map(|(var, family)| gone(*var, family.clone())));
            }
            _ => {}
        }
    }
}

fn uses(e: &Expr) -> HashSet<VarId> {
    let mut used = HashSet::new();
    e.walk(&mut |e| {
        e.for_each_use(|var| {
            used.insert(*var);
        })
    });
    used
}
