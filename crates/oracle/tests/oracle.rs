//! The oracle on programs by hand.

#[path = "../../ir/tests/build/mod.rs"]
mod build;

use build::*;
use ir::*;
use std::rc::Rc;

fn run(program: &Program) -> (String, Option<&'static str>) {
    assert_eq!(verify(program, true), Ok(()), "{program}");
    let mut out = String::new();
    let code = oracle::run(program, &mut out, None).err().map(|failure| failure.code);
    (out, code)
}

fn prints(program: &Program, wanted: &str) {
    assert_eq!(run(program), (format!("{wanted}\n"), None));
}

/// What `print` writes for values that need no bindings.
fn printed(items: Vec<Expr>, wanted: &str) {
    prints(&Build::default().main(vec![print(items)]), wanted);
}

fn fails(e: Expr, code: &'static str) {
    assert_eq!(run(&Build::default().main(vec![print(vec![e])])), (String::new(), Some(code)));
}

#[test]
fn floats_print_the_shortest_text_of_their_type() {
    let third = 1.0f32 / 3.0;
    printed(
        vec![
            float(0.1f32.into()),
            float(third.into()),
            of(Scalar::F64, 1.0 / 3.0),
            float(1.0),
            float(-0.0),
            of(Scalar::F64, 1e-7),
            of(Scalar::F64, 1e16),
            of(Scalar::F64, 123456789012345.5),
            of(Scalar::F64, 0.0001),
            of(Scalar::F64, 1e15),
            of(Scalar::F64, -2.5e-5),
        ],
        "0.1 0.33333334 0.3333333333333333 1.0 -0.0 1e-7 1e16 123456789012345.5 0.0001 1000000000000000.0 -2.5e-5",
    );
    let divided = |a: f64, b: f64| op(Op::Div, vec![float(a), float(b)]);
    printed(vec![divided(1.0, 0.0), divided(-1.0, 0.0), divided(0.0, 0.0)], "inf -inf nan");
    let tenth = |to| cast(to, of(Scalar::F64, 0.1));
    printed(
        vec![tenth(Scalar::F16), tenth(Scalar::BF16), cast(Scalar::F64, tenth(Scalar::F16))],
        "0.1 0.1 0.0999755859375",
    );
    printed(vec![cast(Scalar::F16, float(70000.0)), cast(Scalar::F16, float(6e-8))], "inf 6e-8");
}

#[test]
fn collections_print_nested_and_quote_strings() {
    let pair = expr(ExprKind::Tuple(vec![text("a\"b"), int(1)]), Type::Tuple([Type::Str, Type::I32].into()));
    let list = expr(ExprKind::List(vec![text("x")]), Type::List(Rc::new(Type::Str)));
    let rows = expr(ExprKind::Literal([2, 0].into(), vec![]), tensor(Type::F32, 2));
    printed(vec![text("raw"), pair, list, rows, unit()], "raw (\"a\\\"b\", 1) [\"x\"] [[], []] ()");
}

#[test]
fn large_tensors_are_cut() {
    let mut b = Build::default();
    let (i, j) = (b.coord("i"), b.coord("j"));
    let body = op(Op::Add, vec![op(Op::Mul, vec![b.read(i), int(1000)]), b.read(j)]);
    let slots = vec![Slot::Coord(binder(i, 0, 2)), Slot::Coord(binder(j, 0, 600))];
    let value = cells(family("t", Type::I32, &[("i", 2), ("j", 600)], vec![clause(slots, body)]));
    prints(
        &b.main(vec![print(vec![value])]),
        "[[0, 1, 2, ..., 597, 598, 599], [1000, 1001, 1002, ..., 1597, 1598, 1599]]",
    );
}

#[test]
fn integers_trap_outside_cells_and_wrap_inside() {
    let overflow = || op(Op::Add, vec![int(2147483647), int(1)]);
    fails(overflow(), "E0904");
    printed(
        vec![cells(family("t", Type::I32, &[("i", 1)], vec![clause(vec![Slot::Fixed(0)], overflow())]))],
        "[-2147483648]",
    );
    printed(vec![reduce(ReduceOp::Sum, vec![], vec![], overflow())], "-2147483648");
    fails(op(Op::Div, vec![int(1), int(0)]), "E0903");
    fails(op(Op::Rem, vec![int(1), int(0)]), "E0903");
    fails(op(Op::Pow, vec![int(2), int(-1)]), "E0904");
    fails(op(Op::Pow, vec![int(10), int(10)]), "E0904");
    fails(op(Op::Neg, vec![of(Scalar::I8, -128.0)]), "E0904");
    let by_zero = op(Op::Div, vec![int(1), int(0)]);
    fails(cells(family("t", Type::I32, &[("i", 1)], vec![clause(vec![Slot::Fixed(0)], by_zero)])), "E0903");
    printed(
        vec![
            op(Op::Div, vec![int(-7), int(2)]),
            op(Op::Rem, vec![int(-7), int(2)]),
            op(Op::Pow, vec![int(-3), int(3)]),
            op(Op::Clamp, vec![int(9), int(0), int(5)]),
            op(Op::Gcd, vec![int(12), int(-18)]),
        ],
        "-3 -1 -27 5 6",
    );
}

