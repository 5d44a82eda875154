//! Runs programs by hand through this crate and machine code.
#![allow(dead_code, reason = "each test takes what it needs")]

use ir::Program;
use optimizer::{Options, constants, inline, lift, overrides, plan, together};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

const STACK: usize = 1 << 30;

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

/// What a program prints, and the code of the error that ends it. One that ends well leaves no object behind.
pub fn run_with(program: &Program, checked: bool) -> (String, Option<&'static str>) {
    let mut program = program.clone();
    assert!(lift(&mut program).is_empty());
    assert_eq!(ir::verify(&program, false), Ok(()), "{program}");
    constants(&mut program);
    overrides(&mut program);
    together(&mut program);
    inline(&mut program);
    assert_eq!(ir::verify(&program, false), Ok(()), "{program}");
    let module = plan(&program, &Options { opt_level: 2, checked, profile: false });
    if let Err(problem) = ir::loops_verify::verify(&module) {
        panic!("{problem}\n{program}\n{module}");
    }
    let output = Output::default();
    let printed = output.clone();
    let (code, live, module) = on_a_large_stack(|| {
        let compiled = codegen::compile(&module, &codegen::Options::default()).expect("verified loops");
        let mut context = runtime::Context::new(STACK, ".", Box::new(output));
        let result = compiled.run(&mut context);
        context.flush().unwrap();
        (result.err().map(|failure| failure.code), context.live_objects(), module.to_string())
    });
    if code.is_none() {
        assert_eq!(live, 0, "objects are left\n{program}\n{module}");
    }
    let text = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    (text, code)
}

pub fn run(program: &Program) -> (String, Option<&'static str>) {
    run_with(program, false)
}

/// The test waits: nothing is used by two threads at once.
struct Moved<T>(T);
unsafe impl<T> Send for Moved<T> {}

impl<T> Moved<T> {
    fn into_inner(self) -> T {
        self.0
    }
}

fn on_a_large_stack<T>(work: impl FnOnce() -> T) -> T {
    let work = Moved(work);
    let inside = move || Moved(work.into_inner()());
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, inside).unwrap();
        thread.join().unwrap().into_inner()
    })
}
