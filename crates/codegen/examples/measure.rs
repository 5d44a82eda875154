#[path = "../tests/build/mod.rs"]
mod build;
use build::*;
use ir::loops::*;
use std::time::Instant;
const I: Ty = Ty::I64;
fn small(n: u32, count: u32) -> Function {
    let mut body = vec![];
    for k in 1..20 { body.push(let_(k, add(bin(Bin::Mul, local(k - 1), int(3)), int(k as i64)))); }
    body.push(St::If(cmp(Cmp::SGt, local(19), int(1000)), vec![fail(1, vec![local(19)])], vec![]));
    body.push(if n < count { call(n + 1, vec![int(0)], &[20]) } else { let_(20, int(1)) });
    body.push(St::Return(vec![add(local(20), local(19))]));
    function("f", 1, &[I], &[I; 21], body)
}
fn fib() -> Function {
    let minus = |k| bin(Bin::Sub, local(0), int(k));
    let body = vec![
        St::If(cmp(Cmp::SLt, local(0), int(2)), vec![St::Return(vec![local(0)])], vec![]),
        call(1, vec![minus(1)], &[1]),
        call(1, vec![minus(2)], &[2]),
        St::Return(vec![add(local(1), local(2))]),
    ];
    Function { recursive: true, ..function("fibonacci", 1, &[I], &[I; 3], body) }
}
fn time(name: &str, m: &Module) {
    let mut m = m.clone(); m.sites.push(site("E0903", &["/"])); let m = &m;
    for _ in 0..3 {
        let t = Instant::now();
        let c = compiled(m, 2);
        let a = t.elapsed();
        let t = Instant::now();
        on_a_large_stack(|| run_here(&c));
        println!("{name}: compile {a:?} run {:?}", t.elapsed());
    }
}
fn main() {
    on_a_large_stack(|| {
        let mut script = vec![];
        let mut data = vec![];
        script.push(text(&mut data, "hello", 0));
        script.push(own(0));
        script.push(rt("print_line", vec![local(0)], &[]));
        script.push(release(0));
        let mut m = module(vec![function("main", 0, &[], &[Ty::Ptr], script)]);
        m.data = data;
        time("hello", &m);
        for count in [49u32, 2000] {
            let mut fs = vec![function("main", 0, &[], &[I], vec![call(1, vec![int(0)], &[0])])];
            fs.extend((1..=count).map(|n| small(n, count)));
            time(&format!("small {count}"), &module(fs));
        }
        let m = module(vec![function("main", 0, &[], &[I], vec![call(1, vec![int(38)], &[0])]), fib()]);
        time("fib38", &m);
        let n = 1 << 20;
        let xs = room(1.5f32, n);
        let ys = room(0f32, 1);
        // sum += x[i] * x[i], 100 times
        let body = vec![
            let_(2, Ex::F32(0.0)),
            count_to(0, int(100), vec![count_to(1, int(n as i64), vec![
                let_(3, load(Ty::F32, memory(&xs), local(1))),
                set(2, add(local(2), bin(Bin::Mul, local(3), local(3))))])]),
            St::Store(Ty::F32, memory(&ys), int(0), local(2)),
        ];
        let m = module(vec![function("main", 0, &[], &[I, I, Ty::F32, Ty::F32], body)]);
        time("dot 100M", &m);
        let mut big = vec![let_(0, int(1))];
        for k in 1..20000u32 {
            big.push(let_(k, add(local(k-1), int(k as i64))));
            big.push(St::If(cmp(Cmp::SLt, local(k), int(0)), vec![fail(1, vec![local(k)])], vec![]));
        }
        time("one big", &module(vec![function("main", 0, &[], &[I; 20000], big)]));
        // straight-line script with many tensors owned
        let mut big = vec![];
        for k in 0..3000u32 {
            big.push(St::Store(I, Ex::Scratch(0), int(0), int(10)));
            big.push(rt("tensor_new", vec![i32(0), i32(1), Ex::Scratch(0)], &[k]));
            big.push(own(k));
        }
        for k in 0..3000u32 { big.push(release(k)); }
        let mut m = module(vec![function("main", 0, &[], &[Ty::Ptr; 3000], big.clone())]);
        m.layouts = vec![Layout::Scalar(ir::Scalar::F32)];
        time("3000 tensors in main", &m);
        let mut m = module(vec![function("main", 0, &[], &[], vec![call(1, vec![], &[])]), function("f", 0, &[], &[Ty::Ptr; 3000], big)]);
        m.layouts = vec![Layout::Scalar(ir::Scalar::F32)];
        time("3000 tensors in f", &m);
    });
    let m = module(vec![function("main", 0, &[], &[I], vec![call(1, vec![int(38)], &[0])]), fib()]);
    let c = codegen::compile(&m, &codegen::Options { opt_level: 2, keep_text: true }).unwrap();
    println!("{}{}", c.clif(), c.asm());
}
