//! `checkpoint`: what its function has bound on the way there is computed again on the way back, so that nothing of it is
//! kept in between.

use crate::depend::{bound_by, reads_of};
use ir::{Expr, ExprKind, Program, Stmt, Type, VarId, visit};
use std::collections::{HashMap, HashSet};

/// The statements of the way back, with copies of what they read of checkpoints in front of the first that does.
pub fn again(program: &mut Program, there: &[Stmt], back: Vec<Stmt>, checkpointed: &HashSet<VarId>) -> Vec<Stmt> {
    let mut all = Again { program, there, copies: HashMap::new(), sources: HashMap::new(), out: Vec::new() };
    for (k, stmt) in there.iter().enumerate() {
        let mut bound = HashSet::new();
        bound_by(stmt, &mut bound);
        if !bound.is_empty() && bound.is_subset(checkpointed) {
            all.sources.extend(bound.into_iter().map(|var| (var, k)));
        }
    }
    if all.sources.is_empty() {
        return back;
    }
    for stmt in back {
        all.compute(&reads_of(&stmt));
        let stmt = all.renamed(stmt);
        all.out.push(stmt);
    }
    all.out
}

struct Again<'a> {
    program: &'a mut Program,
    there: &'a [Stmt],
    /// The statement of each variable that is computed again.
    sources: HashMap<VarId, usize>,
    copies: HashMap<VarId, VarId>,
    out: Vec<Stmt>,
}

impl Again<'_> {
    /// Copies the statements that bind these variables, after those that they read themselves.
    fn compute(&mut self, vars: &[VarId]) {
        for var in vars {
            let Some(place) = self.sources.get(var).copied().filter(|_| !self.copies.contains_key(var)) else {
                continue;
            };
            let stmt = self.there[place].clone();
            let reads: Vec<VarId> = {
                let mut own = HashSet::new();
                bound_by(&stmt, &mut own);
                reads_of(&stmt).into_iter().filter(|read| !own.contains(read)).collect()
            };
            self.compute(&reads);
            let copy = self.copied(stmt);
            self.out.push(copy);
        }
    }

    fn copied(&mut self, stmt: Stmt) -> Stmt {
        let stmt = self.renamed(stmt);
        let copy = only(visit::refresh(&alone(stmt.clone()), self.program));
        for (of, copy) in names(&stmt).into_iter().zip(names(&copy)) {
            self.copies.insert(of, copy);
            self.program.copy_extents(of, copy, &self.copies);
        }
        copy
    }

    /// A statement that reads the copies.
    fn renamed(&self, stmt: Stmt) -> Stmt {
        let mut block = alone(stmt);
        visit::rename(&mut block, &self.copies);
        only(block)
    }
}

fn names(stmt: &Stmt) -> Vec<VarId> {
    match stmt {
        Stmt::Let(var, _) => vec![*var],
        Stmt::Rec(recurrence) => recurrence.families.iter().map(|(var, _)| *var).collect(),
        Stmt::Do(_) => Vec::new(),
    }
}

fn alone(stmt: Stmt) -> Expr {
    let expr = |kind| Expr { kind, ty: Type::Unit, span: Default::default() };
    expr(ExprKind::Block(vec![stmt], Box::new(expr(ExprKind::Unit))))
}

fn only(block: Expr) -> Stmt {
    match block.kind {
        ExprKind::Block(mut stmts, _) => stmts.remove(0),
        _ => unreachable!("it was made as a block"),
    }
}
