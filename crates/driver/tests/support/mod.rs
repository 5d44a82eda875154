//! Programs from memory, through the passes and through the oracle.
#![allow(dead_code, reason = "each test takes what it needs")]

pub mod differ;
pub mod gradients;
pub mod mutate;

use checker::modules::Loader;
use diagnostics::{Diagnostic, FileId, SourceMap};
use driver::{Lowering, Stop, Timings};
use ir::Program;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The library, and no files.
struct Library<'a>(&'a mut SourceMap);

impl Loader for Library<'_> {
    fn load(&mut self, _path: &str) -> Result<Option<(FileId, Rc<str>)>, String> {
        Ok(None)
    }

    fn std(&mut self, path: &str) -> Option<(FileId, Rc<str>)> {
        let (name, text) = driver::LIBRARY.iter().find(|(name, _)| *name == path)?;
        Some((self.0.add(*name, *text), (*text).into()))
    }
}

/// The checked program, or what is wrong with it.
pub fn checked(text: &str, sources: &mut SourceMap) -> Result<Program, Vec<Diagnostic>> {
    let entry = sources.add("generated.ein", text);
    let (tree, mut found) = syntax::parse(entry, text);
    let modules = checker::modules::load(entry, tree, &mut Library(sources), &mut found);
    let checked = checker::check(&modules, sources, false);
    found.extend(checked.diagnostics);
    if found.iter().any(Diagnostic::is_error) { Err(found) } else { Ok(checked.program) }
}

fn verified(pass: &str, result: Result<(), String>) {
    if let Err(broken) = result {
        panic!("{pass}: {broken}");
    }
}

/// The closed program without quotients, or what is in the way; `prepare` works on it before.
pub fn differentiated(mut program: Program, prepare: fn(&mut Program)) -> Result<Program, String> {
    verified("check", ir::verify(&program, true));
    if !optimizer::lift(&mut program).is_empty() {
        return Err("a function is called too early".to_owned());
    }
    prepare(&mut program);
    if let Some(problem) = autodiff::differentiate(&mut program).iter().find(|found| found.is_error()) {
        return Err(format!("{problem:?}"));
    }
    verified("differentiate", ir::verify(&program, false));
    Ok(program)
}

/// Loops, each pass verified; or why there are none.
pub fn loops(program: Program, opt_level: u8) -> Result<ir::loops::Module, String> {
    let mut program = differentiated(program, optimizer::whole_numbers)?;
    // Every other program is cut into segments wherever that is possible.
    let tape_budget = if program.vars.len() % 2 == 0 { 0 } else { u64::MAX };
    let wish = Lowering { opt_level, tape_budget, ..Lowering::default() };
    match driver::lower(&mut program, wish, &mut Timings::default()) {
        Ok(lowered) => Ok(lowered.loops),
        Err(Stop::Defect(what)) => Err(what),
        Err(Stop::Errors) => Err("no loops".to_owned()),
    }
}

/// The numbers below `count`, or those that the environment asks for: `SEEDS=200..300`.
fn asked_for(count: u64) -> Range<u64> {
    let asked = std::env::var("SEEDS").ok();
    let ends = asked.as_deref().and_then(|text| text.split_once(".."));
    ends.and_then(|(lo, hi)| Some(lo.parse().ok()?..hi.parse().ok()?)).unwrap_or(0..count)
}

/// Does the work for every number below `count`, on two threads with large stacks. Gives the complaints by number.
/// With `SEEDS=200..300` in the environment only these numbers are tried.
pub fn for_each_seed(count: u64, work: impl Fn(u64, usize) -> Result<(), String> + Sync) -> Vec<(u64, String)> {
    let Range { start, end } = asked_for(count);
    let next = AtomicU64::new(start);
    let share = || {
        driver::on_a_large_stack(|stack_bytes| {
            let mut found = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end || found.len() >= MOST_COMPLAINTS {
                    return found;
                }
                if let Err(complaint) = work(seed, stack_bytes)
                    && !found.iter().any(|(_, known): &(u64, String)| is_alike(known, &complaint))
                {
                    found.push((seed, complaint));
                }
            }
        })
    };
    let mut found = std::thread::scope(|scope| {
        let helper = scope.spawn(share);
        let mut found = share();
        found.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        found
    });
    found.sort();
    found
}

const MOST_COMPLAINTS: usize = 10;

/// One defect has many victims: the first line says what it is.
fn is_alike(a: &str, b: &str) -> bool {
    a.lines().next() == b.lines().next()
}

/// The words of a panic inside, which is what the tests look for.
pub fn without_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        words.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default()
    })
}
