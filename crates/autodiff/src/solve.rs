//! Set subtraction: the cells of an operand that a term contributes to, solved for the coordinates of the output.
//!
//! A term `dY[y…] * L` at the read `X[e…]` contributes to `dX[p…]` where `p = e`. Each equation that settles a
//! coordinate removes it from the sum; what is left is `coords(Y) \ coords(X)`, and equations that settle none stay
//! as guards.

use crate::build::*;
use crate::terms::{Term, needed};
use ir::{Binder, Expr, ExprKind, Op, Program, Scalar, Type, VarId, WhereItem};
use std::collections::HashMap;

/// The contribution of a term to the cell at `point` of its target, whose extents are `extents`.
pub fn contribution(term: &Term, outer: &[Binder], point: &[VarId], extents: &[Expr], program: &mut Program) -> Expr {
    let span = term.value.span;
    let Some(index) = &term.index else {
        let mut binders = outer.to_vec();
        binders.extend(term.context.binders.iter().cloned());
        let items = needed(term.context.items.clone(), &term.value);
        let part = sum(binders, items, term.value.clone());
        return ir::visit::refresh(&part, program);
    };
    let mut binders: Vec<Binder> = outer.iter().chain(&term.context.binders).cloned().collect();
    let mut items = term.context.items.clone();
    let mut value = term.value.clone();
    // Index definitions take part in the equations.
    let mut index: Vec<Expr> = index.iter().map(|e| inlined(e, &items, program)).collect();
    for binder in &mut binders {
        binder.lo = inlined(&binder.lo, &items, program);
        binder.hi = inlined(&binder.hi, &items, program);
    }
    let mut guards: Vec<Expr> = Vec::new();
    let mut open: Vec<usize> = (0..index.len()).collect();
    // Bare names first, then shifts, then multiples.
    for step in 0..3 {
        let mut left = Vec::new();
        for k in open {
            let at = coord(point[k], span);
            match solved(&index[k], &at, &binders, step) {
                Some((var, solution, exact)) => {
                    let k_binder =
                        binders.iter().position(|b| b.var == var).expect("solved for a coordinate of the sum");
                    let binder = binders.remove(k_binder);
                    guards.extend(exact);
                    range_guards(&binder, &solution, &at, &extents[k], &mut guards);
                    let by = HashMap::from([(var, solution)]);
                    let mut put = |e: &mut Expr| ir::visit::substitute(e, &by, program);
                    put(&mut value);
                    index.iter_mut().for_each(&mut put);
                    guards.iter_mut().for_each(&mut put);
                    for binder in &mut binders {
                        put(&mut binder.lo);
                        put(&mut binder.hi);
                    }
                    for item in &mut items {
                        match item {
                            WhereItem::Def(_, e) | WhereItem::Guard(e) => put(e),
                        }
                    }
                }
                None => left.push(k),
            }
        }
        open = left;
    }
    for k in open {
        guards.push(binary(Op::Eq, coord(point[k], span), narrow(index[k].clone())));
    }
    let mut all: Vec<WhereItem> = guards.into_iter().map(WhereItem::Guard).collect();
    all.extend(items);
    let all = needed(all, &value);
    let part = sum(binders, all, value);
    ir::visit::refresh(&part, program)
}

/// The coordinates among `outer` that a term's index leaves to the sum.
pub fn left_over(term: &Term, outer: &[Binder], program: &mut Program) -> Vec<VarId> {
    let mut binders: Vec<Binder> = outer.iter().chain(&term.context.binders).cloned().collect();
    let index = term.index.clone().unwrap_or_default();
    let mut open: Vec<Expr> = index.iter().map(|e| inlined(e, &term.context.items, program)).collect();
    for step in 0..3 {
        open.retain(|index| match solved(index, index, &binders, step) {
            Some((var, _, _)) => {
                binders.retain(|b| b.var != var);
                false
            }
            None => true,
        });
    }
    outer.iter().map(|b| b.var).filter(|v| binders.iter().any(|b| b.var == *v)).collect()
}

