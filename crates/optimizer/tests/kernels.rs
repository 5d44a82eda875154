//! Families and reductions: clauses, guards, what is moved out of loops, and what is not.

#[path = "../../ir/tests/build/mod.rs"]
mod build;
mod run;

use build::*;
use ir::*;
use run::{run, run_with};

fn prints(program: &Program, wanted: &str) {
    assert_eq!(run(program), (format!("{wanted}\n"), None));
}

fn fails(program: &Program, code: &'static str) {
    assert_eq!(run(program).1, Some(code));
}

fn coord(var: VarId, lo: i64, hi: i64) -> Slot {
    Slot::Coord(binder(var, lo, hi))
}

fn proven(mut load: Expr) -> Expr {
    if let ExprKind::Load(load) = &mut load.kind {
        load.proven.fill(true);
    }
    load
}

fn extent_of(tensor: Expr, axis: usize) -> Expr {
    let dim = expr(ExprKind::Dim(Box::new(tensor), axis), Type::I32);
    cast(Scalar::I64, dim)
}

fn add(a: Expr, b: Expr) -> Expr {
    op(Op::Add, vec![a, b])
}

fn less(a: Expr, b: Expr) -> Expr {
    op(Op::Lt, vec![a, b])
}

/// `let v[i in 0..n] = i`, with `n` that only a call tells.
fn counted(b: &mut Build, n: i64) -> (VarId, Vec<Stmt>) {
    let number = b.func("number", vec![], long(n));
    let extent = b.var("n", Type::I64);
    let i = b.coord("i");
    let body = b.read(i);
    let slot = Slot::Coord(Binder { var: i, lo: long(0), hi: b.read(extent) });
    let mut cells = family("v", Type::I32, &[("i", 0)], vec![clause(vec![slot], body)]);
    cells.axes[0].extent = b.read(extent);
    let v = b.named("v", tensor(Type::I32, 1), &["i"]);
    let lets = vec![Stmt::Let(extent, b.call(number, vec![])), Stmt::Let(v, build::cells(cells))];
    (v, lets)
}

#[test]
fn later_clauses_override_and_holes_are_zero() {
    let mut b = Build::default();
    let (i, j) = (b.coord("i"), b.coord("j"));
    let clauses = vec![
        clause(vec![coord(i, 0, 3), coord(j, 0, 3)], int(1)),
        clause(vec![Slot::Fixed(1), coord(b.coord("k"), 0, 2)], int(2)),
        clause(vec![Slot::Fixed(1), Slot::Fixed(1)], int(9)),
    ];
    let value = cells(family("m", Type::I32, &[("i", 4), ("j", 3)], clauses));
    prints(&b.main(vec![print(vec![value])]), "[[1, 1, 1], [2, 9, 1], [1, 1, 1], [0, 0, 0]]");
}

#[test]
fn an_overridden_clause_is_not_evaluated() {
    let build = |overridden: i64| {
        let mut b = Build::default();
        let i = b.coord("i");
        let divided = op(Op::Div, vec![int(12), b.read(i)]);
        let clauses = vec![clause(vec![coord(i, 0, 4)], divided), clause(vec![Slot::Fixed(overridden)], int(-1))];
        b.main(vec![print(vec![cells(family("d", Type::I32, &[("i", 4)], clauses))])])
    };
    prints(&build(0), "[-1, 12, 6, 4]");
    fails(&build(1), "E0903");
}

#[test]
fn a_closed_guard_falls_to_else_or_to_the_clause_before() {
    let mut b = Build::default();
    let (i, j, k) = (b.coord("i"), b.coord("j"), b.coord("k"));
    let is_even = |e: Expr| WhereItem::Guard(op(Op::Eq, vec![op(Op::Rem, vec![e, int(2)]), int(0)]));
    let mut even = clause(vec![coord(j, 0, 4)], int(20));
    even.wheres = vec![is_even(b.read(j))];
    let first = clause(vec![coord(i, 0, 4)], int(10));
    let falls = cells(family("t", Type::I32, &[("i", 4)], vec![first, even]));
    let mut small = clause(vec![coord(k, 0, 4)], int(20));
    small.wheres = vec![is_even(b.read(k)), WhereItem::Guard(less(b.read(k), int(2)))];
    small.otherwise = Some(int(7));
    let other = cells(family("u", Type::I32, &[("k", 4)], vec![small]));
    prints(&b.main(vec![print(vec![falls, other])]), "[20, 10, 20, 10] [20, 7, 7, 7]");
}