#[test]
fn a_call_from_a_cell_traps() {
    let mut b = Build::default();
    let x = b.var("x", Type::I32);
    let body = op(Op::Add, vec![b.read(x), int(1)]);
    let next = b.func("next", vec![x], body);
    let cell = b.call(next, vec![int(2147483647)]);
    let value = cells(family("t", Type::I32, &[("i", 1)], vec![clause(vec![Slot::Fixed(0)], cell)]));
    assert_eq!(run(&b.main(vec![print(vec![value])])).1, Some("E0904"));
}

#[test]
fn casts_saturate_floats_and_wrap_integers() {
    printed(
        vec![
            cast(Scalar::I32, float(3.9)),
            cast(Scalar::I32, float(-1e20)),
            cast(Scalar::U8, float(300.0)),
            cast(Scalar::I64, of(Scalar::F64, f64::NAN)),
            cast(Scalar::U8, int(300)),
            cast(Scalar::I8, int(200)),
            cast(Scalar::F32, int(16777217)),
            cast(Scalar::I32, expr(ExprKind::Bool(true), Type::BOOL)),
        ],
        "3 -2147483648 255 0 44 -56 16777216.0 1",
    );
}

#[test]
fn floats_are_rounded_after_each_operation() {
    let sum = op(Op::Add, vec![float(16777216.0), float(1.0)]);
    printed(vec![op(Op::Sub, vec![sum, float(16777216.0)])], "0.0");
    let halves = op(Op::Add, vec![of(Scalar::F16, 2048.0), of(Scalar::F16, 1.0)]);
    printed(vec![halves], "2048.0");
}

#[test]
fn reductions_of_nothing() {
    let nothing = |reduce_op, body: &Expr| {
        let mut b = Build::default();
        let k = b.coord("k");
        let e = reduce(reduce_op, vec![binder(k, 9, 0)], vec![], body.clone());
        run(&b.main(vec![print(vec![e])]))
    };
    let (one, truth) = (float(1.0), expr(ExprKind::Bool(true), Type::BOOL));
    for (op, body, wanted) in [
        (ReduceOp::Sum, &one, "0.0"),
        (ReduceOp::Prod, &one, "1.0"),
        (ReduceOp::Max, &one, "-inf"),
        (ReduceOp::Min, &one, "inf"),
        (ReduceOp::Any, &truth, "false"),
        (ReduceOp::All, &truth, "true"),
    ] {
        assert_eq!(nothing(op, body), (format!("{wanted}\n"), None));
    }
    for (op, body) in
        [(ReduceOp::Mean, &one), (ReduceOp::ArgMax, &one), (ReduceOp::Max, &int(1)), (ReduceOp::Min, &int(1))]
    {
        assert_eq!(nothing(op, body).1, Some("E0909"));
    }
}

#[test]
fn ties_go_to_the_lowest_index_and_nan_wins() {
    let over = |items: Vec<f64>, reduce_op| {
        let mut b = Build::default();
        let (k, n) = (b.coord("k"), items.len() as i64);
        let cell = load(row(items.into_iter().map(float).collect()), vec![b.read(k)]);
        let e = reduce(reduce_op, vec![binder(k, 0, n)], vec![], cell);
        run(&b.main(vec![print(vec![e])])).0
    };
    assert_eq!(over(vec![1.0, 3.0, 3.0], ReduceOp::ArgMax), "1\n");
    assert_eq!(over(vec![1.0, 1.0, 3.0], ReduceOp::ArgMin), "0\n");
    assert_eq!(over(vec![1.0, f64::NAN, 3.0, f64::NAN], ReduceOp::ArgMax), "1\n");
    assert_eq!(over(vec![1.0, f64::NAN, 3.0], ReduceOp::Max), "nan\n");
    assert_eq!(over(vec![1.0, 2.0, 6.0], ReduceOp::Mean), "3.0\n");
}

