//! `einc derive`

mod listing;

use crate::input::Input;
use crate::options::Options;
use crate::pipeline::{Goal, Product};
use crate::session::Session;
use crate::stack::on_a_large_stack;
use crate::status::Status;
use std::io::Write;

#[derive(Clone, Debug, Default)]
pub struct DeriveOptions {
    /// Only quotients of this binding.
    pub of: Option<String>,
    /// Only quotients by this binding.
    pub wrt: Option<String>,
    /// The whole program with derived clauses in place of its quotients.
    pub program: bool,
}

/// Prints how the derivatives of a program come about.
pub fn derive(input: Input, derive: DeriveOptions, options: Options) -> Status {
    on_a_large_stack(|_| {
        let mut session = Session::new(input, options);
        let outcome = session.reach(Goal::Derivatives);
        session.report_timings();
        match outcome {
            Ok(Product::Derivatives(program, derivations)) => {
                let text = if derive.program {
                    ir::source::print(&program)
                } else {
                    listing::listing(&program, &derivations, &derive)
                };
                // A reader that has seen enough is no failure.
                let _ = std::io::stdout().write_all(text.as_bytes());
                Status::Fine
            }
            Ok(_) => unreachable!("the goal is derivatives"),
            Err(status) => status,
        }
    })
}
