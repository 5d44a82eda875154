//! Objects: nothing leaks, on no way out.

mod build;

use build::*;
use ir::Scalar;
use ir::loops::*;

const P: Ty = Ty::Ptr;
const I: Ty = Ty::I64;
const F32: LayoutId = LayoutId(0);

fn program(functions: Vec<Function>) -> Module {
    let mut program = module(functions);
    program.layouts = vec![Layout::Scalar(Scalar::F32), Layout::Tensor(F32, 1), Layout::Str, Layout::List(LayoutId(2))];
    program.sites.push(site("E0903", &["/"]));
    program
}

/// A new tensor of rank 1 in local `n`.
fn tensor(n: u32, extent: Ex) -> Vec<St> {
    vec![
        St::Store(I, Ex::Scratch(0), int(0), extent),
        rt("tensor_new", vec![i32(0), i32(1), Ex::Scratch(0)], &[n]),
        own(n),
    ]
}

fn main_with(locals: &[Ty], body: Vec<St>) -> Function {
    function("main", 0, &[], locals, body)
}

#[test]
fn a_million_small_tensors_take_flat_memory() {
    let mut body = tensor(1, int(100));
    body.push(St::Store(Ty::F32, data0(1), int(99), Ex::F32(1.0)));
    body.push(release(1));
    let outcome = run(&program(vec![main_with(&[I, P], vec![count_to(0, int(1_000_000), body)])]));
    assert_eq!((outcome.code(), outcome.live), ("fine", 0));
    assert!(peak_bytes() < 1 << 30, "{} bytes", peak_bytes());
}

fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Owns three tensors, gives one back early, and then fails or not.
fn three_tensors() -> Function {
    let mut body: Vec<St> = (1..=3).flat_map(|n| tensor(n, int(10 * i64::from(n)))).collect();
    body.push(release(1));
    body.push(St::If(cmp(Cmp::SGt, local(0), int(5)), vec![fail(1, vec![])], vec![]));
    body.push(let_(4, add(dim(2, 0), dim(3, 0))));
    body.extend([release(3), release(2), St::Return(vec![local(4)])]);
    function("three", 1, &[I], &[I, P, P, P, I], body)
}

#[test]
fn an_error_gives_back_what_is_owned() {
    let results = room(0i64, 3);
    let attempt = |argument: i64, place: i64| St::Try {
        body: vec![call(1, vec![int(argument)], &[0]), St::Store(I, memory(&results), int(place), local(0))],
        message: Local(1),
        handler: vec![own(1), St::Store(I, memory(&results), int(place), int(-1)), release(1)],
    };
    let body = vec![attempt(1, 0), attempt(9, 1), attempt(2, 2)];
    let outcome = run(&program(vec![main_with(&[I, P], body), three_tensors()]));
    assert_eq!((outcome.code(), outcome.live, results.values()), ("fine", 0, vec![50, -1, 50]));
}

#[test]
fn try_cleans_up_its_own_body_only() {
    let results = room(0i64, 2);
    let mut inner = tensor(2, int(20));
    inner.push(St::Try {
        body: [tensor(3, int(5)), vec![fail(1, vec![])]].concat(),
        message: Local(4),
        // The error of the handler leaves through the outer one.
        handler: vec![own(4), fail(1, vec![])],
    });
    inner.push(release(2));
    let mut body = tensor(1, int(30));
    body.push(St::Try {
        body: inner,
        message: Local(4),
        handler: vec![
            own(4),
            St::Store(I, memory(&results), int(0), Ex::Math("str_len", I, vec![local(4)])),
            release(4),
        ],
    });
    body.push(St::Store(I, memory(&results), int(1), dim(1, 0)));
    body.push(release(1));
    let outcome = run(&program(vec![main_with(&[I, P, P, P, P], body)]));
    assert_eq!((outcome.code(), outcome.live), ("fine", 0));
    assert_eq!(results.values(), ["division by zero".len() as i64, 30]);
}

