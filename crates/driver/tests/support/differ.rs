//! One generated program, run by machine code and by the oracle.

use super::{checked, loops, without_panic};
use diagnostics::SourceMap;
use ir::Program;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

#[derive(Clone, Default)]
struct Output(Rc<RefCell<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How machine code is made and run.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub opt_level: u8,
    pub threads: usize,
}

impl Machine {
    pub const DEFAULT: Machine = Machine { opt_level: 2, threads: 1 };

    /// Most seeds are planned for one thread; some are not planned, and some run every loop that can be divided on two
    /// or three.
    fn of(seed: u64) -> Machine {
        match seed % 8 {
            1 => Machine { opt_level: 0, ..Machine::DEFAULT },
            3 => Machine { threads: 2, ..Machine::DEFAULT },
            6 => Machine { threads: 3, ..Machine::DEFAULT },
            7 => Machine { opt_level: 1, threads: 2 },
            _ => Machine::DEFAULT,
        }
    }
}

/// Whether machine code and the oracle print the same of a generated program and end in the same way.
pub fn agree(seed: u64, text: &str, stack_bytes: usize) -> Result<(), String> {
    let machine = Machine::of(seed);
    let complain = |what: String| format!("{what}\nseed {seed}, {machine:?}\n{text}");
    without_panic(|| difference(text, machine, stack_bytes)).unwrap_or_else(Err).map_err(complain)
}

/// Whether two programs print the same and end in the same way, as machine code.
pub fn alike(first: &str, second: &str, stack_bytes: usize) -> Result<(), String> {
    let run = |text: &str| {
        let mut sources = SourceMap::default();
        let program = compiled(text, &mut sources)?;
        execute(program, Machine::DEFAULT, stack_bytes)
    };
    let both = || -> Result<(), String> {
        let (a, b) = (run(first).map_err(|e| format!("{e}\n{first}"))?, run(second)?);
        if let Some(difference) = oracle::compare(&a.printed, &b.printed) {
            return Err(format!("{difference}\nfirst\n{}\nsecond\n{}\n{first}", a.printed, b.printed));
        }
        if a.end != b.end {
            return Err(format!("the first ends with {:?}, the second with {:?}\n{first}", a.end, b.end));
        }
        Ok(())
    };
    without_panic(both).unwrap_or_else(Err).map_err(|what| format!("{what}\n{second}"))
}

/// What machine code did.
pub struct Outcome {
    pub printed: String,
    pub end: Option<&'static str>,
    /// Objects that are left.
    pub live: usize,
}

pub fn compiled(text: &str, sources: &mut SourceMap) -> Result<Program, String> {
    checked(text, sources).map_err(|found| {
        let words: String = found.iter().map(|found| diagnostics::render(found, sources, false)).collect();
        format!("does not compile\n{words}")
    })
}

pub fn execute(program: Program, machine: Machine, stack_bytes: usize) -> Result<Outcome, String> {
    let loops = loops(program, machine.opt_level)?;
    let options = codegen::Options { opt_level: machine.opt_level, ..codegen::Options::default() };
    let compiled = codegen::compile(&loops, &options)?;
    let output = Output::default();
    let mut context = runtime::Context::new(stack_bytes, ".", Box::new(output.clone()));
    context.divide_every_loop(machine.threads);
    let end = compiled.run(&mut context).err().map(|failure| failure.code);
    context.flush().map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.0.borrow()).into_owned();
    Ok(Outcome { printed, end, live: context.live_objects() })
}

fn difference(text: &str, machine: Machine, stack_bytes: usize) -> Result<(), String> {
    let mut sources = SourceMap::default();
    let program = compiled(text, &mut sources)?;
    let mut expected = String::new();
    let expected_end = oracle::run(&program, &mut expected, None).err().map(|failure| failure.code);
    let Outcome { printed, end, live } = execute(program, machine, stack_bytes)?;
    if let Some(difference) = oracle::compare(&expected, &printed) {
        return Err(format!("{difference}\nthe oracle prints\n{expected}\nmachine code prints\n{printed}"));
    }
    if expected_end != end {
        return Err(format!("the oracle ends with {expected_end:?}, machine code with {end:?}"));
    }
    if live > 0 && end.is_none() { Err(format!("{live} objects are left")) } else { Ok(()) }
}
