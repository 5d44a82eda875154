//! Closes functions: what a body reads of the module or the function around it becomes a parameter of its own.

use crate::calls::CallGraph;
use diagnostics::Span;
use ir::{Expr, ExprKind, FuncId, Program, Stmt, VarId, VarKind, visit};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The variables that a function needs from outside, with where they are used.
type Needs = BTreeMap<VarId, Span>;

/// Appends to every function the variables that it and its callees read from outside as parameters, and to every call
/// the arguments. Reports calls that come before a needed variable is bound: the call, the variable, its use.
pub fn lift(program: &mut Program) -> Vec<(Span, VarId, Span)> {
    let graph = CallGraph::new(program);
    let bound: Vec<HashSet<VarId>> = program.funcs.iter().map(bound_in).collect();
    let needs = all_needs(program, &graph, &bound);
    if needs.iter().all(|n| n.is_empty()) {
        return Vec::new();
    }
    let mut early = Vec::new();
    for (k, func) in program.funcs.iter().enumerate() {
        let ready = func.params.iter().copied().collect();
        let mut search = EarlyCalls { needs: &needs, local: &bound[k], ready, found: &mut early };
        search.expr(&func.body);
    }
    for (k, needs_here) in needs.iter().enumerate() {
        let mut names = HashMap::new();
        for var in needs_here.keys() {
            let fresh = VarId(program.vars.len() as u32);
            let copy = ir::Var { kind: VarKind::Param, ..program.vars[var.index()].clone() };
            program.vars.push(copy);
            names.insert(*var, fresh);
        }
        for (var, fresh) in &names {
            program.copy_extents(*var, *fresh, &names);
        }
        let Program { vars, funcs, .. } = program;
        let func = &mut funcs[k];
        func.params.extend(needs_here.keys().map(|var| names[var]));
        func.body.walk_mut(&mut |e| {
            if let ExprKind::Call(callee, args) = &mut e.kind {
                args.extend(needs[callee.index()].keys().map(|var| Expr {
                    kind: ExprKind::Var(*var),
                    ty: vars[var.index()].ty.clone(),
                    span: e.span,
                }));
            }
        });
        visit::rename(&mut func.body, &names);
    }
    early
}

fn bound_in(func: &ir::Func) -> HashSet<VarId> {
    let mut bound: HashSet<VarId> = func.params.iter().copied().collect();
    func.body.walk(&mut |e| {
        e.for_each_binding(|var| {
            bound.insert(*var);
        })
    });
    bound
}

fn all_needs(program: &Program, graph: &CallGraph, bound: &[HashSet<VarId>]) -> Vec<Needs> {
    let mut needs: Vec<Needs> = program
        .funcs
        .iter()
        .zip(bound)
        .map(|(func, bound)| {
            let mut own = Needs::new();
            func.body.walk(&mut |e| {
                e.for_each_use(|var| {
                    if !bound.contains(var) {
                        own.entry(*var).or_insert(e.span);
                    }
                })
            });
            own
        })
        .collect();
    for group in &graph.groups {
        // Needs only grow, and a group of functions that call each other settles when none of them does.
        loop {
            let mut grew = false;
            for func in group {
                for callee in &graph.callees[func.index()] {
                    for (var, span) in needs[callee.index()].clone() {
                        if !bound[func.index()].contains(&var) && !needs[func.index()].contains_key(&var) {
                            needs[func.index()].insert(var, span);
                            grew = true;
                        }
                    }
                }
            }
            if !grew || group.len() == 1 {
                break;
            }
        }
    }
    needs
}

/// Walks a body in evaluation order and knows what is bound so far.
struct EarlyCalls<'a> {
    needs: &'a [Needs],
    local: &'a HashSet<VarId>,
    ready: HashSet<VarId>,
    found: &'a mut Vec<(Span, VarId, Span)>,
}

impl EarlyCalls<'_> {
    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Block(stmts, value) => {
                for stmt in stmts {
                    self.stmt(stmt);
                }
                self.expr(value);
            }
            ExprKind::Call(callee, args) => {
                for arg in args {
                    self.expr(arg);
                }
                self.call(e.span, *callee);
            }
            _ => {
                // Coordinates and definitions are never read by a function that stands outside of their construct.
                e.for_each_binding(|var| {
                    self.ready.insert(*var);
                });
                e.for_each_child(|child| self.expr(child));
            }
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Let(var, value) => {
                self.expr(value);
                self.ready.insert(*var);
            }
            Stmt::Do(value) => self.expr(value),
            Stmt::Rec(recurrence) => {
                for (var, family) in &recurrence.families {
                    self.ready.insert(*var);
                    family.for_each_binding(|var| {
                        self.ready.insert(*var);
                    });
                }
                stmt.for_each_child(|child| self.expr(child));
            }
        }
    }

    fn call(&mut self, span: Span, callee: FuncId) {
        for (var, used) in &self.needs[callee.index()] {
            if self.local.contains(var) && !self.ready.contains(var) {
                self.found.push((span, *var, *used));
            }
        }
    }
}
