//! What does not change along the innermost coordinate of a sum of products stands in front of the sum over it:
//! `sum[a, b](x[i, a] * y[a, b] * z[j, b])` is `sum[a](x[i, a] * sum[b](y[a, b] * z[j, b]))`.
//!
//! That is for sums of so few points that they are written out: what several cells have in common is then computed once.
//! Long sums are contractions, which find their own order.

use crate::facts::never_empty;
use crate::plan::bounds::constant;
use ir::{Binder, Expr, ExprKind, Op, Program, Reduce, ReduceOp, VarId};

/// Points of a sum at most.
const FEW: i64 = 64;

pub fn factor(program: &mut Program) {
    program.rewrite(|body, _, _| expr(body));
}

fn expr(e: &mut Expr) {
    e.for_each_child_mut(expr);
    if let ExprKind::Reduce(reduce) = &mut e.kind {
        split(reduce);
    }
}

fn split(reduce: &mut Reduce) {
    let points = reduce.binders.iter().map(|binder| Some(constant(&binder.hi)? - constant(&binder.lo)?));
    let points: Option<i64> = points.collect::<Option<Vec<i64>>>().map(|all| all.into_iter().product());
    let is_float = reduce.body.ty.scalar().is_some_and(|scalar| scalar.is_float());
    let is_small = reduce.wheres.is_empty() && never_empty(reduce) && points.is_some_and(|points| points <= FEW);
    if reduce.op != ReduceOp::Sum || !is_float || !is_small || reduce.binders.len() < 2 || !is_plain(&reduce.body) {
        return;
    }
    let Some(Binder { var, .. }) = reduce.binders.last() else { return };
    let mut factors = Vec::new();
    factors_of(&reduce.body, &mut factors);
    // Of several cells that do not exist the first one is reported.
    let stays_in_order = factors.iter().is_sorted_by_key(|factor| mentions(factor, *var));
    if !stays_in_order && !factors.iter().all(|factor| all_exist(factor)) {
        return;
    }
    let (inside, outside): (Vec<&Expr>, Vec<&Expr>) = factors.into_iter().partition(|factor| mentions(factor, *var));
    if inside.len() < 2 || outside.is_empty() {
        return;
    }
    let (ty, span) = (reduce.body.ty.clone(), reduce.body.span);
    let product = |factors: Vec<Expr>| {
        let joined = |a, b| Expr { kind: ExprKind::Op(Op::Mul, vec![a, b]), ty: ty.clone(), span };
        factors.into_iter().reduce(joined).expect("a product has factors")
    };
    let inner = product(inside.into_iter().cloned().collect());
    let mut factors: Vec<Expr> = outside.into_iter().cloned().collect();
    let binder = reduce.binders.pop().expect("a sum has coordinates");
    let sum = Reduce { op: ReduceOp::Sum, binders: vec![binder], wheres: Vec::new(), body: inner };
    factors.push(Expr { kind: ExprKind::Reduce(Box::new(sum)), ty: ty.clone(), span });
    reduce.body = product(factors);
    split(reduce);
}

fn factors_of<'e>(e: &'e Expr, found: &mut Vec<&'e Expr>) {
    match &e.kind {
        ExprKind::Op(Op::Mul, operands) => operands.iter().for_each(|e| factors_of(e, found)),
        _ => found.push(e),
    }
}

fn mentions(e: &Expr, var: VarId) -> bool {
    let mut found = false;
    e.walk(&mut |e| found |= matches!(e.kind, ExprKind::Var(other) if other == var));
    found
}

fn all_exist(e: &Expr) -> bool {
    let mut exist = true;
    e.walk(&mut |e| exist &= !matches!(&e.kind, ExprKind::Load(load) if load.proven.contains(&false)));
    exist
}

/// Whether it consists of numbers and cells.
fn is_plain(e: &Expr) -> bool {
    let mut plain = true;
    e.walk(&mut |e| {
        plain &= match &e.kind {
            ExprKind::Load(_) => true,
            ExprKind::Op(op, _) => matches!(op, Op::Add | Op::Sub | Op::Mul | Op::Neg),
            ExprKind::Reduce(reduce) => reduce.op == ReduceOp::Sum && reduce.wheres.is_empty(),
            ExprKind::Var(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Cast(_) => true,
            _ => false,
        };
    });
    plain
}
