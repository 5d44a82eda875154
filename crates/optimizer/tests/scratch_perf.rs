#[path = "../../ir/tests/build/mod.rs"]
mod build;
mod run;
use build::*;
use ir::*;
use std::time::Instant;

#[test]
fn perf() {
    for n in [2000i64, 4000, 8000] {
        let mut b = Build::default();
        let mut stmts = vec![];
        let mut vars = vec![];
        for k in 0..n {
            let x = b.var("x", tensor(Type::I32, 1));
            let i = b.coord("i");
            let v = if k == 0 { int(1) } else { load(b.read(vars[(k / 2) as usize]), vec![int(1)]) };
            let f = family("x", Type::I32, &[("i", 4)], vec![clause(vec![Slot::Coord(binder(i, 0, 4))], op(Op::Add, vec![v, b.read(i)]))]);
            stmts.push(Stmt::Let(x, cells(f)));
            vars.push(x);
        }
        let last = b.read(*vars.last().unwrap());
        stmts.push(print(vec![last]));
        let p = b.main(stmts);
        let t = Instant::now();
        let m = optimizer::plan(&p, &optimizer::Options { opt_level: 2, checked: false });
        let plan = t.elapsed();
        let t = Instant::now();
        let c = codegen::compile(&m, &codegen::Options::default()).unwrap();
        println!("{n}: plan {plan:?} codegen {:?} funcs {}", t.elapsed(), m.functions.len());
        drop(c);
    }
    // literal clauses
    for n in [500i64, 1000, 2000] {
        let mut b = Build::default();
        let clauses = (0..n).map(|k| clause(vec![Slot::Fixed(k)], int(k))).collect();
        let value = cells(family("t", Type::I32, &[("i", n)], clauses));
        let p = b.main(vec![print(vec![value])]);
        let t = Instant::now();
        let m = optimizer::plan(&p, &optimizer::Options { opt_level: 2, checked: false });
        println!("clauses {n}: {:?}", t.elapsed());
        drop(m);
    }
}

#[test]
fn matmul() {
    let n = 512;
    let mut b = Build::default();
    let (x, y, z) = (b.var("x", tensor(Type::F32, 2)), b.var("y", tensor(Type::F32, 2)), b.var("z", tensor(Type::F32, 2)));
    let mut mk = |b: &mut Build, body: &dyn Fn(&Build, VarId, VarId) -> Expr| {
        let (i, j) = (b.coord("i"), b.coord("j"));
        let e = body(b, i, j);
        cells(family("m", Type::F32, &[("i", n), ("j", n)], vec![clause(vec![Slot::Coord(binder(i, 0, n)), Slot::Coord(binder(j, 0, n))], e)]))
    };
    let xs = mk(&mut b, &|b, i, j| cast(Scalar::F32, op(Op::Add, vec![b.read(i), b.read(j)])));
    let ys = mk(&mut b, &|b, i, j| cast(Scalar::F32, op(Op::Sub, vec![b.read(i), b.read(j)])));
    let k = b.coord("k");
    let zs = mk(&mut b, &|b, i, j| {
        let p = |l: Expr| { let mut l = l; if let ExprKind::Load(q) = &mut l.kind { q.proven.fill(true) } l };
        reduce(ReduceOp::Sum, vec![binder(k, 0, n)], vec![], op(Op::Mul, vec![p(load(b.read(x), vec![b.read(i), b.read(k)])), p(load(b.read(y), vec![b.read(j), b.read(k)]))]))
    });
    let corner = load(b.read(z), vec![int(3), int(4)]);
    let p = b.main(vec![Stmt::Let(x, xs), Stmt::Let(y, ys), Stmt::Let(z, zs), print(vec![corner])]);
    let m = optimizer::plan(&p, &optimizer::Options { opt_level: 2, checked: false });
    println!("{m}");
    let t = Instant::now();
    println!("{:?} {:?}", run::run(&p), t.elapsed());
}
