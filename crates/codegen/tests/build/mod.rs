//! Modules by hand, and running them.
#![allow(dead_code, reason = "every test file uses its own part")]

use codegen::{Compiled, Options, compile};
use diagnostics::{FileId, Span};
use ir::loops::*;
use runtime::{Context, Failure};
use std::cell::UnsafeCell;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

const STACK: usize = 1 << 30;

pub fn local(n: u32) -> Ex {
    Ex::Local(Local(n))
}

pub fn int(value: i64) -> Ex {
    Ex::Int(Ty::I64, value)
}

pub fn i32(value: i32) -> Ex {
    Ex::Int(Ty::I32, i64::from(value))
}

pub fn bin(op: Bin, a: Ex, b: Ex) -> Ex {
    Ex::Bin(op, Box::new(a), Box::new(b))
}

pub fn add(a: Ex, b: Ex) -> Ex {
    bin(Bin::Add, a, b)
}

pub fn cmp(op: Cmp, a: Ex, b: Ex) -> Ex {
    Ex::Cmp(op, Box::new(a), Box::new(b))
}

pub fn convert(to: Convert, a: Ex) -> Ex {
    Ex::Convert(to, Box::new(a))
}

pub fn data0(tensor: u32) -> Ex {
    Ex::Data0(Box::new(local(tensor)))
}

pub fn dim(tensor: u32, axis: u32) -> Ex {
    Ex::Dim(Box::new(local(tensor)), axis)
}

pub fn load(ty: Ty, base: Ex, index: Ex) -> Ex {
    Ex::Load(ty, Box::new(base), Box::new(index))
}

/// Memory of the test that the program writes to.
pub struct Room<T>(Vec<UnsafeCell<T>>);

impl<T: Copy> Room<T> {
    pub fn values(&self) -> Vec<T> {
        // SAFETY: the program has ended.
        self.0.iter().map(|cell| unsafe { cell.get().read() }).collect()
    }
}

pub fn room<T: Copy>(value: T, count: usize) -> Room<T> {
    Room((0..count).map(|_| UnsafeCell::new(value)).collect())
}

/// The test's memory as an address.
pub fn memory<T>(room: &Room<T>) -> Ex {
    Ex::Int(Ty::Ptr, room.0.as_ptr() as i64)
}

/// Values that the program only reads.
pub fn constants<T>(values: &[T]) -> Ex {
    Ex::Int(Ty::Ptr, values.as_ptr() as i64)
}

pub fn let_(n: u32, value: Ex) -> St {
    St::Let(Local(n), value)
}

pub fn set(n: u32, value: Ex) -> St {
    St::Set(Local(n), value)
}

pub fn own(n: u32) -> St {
    St::Own(Local(n))
}

pub fn release(n: u32) -> St {
    St::Release(Local(n))
}

pub fn disown(n: u32) -> St {
    St::Disown(Local(n))
}

pub fn count_to(var: u32, hi: Ex, body: Vec<St>) -> St {
    St::For { var: Local(var), lo: int(0), hi, turns: Turns::Up, body }
}

pub fn call(func: u32, args: Vec<Ex>, results: &[u32]) -> St {
    St::Call { func: FnId(func), args, results: results.iter().map(|n| Local(*n)).collect() }
}

/// A row of the runtime, at site 0 where it takes one.
pub fn rt(name: &'static str, args: Vec<Ex>, results: &[u32]) -> St {
    let site = rt::row(name).site.then_some(SiteId(0));
    St::Rt { name, args, results: results.iter().map(|n| Local(*n)).collect(), site }
}

pub fn fail(site: u32, args: Vec<Ex>) -> St {
    St::Fail { site: SiteId(site), args }
}

pub fn site(code: &'static str, names: &[&str]) -> Site {
    Site { code, span: span(10), names: names.iter().map(|n| n.to_string()).collect(), also: Vec::new() }
}

pub fn span(start: usize) -> Span {
    Span::new(FileId(0), start, start + 1)
}

pub fn function(name: &str, params: u32, results: &[Ty], locals: &[Ty], body: Vec<St>) -> Function {
    Function {
        name: name.to_string(),
        params: (0..params).map(Local).collect(),
        results: results.to_vec(),
        locals: locals.to_vec(),
        names: vec![String::new(); locals.len()],
        scratch: 256,
        body,
        recursive: false,
        span: span(0),
    }
}

/// A module whose first function is the entry.
pub fn module(functions: Vec<Function>) -> Module {
    let sites = vec![site("E0907", &[])];
    Module { functions, entry: Some(FnId(0)), sites, ..Module::default() }
}

/// A string literal in the module's data, made into local `n`.
pub fn text(module: &mut Vec<std::rc::Rc<[u8]>>, text: &str, n: u32) -> St {
    module.push(text.as_bytes().into());
    rt("str_from", vec![Ex::Data(module.len() as u32 - 1), int(text.len() as i64)], &[n])
}

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
pub struct Outcome {
    pub failure: Option<Failure>,
    pub output: String,
    pub live: usize,
}

impl Outcome {
    pub fn code(&self) -> &str {
        self.failure.as_ref().map_or("fine", |failure| failure.code)
    }
}

pub fn compiled(module: &Module, opt_level: u8) -> Compiled {
    compile(module, &Options { opt_level, keep_text: false, threads: None }).unwrap()
}

/// Runs a module, optimised and not; both have to come to the same.
pub fn run(module: &Module) -> Outcome {
    let once = |opt_level| {
        let compiled = compiled(module, opt_level);
        on_a_large_stack(|| run_here(&compiled))
    };
    let (fast, good) = (once(0), once(2));
    assert_eq!(format!("{fast:?}"), format!("{good:?}"));
    good
}

pub fn run_here(compiled: &Compiled) -> Outcome {
    let output = Output::default();
    let mut context = Context::new(STACK, std::env::temp_dir(), Box::new(output.clone()));
    let failure = compiled.run(&mut context).err();
    context.flush().unwrap();
    let output = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
    Outcome { failure, output, live: context.live_objects() }
}

struct Shared<T>(T);

// SAFETY: the other thread has the value to itself while this one waits for it.
unsafe impl<T> Send for Shared<T> {}

impl<T> Shared<T> {
    fn take(self) -> T {
        self.0
    }
}

pub fn on_a_large_stack<T: Send>(work: impl FnOnce() -> T) -> T {
    let work = Shared(work);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        thread.spawn_scoped(scope, move || work.take()()).unwrap().join().unwrap()
    })
}