/// Two owned locals that swap places on the way through a loop, with an error at the end of it.
#[test]
fn owners_may_be_exchanged_in_a_loop() {
    let swap = vec![
        let_(3, local(1)),
        release(2),
        disown(1),
        set(1, local(3)),
        St::Store(I, Ex::Scratch(0), int(0), add(dim(1, 0), int(1))),
        rt("tensor_new", vec![i32(0), i32(1), Ex::Scratch(0)], &[2]),
        own(2),
        own(1),
        St::If(cmp(Cmp::Eq, local(0), int(7)), vec![fail(1, vec![])], vec![]),
    ];
    let mut body = tensor(1, int(1));
    body.extend(tensor(2, int(2)));
    body.push(count_to(0, int(10), swap));
    body.extend([release(2), release(1)]);
    let work = function("work", 0, &[], &[I, P, P, P], body);
    let main = main_with(
        &[P],
        vec![St::Try { body: vec![call(1, vec![], &[])], message: Local(0), handler: vec![release(0)] }],
    );
    let outcome = run(&program(vec![main, work]));
    assert_eq!((outcome.code(), outcome.live), ("fine", 0));
}

#[test]
fn branches_may_end_owning_in_another_order() {
    let results = room(0i64, 1);
    let make = |n: u32, extent| tensor(n, int(extent));
    let mut body = vec![];
    let then = [make(1, 3), make(2, 4)].concat();
    let otherwise = [make(2, 5), make(1, 6)].concat();
    body.push(St::If(cmp(Cmp::SGt, local(0), int(0)), then, otherwise));
    body.push(St::If(cmp(Cmp::Eq, local(0), int(2)), vec![fail(1, vec![])], vec![]));
    body.push(release(2));
    body.push(St::If(cmp(Cmp::Eq, local(0), int(0)), vec![fail(1, vec![])], vec![]));
    body.extend([let_(3, dim(1, 0)), release(1), St::Return(vec![local(3)])]);
    let work = function("work", 1, &[I], &[I, P, P, I], body);
    let attempt = |argument| St::Try {
        body: vec![call(1, vec![int(argument)], &[0]), St::Store(I, memory(&results), int(0), local(0))],
        message: Local(1),
        handler: vec![release(1)],
    };
    let main = main_with(&[I, P], (0..3).map(attempt).collect());
    let outcome = run(&program(vec![main, work]));
    assert_eq!((outcome.code(), outcome.live, results.values()), ("fine", 0, vec![3]));
}

#[test]
fn scratch_and_builders_are_owned_too() {
    let mut data = Vec::new();
    let literal = text(&mut data, "kept", 2);
    let body = vec![
        St::Rt { name: "scratch_new", args: vec![int(1000)], results: vec![Local(0)], site: Some(SiteId(0)) },
        own(0),
        rt("build_new", vec![i32(2)], &[1]),
        own(1),
        literal,
        St::Store(P, local(0), int(3), local(2)),
        rt("build_push", vec![local(1), add(local(0), int(24))], &[]),
        fail(1, vec![]),
    ];
    let work = function("work", 0, &[], &[P, P, P], body);
    let main = main_with(
        &[P],
        vec![St::Try { body: vec![call(1, vec![], &[])], message: Local(0), handler: vec![release(0)] }],
    );
    let mut program = program(vec![main, work]);
    program.data = data;
    let outcome = run(&program);
    assert_eq!((outcome.code(), outcome.live), ("fine", 0));
}

#[test]
fn shared_rows_keep_their_tensor() {
    let results = room(0f32, 1);
    let mut body = tensor(1, int(1000));
    body.extend([
        count_to(
            0,
            int(1000),
            vec![St::Store(Ty::F32, data0(1), local(0), convert(Convert::SintToFloat(Ty::F32), local(0)))],
        ),
        rt("tensor_rows", vec![local(1), int(300), int(600), i32(0)], &[2]),
        own(2),
        release(1),
        rt("tensor_rows", vec![local(2), int(100), int(1), i32(1)], &[3]),
        own(3),
        release(2),
        St::Store(Ty::F32, memory(&results), int(0), load(Ty::F32, data0(3), int(0))),
        release(3),
    ]);
    let outcome = run(&program(vec![main_with(&[I, P, P, P], body)]));
    assert_eq!((outcome.code(), outcome.live, results.values()), ("fine", 0, vec![400.0]));
}

#[test]
fn more_memory_than_there_is_is_an_error() {
    for extent in [1 << 40, i64::MAX] {
        let outcome = run(&program(vec![main_with(&[I, P], [tensor(1, int(extent)), vec![release(1)]].concat())]));
        assert_eq!(outcome.code(), "E0907");
    }
}

#[test]
fn counts_go_up_and_down() {
    let mut body = tensor(0, int(10));
    body.extend([St::Retain(local(0)), let_(1, local(0)), own(1), release(0), let_(2, dim(1, 0)), release(1)]);
    let outcome = run(&program(vec![main_with(&[P, P, I], body)]));
    assert_eq!((outcome.code(), outcome.live), ("fine", 0));
}
