//! Divisors that are the same at all points of a sum are inverted in front of it: `sum[j](a[j] / s)` is
//! `sum[j](a[j] * r)` with `r = 1.0 / s`.
//!
//! A division takes as long as a dozen other operations. With a divisor, all factors that are the same are multiplied in
//! front of the sum. They do not come out of it: where `s` is zero or infinite, a sum of quotients is another one than the
//! quotient of a sum.

use crate::calls::CallGraph;
use crate::facts::FunctionFacts;
use diagnostics::Symbol;
use ir::{Expr, ExprKind, Op, Program, Reduce, ReduceOp, Scalar, Stmt, Var, VarId, VarKind, WhereItem};

pub fn divisors(program: &mut Program, checked: bool) {
    let facts = FunctionFacts::new(program, &CallGraph::new(program), checked);
    program.rewrite(|body, program, _| body.walk_mut(&mut |e| sum(e, &facts, program)));
}

fn sum(e: &mut Expr, facts: &FunctionFacts, program: &mut Program) {
    let ExprKind::Reduce(reduce) = &mut e.kind else { return };
    let is_float = matches!(reduce.body.ty.scalar(), Some(Scalar::F32 | Scalar::F64));
    let is_gated = reduce.wheres.iter().any(|item| matches!(item, WhereItem::Guard(_)));
    if reduce.op != ReduceOp::Sum || !is_float || is_gated {
        return;
    }
    let binders: Vec<VarId> = reduce.binders.iter().map(|binder| binder.var).collect();
    let depends = reduce.binders.iter().any(|binder| mentions(&binder.lo, &binders) || mentions(&binder.hi, &binders));
    if depends {
        return;
    }
    let defined = reduce.wheres.iter().filter_map(|item| match item {
        WhereItem::Def(var, e) => Some((*var, e)),
        WhereItem::Guard(_) => None,
    });
    let mut product = Product::new(reduce, facts, binders);
    if !product.defines(defined) {
        return;
    }
    product.of(&reduce.body, false);
    let divides = |factor: &(Expr, bool)| factor.1 && !is_power_of_two(&factor.0);
    if product.varying.is_empty() || !product.same.iter().any(divides) {
        return;
    }
    let (ty, span) = (e.ty.clone(), e.span);
    let make = |kind: ExprKind| Expr { kind, ty: ty.clone(), span };
    let times = |product: Option<Expr>, (factor, divides): (Expr, bool)| {
        let op = if divides { Op::Div } else { Op::Mul };
        Some(match product {
            None if !divides => factor,
            None => make(ExprKind::Op(op, vec![make(ExprKind::Float(1.0)), factor])),
            Some(product) => make(ExprKind::Op(op, vec![product, factor])),
        })
    };
    let Product { varying, mut same, is_negative, inner, mut lifted, .. } = product;
    same.sort_by_key(|(_, divides)| *divides);
    let Some(mut factor) = same.into_iter().fold(None, times) else { return };
    if is_negative {
        factor = make(ExprKind::Op(Op::Neg, vec![factor]));
    }
    let shared = VarId(program.vars.len() as u32);
    program.vars.push(Var { name: Symbol::new(""), ty: ty.clone(), span, kind: VarKind::Temp, coords: Vec::new() });
    lifted.push((shared, factor));
    let all = varying.into_iter().chain([(make(ExprKind::Var(shared)), false)]);
    let Some(mut body) = all.fold(None, times) else { return };
    let bound = |lets: Vec<(VarId, Expr)>| lets.into_iter().map(|(var, e)| Stmt::Let(var, e)).collect();
    if !inner.is_empty() {
        body = make(ExprKind::Block(bound(inner), Box::new(body)));
    }
    let binders = std::mem::take(&mut reduce.binders);
    let sum = make(ExprKind::Reduce(Box::new(Reduce { op: ReduceOp::Sum, binders, wheres: Vec::new(), body })));
    *e = make(ExprKind::Block(bound(lifted), Box::new(sum)));
}

fn reads(reduce: &Reduce, var: VarId) -> usize {
    let mut count = 0;
    let parts = reduce.wheres.iter().map(|item| {
        let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
        e
    });
    for e in parts.chain([&reduce.body]) {
        e.walk(&mut |e| e.for_each_use(|used| count += usize::from(*used == var)));
    }
    count
}

fn is_power_of_two(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Float(value) if value.to_bits() & ((1 << 52) - 1) == 0)
}

/// The factors of a product, and which of them divide.
struct Product<'a> {
    varying: Vec<(Expr, bool)>,
    same: Vec<(Expr, bool)>,
    is_negative: bool,
    /// What factors read that the body binds: what varies with the points, and what does not.
    inner: Vec<(VarId, Expr)>,
    lifted: Vec<(VarId, Expr)>,
    /// Variables that vary with the points.
    bound: Vec<VarId>,
    whole: &'a Reduce,
    facts: &'a FunctionFacts,
}

impl<'a> Product<'a> {
    fn new(whole: &'a Reduce, facts: &'a FunctionFacts, bound: Vec<VarId>) -> Product<'a> {
        let (varying, same, inner, lifted) = Default::default();
        Product { varying, same, is_negative: false, inner, lifted, bound, whole, facts }
    }

    fn of(&mut self, e: &Expr, divides: bool) {
        match &e.kind {
            ExprKind::Block(stmts, value)
                if stmts.iter().all(is_let) && self.defines(stmts.iter().filter_map(bound_by)) =>
            {
                self.of(value, divides);
            }
            ExprKind::Block(..) => self.varying.push((e.clone(), divides)),
            _ if !mentions(e, &self.bound) && self.is_silent(e) => self.same.push((e.clone(), divides)),
            ExprKind::Op(Op::Mul, operands) => operands.iter().for_each(|e| self.of(e, divides)),
            ExprKind::Op(Op::Div, operands) => {
                self.of(&operands[0], divides);
                self.of(&operands[1], !divides);
            }
            ExprKind::Op(Op::Neg, operands) => {
                self.is_negative = !self.is_negative;
                self.of(&operands[0], divides);
            }
            ExprKind::Var(var) => match self.inner.iter().position(|(bound, _)| bound == var) {
                Some(at) if reads(self.whole, *var) == 1 => {
                    let (_, e) = self.inner.remove(at);
                    self.of(&e, divides);
                }
                _ => self.varying.push((e.clone(), divides)),
            },
            _ => self.varying.push((e.clone(), divides)),
        }
    }

    /// Takes bindings up, unless one of them can fail.
    fn defines<'e>(&mut self, bindings: impl Iterator<Item = (VarId, &'e Expr)> + Clone) -> bool {
        if bindings.clone().any(|(_, e)| e.ty.scalar().is_none() || !self.is_silent(e)) {
            return false;
        }
        for (var, e) in bindings {
            if mentions(e, &self.bound) {
                self.bound.push(var);
                self.inner.push((var, e.clone()));
            } else {
                self.lifted.push((var, e.clone()));
            }
        }
        true
    }

    fn is_silent(&self, e: &Expr) -> bool {
        let facts = self.facts.of(e, true);
        !facts.traps && !facts.effects
    }
}

fn is_let(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Let(..))
}

fn bound_by(stmt: &Stmt) -> Option<(VarId, &Expr)> {
    match stmt {
        Stmt::Let(var, e) => Some((*var, e)),
        _ => None,
    }
}

fn mentions(e: &Expr, vars: &[VarId]) -> bool {
    let mut found = false;
    e.walk(&mut |e| e.for_each_use(|var| found |= vars.contains(var)));
    found
}