#[test]
fn gates_skip_points_and_ranges_depend_on_coordinates() {
    let mut b = Build::default();
    let (i, k) = (b.coord("i"), b.coord("k"));
    let inner = Binder { var: k, lo: long(0), hi: cast(Scalar::I64, b.read(i)) };
    let open = WhereItem::Guard(op(Op::Ne, vec![b.read(k), int(1)]));
    // The gate protects the division.
    let body = op(Op::Div, vec![int(12), op(Op::Sub, vec![b.read(k), int(1)])]);
    let total = reduce(ReduceOp::Sum, vec![inner], vec![open], body);
    let value = cells(family("t", Type::I32, &[("i", 5)], vec![clause(vec![Slot::Coord(binder(i, 0, 5))], total)]));
    prints(&b.main(vec![print(vec![value])]), "[0, -12, -12, 0, 6]");
}

#[test]
fn the_last_open_clause_gives_the_value() {
    let mut b = Build::default();
    let i: Vec<VarId> = (0..4).map(|_| b.coord("i")).collect();
    let slot = |k: usize, lo, hi| vec![Slot::Coord(binder(i[k], lo, hi))];
    let first = clause(slot(0, 0, 4), int(1));
    let mut second = clause(slot(1, 2, 5), int(2));
    second.wheres.push(WhereItem::Guard(op(Op::Ne, vec![b.read(i[1]), int(3)])));
    let mut third = clause(slot(2, 6, 8), op(Op::Div, vec![int(1), int(0)]));
    third.wheres.push(WhereItem::Guard(op(Op::Eq, vec![b.read(i[2]), int(99)])));
    third.otherwise = Some(b.read(i[2]));
    let fixed = clause(vec![Slot::Fixed(0)], int(7));
    let value = cells(family("t", Type::I32, &[("i", 8)], vec![first, second, third, fixed]));
    prints(&b.main(vec![print(vec![value])]), "[7, 1, 2, 1, 2, 0, 6, 7]");
}

/// `h[0] = 1; h[t in 1..n] = h[t - 1] + h[t - lag]` gated where that exists.
fn fibonacci(b: &mut Build, order: Vec<Order>) -> (VarId, Stmt) {
    let (h, t) = (b.var("h", tensor(Type::I32, 1)), b.coord("t"));
    let before = |b: &Build, lag| load(b.read(h), vec![op(Op::Sub, vec![b.read(t), int(lag)])]);
    let step = op(Op::Add, vec![before(b, 1), before(b, 2)]);
    let clauses = vec![
        clause(vec![Slot::Fixed(0)], int(1)),
        clause(vec![Slot::Fixed(1)], int(1)),
        clause(vec![Slot::Coord(binder(t, 2, 10))], step),
    ];
    let families = vec![(h, family("h", Type::I32, &[("t", 10)], clauses))];
    (h, Stmt::Rec(Rc::new(Recurrence { families, order })))
}

#[test]
fn recurrences_are_evaluated_on_demand() {
    let mut b = Build::default();
    // The order is wrong on purpose: nothing reads it.
    let wrong = Order::Steps { axes: vec![(0, 0)], descending: true, body: vec![Order::Cells(0)] };
    let (h, recurrence) = fibonacci(&mut b, vec![wrong]);
    let whole = b.read(h);
    prints(&b.main(vec![recurrence, print(vec![whole])]), "[1, 1, 2, 3, 5, 8, 13, 21, 34, 55]");
}

#[test]
fn families_read_each_other_and_slices_their_past() {
    let mut b = Build::default();
    let (a, c) = (b.var("a", tensor(Type::I32, 2)), b.var("c", tensor(Type::I32, 1)));
    let (s, k, t) = (b.coord("s"), b.coord("k"), b.coord("t"));
    // a[0] = [1, 2]; a[s] = the row k -> a[s - 1, k] + c[s - 1]; c[t] = a[t, 0] * 2
    let past = op(Op::Sub, vec![b.read(s), int(1)]);
    let cell = op(Op::Add, vec![load(b.read(a), vec![past.clone(), b.read(k)]), load(b.read(c), vec![past])]);
    let slice = cells(family("slice", Type::I32, &[("k", 2)], vec![clause(vec![Slot::Coord(binder(k, 0, 2))], cell)]));
    let first = vec![
        clause(vec![Slot::Fixed(0)], row(vec![int(1), int(2)])),
        clause(vec![Slot::Coord(binder(s, 1, 3))], slice),
    ];
    let doubled = op(Op::Mul, vec![load(b.read(a), vec![b.read(t), int(0)]), int(2)]);
    let families = vec![
        (a, family("a", Type::I32, &[("s", 3), ("k", 2)], first)),
        (c, family("c", Type::I32, &[("t", 3)], vec![clause(vec![Slot::Coord(binder(t, 0, 3))], doubled)])),
    ];
    let order = vec![Order::Steps {
        axes: vec![(0, 0), (1, 0)],
        descending: false,
        body: vec![Order::Cells(0), Order::Cells(1)],
    }];
    let printed = print(vec![b.read(a), b.read(c)]);
    prints(
        &b.main(vec![Stmt::Rec(Rc::new(Recurrence { families, order })), printed]),
        "[[1, 2], [3, 4], [9, 10]] [2, 6, 18]",
    );
}

