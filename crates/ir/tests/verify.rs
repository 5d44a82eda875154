//! One program per invariant that breaks it.

mod build;

use build::*;
use ir::*;
use std::rc::Rc;

fn breaks(number: u32, program: &Program) {
    let broken = verify(program, false).expect_err("the program is broken");
    assert!(broken.starts_with(&format!("invariant {number}:")), "{broken}");
}

fn breaks_alone(number: u32, e: Expr) {
    breaks(number, &Build::default().main(vec![Stmt::Do(e)]));
}

/// A family over `t` in a recurrence of its own, with this order.
fn recurrence(order: Vec<Order>, clauses: impl FnOnce(&mut Build) -> Vec<Clause>) -> Program {
    let mut b = Build::default();
    let h = b.var("h", tensor(Type::I32, 1));
    let clauses = clauses(&mut b);
    let families = vec![(h, family("h", Type::I32, &[("t", 3)], clauses))];
    b.main(vec![Stmt::Rec(Rc::new(Recurrence { families, order }))])
}

#[test]
fn a_sound_program_passes() {
    let steps = Order::Steps { axes: vec![(0, 0)], descending: true, body: vec![Order::Cells(0)] };
    let program = recurrence(vec![steps], |b| {
        let t = b.coord("t");
        vec![clause(vec![Slot::Coord(binder(t, 0, 3))], b.read(t))]
    });
    assert_eq!(verify(&program, false), Ok(()));
}

#[test]
fn i1_names_exist() {
    breaks_alone(1, expr(ExprKind::Var(VarId(3)), Type::I32));
    breaks_alone(1, expr(ExprKind::Call(FuncId(9), vec![]), Type::Unit));
}

#[test]
fn i2_no_open_scalars() {
    breaks_alone(2, expr(ExprKind::Int(1), Type::Scalar(Scalar::Open(0))));
}

#[test]
fn i3_bound_once() {
    let mut b = Build::default();
    let x = b.var("x", Type::I32);
    breaks(3, &b.main(vec![Stmt::Let(x, int(1)), Stmt::Let(x, int(2))]));
}

#[test]
fn i4_read_where_visible() {
    let mut b = Build::default();
    let x = b.var("x", Type::I32);
    let inner = block(vec![Stmt::Let(x, int(1))], unit());
    let after = b.read(x);
    breaks(4, &b.main(vec![Stmt::Do(inner), print(vec![after])]));
}

#[test]
fn i4_globals_until_they_are_lifted() {
    let mut b = Build::default();
    let x = b.var("x", Type::I32);
    b.func("reader", vec![], b.read(x));
    let program = b.main(vec![Stmt::Let(x, int(1))]);
    assert_eq!(verify(&program, true), Ok(()));
    let broken = verify(&program, false).expect_err("a global");
    assert!(broken.starts_with("invariant 4:"), "{broken}");

    let mut b = Build::default();
    let nowhere = b.var("nowhere", Type::I32);
    b.func("reader", vec![], b.read(nowhere));
    assert!(verify(&b.main(vec![]), true).is_err());

    let mut b = Build::default();
    let late = b.var("late", Type::I32);
    let early = b.read(late);
    assert!(verify(&b.main(vec![print(vec![early]), Stmt::Let(late, int(1))]), true).is_err());
}

#[test]
fn i5_values_have_the_type_of_what_holds_them() {
    let mut b = Build::default();
    let x = b.var("x", Type::F32);
    breaks(5, &b.main(vec![Stmt::Let(x, int(1))]));
}

#[test]
fn i6_operands_of_operations() {
    breaks_alone(6, op(Op::Add, vec![int(1)]));
    breaks_alone(6, op(Op::Add, vec![int(1), float(1.0)]));
    breaks_alone(6, op(Op::Sin, vec![int(1)]));
    breaks_alone(6, op(Op::Not, vec![int(1)]));
    breaks_alone(6, op(Op::PowI, vec![float(1.0), float(1.0)]));
}

#[test]
fn i7_conditions_are_bool() {
    let choice = ExprKind::If(Box::new(int(1)), Box::new(int(1)), Box::new(int(2)));
    breaks_alone(7, expr(choice, Type::I32));
}

