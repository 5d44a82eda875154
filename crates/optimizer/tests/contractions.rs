//! Sums of products, and functions of many cells: the same numbers as cell by cell.

#[path = "../../ir/tests/build/mod.rs"]
mod build;
mod run;

use build::*;
use ir::*;
use run::run;

const ROWS: i64 = 20;
const COMMON: i64 = 30;
const COLUMNS: i64 = 25;

fn coord(var: VarId, lo: i64, hi: i64) -> Slot {
    Slot::Coord(binder(var, lo, hi))
}

fn number(e: Expr) -> Expr {
    cast(Scalar::F64, e)
}

fn mul(a: Expr, b: Expr) -> Expr {
    op(Op::Mul, vec![a, b])
}

/// `let name[i in 0..rows, j in 0..columns] = (i * 3 + j * 5) % 7` as floats.
fn matrix(b: &mut Build, name: &str, rows: i64, columns: i64) -> (VarId, Stmt) {
    let (i, j) = (b.coord("i"), b.coord("j"));
    let index = op(Op::Add, vec![mul(b.read(i), int(3)), mul(b.read(j), int(5))]);
    let body = number(op(Op::Rem, vec![index, int(7)]));
    let slots = vec![coord(i, 0, rows), coord(j, 0, columns)];
    let cells = cells(family(name, Type::F64, &[("i", rows), ("j", columns)], vec![clause(slots, body)]));
    let var = b.var(name, tensor(Type::F64, 2));
    (var, Stmt::Let(var, cells))
}

fn cell(i: i64, j: i64) -> f64 {
    ((i * 3 + j * 5) % 7) as f64
}

fn both(b: &mut Build) -> (VarId, VarId, Vec<Stmt>) {
    let (a, first) = matrix(b, "A", ROWS, COMMON);
    let (c, second) = matrix(b, "B", COMMON, COLUMNS);
    (a, c, vec![first, second])
}

/// `C[i, j] = body` and what its cells come to: all of them, and two corners.
fn printed(mut b: Build, mut stmts: Vec<Stmt>, i: VarId, j: VarId, body: Expr) -> String {
    let slots = vec![coord(i, 0, ROWS), coord(j, 0, COLUMNS)];
    let all = family("C", Type::F64, &[("i", ROWS), ("j", COLUMNS)], vec![clause(slots, body)]);
    let c = b.var("C", tensor(Type::F64, 2));
    stmts.push(Stmt::Let(c, cells(all)));
    let (p, q) = (b.coord("p"), b.coord("q"));
    let weight = number(op(Op::Add, vec![mul(b.read(p), int(2)), b.read(q)]));
    let point = mul(load(b.read(c), vec![b.read(p), b.read(q)]), weight);
    let total = reduce(ReduceOp::Sum, vec![binder(p, 0, ROWS), binder(q, 0, COLUMNS)], vec![], point);
    let last = load(b.read(c), vec![int(ROWS - 1), int(COLUMNS - 1)]);
    stmts.push(print(vec![total, last]));
    let (text, error) = run(&b.main(stmts));
    assert_eq!(error, None);
    text
}

fn wanted(cells: impl Fn(i64, i64) -> f64) -> String {
    let points = (0..ROWS).flat_map(|i| (0..COLUMNS).map(move |j| (i, j)));
    let total: f64 = points.map(|(i, j)| cells(i, j) * (2 * i + j) as f64).sum();
    format!("{total:?} {:?}\n", cells(ROWS - 1, COLUMNS - 1))
}

fn product(i: i64, j: i64, points: impl Iterator<Item = i64>) -> f64 {
    points.map(|k| cell(i, k) * cell(k, j)).sum()
}

#[test]
fn a_product_is_the_whole_cell() {
    let mut b = Build::default();
    let (left, right, stmts) = both(&mut b);
    let (i, j, k) = (b.coord("i"), b.coord("j"), b.coord("k"));
    let body = mul(load(b.read(left), vec![b.read(i), b.read(k)]), load(b.read(right), vec![b.read(k), b.read(j)]));
    let sum = reduce(ReduceOp::Sum, vec![binder(k, 0, COMMON)], vec![], body);
    assert_eq!(printed(b, stmts, i, j, sum), wanted(|i, j| product(i, j, 0..COMMON)));
}

