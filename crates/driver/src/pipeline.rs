//! The way of the data.

use crate::bench::{self, Outputs};
use crate::errors;
use crate::graph::{self, Drawing, Wish};
use crate::loader::Files;
use crate::memory;
use crate::session::Session;
use crate::timing::Timings;
use checker::Checked;
use codegen::Compiled;
use diagnostics::{Diagnostic, FileId};
use ir::Program;

/// What `emit` shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Tokens,
    Ast,
    Ir,
    Grad,
    Loops,
    /// Operations, bytes and memory of each line.
    Cost,
    /// What is kept of each family, and why.
    Storage,
    Clif,
    Asm,
}

/// How far to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goal {
    Check,
    Emit(Stage),
    Code,
    /// The functions that `bench` calls, instead of the program.
    Bench,
    /// The program without quotients, and where each came from.
    Derivatives,
    /// Code that tells its values.
    Graph(Wish),
    /// The program, saying how far each quotient is from differences.
    Gradcheck,
}

impl Goal {
    fn is_low_level(self) -> bool {
        use Stage::*;
        matches!(self, Goal::Emit(Loops | Cost | Storage | Clif | Asm))
    }
}

pub enum Product {
    /// The program is fine.
    Checked,
    Text(String),
    Code(Compiled),
    Kernel(Compiled, Outputs),
    Derivatives(Program, Vec<autodiff::Derivation>),
    Graph(Compiled, Drawing),
    Comparisons(Compiled, Vec<autodiff::Compared>),
}

/// Why there is no product.
pub enum Stop {
    /// They are among the session's diagnostics.
    Errors,
    /// A pass broke its promise.
    Defect(String),
}

/// Every pass in order, and nothing else; those that make loops stand in [`lower`].
pub fn advance(session: &mut Session, entry: FileId, goal: Goal) -> Result<Product, Stop> {
    let Session { input, options, sources, diagnostics: found, timings, .. } = session;

    if goal == Goal::Emit(Stage::Tokens) {
        let (text, problems) = timings.time("lex", || syntax::tokens(entry, &sources.file(entry).text));
        found.extend(problems);
        return without_errors(found).map(|()| Product::Text(text));
    }
    let (tree, problems) = timings.time("parse", || syntax::parse(entry, &sources.file(entry).text));
    found.extend(problems);
    if goal == Goal::Emit(Stage::Ast) {
        return without_errors(found).map(|()| Product::Text(syntax::print(&tree)));
    }

    let folder = input.folder();
    let entry_name = input.module_path().map(|name| (name.to_owned(), entry));
    let mut loader = Files { sources, folder, entry: entry_name };
    let modules = timings.time("load", || checker::modules::load(entry, tree, &mut loader, found));

    // Of a benchmark, what it measures is shown.
    let bench = goal == Goal::Bench || goal.is_low_level() && modules.is_benchmark();
    let Checked { mut program, diagnostics } = timings.time("check", || checker::check(&modules, sources, bench));
    found.extend(diagnostics);
    without_errors(found)?;
    timings.time("verify", || verified("check", ir::verify(&program, true)))?;
    if goal == Goal::Emit(Stage::Ir) {
        return Ok(Product::Text(program.to_string()));
    }
    let drawing = match goal {
        Goal::Graph(wish) => Some(graph::prepare(&mut program, sources, entry, wish)),
        _ => None,
    };

    if bench {
        if options.values_only {
            found.extend(bench::values_only(&mut program));
        }
        found.extend(bench::not_measurable(&program));
        without_errors(found)?;
    }
    let early = timings.time("lift", || optimizer::lift(&mut program));
    found.extend(early.into_iter().map(|(call, var, used)| {
        let var = &program.vars[var.index()];
        errors::early_call(call, var.name.as_str(), var.span, used)
    }));
    without_errors(found)?;
    // What is shown of derivatives is in the program's own words.
    if !matches!(goal, Goal::Check | Goal::Derivatives | Goal::Emit(Stage::Grad)) {
        timings.time("numbers", || optimizer::whole_numbers(&mut program));
    }
    let mut compared = Vec::new();
    let (problems, derivations) = timings.time("differentiate", || {
        if goal != Goal::Gradcheck {
            return autodiff::derive(&mut program);
        }
        let (problems, comparisons) = autodiff::compare(&mut program);
        compared = comparisons;
        (problems, Vec::new())
    });
    found.extend(problems);
    without_errors(found)?;
    if goal == Goal::Check {
        return Ok(Product::Checked);
    }
    if options.trap_nan {
        timings.time("trap", || autodiff::trap(&mut program, &derivations));
    }
    if cfg!(debug_assertions) {
        timings.time("verify", || verified("differentiate", ir::verify(&program, false)))?;
    }
    if goal == Goal::Derivatives {
        return Ok(Product::Derivatives(program, derivations));
    }
    if goal == Goal::Emit(Stage::Grad) {
        return Ok(Product::Text(ir::source::print(&program)));
    }

    let wish = Lowering {
        opt_level: options.opt_level,
        checked: options.checked,
        profile: options.profile,
        bench,
        tape_budget: options.tape_budget.unwrap_or_else(memory::share),
    };
    let Lowered { loops, decisions, absorbed, segmented } = lower(&mut program, wish, timings)?;
    if goal == Goal::Emit(Stage::Loops) {
        return Ok(Product::Text(loops.to_string()));
    }
    if goal == Goal::Emit(Stage::Cost) {
        return Ok(Product::Text(optimizer::cost(&program, &decisions, sources)));
    }
    if goal == Goal::Emit(Stage::Storage) {
        return Ok(Product::Text(optimizer::storage(&program, &decisions, &absorbed, &segmented, sources)));
    }

    let keep_text = matches!(goal, Goal::Emit(_));
    let emission = codegen::Options { opt_level: options.opt_level, keep_text, threads: options.threads };
    let code = timings.time("emit", || codegen::compile(&loops, &emission)).map_err(Stop::Defect)?;
    if let Some(drawing) = drawing {
        return Ok(Product::Graph(code, drawing));
    }
    Ok(match goal {
        Goal::Emit(Stage::Clif) => Product::Text(code.clif()),
        Goal::Emit(_) => Product::Text(code.asm()),
        Goal::Check | Goal::Code | Goal::Derivatives | Goal::Graph(_) => Product::Code(code),
        Goal::Gradcheck => Product::Comparisons(code, compared),
        Goal::Bench => Product::Kernel(code, bench::outputs_of(&program).map_err(Stop::Defect)?),
    })
}