#[test]
fn a_cell_that_needs_itself_is_a_defect() {
    let mut b = Build::default();
    let (h, t) = (b.var("h", tensor(Type::I32, 1)), b.coord("t"));
    let other = op(Op::Sub, vec![int(1), b.read(t)]);
    let clauses = vec![clause(vec![Slot::Coord(binder(t, 0, 2))], load(b.read(h), vec![other]))];
    let families = vec![(h, family("h", Type::I32, &[("t", 2)], clauses))];
    let program = b.main(vec![Stmt::Rec(Rc::new(Recurrence { families, order: vec![Order::Cells(0)] }))]);
    assert_eq!(run(&program).1, Some(oracle::DEFECT));
}

#[test]
fn bounds_are_checked_and_false_proofs_are_defects() {
    let beyond = || load(row(vec![int(1), int(2)]), vec![int(2)]);
    fails(beyond(), "E0902");
    fails(load(row(vec![int(1), int(2)]), vec![int(-1)]), "E0902");
    let mut proven = beyond();
    let ExprKind::Load(load) = &mut proven.kind else { panic!("a load") };
    load.proven[0] = true;
    fails(proven, oracle::DEFECT);
}

#[test]
fn failures_can_be_caught_and_keep_what_was_printed() {
    let mut b = Build::default();
    let r = b.var("r", Type::Tuple([Type::BOOL, Type::I32, Type::Str].into()));
    let failing = block(vec![print(vec![text("before")])], op(Op::Div, vec![int(1), int(0)]));
    let stmts = vec![
        Stmt::Let(r, attempt(failing)),
        print(vec![field(b.read(r), 0), field(b.read(r), 1), field(b.read(r), 2)]),
        Stmt::Do(builtin(Builtin::Panic, vec![text("stop")], Type::Never)),
        print(vec![text("never")]),
    ];
    let program = b.main(stmts);
    let mut out = String::new();
    let failure = oracle::run(&program, &mut out, None).expect_err("a panic");
    assert_eq!(out, "before\nfalse 0 division by zero\n");
    assert_eq!((failure.code, failure.message.as_str()), ("E0910", "stop"));
}

#[test]
fn assertions_show_both_sides() {
    let mut b = Build::default();
    let (x, y) = (b.var("x", Type::I32), b.var("y", Type::I32));
    let assert = Assert {
        cond: op(Op::Eq, vec![b.read(x), b.read(y)]),
        message: Some(text("sums differ")),
        operands: Some((x, y)),
        lets: vec![(x, int(3)), (y, int(4))],
    };
    let program = b.main(vec![Stmt::Do(expr(ExprKind::Assert(Box::new(assert)), Type::Unit))]);
    let failure = oracle::run(&program, &mut String::new(), None).expect_err("an assertion");
    assert_eq!((failure.code, failure.message.as_str()), ("E0901", "sums differ; left is 3; right is 4"));
}

#[test]
fn comprehensions_make_tensors_and_lists() {
    let mut b = Build::default();
    let (x, y, z) = (b.var("x", Type::I32), b.var("y", Type::I32), b.var("z", Type::I32));
    let range = |lo, hi| expr(ExprKind::Range(Box::new(long(lo)), Box::new(long(hi))), Type::Range);
    let clauses = vec![
        CompClause::For(x, range(0, 3)),
        CompClause::For(y, row(vec![int(5), int(0)])),
        CompClause::If(op(Op::Gt, vec![b.read(y), b.read(x)])),
        CompClause::Let(z, op(Op::Mul, vec![b.read(x), int(10)])),
    ];
    let body = op(Op::Add, vec![b.read(z), b.read(y)]);
    let flat =
        expr(ExprKind::Comprehension(Box::new(Comprehension { clauses, body, row: vec![] })), tensor(Type::I32, 1));
    let w = b.var("w", Type::I32);
    let rows = Comprehension {
        clauses: vec![CompClause::For(w, range(0, 0))],
        body: row(vec![b.read(w), int(1)]),
        row: vec![long(2)],
    };
    let empty = expr(ExprKind::Comprehension(Box::new(rows)), tensor(Type::I32, 2));
    let extent = expr(ExprKind::Dim(Box::new(empty), 1), Type::I32);
    prints(&b.main(vec![print(vec![flat, extent])]), "[5, 15, 25] 2");
}

