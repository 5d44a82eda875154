//! One generated program, run by machine code and by the oracle.

use super::{checked, loops, without_panic};
use diagnostics::SourceMap;
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

fn difference(text: &str, stack_bytes: usize) -> Result<(), String> {
    let mut sources = SourceMap::default();
    let program = match checked(text, &mut sources) {
        Ok(program) => program,
        Err(found) => {
            let words: String = found.iter().map(|found| diagnostics::render(found, &sources, false)).collect();
            return Err(format!("does not compile\n{words}"));
        }
    };
    let mut expected = String::new();
    let expected_end = oracle::run(&program, &mut expected, None).err();

    let loops = loops(program).ok_or("a function is called too early")?;
    let compiled = codegen::compile(&loops, &codegen::Options::default())?;
    let output = Output::default();
    let mut context = runtime::Context::new(stack_bytes, ".", Box::new(output.clone()));
    let end = compiled.run(&mut context).err();
    context.flush().map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.0.borrow()).into_owned();

    if let Some(difference) = oracle::compare(&expected, &printed) {
        return Err(format!("{difference}\nthe oracle prints\n{expected}\nmachine code prints\n{printed}"));
    }
    let (expected_end, end) = (expected_end.map(|f| (f.code, f.span)), end.map(|f| (f.code, f.span)));
    if expected_end.map(|(code, _)| code) != end.map(|(code, _)| code) {
        return Err(format!("the oracle ends with {expected_end:?}, machine code with {end:?}"));
    }
    match context.live_objects() {
        0 => Ok(()),
        _ if end.is_some() => Ok(()),
        live => Err(format!("{live} objects are left")),
    }
}
