//! Loops, branches, calls, recursion and errors.

mod build;

use build::*;
use ir::loops::*;

const I: Ty = Ty::I64;

fn store(results: &Room<i64>, place: Ex, value: Ex) -> St {
    St::Store(I, memory(results), place, value)
}

#[test]
fn loops_count_up_and_down() {
    let results = room(0i64, 4);
    let push = |n| set(n, add(bin(Bin::Mul, local(n), int(10)), local(0)));
    let down = |hi, n| St::For { var: Local(0), lo: int(1), hi: int(hi), turns: Turns::Down, body: vec![push(n)] };
    let body = vec![
        let_(1, int(0)),
        let_(2, int(0)),
        let_(3, int(7)),
        St::For { var: Local(0), lo: int(1), hi: int(5), turns: Turns::Up, body: vec![push(1)] },
        down(5, 2),
        down(1, 3),
        St::For { var: Local(0), lo: int(9), hi: int(0), turns: Turns::Up, body: vec![push(3)] },
        store(&results, int(0), local(1)),
        store(&results, int(1), local(2)),
        store(&results, int(2), local(3)),
    ];
    assert_eq!(run(&module(vec![function("main", 0, &[], &[I; 4], body)])).code(), "fine");
    assert_eq!(results.values(), [1234, 4321, 7, 0]);
}

#[test]
fn breaks_leave_the_innermost_loop() {
    let results = room(0i64, 2);
    let when = |condition, then| St::If(condition, then, vec![]);
    let body = vec![
        let_(0, int(0)),
        let_(1, int(0)),
        St::Loop(vec![
            set(0, add(local(0), int(1))),
            when(cmp(Cmp::SGt, local(0), int(10)), vec![St::Break]),
            count_to(
                2,
                int(100),
                vec![when(cmp(Cmp::Eq, local(2), local(0)), vec![St::Break]), set(1, add(local(1), int(1)))],
            ),
        ]),
        store(&results, int(0), local(0)),
        store(&results, int(1), local(1)),
    ];
    run(&module(vec![function("main", 0, &[], &[I; 3], body)]));
    assert_eq!(results.values(), [11, 55]);
}

#[test]
fn functions_have_many_results_of_all_types() {
    let results = room(0i64, 6);
    let types = [Ty::I64, Ty::F64, Ty::I8, Ty::F32, Ty::I32, Ty::F64];
    let values = vec![
        local(0),
        Ex::F64(1.5),
        Ex::Int(Ty::I8, -3),
        Ex::F32(2.5),
        i32(-4),
        convert(Convert::SintToFloat(Ty::F64), local(0)),
    ];
    let callee = function("six", 1, &types, &[I], vec![St::Return(values)]);
    let mut body = vec![call(1, vec![int(42)], &[0, 1, 2, 3, 4, 5])];
    let as_int = |n: u32, ty: Ty| {
        if ty.is_float() { convert(Convert::FloatToSint(I), local(n)) } else { convert(Convert::Sext(I), local(n)) }
    };
    for (n, ty) in types.iter().enumerate() {
        body.push(store(&results, int(n as i64), as_int(n as u32, *ty)));
    }
    run(&module(vec![function("main", 0, &[], &types, body), callee]));
    assert_eq!(results.values(), [42, 1, -3, 2, -4, 42]);
}

fn fibonacci(number: u32) -> Function {
    let minus = |k| bin(Bin::Sub, local(0), int(k));
    let body = vec![
        St::If(cmp(Cmp::SLt, local(0), int(2)), vec![St::Return(vec![local(0)])], vec![]),
        call(number, vec![minus(1)], &[1]),
        call(number, vec![minus(2)], &[2]),
        St::Return(vec![add(local(1), local(2))]),
    ];
    Function { recursive: true, ..function("fibonacci", 1, &[I], &[I; 3], body) }
}

#[test]
fn recursion() {
    let results = room(0i64, 1);
    let body = vec![call(1, vec![int(20)], &[0]), store(&results, int(0), local(0))];
    run(&module(vec![function("main", 0, &[], &[I], body), fibonacci(1)]));
    assert_eq!(results.values(), [6765]);
}

#[test]
fn what_is_seldom_called_is_compiled_when_it_is() {
    let results = room(0i64, 2);
    let mut body = Vec::new();
    for (place, number) in [20, 10].into_iter().enumerate() {
        body.extend([call(1, vec![int(number)], &[0]), store(&results, int(place as i64), local(0))]);
    }
    let caller = |number| {
        let body = vec![call(number, vec![local(0)], &[1]), St::Return(vec![local(1)])];
        function("caller", 1, &[I], &[I; 2], body)
    };
    let mut program = module(vec![function("main", 0, &[], &[I], body), caller(2), fibonacci(2), deep(3, 64)]);
    program.seldom = vec![FnId(1), FnId(2), FnId(3)];
    assert_eq!(run(&program).code(), "fine");
    assert_eq!(results.values(), [6765, 55]);
    // Its errors are those of any other function.
    program.functions[1] = caller(3);
    program.functions[0].body = vec![call(1, vec![int(-1)], &[0])];
    assert_eq!(run(&program).code(), "E0908");
}

