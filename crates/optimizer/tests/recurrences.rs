//! Families that read themselves and each other.

#[path = "../../ir/tests/build/mod.rs"]
mod build;
mod run;

use build::*;
use ir::*;
use run::run;
use std::rc::Rc;

fn prints(program: &Program, wanted: &str) {
    assert_eq!(run(program), (format!("{wanted}\n"), None));
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

fn add(a: Expr, b: Expr) -> Expr {
    op(Op::Add, vec![a, b])
}

fn back(e: Expr, by: i64) -> Expr {
    op(Op::Sub, vec![e, int(by)])
}

fn rec(families: Vec<(VarId, Family)>, order: Vec<Order>) -> Stmt {
    Stmt::Rec(Rc::new(Recurrence { families, order }))
}

fn steps(axes: &[(usize, usize)], descending: bool, body: Vec<Order>) -> Vec<Order> {
    vec![Order::Steps { axes: axes.to_vec(), descending, body }]
}

#[test]
fn steps_go_up() {
    let mut b = Build::default();
    let (h, t) = (b.var("h", tensor(Type::I32, 1)), b.coord("t"));
    let before = |by| proven(load(b.read(h), vec![back(b.read(t), by)]));
    let clauses = vec![
        clause(vec![Slot::Fixed(0)], int(1)),
        clause(vec![Slot::Fixed(1)], int(1)),
        clause(vec![coord(t, 2, 10)], add(before(1), before(2))),
    ];
    let stmt =
        rec(vec![(h, family("h", Type::I32, &[("t", 10)], clauses))], steps(&[(0, 0)], false, vec![Order::Cells(0)]));
    let whole = b.read(h);
    prints(&b.main(vec![stmt, print(vec![whole])]), "[1, 1, 2, 3, 5, 8, 13, 21, 34, 55]");
}

#[test]
fn steps_go_down_to_an_end_known_at_run_time() {
    let mut b = Build::default();
    let number = b.func("number", vec![], long(6));
    let n = b.var("n", Type::I64);
    let (h, t) = (b.var("h", tensor(Type::I32, 1)), b.coord("t"));
    let next = proven(load(b.read(h), vec![add(b.read(t), int(1))]));
    let last = op(Op::Sub, vec![b.read(n), long(1)]);
    let range = |lo: Expr, hi: Expr, var| Slot::Coord(Binder { var, lo, hi });
    let end = b.coord("end");
    let clauses = vec![
        clause(vec![range(last.clone(), b.read(n), end)], int(1)),
        clause(vec![range(long(0), last, t)], op(Op::Mul, vec![next, int(2)])),
    ];
    let mut cells = family("h", Type::I32, &[("t", 0)], clauses);
    cells.axes[0].extent = b.read(n);
    let stmt = rec(vec![(h, cells)], steps(&[(0, 0)], true, vec![Order::Cells(0)]));
    let (extent, whole) = (b.call(number, vec![]), b.read(h));
    prints(&b.main(vec![Stmt::Let(n, extent), stmt, print(vec![whole])]), "[32, 16, 8, 4, 2, 1]");
}

#[test]
fn two_dimensions_recur() {
    // Paths through a grid.
    let mut b = Build::default();
    let (d, i, j) = (b.var("d", tensor(Type::I32, 2)), b.coord("i"), b.coord("j"));
    let (top, left) = (b.coord("j"), b.coord("i"));
    let above = proven(load(b.read(d), vec![back(b.read(i), 1), b.read(j)]));
    let beside = proven(load(b.read(d), vec![b.read(i), back(b.read(j), 1)]));
    let clauses = vec![
        clause(vec![Slot::Fixed(0), coord(top, 0, 5)], int(1)),
        clause(vec![coord(left, 0, 4), Slot::Fixed(0)], int(1)),
        clause(vec![coord(i, 1, 4), coord(j, 1, 5)], add(above, beside)),
    ];
    let inner = steps(&[(0, 1)], false, vec![Order::Cells(0)]);
    let grid = family("d", Type::I32, &[("i", 4), ("j", 5)], clauses);
    let stmt = rec(vec![(d, grid)], steps(&[(0, 0)], false, inner));
    let whole = b.read(d);
    prints(
        &b.main(vec![stmt, print(vec![whole])]),
        "[[1, 1, 1, 1, 1], [1, 2, 3, 4, 5], [1, 3, 6, 10, 15], [1, 4, 10, 20, 35]]",
    );
}

#[test]
fn families_read_each_other_at_the_same_step() {
    let mut b = Build::default();
    let (x, v) = (b.var("x", tensor(Type::I32, 1)), b.var("v", tensor(Type::I32, 1)));
    let (t, s) = (b.coord("t"), b.coord("t"));
    let old_v = proven(load(b.read(v), vec![back(b.read(t), 1)]));
    let old_x = proven(load(b.read(x), vec![back(b.read(t), 1)]));
    let speed =
        vec![clause(vec![Slot::Fixed(0)], int(0)), clause(vec![coord(t, 1, 6)], op(Op::Sub, vec![old_v, old_x]))];
    let last_x = proven(load(b.read(x), vec![back(b.read(s), 1)]));
    let new_v = proven(load(b.read(v), vec![b.read(s)]));
    let place = vec![clause(vec![Slot::Fixed(0)], int(1)), clause(vec![coord(s, 1, 6)], add(last_x, new_v))];
    let families =
        vec![(x, family("x", Type::I32, &[("t", 6)], place)), (v, family("v", Type::I32, &[("t", 6)], speed))];
    let stmt = rec(families, steps(&[(0, 0), (1, 0)], false, vec![Order::Cells(1), Order::Cells(0)]));
    let shown = vec![b.read(x), b.read(v)];
    prints(&b.main(vec![stmt, print(shown)]), "[1, 0, -1, -1, 0, 1] [0, -1, -1, 0, 1, 1]");
}

#[test]
fn a_step_reads_the_whole_step_before() {
    // Averages of neighbours: reads of cells that earlier steps stored must not move to before the stores.
    let mut b = Build::default();
    let (u, t, i, k) = (b.var("u", tensor(Type::I32, 2)), b.coord("t"), b.coord("i"), b.coord("k"));
    let first = b.coord("i");
    let cell = proven(load(b.read(u), vec![back(b.read(t), 1), b.read(k)]));
    let start = proven(load(b.read(u), vec![int(0), int(2)]));
    let sum = reduce(ReduceOp::Sum, vec![binder(k, 0, 3)], vec![], cell);
    let clauses = vec![
        clause(vec![Slot::Fixed(0), coord(first, 0, 3)], b.read(first)),
        clause(vec![coord(t, 1, 4), coord(i, 0, 3)], add(add(sum, b.read(i)), start)),
    ];
    let grid = family("u", Type::I32, &[("t", 4), ("i", 3)], clauses);
    let stmt = rec(vec![(u, grid)], steps(&[(0, 0)], false, vec![Order::Cells(0)]));
    let whole = b.read(u);
    prints(&b.main(vec![stmt, print(vec![whole])]), "[[0, 1, 2], [5, 6, 7], [20, 21, 22], [65, 66, 67]]");
}

#[test]
fn a_slice_of_a_recurrence_reads_the_row_before() {
    let mut b = Build::default();
    let (w, s, k) = (b.var("w", tensor(Type::I32, 2)), b.coord("s"), b.coord("k"));
    let (zero, first) = (b.coord("i"), b.var("before", tensor(Type::I32, 1)));
    let i = b.coord("i");
    let dim = |t: Expr| cast(Scalar::I64, expr(ExprKind::Dim(Box::new(t), 1), Type::I32));
    let slot = Slot::Coord(Binder { var: i, lo: long(0), hi: dim(b.read(w)) });
    let mut row = family(
        "",
        Type::I32,
        &[("i", 0)],
        vec![clause(vec![slot], proven(load(b.read(w), vec![back(b.read(s), 1), b.read(i)])))],
    );
    row.axes[0].extent = dim(b.read(w));
    let doubled = op(Op::Mul, vec![proven(load(b.read(first), vec![b.read(k)])), int(2)]);
    let doubled = cells(family("", Type::I32, &[("k", 3)], vec![clause(vec![coord(k, 0, 3)], doubled)]));
    let body = block(vec![Stmt::Let(first, cells(row))], doubled);
    let clauses = vec![
        clause(vec![Slot::Fixed(0), coord(zero, 0, 3)], add(b.read(zero), int(1))),
        clause(vec![coord(s, 1, 4)], body),
    ];
    let grid = family("w", Type::I32, &[("s", 4), ("i", 3)], clauses);
    let stmt = rec(vec![(w, grid)], steps(&[(0, 0)], false, vec![Order::Cells(0)]));
    let whole = b.read(w);
    prints(&b.main(vec![stmt, print(vec![whole])]), "[[1, 2, 3], [2, 4, 6], [4, 8, 12], [8, 16, 24]]");
}

#[test]
fn guards_in_recurrences_leave_zeros_that_may_be_read() {
    // A triangle: the range of the inner coordinate depends on the outer one.
    let mut b = Build::default();
    let (c, n, k) = (b.var("c", tensor(Type::I32, 2)), b.coord("n"), b.coord("k"));
    let edge = b.coord("n");
    let cell = |dn: i64, dk: i64| proven(load(b.read(c), vec![back(b.read(n), dn), back(b.read(k), dk)]));
    let inner = Binder { var: k, lo: long(1), hi: cast(Scalar::I64, add(b.read(n), int(1))) };
    let clauses = vec![
        clause(vec![coord(edge, 0, 5), Slot::Fixed(0)], int(1)),
        clause(vec![coord(n, 1, 5), Slot::Coord(inner)], add(cell(1, 1), cell(1, 0))),
    ];
    let grid = family("c", Type::I32, &[("n", 5), ("k", 5)], clauses);
    let stmt = rec(vec![(c, grid)], steps(&[(0, 0)], false, vec![Order::Cells(0)]));
    let whole = b.read(c);
    prints(
        &b.main(vec![stmt, print(vec![whole])]),
        "[[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 2, 1, 0, 0], [1, 3, 3, 1, 0], [1, 4, 6, 4, 1]]",
    );
}

#[test]
fn many_literal_clauses_share_one_loop() {
    let mut b = Build::default();
    let (h, t) = (b.var("h", tensor(Type::I32, 1)), b.coord("t"));
    let before = proven(load(b.read(h), vec![back(b.read(t), 1)]));
    let mut clauses =
        vec![clause(vec![Slot::Fixed(0)], int(1)), clause(vec![coord(t, 1, 30)], op(Op::Mul, vec![before, int(2)]))];
    clauses.extend((1..6).map(|k| clause(vec![Slot::Fixed(5 * k)], int(k))));
    let stmt =
        rec(vec![(h, family("h", Type::I32, &[("t", 30)], clauses))], steps(&[(0, 0)], false, vec![Order::Cells(0)]));
    let last = vec![load(b.read(h), vec![int(4)]), load(b.read(h), vec![int(14)]), load(b.read(h), vec![int(29)])];
    prints(&b.main(vec![stmt, print(last)]), "16 32 80");
}