/// How loops are made of a program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lowering {
    pub opt_level: u8,
    pub checked: bool,
    pub profile: bool,
    /// Only the functions that `bench` calls are wanted.
    pub bench: bool,
    /// Bytes that the steps of a recurrence may take.
    pub tape_budget: u64,
}

/// Loops, and what is known of how they came about.
pub struct Lowered {
    pub loops: ir::loops::Module,
    decisions: optimizer::Decisions,
    absorbed: Vec<optimizer::Absorbed>,
    segmented: Vec<optimizer::Segmented>,
}

/// From the program without quotients to loops.
pub fn lower(program: &mut Program, wish: Lowering, timings: &mut Timings) -> Result<Lowered, Stop> {
    timings.time("constants", || optimizer::constants(program));
    timings.time("overrides", || optimizer::overrides(program));
    timings.time("split", || optimizer::split(program));
    timings.time("together", || optimizer::together(program));
    if wish.bench {
        bench::arguments_of_kernel(program).map_err(Stop::Defect)?;
    }
    timings.time("inline", || optimizer::inline(program));
    let mut absorbed = Vec::new();
    if wish.opt_level > 0 {
        timings.time("factor", || optimizer::factor(program));
        timings.time("close", || optimizer::close(program));
        absorbed = timings.time("unused", || optimizer::unused(program, wish.checked));
        absorbed.extend(timings.time("absorb", || optimizer::absorb(program, wish.checked)));
    }
    let budget = wish.tape_budget;
    let segmented = timings.time("segments", || optimizer::segments(program, budget, wish.checked));
    if wish.opt_level > 0 {
        timings.time("divisors", || optimizer::divisors(program, wish.checked));
        timings.time("common", || optimizer::common(program, wish.checked));
        timings.time("tables", || optimizer::tables(program, wish.checked));
        timings.time("fuse", || optimizer::fuse(program, wish.checked));
    }
    timings.time("verify", || verified("fuse", ir::verify(program, false)))?;
    let plan = optimizer::Options { opt_level: wish.opt_level, checked: wish.checked, profile: wish.profile };
    let (loops, decisions) = timings.time("plan", || optimizer::plan_with_decisions(program, &plan));
    timings.time("verify", || verified("plan", ir::loops_verify::verify(&loops)))?;
    Ok(Lowered { loops, decisions, absorbed, segmented })
}

fn without_errors(found: &[Diagnostic]) -> Result<(), Stop> {
    if found.iter().any(Diagnostic::is_error) { Err(Stop::Errors) } else { Ok(()) }
}

fn verified(pass: &str, result: Result<(), String>) -> Result<(), Stop> {
    result.map_err(|broken| Stop::Defect(format!("{pass} left a program that is not well-formed: {broken}")))
}