#[test]
fn definitions_are_evaluated_where_the_guards_before_them_hold() {
    let mut b = Build::default();
    let i = b.coord("i");
    let d = b.var("d", Type::I32);
    let mut one = clause(vec![coord(i, 0, 4)], b.read(d));
    let divided = op(Op::Div, vec![int(6), b.read(i)]);
    let positive = less(int(0), b.read(i));
    one.wheres = vec![WhereItem::Guard(positive), WhereItem::Def(d, divided)];
    let value = cells(family("t", Type::I32, &[("i", 4)], vec![one]));
    prints(&b.main(vec![print(vec![value])]), "[0, 6, 3, 2]");
}

#[test]
fn strings_in_cells_are_counted() {
    let mut b = Build::default();
    let i = b.coord("i");
    let name = builtin(Builtin::ToStr, vec![b.read(i)], Type::Str);
    let named = builtin(Builtin::Concat, vec![text("x"), name], Type::Str);
    let clauses = vec![clause(vec![coord(i, 0, 3)], named), clause(vec![Slot::Fixed(1)], text("one"))];
    let t = b.var("t", tensor(Type::Str, 1));
    let value = cells(family("t", Type::Str, &[("i", 4)], clauses));
    let cell = load(b.read(t), vec![int(2)]);
    let whole = b.read(t);
    prints(&b.main(vec![Stmt::Let(t, value), print(vec![whole, cell])]), r#"["x0", "one", "x2", ""] x2"#);
}

#[test]
fn slice_clauses_copy_their_rows() {
    let build = |width: i64| {
        let mut b = Build::default();
        let i = b.coord("i");
        let (v, mut stmts) = counted(&mut b, 3);
        let rows = clause(vec![coord(i, 0, 2)], b.read(v));
        stmts.push(print(vec![cells(family("m", Type::I32, &[("i", 2), ("j", width)], vec![rows]))]));
        b.main(stmts)
    };
    prints(&build(3), "[[0, 1, 2], [0, 1, 2]]");
    fails(&build(4), "E0905");
}

#[test]
fn extents_known_at_run_time() {
    for n in [0, 1, 5, -2] {
        let mut b = Build::default();
        let (v, mut stmts) = counted(&mut b, n);
        let i = b.coord("i");
        let cell = proven(load(b.read(v), vec![b.read(i)]));
        let all = vec![Binder { var: i, lo: long(0), hi: extent_of(b.read(v), 0) }];
        let (whole, sum) = (b.read(v), reduce(ReduceOp::Sum, all, vec![], cell));
        stmts.push(print(vec![whole, sum]));
        let items: Vec<String> = (0..n).map(|k| k.to_string()).collect();
        prints(&b.main(stmts), &format!("[{}] {}", items.join(", "), (0..n).sum::<i64>()));
    }
}

#[test]
fn a_check_stays_behind_its_gate() {
    let mut b = Build::default();
    let (v, mut stmts) = counted(&mut b, 3);
    let (i, j) = (b.coord("i"), b.coord("j"));
    // `v[5]` is outside, and is never reached: the gate is closed, or the inner range empty.
    let outside = || load(b.read(v), vec![int(5)]);
    let mut gated = clause(vec![coord(i, 0, 4)], outside());
    gated.wheres = vec![WhereItem::Guard(less(b.read(i), int(0)))];
    let gated = cells(family("t", Type::I32, &[("i", 4)], vec![gated]));
    let none = Binder { var: j, lo: long(3), hi: extent_of(b.read(v), 0) };
    let sum = reduce(ReduceOp::Sum, vec![none], vec![], outside());
    let k = b.coord("k");
    let empty = cells(family("u", Type::I32, &[("k", 2)], vec![clause(vec![coord(k, 0, 2)], sum)]));
    stmts.push(print(vec![gated, empty]));
    prints(&b.main(stmts), "[0, 0, 0, 0] [0, 0]");
}

#[test]
fn gathers_are_checked() {
    let build = |count: i64| {
        let mut b = Build::default();
        let (v, mut stmts) = counted(&mut b, 3);
        let i = b.coord("i");
        let cell = load(b.read(v), vec![op(Op::Sub, vec![int(2), b.read(i)])]);
        let clauses = vec![clause(vec![coord(i, 0, count)], cell)];
        stmts.push(print(vec![cells(family("t", Type::I32, &[("i", count)], clauses))]));
        b.main(stmts)
    };
    prints(&build(3), "[2, 1, 0]");
    fails(&build(4), "E0902");
}

#[test]
fn what_does_not_change_is_computed_once() {
    // The cells are many and the sum inside is long: in place this would take minutes.
    let mut b = Build::default();
    let (v, mut stmts) = counted(&mut b, 100_000);
    let (i, j, k) = (b.coord("i"), b.coord("j"), b.coord("k"));
    let all = vec![Binder { var: k, lo: long(0), hi: extent_of(b.read(v), 0) }];
    let cell = proven(load(b.read(v), vec![b.read(k)]));
    let sum = reduce(ReduceOp::Sum, all, vec![], op(Op::Rem, vec![cell, int(7)]));
    let body = add(sum, op(Op::Mul, vec![b.read(i), b.read(j)]));
    let clauses = vec![clause(vec![coord(i, 0, 1000), coord(j, 0, 1000)], body)];
    let m = b.var("m", tensor(Type::I32, 2));
    stmts.push(Stmt::Let(m, cells(family("m", Type::I32, &[("i", 1000), ("j", 1000)], clauses))));
    let corner = load(b.read(m), vec![int(999), int(999)]);
    stmts.push(print(vec![corner]));
    let sum: i64 = (0..100_000).map(|k| k % 7).sum();
    prints(&b.main(stmts), &(sum + 999 * 999).to_string());
}

#[test]
fn tensors_of_calls_inside_cells_come_and_go() {
    let mut b = Build::default();
    let x = b.var("x", Type::I32);
    let i = b.coord("i");
    let body = op(Op::Mul, vec![b.read(x), b.read(i)]);
    let row = cells(family("row", Type::I32, &[("i", 4)], vec![clause(vec![coord(i, 0, 4)], body)]));
    let times = b.func("times", vec![x], row);
    let (p, q) = (b.coord("p"), b.coord("q"));
    let called = b.call(times, vec![b.read(p)]);
    let cell = proven(load(called, vec![b.read(q)]));
    let clauses = vec![clause(vec![coord(p, 0, 3), coord(q, 0, 4)], cell)];
    let value = cells(family("m", Type::I32, &[("p", 3), ("q", 4)], clauses));
    prints(&b.main(vec![print(vec![value])]), "[[0, 0, 0, 0], [0, 1, 2, 3], [0, 2, 4, 6]]");
}

#[test]
fn integer_sums_wrap_unless_checked() {
    let build = || {
        let mut b = Build::default();
        let i = b.coord("i");
        let sum = reduce(ReduceOp::Sum, vec![binder(i, 0, 2)], vec![], int(2_000_000_000));
        b.main(vec![print(vec![sum])])
    };
    prints(&build(), "-294967296");
    assert_eq!(run_with(&build(), true).1, Some("E0904"));
}

#[test]
fn float_sums_are_as_close_as_pairwise() {
    let mut b = Build::default();
    let (i, j) = (b.coord("i"), b.coord("j"));
    let tenth = |ty: Scalar| of(ty, 0.1f32 as f64);
    let single = reduce(ReduceOp::Sum, vec![binder(i, 0, 10_000_000)], vec![], tenth(Scalar::F32));
    let double = reduce(ReduceOp::Sum, vec![binder(j, 0, 10_000_000)], vec![], of(Scalar::F64, 0.1));
    // 24 levels of pairs, half a unit each.
    let error = op(Op::Abs, vec![op(Op::Sub, vec![double, of(Scalar::F64, 1e6)])]);
    let close = op(Op::Lt, vec![error, of(Scalar::F64, 2.7e-9)]);
    prints(&b.main(vec![print(vec![single, close])]), "1000000.0 true");
}

#[test]
fn infinite_sums_stay_infinite() {
    let mut b = Build::default();
    let i = b.coord("i");
    let one = op(Op::Div, vec![of(Scalar::F64, 1.0), cast(Scalar::F64, b.read(i))]);
    let sum = reduce(ReduceOp::Sum, vec![binder(i, 0, 1000)], vec![], one);
    prints(&b.main(vec![print(vec![sum])]), "inf");
}

#[test]
fn winners_ties_and_nan() {
    let mut b = Build::default();
    let mut stmts = Vec::new();
    let rows: [&[f64]; 4] = [&[1.0, 3.0, 3.0], &[2.0, f64::NAN, 9.0], &[-1.0, -1.0, 5.0], &[f64::NAN, f64::NAN, 0.0]];
    for items in rows {
        let v = b.var("v", tensor(Type::F32, 1));
        stmts.push(Stmt::Let(v, row(items.iter().map(|x| float(*x)).collect())));
        let mut shown = Vec::new();
        for how in [ReduceOp::Max, ReduceOp::Min, ReduceOp::ArgMax, ReduceOp::ArgMin, ReduceOp::Mean] {
            let i = b.coord("i");
            let cell = proven(load(b.read(v), vec![b.read(i)]));
            shown.push(reduce(how, vec![binder(i, 0, 3)], vec![], cell));
        }
        stmts.push(print(shown));
    }
    prints(&b.main(stmts), "3.0 1.0 1 0 2.3333333\nnan nan 1 1 nan\n5.0 -1.0 2 0 1.0\nnan nan 0 0 nan");
}

#[test]
fn nothing_has_no_mean() {
    for (how, wanted) in [(ReduceOp::Mean, true), (ReduceOp::ArgMin, true), (ReduceOp::Max, false)] {
        let mut b = Build::default();
        let (v, mut stmts) = counted(&mut b, 0);
        let i = b.coord("i");
        let binders = vec![Binder { var: i, lo: long(0), hi: extent_of(b.read(v), 0) }];
        let empty = reduce(how, binders, vec![], cast(Scalar::F32, b.read(i)));
        stmts.push(print(vec![empty]));
        let found = run(&b.main(stmts));
        assert_eq!(found, if wanted { (String::new(), Some("E0909")) } else { ("-inf\n".to_string(), None) });
    }
}

#[test]
fn ranges_may_depend_on_outer_coordinates() {
    let mut b = Build::default();
    let (i, j, k) = (b.coord("i"), b.coord("j"), b.coord("k"));
    let up_to = |b: &Build, var| cast(Scalar::I64, add(b.read(var), int(1)));
    let binders = vec![
        Binder { var: j, lo: long(0), hi: up_to(&b, i) },
        Binder { var: k, lo: cast(Scalar::I64, b.read(j)), hi: up_to(&b, i) },
    ];
    let count = reduce(ReduceOp::Sum, binders, vec![], int(1));
    let value = cells(family("t", Type::I32, &[("i", 5)], vec![clause(vec![coord(i, 0, 5)], count)]));
    prints(&b.main(vec![print(vec![value])]), "[1, 3, 6, 10, 15]");
}

#[test]
fn unnamed_tensors_are_read_where_they_are_computed() {
    let mut b = Build::default();
    let (v, mut stmts) = counted(&mut b, 4);
    let sum = |b: &mut Build, a: Expr, c: Expr| {
        let i = b.coord("i");
        let cell = |t: Expr, b: &Build| proven(load(t, vec![b.read(i)]));
        let body = add(cell(a, b), cell(c, b));
        let slot = Slot::Coord(Binder { var: i, lo: long(0), hi: extent_of(b.read(v), 0) });
        let mut sum = family("", Type::I32, &[("i", 0)], vec![clause(vec![slot], body)]);
        sum.axes[0].extent = extent_of(b.read(v), 0);
        cells(sum)
    };
    let (one, two) = (b.read(v), b.read(v));
    let inner = sum(&mut b, one, two);
    let third = b.read(v);
    let outer = sum(&mut b, inner, third);
    stmts.push(print(vec![outer]));
    prints(&b.main(stmts), "[0, 3, 6, 9]");
}

#[test]
fn half_floats_round_when_they_are_computed() {
    let mut b = Build::default();
    let i = b.coord("i");
    let cell = op(Op::Add, vec![of(Scalar::F16, 2048.0), cast(Scalar::F16, b.read(i))]);
    let value = cells(family("h", Type::Scalar(Scalar::F16), &[("i", 4)], vec![clause(vec![coord(i, 0, 4)], cell)]));
    prints(&b.main(vec![print(vec![value])]), "[2048.0, 2048.0, 2050.0, 2052.0]");
}
