//! What a cell asks for several times is computed once: calls of the library, and sums.
//!
//! `exp(z) / (1.0 + exp(z))`: the greatest parts of a body that stand in it twice, one of them where it is computed in any
//! case, are bound in front of it. Arithmetic is left to the emitter, which sees machine words.

use crate::calls::CallGraph;
use crate::facts::FunctionFacts;
use diagnostics::Symbol;
use ir::{Clause, Expr, ExprKind, Op, Program, Reduce, Stmt, Var, VarId, VarKind, WhereItem};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

pub fn common(program: &mut Program, checked: bool) {
    let facts = FunctionFacts::new(program, &CallGraph::new(program), checked);
    program.rewrite(|body, program, _| Pass { facts: &facts, program }.bodies(body));
}

struct Pass<'a> {
    facts: &'a FunctionFacts,
    program: &'a mut Program,
}

impl Pass<'_> {
    /// Every body that is evaluated once for each point of loops around it.
    fn bodies(&mut self, e: &mut Expr) {
        match &mut e.kind {
            ExprKind::Family(family) => family.clauses.iter_mut().for_each(|clause| self.clause(clause)),
            ExprKind::Reduce(reduce) if reduce.body.ty.scalar().is_some() => self.body(&mut reduce.body),
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    if let Stmt::Rec(recurrence) = stmt {
                        let families = &mut std::rc::Rc::make_mut(recurrence).families;
                        let clauses = families.iter_mut().flat_map(|(_, family)| &mut family.clauses);
                        clauses.for_each(|clause| self.clause(clause));
                    }
                }
            }
            _ => {}
        }
        e.for_each_child_mut(|child| self.bodies(child));
    }

    fn clause(&mut self, clause: &mut Clause) {
        for part in [&mut clause.body].into_iter().chain(&mut clause.otherwise) {
            if part.ty.scalar().is_some() {
                self.body(part);
            }
        }
    }

    fn body(&mut self, e: &mut Expr) {
        let mut bound: Vec<Stmt> = Vec::new();
        while let Some(part) = self.repeated(e) {
            let var = VarId(self.program.vars.len() as u32);
            let (ty, span) = (part.ty.clone(), part.span);
            self.program.vars.push(Var { name: Symbol::new(""), ty, span, kind: VarKind::Temp, coords: Vec::new() });
            for stmt in &mut bound {
                stmt.for_each_child_mut(|e| replace(e, &part, var));
            }
            replace(e, &part, var);
            // What is bound already may read this.
            bound.insert(0, Stmt::Let(var, part));
        }
        if !bound.is_empty() {
            let (ty, span) = (e.ty.clone(), e.span);
            let value = std::mem::replace(e, Expr { kind: ExprKind::Unit, ty: ty.clone(), span });
            *e = Expr { kind: ExprKind::Block(bound, Box::new(value)), ty, span };
        }
    }

    /// The greatest part that stands in a body twice and is worth a variable.
    fn repeated(&self, body: &Expr) -> Option<Expr> {
        let mut own = Vec::new();
        body.walk(&mut |e| e.for_each_binding(|var| own.push(*var)));
        let mut found: HashMap<u64, Vec<Place>> = HashMap::new();
        collect(body, true, &mut found);
        let is_free = |e: &Expr| ir::visit::free_vars(e).iter().all(|var| !own.contains(var));
        let mut best: Option<(usize, &Expr)> = None;
        for places in found.values().filter(|places| places.len() > 1) {
            for (k, place) in places.iter().enumerate() {
                let alike = places[k + 1..].iter().filter(|other| are_alike(place.e, other.e, &mut Vec::new()));
                let (times, is_strict) =
                    alike.fold((1, place.is_strict), |(times, strict), other| (times + 1, strict || other.is_strict));
                let facts = self.facts.of(place.e, true);
                if times > 1
                    && is_strict
                    && !facts.traps
                    && !facts.effects
                    && is_free(place.e)
                    && best.is_none_or(|(nodes, _)| place.nodes > nodes)
                {
                    best = Some((place.nodes, place.e));
                }
            }
        }
        best.map(|(_, e)| e.clone())
    }
}

/// A part of a body that takes a call or a loop.
struct Place<'e> {
    e: &'e Expr,
    nodes: usize,
    is_strict: bool,
}

