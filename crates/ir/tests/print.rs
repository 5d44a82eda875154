//! The printed form of programs.

mod build;

use build::*;
use ir::*;
use std::rc::Rc;

#[test]
fn families_show_their_coordinates() {
    let mut b = Build::default();
    let a = b.named("A", tensor(Type::F32, 2), &["i", "k"]);
    let c = b.named("C", tensor(Type::F32, 2), &["i", "j"]);
    let (i, j, k) = (b.coord("i"), b.coord("j"), b.coord("k"));
    let product = op(
        Op::Mul,
        vec![
            load(b.read(a), vec![b.read(i), b.read(k)]),
            load(b.read(a), vec![b.read(k), op(Op::Add, vec![b.read(j), int(1)])]),
        ],
    );
    let body = reduce(ReduceOp::Sum, vec![binder(k, 0, 5)], vec![], product);
    let mut clause = clause(vec![Slot::Coord(binder(i, 0, 3)), Slot::Coord(binder(j, 0, 4))], body);
    clause.wheres.push(WhereItem::Guard(op(Op::Lt, vec![b.read(i), b.read(j)])));
    clause.otherwise = Some(float(-0.5));
    let value = cells(family("C", Type::F32, &[("i", 3), ("j", 4)], vec![clause]));
    b.func("product", vec![a], block(vec![Stmt::Let(c, value)], b.read(c)));
    assert_eq!(
        b.program.to_string(),
        "\
fn product(A: [f32; ?, ?]) -> [f32; ?, ?] {
    let C[i: 0..3, j: 0..4]: f32 = sum[k: 0..5](A[i?, k?] * A[k?, (j + 1)?]) where i < j else -0.5;
    C
}
"
    );
}

#[test]
fn recurrences_show_clauses_and_order() {
    let mut b = Build::default();
    let h = b.named("h", tensor(Type::I32, 1), &["t"]);
    let t = b.coord("t");
    let step = load(b.read(h), vec![op(Op::Sub, vec![b.read(t), int(1)])]);
    let clauses = vec![clause(vec![Slot::Fixed(0)], int(1)), clause(vec![Slot::Coord(binder(t, 1, 9))], step)];
    let order = vec![Order::Steps { axes: vec![(0, 0)], descending: false, body: vec![Order::Cells(0)] }];
    let recurrence = Recurrence { families: vec![(h, family("h", Type::I32, &[("t", 9)], clauses))], order };
    let program = b.main(vec![Stmt::Rec(Rc::new(recurrence))]);
    assert_eq!(
        program.to_string(),
        "\
fn main() -> () {
    rec {
        h[t: 0..9]: i32 {
            [0] = 1;
            [t in 1..9] = h[(t - 1)?];
        }
        order up h.t { h }
    }
    ()
}
"
    );
}

#[test]
fn only_a_variable_that_shadows_shows_its_id() {
    let mut b = Build::default();
    let (outer, inner, after) = (b.var("x", Type::I32), b.var("x", Type::F32), b.var("y", Type::I32));
    let nested = block(vec![Stmt::Let(inner, cast(Scalar::F32, b.read(outer)))], b.read(inner));
    let stmts = vec![
        Stmt::Let(outer, int(2)),
        print(vec![nested]),
        Stmt::Let(after, op(Op::Neg, vec![op(Op::Mul, vec![b.read(outer), int(-3)])])),
    ];
    let func = b.main(stmts);
    assert_eq!(
        print_func(&func, &func.funcs[0]),
        "\
fn main() -> () {
    let x: i32 = 2;
    Print({
        let x%1: f32 = x as f32;
        x%1
    });
    let y: i32 = -(x * (-3));
    ()
}
"
    );
}

#[test]
fn deep_nesting_prints_in_linear_time() {
    let run = || {
        let mut b = Build::default();
        let mut value = int(0);
        for _ in 0..1_000 {
            let var = b.var("x", Type::I32);
            value = block(vec![Stmt::Let(var, value)], b.read(var));
        }
        // Indentation alone grows with the depth, so the text is compared without it.
        let text = print_expr(&b.program, &value);
        assert_eq!(text.matches("let x").count(), 1_000);
        std::mem::forget(value);
    };
    let thread = std::thread::Builder::new().stack_size(1 << 30).spawn(run);
    assert!(thread.is_ok_and(|thread| thread.join().is_ok()));
}
