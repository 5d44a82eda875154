//! `einc run`

use crate::input::Input;
use crate::options::Options;
use crate::pipeline::{Goal, Product};
use crate::session::Session;
use crate::stack::on_a_large_stack;
use crate::status::Status;
use crate::{profile, report};
use codegen::Compiled;
use runtime::Context;
use std::path::{Path, PathBuf};

/// Compiles a program and runs it. A profile is written to `profile`, if that is said.
pub fn run(input: Input, profile: Option<PathBuf>, options: Options) -> Status {
    on_a_large_stack(|stack_bytes| {
        let options = Options { profile: profile.is_some(), ..options };
        let mut session = Session::new(input, options);
        let outcome = session.reach(Goal::Code);
        let status = match outcome {
            Ok(Product::Code(code)) => execute(&mut session, &code, profile.as_deref(), stack_bytes),
            Ok(_) => unreachable!("the goal is code"),
            Err(status) => status,
        };
        session.report_timings();
        status
    })
}

fn execute(session: &mut Session, code: &Compiled, profile: Option<&Path>, stack_bytes: usize) -> Status {
    let mut context = Context::new(stack_bytes, session.input.folder(), Box::new(std::io::stdout()));
    context.limit_threads(session.options.threads);
    if profile.is_some() {
        context.measure_spans();
    }
    let outcome = session.timings.time("run", || code.run(&mut context));
    // What was printed stands in front of the error that ended it.
    let flushed = context.flush();
    if let Some(path) = profile {
        let trace = profile::trace(&session.timings, &context.take_spans(), &session.sources);
        if let Err(error) = std::fs::write(path, trace) {
            report::write(&format!("einc: the profile cannot be written to `{}`: {error}\n", path.display()));
            return Status::Errors;
        }
    }
    match (outcome, flushed) {
        (Ok(()), Ok(())) => Status::Fine,
        (Err(failure), _) => {
            report::all(vec![failure.diagnostic()], &session.sources, &session.options);
            Status::Failed
        }
        (Ok(()), Err(error)) => {
            report::write(&format!("[E0906] Error: the output cannot be written: {error}\n"));
            Status::Failed
        }
    }
}
