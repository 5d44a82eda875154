//! Machine code for explicit loops, by Cranelift.
//!
//! Every function takes the runtime's context first and returns a status first, then its results. Functions are
//! compiled one by one, on several threads where there are many, and put into one piece of executable memory.

mod arithmetic;
mod convert;
mod environment;
mod expression;
mod function;
mod heat;
mod later;
mod linker;
mod ownership;
mod statement;
mod storage;
mod target;
mod vector;
mod workers;

use environment::Environment;
use ir::loops::{FnId, Module};
use later::Later;
use runtime::{Context, FINE, Failure};
use std::rc::Rc;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// 0 compiles fastest; from 1 on the code is optimised.
    pub opt_level: u8,
    /// Keeps the texts that `Compiled::clif` and `Compiled::asm` give.
    pub keep_text: bool,
    /// Threads that compile, at most; as many as there are cores if not said.
    pub threads: Option<usize>,
}

impl Default for Options {
    fn default() -> Options {
        Options { opt_level: 2, keep_text: false, threads: None }
    }
}

/// A module as machine code, ready to run in this process.
pub struct Compiled {
    code: linker::Code,
    /// Emitted code holds its address.
    _later: Option<Box<Later>>,
    texts: Vec<Text>,
    layouts: Vec<ir::loops::Layout>,
    sites: Vec<ir::loops::Site>,
    /// Emitted code holds addresses of these.
    _data: Vec<Rc<[u8]>>,
}

fn outcome(status: i32, context: &mut Context) -> Result<(), Failure> {
    if status == FINE { Ok(()) } else { Err(context.take_failure().expect("a failed run leaves its reason")) }
}

/// The stages of one function, for people.
struct Text {
    name: String,
    clif: String,
    asm: String,
}

/// Compiles the whole module. An error is a defect of the passes before.
pub fn compile(module: &Module, options: &Options) -> Result<Compiled, String> {
    if cfg!(debug_assertions) {
        ir::loops_verify::verify(module)?;
    }
    // Texts are of all functions.
    let later = if options.keep_text { None } else { Later::new(module, options) };
    let environment = Environment::new(module, options, later.as_deref())?;
    let roots: Vec<FnId> = module.entry.into_iter().chain(module.exports.iter().copied()).collect();
    let wanted = match &later {
        Some(_) => later::reached(module, &roots),
        None => (0..module.functions.len() as u32).map(FnId).collect(),
    };
    let compiled = workers::compile_functions(&environment, &wanted, None)?;
    let code = linker::link(&environment, &compiled)?;
    let texts = compiled.into_iter().filter_map(|(_, function)| function.text).collect();
    let sites = environment.sites();
    Ok(Compiled { code, _later: later, texts, layouts: module.layouts.clone(), sites, _data: module.data.clone() })
}

impl Compiled {
    /// Runs the entry. The context's stack is the one of the calling thread.
    pub fn run(&self, context: &mut Context) -> Result<(), Failure> {
        context.enter(&self.layouts, &self.sites);
        let Some(entry) = self.code.entry else { return Ok(()) };
        // SAFETY: the entry was compiled with this signature, and its module is what the context was given.
        let status = unsafe { entry(context) };
        outcome(status, context)
    }

    /// Gives the context what this module's exports need, before the first call of one.
    pub fn enter(&self, context: &mut Context) {
        context.enter(&self.layouts, &self.sites);
    }

    /// Calls an export with the words of its arguments, which it borrows. The caller owns the objects in the results.
    ///
    /// # Safety
    /// The context was entered last by this module. The arguments are as many words as the export takes, objects
    /// among them are live, and there is room for all its results.
    pub unsafe fn call(
        &self,
        export: usize,
        context: &mut Context,
        arguments: &[u64],
        results: &mut [u64],
    ) -> Result<(), Failure> {
        // SAFETY: the signature is that of every export; the rest is the caller's promise.
        let status = unsafe { self.code.exports[export](context, arguments.as_ptr(), results.as_mut_ptr()) };
        outcome(status, context)
    }

    /// Cranelift's input, per function, where the options asked for it.
    pub fn clif(&self) -> String {
        self.join(|text| &text.clif)
    }

    /// The machine code as text, per function, where the options asked for it.
    pub fn asm(&self) -> String {
        self.join(|text| &text.asm)
    }

    fn join(&self, part: fn(&Text) -> &String) -> String {
        self.texts.iter().map(|text| format!("; {}\n{}\n", text.name, part(text))).collect()
    }
}
