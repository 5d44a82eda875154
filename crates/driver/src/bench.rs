//! `einc bench`: how long a kernel takes, and what it gives.

mod kernel;
mod measurement;
mod values;

pub use kernel::{Outputs, arguments_of_kernel, not_measurable, outputs_of};
pub use values::values_only;

use crate::input::Input;
use crate::options::Options;
use crate::pipeline::{Goal, Product};
use crate::report;
use crate::session::Session;
use crate::stack::on_a_large_stack;
use crate::status::Status;
use codegen::Compiled;
use kernel::ResultKind;
use measurement::{Measurement, Summary};
use runtime::{Context, Failure};
use std::io::Write;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub struct BenchOptions {
    /// How long to repeat the kernel.
    pub time: Duration,
    pub json: bool,
}

/// Exports of a benchmark's code.
const INPUTS: usize = 0;
const KERNEL: usize = 1;

/// Measures the kernel of a program.
pub fn bench(input: Input, bench: BenchOptions, options: Options) -> Status {
    on_a_large_stack(|stack_bytes| {
        let mut session = Session::new(input, options);
        let start = Instant::now();
        let outcome = session.reach(Goal::Bench);
        let compile = start.elapsed();
        session.report_timings();
        let (code, outputs) = match outcome {
            Ok(Product::Kernel(code, outputs)) => (code, outputs),
            Ok(_) => unreachable!("the goal is a kernel"),
            Err(status) => return status,
        };
        // What the module prints is not what is measured.
        let mut context = Context::new(stack_bytes, session.input.folder(), Box::new(std::io::stderr()));
        context.limit_threads(options.threads);
        let measured = measure(&code, &outputs, &mut context, bench.time);
        // Nobody is left to tell if stderr cannot be written.
        let _ = context.flush();
        match measured {
            Ok(mut measurement) => {
                measurement.compile = compile;
                let text = if bench.json { measurement.json() } else { measurement.to_string() };
                // A reader that has seen enough is no failure.
                let _ = std::io::stdout().write_all(text.as_bytes());
                Status::Fine
            }
            Err(failure) => {
                report::all(vec![failure.diagnostic()], &session.sources, &session.options);
                Status::Failed
            }
        }
    })
}

fn measure(code: &Compiled, outputs: &Outputs, context: &mut Context, time: Duration) -> Result<Measurement, Failure> {
    code.enter(context);
    let mut arguments = vec![0; outputs.argument_words];
    // SAFETY: `inputs` takes nothing and leaves as many words as the kernel takes.
    unsafe { code.call(INPUTS, context, &[], &mut arguments) }?;
    let mut results = vec![0; outputs.results.len()];
    let turn = |context: &mut Context, results: &mut [u64]| {
        let start = Instant::now();
        // SAFETY: the arguments are those of the kernel and live until the process ends.
        unsafe { code.call(KERNEL, context, &arguments, results) }.map(|()| start.elapsed())
    };
    let first = turn(context, &mut results)?;
    let summaries = outputs.results.iter().zip(&results).map(|(kind, word)| summary(kind, *word)).collect();
    let mut turns = Vec::new();
    let start = Instant::now();
    while turns.is_empty() || start.elapsed() < time {
        release(outputs, &results, context);
        turns.push(turn(context, &mut results)?);
    }
    Ok(Measurement::new(first, turns, summaries))
}

fn summary(kind: &ResultKind, word: u64) -> Summary {
    match kind {
        ResultKind::Scalar(scalar) => Summary::of(&[], std::iter::once(runtime::scalar_number(*scalar, word))),
        ResultKind::Tensor => {
            // SAFETY: the kernel left a tensor here, which nobody has released yet.
            let (shape, numbers) = unsafe { runtime::tensor_numbers(word) };
            Summary::of(shape, numbers)
        }
    }
}

fn release(outputs: &Outputs, results: &[u64], context: &mut Context) {
    for (kind, word) in outputs.results.iter().zip(results) {
        if matches!(kind, ResultKind::Tensor) {
            // SAFETY: the results of a call belong to its caller, and each is released once.
            unsafe { context.release(*word as *mut u8) };
        }
    }
}
