//! Evaluates the checked program slowly and obviously: what compiled code, rewrites and derivatives are compared with.
//!
//! Floats are computed in `f64` and rounded to their type after each operation. A recurrence is evaluated on demand,
//! cell by cell, without looking at its order, so that the order is checked too.

mod builtins;
mod cells;
mod compare;
mod eval;
mod format;
pub mod generate;
mod npy;
mod scalar;
mod show;
mod value;

pub use compare::compare;

use diagnostics::Span;
use ir::{Program, VarId};
use std::collections::HashMap;
use std::path::Path;
use value::Value;

/// Why a program stopped. `DEFECT` as code says that the program given to the oracle is not what it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub code: &'static str,
    pub span: Span,
    pub message: String,
}

/// The code of what no program can cause: a broken promise of an earlier pass.
pub const DEFECT: &str = "defect";

type Result<T> = std::result::Result<T, Failure>;

/// Runs `main`. What it prints goes to `out`, also what it printed before a failure. Paths are relative to `files`.
///
/// Recursion of the program is recursion of the oracle: call it on a thread with a large stack.
pub fn run(program: &Program, out: &mut String, files: Option<&Path>) -> Result<()> {
    let Some(main) = program.main else { return Ok(()) };
    let mut machine =
        Machine { program, out, files, frames: Vec::new(), current: 0, trail: Vec::new(), in_cell: false };
    machine.call(main, Vec::new(), Span::default()).map(|_| ())
}

/// Calls that may be active at once.
const DEEPEST: usize = 20_000;

struct Machine<'a> {
    program: &'a Program,
    out: &'a mut String,
    files: Option<&'a Path>,
    /// The variables of the active calls. The first one has the module's.
    frames: Vec<HashMap<VarId, Value>>,
    /// The frame of the expression in evaluation: not the last one where a cell is asked for from inside a call.
    current: usize,
    /// What bindings replaced, to be put back at the end of their scope.
    trail: Vec<(usize, VarId, Option<Value>)>,
    /// Whether integers wrap, as they do inside cells, instead of trapping.
    in_cell: bool,
}

impl Machine<'_> {
    fn bind(&mut self, var: VarId, value: Value) {
        let before = self.frames[self.current].insert(var, value);
        self.trail.push((self.current, var, before));
    }

    /// Undoes what is bound inside.
    fn scope<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let mark = self.trail.len();
        let result = inside(self);
        for (frame, var, before) in self.trail.drain(mark..).rev() {
            match before {
                Some(value) => self.frames[frame].insert(var, value),
                None => self.frames[frame].remove(&var),
            };
        }
        result
    }

    /// A function may also read bindings of the module around it.
    fn lookup(&self, var: VarId, span: Span) -> Result<Value> {
        let frames = [self.current, 0].into_iter().chain((0..self.frames.len()).rev());
        match frames.into_iter().find_map(|frame| self.frames[frame].get(&var)) {
            Some(value) => Ok(value.clone()),
            None => {
                let name = self.program.vars.get(var.index()).map_or("", |info| info.name.as_str());
                Err(Failure { code: DEFECT, span, message: format!("`{name}` ({var}) has no value") })
            }
        }
    }

    fn call(&mut self, func: ir::FuncId, args: Vec<Value>, span: Span) -> Result<Value> {
        if self.frames.len() > DEEPEST {
            return Err(Failure { code: "E0908", span, message: "recursion is too deep".to_owned() });
        }
        let callee = &self.program.funcs[func.index()];
        let caller = (self.current, self.in_cell);
        self.current = self.frames.len();
        self.in_cell = false;
        self.frames.push(callee.params.iter().copied().zip(args).collect());
        let result = self.scope(|machine| machine.eval(&callee.body));
        self.frames.pop();
        (self.current, self.in_cell) = caller;
        result
    }
}
