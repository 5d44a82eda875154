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

/// Whether both print the same and end in the same way.
pub fn agree(seed: u64, stack_bytes: usize) -> Result<(), String> {
    let text = oracle::generate::program(seed);
    let complain = |what: String| format!("{what}\nseed {seed}\n{text}");
    without_panic(|| difference(&text, stack_bytes)).unwrap_or_else(Err).map_err(complain)
}

/// Whether two programs print the same and end in the same way, as machine code.
pub fn alike(first: &str, second: &str, stack_bytes: usize) -> Result<(), String> {
    let run = |text: &str| {
        let mut sources = SourceMap::default();
        let program = compiled(text, &mut sources)?;
        execute(program, stack_bytes)
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

pub fn execute(program: Program, stack_bytes: usize) -> Result<Outcome, String> {
    let loops = loops(program)?;
    let compiled = codegen::compile(&loops, &codegen::Options::default())?;
    let output = Output::default();
    let mut context = runtime::Context::new(stack_bytes, ".", Box::new(output.clone()));
    let end = compiled.run(&mut context).err().map(|failure| failure.code);
    context.flush().map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.0.borrow()).into_owned();
    Ok(Outcome { printed, end, live: context.live_objects() })
}

fn difference(text: &str, stack_bytes: usize) -> Result<(), String> {
    let mut sources = SourceMap::default();
    let program = compiled(text, &mut sources)?;
    let mut expected = String::new();
    let expected_end = oracle::run(&program, &mut expected, None).err().map(|failure| failure.code);
    let Outcome { printed, end, live } = execute(program, stack_bytes)?;
    if let Some(difference) = oracle::compare(&expected, &printed) {
        return Err(format!("{difference}\nthe oracle prints\n{expected}\nmachine code prints\n{printed}"));
    }
    if expected_end != end {
        return Err(format!("the oracle ends with {expected_end:?}, machine code with {end:?}"));
    }
    if live > 0 && end.is_none() { Err(format!("{live} objects are left")) } else { Ok(()) }
}