/// Integer definitions in place of their names.
fn inlined(e: &Expr, items: &[WhereItem], program: &mut Program) -> Expr {
    let mut e = e.clone();
    for item in items.iter().rev() {
        if let WhereItem::Def(v, d) = item
            && d.ty.scalar().is_some_and(|s| s.is_int())
        {
            let by = HashMap::from([(*v, d.clone())]);
            ir::visit::substitute(&mut e, &by, program);
        }
    }
    e
}

/// A coordinate of the sum that the equation `index = at` settles, what it is, and what must hold for it to be one.
fn solved(index: &Expr, at: &Expr, binders: &[Binder], step: usize) -> Option<(VarId, Expr, Option<Expr>)> {
    let span = at.span;
    let bare = |e: &Expr| match &strip(e).kind {
        ExprKind::Var(v) if binders.iter().any(|b| b.var == *v) => Some(*v),
        _ => None,
    };
    if step == 0 {
        return bare(index).map(|v| (v, at.clone(), None));
    }
    let (terms, rest) = linear(index, binders)?;
    for (v, factor) in terms.iter().rev() {
        if (step == 1) != (factor.abs() == 1) {
            continue;
        }
        // at = factor * v + others + rest
        let mut moved = at.clone();
        for (other, times) in terms.iter().filter(|(o, _)| o != v) {
            let part = match times {
                1 => coord(*other, span),
                _ => binary(Op::Mul, int(*times, Scalar::I32, span), coord(*other, span)),
            };
            moved = shift(Op::Sub, moved, part);
        }
        for (part, sign) in &rest {
            moved = shift(if *sign { Op::Sub } else { Op::Add }, moved, part.clone());
        }
        return Some(match factor {
            1 => (*v, moved, None),
            -1 => (*v, negated(moved), None),
            _ => {
                let factor = int(*factor, Scalar::I32, span);
                let exact = binary(Op::Eq, binary(Op::Rem, moved.clone(), factor.clone()), int(0, Scalar::I32, span));
                (*v, binary(Op::Div, moved, factor), Some(exact))
            }
        });
    }
    None
}

/// `-(a - b)` is `b - a`.
fn negated(e: Expr) -> Expr {
    let span = e.span;
    match e.kind {
        ExprKind::Op(Op::Sub, mut args) => {
            let b = args.pop().expect("two operands");
            let a = args.pop().expect("two operands");
            shift(Op::Sub, b, a)
        }
        kind => shift(Op::Sub, int(0, Scalar::I32, span), Expr { kind, ty: Type::I32, span }),
    }
}

type Linear = (Vec<(VarId, i64)>, Vec<(Expr, bool)>);

/// An index as multiples of the sum's coordinates and a rest, whose parts are added (true) or subtracted.
fn linear(index: &Expr, binders: &[Binder]) -> Option<Linear> {
    let mut terms: Vec<(VarId, i64)> = Vec::new();
    let mut rest = Vec::new();
    collect(index, 1, binders, &mut terms, &mut rest)?;
    terms.retain(|(_, f)| *f != 0);
    Some((terms, rest))
}

fn collect(
    e: &Expr,
    factor: i64,
    binders: &[Binder],
    terms: &mut Vec<(VarId, i64)>,
    rest: &mut Vec<(Expr, bool)>,
) -> Option<()> {
    let e = strip(e);
    let mentions = |e: &Expr| ir::visit::free_vars(e).iter().any(|v| binders.iter().any(|b| b.var == *v));
    if !mentions(e) {
        let part = match factor.abs() {
            1 => narrow(e.clone()),
            n => binary(Op::Mul, int(n, Scalar::I32, e.span), narrow(e.clone())),
        };
        rest.push((part, factor > 0));
        return Some(());
    }
    match &e.kind {
        ExprKind::Var(v) => {
            match terms.iter_mut().find(|(t, _)| t == v) {
                Some((_, f)) => *f += factor,
                None => terms.push((*v, factor)),
            }
            Some(())
        }
        ExprKind::Op(Op::Add, args) => {
            collect(&args[0], factor, binders, terms, rest)?;
            collect(&args[1], factor, binders, terms, rest)
        }
        ExprKind::Op(Op::Sub, args) => {
            collect(&args[0], factor, binders, terms, rest)?;
            collect(&args[1], -factor, binders, terms, rest)
        }
        ExprKind::Op(Op::Neg, args) => collect(&args[0], -factor, binders, terms, rest),
        ExprKind::Op(Op::Mul, args) => match (&strip(&args[0]).kind, &strip(&args[1]).kind) {
            (ExprKind::Int(n), _) => collect(&args[1], factor * n, binders, terms, rest),
            (_, ExprKind::Int(n)) => collect(&args[0], factor * n, binders, terms, rest),
            _ => None,
        },
        _ => None,
    }
}