#[test]
fn formats() {
    let format = Format { fill: ' ', align: None, plus: false, zero: false, width: 0, precision: None, kind: None };
    let shown = |value: Expr, format: Format, wanted: &str| {
        let e =
            expr(ExprKind::Interpolate(vec![Piece::Text("<".into()), Piece::Value(value, Some(format))]), Type::Str);
        printed(vec![e], &format!("<{wanted}"));
    };
    let pi = || of(Scalar::F64, std::f64::consts::PI);
    shown(pi(), Format { precision: Some(4), kind: Some('f'), ..format }, "3.1416");
    shown(pi(), Format { zero: true, width: 8, precision: Some(3), kind: Some('f'), ..format }, "0003.142");
    shown(pi(), Format { precision: Some(3), kind: Some('g'), ..format }, "3.14");
    shown(of(Scalar::F64, 12345.678), Format { precision: Some(2), kind: Some('e'), ..format }, "1.23e4");
    shown(float(0.375), Format { precision: Some(1), kind: Some('%'), ..format }, "37.5%");
    shown(float(0.375), Format { kind: Some('g'), ..format }, "0.375");
    shown(int(-42), Format { zero: true, width: 6, kind: Some('d'), ..format }, "-00042");
    shown(int(42), Format { plus: true, kind: Some('d'), ..format }, "+42");
    shown(int(42), Format { zero: true, width: 8, kind: Some('b'), ..format }, "00101010");
    shown(int(42), Format { kind: Some('x'), ..format }, "2a");
    shown(text("cat"), Format { fill: '-', align: Some('^'), width: 8, ..format }, "--cat---");
    shown(text("cat"), Format { width: 6, ..format }, "cat   ");
}

#[test]
fn recursion_ten_thousand_deep_fits_and_endless_recursion_fails() {
    let thread = std::thread::Builder::new().stack_size(1 << 30).spawn(|| {
        for (depth, wanted) in [(10_000, Ok("10000\n")), (10_000_000, Err("E0908"))] {
            let mut b = Build::default();
            let n = b.var("n", Type::I32);
            let next = expr(ExprKind::Call(FuncId(0), vec![op(Op::Sub, vec![b.read(n), int(1)])]), Type::I32);
            let more = op(Op::Add, vec![next, int(1)]);
            let done = op(Op::Le, vec![b.read(n), int(0)]);
            let body = expr(ExprKind::If(Box::new(done), Box::new(int(0)), Box::new(more)), Type::I32);
            let count = b.func("count", vec![n], body);
            let call = b.call(count, vec![int(depth)]);
            let program = b.main(vec![print(vec![call])]);
            let (out, code) = run(&program);
            assert_eq!(code.map_or(Ok(out.as_str()), Err), wanted);
        }
    });
    assert!(thread.is_ok_and(|thread| thread.join().is_ok()));
}

#[test]
fn numpy_files_are_read_back() {
    let folder = std::env::temp_dir().join(format!("oracle-npy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let mut b = Build::default();
    let loaded = builtin(Builtin::LoadNpy, vec![text("a.npy")], Type::Dyn);
    let settle = |ty| builtin(Builtin::Settle, vec![loaded.clone()], ty);
    let r = b.var("r", Type::Tuple([Type::BOOL, tensor(Type::F32, 2), Type::Str].into()));
    let program = {
        let saved = builtin(Builtin::SaveNpy, vec![text("a.npy"), row(vec![float(1.5), float(-2.0)])], Type::Unit);
        let wrong = attempt(settle(tensor(Type::F32, 2)));
        let stmts = vec![
            Stmt::Do(saved),
            print(vec![settle(tensor(Type::F32, 1))]),
            Stmt::Let(r, wrong),
            print(vec![field(b.read(r), 0)]),
            print(vec![builtin(Builtin::LoadNpy, vec![text("b.npy")], Type::Dyn)]),
        ];
        b.main(stmts)
    };
    let mut out = String::new();
    let failure = oracle::run(&program, &mut out, Some(&folder)).expect_err("a missing file");
    assert_eq!((out.as_str(), failure.code), ("[1.5, -2.0]\nfalse\n", "E0906"));
    std::fs::remove_dir_all(&folder).expect("the folder is there");
}