#[test]
fn i8_fields() {
    let pair = Type::Tuple([Type::I32, Type::F32].into());
    breaks_alone(8, expr(ExprKind::Tuple(vec![int(1), int(2)]), pair.clone()));
    let value = expr(ExprKind::Tuple(vec![int(1), float(2.0)]), pair);
    breaks_alone(8, expr(ExprKind::Field(Box::new(value), 2), Type::I32));
}

#[test]
fn i9_loads_have_rank_indices() {
    breaks_alone(9, load(row(vec![int(1)]), vec![int(0), int(0)]));
    breaks_alone(9, load(row(vec![int(1)]), vec![float(0.0)]));
}

#[test]
fn i10_axes() {
    breaks_alone(10, expr(ExprKind::Dim(Box::new(row(vec![int(1)])), 1), Type::I32));
}

#[test]
fn i11_coordinates() {
    let mut b = Build::default();
    let k = b.coord("k");
    let range = Binder { var: k, lo: int(0), hi: int(3) };
    breaks(11, &b.main(vec![Stmt::Do(reduce(ReduceOp::Sum, vec![range], vec![], int(1)))]));
}

#[test]
fn i12_reductions() {
    let mut b = Build::default();
    let k = b.coord("k");
    breaks(12, &b.main(vec![Stmt::Do(reduce(ReduceOp::Mean, vec![binder(k, 0, 3)], vec![], int(1)))]));
}

#[test]
fn i13_clauses_fit_their_axes() {
    let slots = vec![Slot::Fixed(0), Slot::Fixed(0)];
    breaks_alone(13, cells(family("f", Type::I32, &[("i", 3)], vec![clause(slots, int(1))])));
    breaks_alone(13, cells(family("f", Type::I32, &[("i", 3)], vec![clause(vec![], int(1))])));
}

#[test]
fn i14_an_else_sees_what_is_in_front_of_the_guards() {
    let mut b = Build::default();
    let w = b.var("w", Type::I32);
    let mut gated = clause(vec![Slot::Fixed(0)], int(1));
    gated.wheres = vec![WhereItem::Guard(expr(ExprKind::Bool(false), Type::BOOL)), WhereItem::Def(w, int(2))];
    gated.otherwise = Some(b.read(w));
    breaks(14, &b.main(vec![Stmt::Do(cells(family("f", Type::I32, &[("i", 3)], vec![gated])))]));
}

#[test]
fn i15_orders_have_every_family_once() {
    breaks(15, &recurrence(vec![], |_| vec![]));
    breaks(15, &recurrence(vec![Order::Cells(0), Order::Cells(0)], |_| vec![]));
    let empty = Order::Steps { axes: vec![(0, 0)], descending: false, body: vec![] };
    breaks(15, &recurrence(vec![empty, Order::Cells(0)], |_| vec![]));
}

#[test]
fn i16_literals_fill_their_shape() {
    breaks_alone(16, expr(ExprKind::Literal([2].into(), vec![int(1)]), tensor(Type::I32, 1)));
}

#[test]
fn i17_calls() {
    let mut b = Build::default();
    let x = b.var("x", Type::I32);
    let f = b.func("f", vec![x], b.read(x));
    let call = b.call(f, vec![]);
    breaks(17, &b.main(vec![Stmt::Do(call)]));
    breaks_alone(17, builtin(Builtin::Len, vec![int(1)], Type::I32));
}

#[test]
fn i18_comprehensions() {
    let mut b = Build::default();
    let x = b.var("x", Type::I32);
    let body = b.read(x);
    let comprehension = Comprehension { clauses: vec![CompClause::For(x, int(3))], body, row: vec![] };
    let e = expr(ExprKind::Comprehension(Box::new(comprehension)), tensor(Type::I32, 1));
    breaks(18, &b.main(vec![Stmt::Do(e)]));
}

#[test]
fn i19_assertions_bind_their_operands() {
    let mut b = Build::default();
    let x = b.var("x", Type::I32);
    let cond = expr(ExprKind::Bool(true), Type::BOOL);
    let assert = Assert { cond, message: None, operands: Some((x, x)), lets: vec![] };
    let e = expr(ExprKind::Assert(Box::new(assert)), Type::Unit);
    breaks(19, &b.main(vec![Stmt::Let(x, int(1)), Stmt::Do(e)]));
}
