//! Who calls whom.

use ir::{Expr, ExprKind, FuncId, Program};
use std::collections::HashSet;

pub struct CallGraph {
    /// The functions that each function calls, in order of first call.
    pub callees: Vec<Vec<FuncId>>,
    /// Functions that can call each other, callees before callers.
    pub groups: Vec<Vec<FuncId>>,
    /// Whether a function can run into itself.
    pub recursive: Vec<bool>,
}

impl CallGraph {
    pub fn new(program: &Program) -> CallGraph {
        let callees: Vec<Vec<FuncId>> = program.funcs.iter().map(|func| callees(&func.body)).collect();
        let mut search = Search {
            callees: &callees,
            order: vec![None; callees.len()],
            low: vec![0; callees.len()],
            on_stack: vec![false; callees.len()],
            stack: Vec::new(),
            visited: 0,
            groups: Vec::new(),
        };
        for func in 0..callees.len() {
            if search.order[func].is_none() {
                search.visit(func);
            }
        }
        let groups = search.groups;
        let mut recursive = vec![false; callees.len()];
        for group in &groups {
            for func in group {
                recursive[func.index()] = group.len() > 1 || callees[func.index()].contains(func);
            }
        }
        CallGraph { callees, groups, recursive }
    }

    /// The functions that can run when these are called, in ascending order.
    pub fn reachable(&self, roots: impl IntoIterator<Item = FuncId>) -> Vec<FuncId> {
        let mut seen = vec![false; self.callees.len()];
        let mut open: Vec<FuncId> = roots.into_iter().collect();
        while let Some(func) = open.pop() {
            if !std::mem::replace(&mut seen[func.index()], true) {
                open.extend(&self.callees[func.index()]);
            }
        }
        (0..seen.len()).filter(|k| seen[*k]).map(|k| FuncId(k as u32)).collect()
    }
}

fn callees(body: &Expr) -> Vec<FuncId> {
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    body.walk(&mut |e| {
        if let ExprKind::Call(func, _) = e.kind
            && seen.insert(func)
        {
            found.push(func);
        }
    });
    found
}

/// Tarjan's strongly connected components: they come out callees first.
struct Search<'a> {
    callees: &'a [Vec<FuncId>],
    order: Vec<Option<u32>>,
    low: Vec<u32>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    visited: u32,
    groups: Vec<Vec<FuncId>>,
}

impl Search<'_> {
    fn visit(&mut self, func: usize) {
        let number = self.visited;
        self.visited += 1;
        (self.order[func], self.low[func]) = (Some(number), number);
        self.stack.push(func);
        self.on_stack[func] = true;
        for callee in &self.callees[func] {
            let callee = callee.index();
            match self.order[callee] {
                None => {
                    self.visit(callee);
                    self.low[func] = self.low[func].min(self.low[callee]);
                }
                Some(order) if self.on_stack[callee] => self.low[func] = self.low[func].min(order),
                Some(_) => {}
            }
        }
        if self.low[func] == number {
            let start =
                self.stack.iter().rposition(|f| *f == func).expect("a function is on the stack while it is visited");
            let mut group: Vec<FuncId> = self.stack.drain(start..).map(|f| FuncId(f as u32)).collect();
            for member in &group {
                self.on_stack[member.index()] = false;
            }
            group.sort();
            self.groups.push(group);
        }
    }
}