#[test]
fn a_product_is_part_of_the_cell() {
    let mut b = Build::default();
    let (left, right, stmts) = both(&mut b);
    let (i, j, k) = (b.coord("i"), b.coord("j"), b.coord("k"));
    let scale = number(b.read(i));
    let factors = mul(load(b.read(left), vec![b.read(i), b.read(k)]), load(b.read(right), vec![b.read(k), b.read(j)]));
    let sum = reduce(ReduceOp::Sum, vec![binder(k, 0, COMMON)], vec![], mul(op(Op::Neg, vec![scale]), factors));
    let body = op(Op::Add, vec![op(Op::Max, vec![sum, of(Scalar::F64, -1000.0)]), number(b.read(j))]);
    let cells = |i: i64, j: i64| (-(i as f64) * product(i, j, 0..COMMON)).max(-1000.0) + j as f64;
    assert_eq!(printed(b, stmts, i, j, body), wanted(cells));
}

#[test]
fn guards_that_compare_coordinates_cut_the_product() {
    let mut b = Build::default();
    let (left, right, stmts) = both(&mut b);
    let (i, j, k) = (b.coord("i"), b.coord("j"), b.coord("k"));
    let factors = mul(load(b.read(left), vec![b.read(i), b.read(k)]), load(b.read(right), vec![b.read(k), b.read(j)]));
    let guards = vec![
        WhereItem::Guard(op(Op::Lt, vec![b.read(i), int(13)])),
        WhereItem::Guard(op(Op::Le, vec![int(4), b.read(j)])),
        WhereItem::Guard(op(Op::Gt, vec![op(Op::Add, vec![b.read(k), int(2)]), int(5)])),
    ];
    let sum = reduce(ReduceOp::Sum, vec![binder(k, 0, COMMON)], guards, factors);
    let cells = |i: i64, j: i64| if i < 13 && j >= 4 { product(i, j, 4..COMMON) } else { 0.0 };
    assert_eq!(printed(b, stmts, i, j, sum), wanted(cells));
}

#[test]
fn more_than_two_factors_are_multiplied_before() {
    let mut b = Build::default();
    let (left, right, stmts) = both(&mut b);
    let (i, j, k) = (b.coord("i"), b.coord("j"), b.coord("k"));
    let factors = mul(load(b.read(left), vec![b.read(i), b.read(k)]), load(b.read(right), vec![b.read(k), b.read(j)]));
    let weighted = mul(factors, number(b.read(k)));
    let sum = reduce(ReduceOp::Sum, vec![binder(k, 0, COMMON)], vec![], weighted);
    let cells = |i: i64, j: i64| (0..COMMON).map(|k| cell(i, k) * cell(k, j) * k as f64).sum();
    assert_eq!(printed(b, stmts, i, j, sum), wanted(cells));
}

#[test]
fn reading_outside_is_still_an_error() {
    let mut b = Build::default();
    let (left, right, mut stmts) = both(&mut b);
    let (i, j, k) = (b.coord("i"), b.coord("j"), b.coord("k"));
    let factors = mul(load(b.read(left), vec![b.read(i), b.read(k)]), load(b.read(right), vec![b.read(k), b.read(j)]));
    let sum = reduce(ReduceOp::Sum, vec![binder(k, 0, COMMON + 1)], vec![], factors);
    let slots = vec![coord(i, 0, ROWS), coord(j, 0, COLUMNS)];
    let all = family("C", Type::F64, &[("i", ROWS), ("j", COLUMNS)], vec![clause(slots, sum)]);
    let c = b.var("C", tensor(Type::F64, 2));
    stmts.push(Stmt::Let(c, cells(all)));
    stmts.push(print(vec![load(b.read(c), vec![int(0), int(0)])]));
    assert_eq!(run(&b.main(stmts)).1, Some("E0902"));
}

#[test]
fn functions_of_many_cells() {
    let mut b = Build::default();
    let i = b.coord("i");
    const MANY: i64 = 600;
    let x = mul(number(b.read(i)), of(Scalar::F64, 0.01));
    let body = op(Op::Tanh, vec![op(Op::Exp, vec![op(Op::Neg, vec![x])])]);
    let all = family("y", Type::F64, &[("i", MANY)], vec![clause(vec![coord(i, 0, MANY)], body)]);
    let y = b.var("y", tensor(Type::F64, 1));
    let k = b.coord("k");
    let point = load(b.read(y), vec![b.read(k)]);
    let total = reduce(ReduceOp::Sum, vec![binder(k, 0, MANY)], vec![], point);
    let (text, error) = run(&b.main(vec![Stmt::Let(y, cells(all)), print(vec![total])]));
    assert_eq!(error, None);
    let wanted: f64 = (0..MANY).map(|i| (-(i as f64) * 0.01).exp().tanh()).sum();
    let got: f64 = text.trim().parse().expect("a number");
    assert!((got - wanted).abs() <= 1e-12 * wanted, "{got} instead of {wanted}");
}