/// `depth(n) = if n == 0 { 0 } else { 1 + depth(n - 1) }`, with a frame of that many bytes.
fn deep(number: u32, frame: u32) -> Function {
    let body = vec![
        St::If(cmp(Cmp::Eq, local(0), int(0)), vec![St::Return(vec![int(0)])], vec![]),
        St::Store(I, Ex::Scratch(0), int(0), local(0)),
        call(number, vec![bin(Bin::Sub, local(0), int(1))], &[1]),
        St::Return(vec![add(local(1), int(1))]),
    ];
    Function { recursive: true, scratch: frame, span: span(77), ..function("deep", 1, &[I], &[I; 2], body) }
}

#[test]
fn deep_recursion_fits_and_endless_recursion_is_an_error() {
    let results = room(0i64, 1);
    let program = |depth, frame| {
        let body = vec![call(1, vec![int(depth)], &[0]), store(&results, int(0), local(0))];
        run(&module(vec![function("main", 0, &[], &[I], body), deep(1, frame)]))
    };
    assert_eq!(program(10_000, 64 << 10).code(), "fine");
    assert_eq!(results.values(), [10_000]);
    assert_eq!(program(1_000_000, 64).code(), "fine");
    let failure = program(-1, 64).failure.unwrap();
    assert_eq!((failure.code, failure.span), ("E0908", span(77)));
    assert_eq!(program(-1, 512 << 10).code(), "E0908");
}

#[test]
fn errors_carry_their_site_and_arguments() {
    let body = vec![
        let_(0, int(111)),
        St::If(cmp(Cmp::SGe, local(0), int(64)), vec![fail(1, vec![local(0), int(64)])], vec![]),
    ];
    let mut program = module(vec![function("main", 0, &[], &[I], body)]);
    program.sites.push(site("E0902", &["class", "shade"]));
    program.sites[1].also.push((span(30), "`shade` is made here".to_string()));
    let failure = run(&program).failure.unwrap();
    assert_eq!(failure.message, "index 111 is outside the extent 64 of `class` in `shade`");
    assert_eq!(failure.labels[1], (span(30), "`shade` is made here".to_string()));
    assert_eq!(failure.diagnostic().span(), span(10));
}

#[test]
fn errors_pass_through_callers() {
    let results = room(0i64, 1);
    let failing = function("failing", 1, &[Ty::F64, I], &[I], vec![fail(1, vec![])]);
    let middle =
        function("middle", 0, &[I], &[Ty::F64, I], vec![call(2, vec![int(1)], &[0, 1]), St::Return(vec![local(1)])]);
    let body = vec![call(1, vec![], &[0]), store(&results, int(0), int(1))];
    let mut program = module(vec![function("main", 0, &[], &[I], body), middle, failing]);
    program.sites.push(site("E0903", &["/"]));
    let outcome = run(&program);
    assert_eq!((outcome.code(), results.values()), ("E0903", vec![0]));
}

#[test]
fn texts_of_the_stages_are_kept_on_request() {
    let program = module(vec![function("main", 0, &[], &[], vec![])]);
    let options = codegen::Options { opt_level: 2, keep_text: true, threads: None };
    let compiled = codegen::compile(&program, &options).unwrap();
    assert!(compiled.clif().starts_with("; main\nfunction u0:0(i64) -> i32"), "{}", compiled.clif());
    assert!(compiled.asm().contains("ret"), "{}", compiled.asm());
}

#[test]
fn what_the_verifier_refuses_is_no_program() {
    let program = module(vec![function("main", 0, &[], &[I], vec![let_(0, Ex::F32(1.0))])]);
    let error = codegen::compile(&program, &codegen::Options::default()).err().unwrap();
    assert_eq!(error, "in `main`: the value of %0 is f32, not i64");
}

/// Enough functions for several threads, each with calls into others.
#[test]
fn many_functions() {
    let results = room(0i64, 1);
    let count = 500u32;
    let chain = |n: u32| {
        let next = if n == count { St::Return(vec![local(0)]) } else { call(n + 1, vec![add(local(0), int(1))], &[1]) };
        function(&format!("f{n}"), 1, &[I], &[I; 2], vec![next, St::Return(vec![local(1)])])
    };
    let mut functions =
        vec![function("main", 0, &[], &[I], vec![call(1, vec![int(0)], &[0]), store(&results, int(0), local(0))])];
    functions.extend((1..=count).map(chain));
    run(&module(functions));
    assert_eq!(results.values(), [i64::from(count) - 1]);
}

/// More locals than registers are given to: those outside of loops are in memory.
#[test]
fn long_scripts() {
    let results = room(0i64, 2);
    let count = 3000u32;
    let mut body = vec![let_(0, int(0)), let_(count, int(0))];
    for n in 1..count {
        body.push(let_(n, add(local(n - 1), int(1))));
        body.push(St::If(cmp(Cmp::SLt, local(n), int(0)), vec![fail(0, vec![local(n)])], vec![]));
        if n == count / 2 {
            let more = vec![set(count, add(local(count), add(local(count + 1), local(n))))];
            body.push(count_to(count + 1, int(10), more));
        }
    }
    body.push(store(&results, int(0), local(count - 1)));
    body.push(store(&results, int(1), local(count)));
    let mut program = module(vec![function("main", 0, &[], &vec![I; count as usize + 2], body)]);
    program.sites[0] = site("E0903", &["/"]);
    assert_eq!(run(&program).code(), "fine");
    assert_eq!(results.values(), [2999, 45 + 10 * 1500]);
}
