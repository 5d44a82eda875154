//! Free variables, substitution and fresh copies.

mod build;

use build::*;
use ir::visit::{free_vars, refresh, substitute};
use ir::*;
use std::collections::HashMap;
use std::rc::Rc;

/// `{ rec h[t] = x + h[t - 1] where w = y; sum[k in 0..n](h[k] * x) }` with `x`, `y` and `n` free.
fn sample(b: &mut Build) -> (Expr, [VarId; 3]) {
    let (x, y, n) = (b.var("x", Type::I32), b.var("y", Type::I32), b.var("n", Type::I64));
    let (h, t, w, k) = (b.var("h", tensor(Type::I32, 1)), b.coord("t"), b.var("w", Type::I32), b.coord("k"));
    let before = load(b.read(h), vec![op(Op::Sub, vec![b.read(t), int(1)])]);
    let mut step = clause(vec![Slot::Coord(binder(t, 1, 4))], op(Op::Add, vec![b.read(x), before]));
    step.wheres.push(WhereItem::Def(w, b.read(y)));
    let recurrence = Recurrence {
        families: vec![(h, family("h", Type::I32, &[("t", 4)], vec![step]))],
        order: vec![Order::Cells(0)],
    };
    let cell = op(Op::Mul, vec![load(b.read(h), vec![b.read(k)]), b.read(x)]);
    let range = Binder { var: k, lo: long(0), hi: b.read(n) };
    let value = reduce(ReduceOp::Sum, vec![range], vec![], cell);
    (block(vec![Stmt::Rec(Rc::new(recurrence))], value), [x, y, n])
}

#[test]
fn free_variables_come_in_order_of_first_use() {
    let mut b = Build::default();
    let (e, [x, y, n]) = sample(&mut b);
    assert_eq!(free_vars(&e), [y, x, n]);
}

#[test]
fn a_fresh_copy_binds_new_variables_only() {
    let mut b = Build::default();
    let (e, free) = sample(&mut b);
    let before = b.program.vars.len();
    let copy = refresh(&e, &mut b.program);
    assert_eq!(b.program.vars.len(), before + 4);
    let mut bound = Vec::new();
    copy.walk(&mut |e| e.for_each_binding(|var| bound.push(*var)));
    assert_eq!(bound.len(), 4);
    assert!(bound.iter().all(|var| var.index() >= before));
    assert_eq!(free_vars(&copy), free_vars(&e));
    assert_eq!(free_vars(&copy).len(), free.len());
    // The original still reads its own variables.
    assert_eq!(free_vars(&e).len(), 3);
}

#[test]
fn substitution_copies_what_it_puts_in() {
    let mut b = Build::default();
    let (mut e, [x, y, n]) = sample(&mut b);
    let (inner, seven) = (b.var("inner", Type::I32), int(7));
    let value = block(vec![Stmt::Let(inner, seven)], b.read(inner));
    substitute(&mut e, &HashMap::from([(x, value)]), &mut b.program);
    assert_eq!(free_vars(&e), [y, n]);
    let mut bound = Vec::new();
    e.walk(&mut |e| e.for_each_binding(|var| bound.push(*var)));
    bound.sort();
    bound.dedup();
    // Four of its own, and one for each of the two places.
    assert_eq!(bound.len(), 6);
}

#[test]
fn types_are_visited_with_those_of_families() {
    let mut b = Build::default();
    let (mut e, _) = sample(&mut b);
    e.for_each_type_mut(&mut |ty| {
        if *ty == Type::I32 {
            *ty = Type::F64;
        }
    });
    let ExprKind::Block(stmts, value) = &e.kind else { panic!("a block") };
    let Stmt::Rec(recurrence) = &stmts[0] else { panic!("a recurrence") };
    assert_eq!(recurrence.families[0].1.elem, Type::F64);
    assert_eq!(recurrence.families[0].1.clauses[0].body.ty, Type::F64);
    assert_eq!(value.ty, Type::F64);
}
