//! `einc run`

use crate::input::Input;
use crate::options::Options;
use crate::pipeline::{Goal, Product};
use crate::report;
use crate::session::Session;
use crate::stack::on_a_large_stack;
use crate::status::Status;
use codegen::Compiled;
use runtime::Context;

/// Compiles a program and runs it.
pub fn run(input: Input, options: Options) -> Status {
    on_a_large_stack(|stack_bytes| {
        let mut session = Session::new(input, options);
        let outcome = session.reach(Goal::Code);
        let status = match outcome {
            Ok(Product::Code(code)) => execute(&mut session, &code, stack_bytes),
            Ok(_) => unreachable!("the goal is code"),
            Err(status) => status,
        };
        session.report_timings();
        status
    })
}

fn execute(session: &mut Session, code: &Compiled, stack_bytes: usize) -> Status {
    let mut context = Context::new(stack_bytes, session.input.folder(), Box::new(std::io::stdout()));
    context.limit_threads(session.options.threads);
    let outcome = session.timings.time("run", || code.run(&mut context));
    // What was printed stands in front of the error that ended it.
    let flushed = context.flush();
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