/// Notes the costly parts of a body, but for those in bodies within it. Gives the number of nodes, and of costly ones.
fn collect<'e>(e: &'e Expr, is_strict: bool, found: &mut HashMap<u64, Vec<Place<'e>>>) -> (usize, bool) {
    let (mut nodes, mut is_costly) = (1, is_costly(e));
    let mut below = |e: &'e Expr, is_strict: bool| {
        let (more, costly) = collect(e, is_strict, found);
        nodes += more;
        is_costly |= costly;
    };
    match &e.kind {
        ExprKind::If(cond, yes, no) => {
            below(cond, is_strict);
            below(yes, false);
            below(no, false);
        }
        ExprKind::And(a, b) | ExprKind::Or(a, b) => {
            below(a, is_strict);
            below(b, false);
        }
        ExprKind::Reduce(_) => {
            e.walk(&mut |_| nodes += 1);
        }
        ExprKind::Family(_) | ExprKind::Comprehension(_) | ExprKind::Try(_) => return (1, false),
        _ => e.for_each_child(|child| below(child, is_strict)),
    }
    if is_costly && e.ty.scalar().is_some() && !matches!(e.kind, ExprKind::Block(..)) {
        let mut hasher = DefaultHasher::new();
        shape(e, &mut hasher);
        found.entry(hasher.finish()).or_default().push(Place { e, nodes, is_strict });
    }
    (nodes, is_costly)
}

fn is_costly(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Reduce(_) => true,
        ExprKind::Op(op, operands) => {
            let is_float = operands[0].ty.scalar().is_some_and(|scalar| scalar.is_float());
            let is_square =
                matches!(op, Op::Pow | Op::PowI) && matches!(operands[1].kind, ExprKind::Float(_) | ExprKind::Int(_));
            is_float && !is_square && crate::plan::arith::is_call(*op)
        }
        _ => false,
    }
}

/// What alike expressions have in common.
fn shape(e: &Expr, hasher: &mut DefaultHasher) {
    std::mem::discriminant(&e.kind).hash(hasher);
    match &e.kind {
        ExprKind::Op(op, _) => op.hash(hasher),
        ExprKind::Int(value) => value.hash(hasher),
        ExprKind::Float(value) => value.to_bits().hash(hasher),
        // Coordinates of reductions differ in name.
        ExprKind::Reduce(reduce) => return reduce.op.hash(hasher),
        ExprKind::Var(var) => var.hash(hasher),
        _ => {}
    }
    e.for_each_child(|child| shape(child, hasher));
}

/// Whether two parts of one body have the same value; `same` are variables that they bind alike.
pub fn are_alike(a: &Expr, b: &Expr, same: &mut Vec<(VarId, VarId)>) -> bool {
    use ExprKind::*;
    let mut all = |a: &[Expr], b: &[Expr]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| are_alike(a, b, same));
    a.ty == b.ty
        && match (&a.kind, &b.kind) {
            (Bool(a), Bool(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (Float(a), Float(b)) => a.to_bits() == b.to_bits(),
            (Var(a), Var(b)) => match same.iter().find(|(one, other)| one == a || other == b) {
                Some(pair) => *pair == (*a, *b),
                None => a == b,
            },
            (Op(f, a), Op(g, b)) => f == g && all(a, b),
            (Cast(a), Cast(b)) | (StopGradient(a), StopGradient(b)) => are_alike(a, b, same),
            (Dim(a, i), Dim(b, j)) | (Field(a, i), Field(b, j)) => i == j && are_alike(a, b, same),
            (And(a, c), And(b, d)) | (Or(a, c), Or(b, d)) => are_alike(a, b, same) && are_alike(c, d, same),
            (If(a, c, e), If(b, d, f)) => are_alike(a, b, same) && are_alike(c, d, same) && are_alike(e, f, same),
            (Load(a), Load(b)) => {
                are_alike(&a.tensor, &b.tensor, same) && {
                    let index = a.index.iter().zip(&b.index).all(|(a, b)| are_alike(a, b, same));
                    index && a.index.len() == b.index.len()
                }
            }
            (Reduce(a), Reduce(b)) => are_alike_reductions(a, b, same),
            _ => false,
        }
}

fn are_alike_reductions(a: &Reduce, b: &Reduce, same: &mut Vec<(VarId, VarId)>) -> bool {
    if a.op != b.op || a.binders.len() != b.binders.len() || a.wheres.len() != b.wheres.len() {
        return false;
    }
    let before = same.len();
    let mut alike = a.binders.iter().zip(&b.binders).all(|(a, b)| {
        let ends = are_alike(&a.lo, &b.lo, same) && are_alike(&a.hi, &b.hi, same);
        same.push((a.var, b.var));
        ends
    });
    for pair in a.wheres.iter().zip(&b.wheres) {
        alike = alike
            && match pair {
                (WhereItem::Guard(a), WhereItem::Guard(b)) => are_alike(a, b, same),
                (WhereItem::Def(x, a), WhereItem::Def(y, b)) => {
                    let values = are_alike(a, b, same);
                    same.push((*x, *y));
                    values
                }
                _ => false,
            };
    }
    alike = alike && are_alike(&a.body, &b.body, same);
    same.truncate(before);
    alike
}

/// Puts a variable in the place of everything that is alike.
fn replace(e: &mut Expr, part: &Expr, by: VarId) {
    if are_alike(e, part, &mut Vec::new()) {
        e.kind = ExprKind::Var(by);
        return;
    }
    e.for_each_child_mut(|child| replace(child, part, by));
}