/// Without casts between integers.
fn strip(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Cast(inner) if inner.ty.scalar().is_some_and(|s| s.is_int()) => strip(inner),
        _ => e,
    }
}

/// An index as an `i32`.
fn narrow(e: Expr) -> Expr {
    if e.ty == Type::I32 {
        return e;
    }
    let span = e.span;
    match e.kind {
        ExprKind::Int(v) => int(v, Scalar::I32, span),
        kind => expr(ExprKind::Cast(Box::new(Expr { kind, ..e })), Type::I32, span),
    }
}

/// The solution must be a value that the coordinate takes.
fn range_guards(binder: &Binder, solution: &Expr, at: &Expr, extent: &Expr, guards: &mut Vec<Expr>) {
    let Some(away) = offset(solution, at) else {
        guards.push(binary(Op::Ge, solution.clone(), narrow(binder.lo.clone())));
        guards.push(binary(Op::Lt, solution.clone(), narrow(binder.hi.clone())));
        return;
    };
    if !matches!(binder.lo.kind, ExprKind::Int(lo) if lo <= away) {
        guards.push(binary(Op::Ge, solution.clone(), narrow(binder.lo.clone())));
    }
    let ends = match (&binder.hi.kind, &extent.kind) {
        (ExprKind::Int(hi), ExprKind::Int(extent)) => extent + away <= *hi,
        _ => away <= 0 && same(&binder.hi, extent),
    };
    if !ends {
        guards.push(binary(Op::Lt, solution.clone(), narrow(binder.hi.clone())));
    }
}

/// How far a solution is from the coordinate that it is solved for, where that is a constant.
fn offset(solution: &Expr, at: &Expr) -> Option<i64> {
    if same(solution, at) {
        return Some(0);
    }
    match &solution.kind {
        ExprKind::Op(op @ (Op::Add | Op::Sub), items) if same(&items[0], at) => match items[1].kind {
            ExprKind::Int(by) => Some(if *op == Op::Add { by } else { -by }),
            _ => None,
        },
        _ => None,
    }
}

/// Equal as written.
pub fn same(a: &Expr, b: &Expr) -> bool {
    let (a, b) = (strip(a), strip(b));
    match (&a.kind, &b.kind) {
        (ExprKind::Int(x), ExprKind::Int(y)) => x == y,
        (ExprKind::Var(x), ExprKind::Var(y)) => x == y,
        (ExprKind::Dim(x, i), ExprKind::Dim(y, j)) => i == j && same(x, y),
        (ExprKind::Float(x), ExprKind::Float(y)) => x == y,
        (ExprKind::Bool(x), ExprKind::Bool(y)) => x == y,
        (ExprKind::And(p, q), ExprKind::And(x, y)) | (ExprKind::Or(p, q), ExprKind::Or(x, y)) => {
            same(p, x) && same(q, y)
        }
        (ExprKind::Load(x), ExprKind::Load(y)) => {
            same(&x.tensor, &y.tensor) && x.index.iter().zip(&y.index).all(|(x, y)| same(x, y))
        }
        (ExprKind::Op(p, x), ExprKind::Op(q, y)) => {
            p == q && x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        _ => false,
    }
}
