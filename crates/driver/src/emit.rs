//! `einc emit`

use crate::input::Input;
use crate::options::Options;
use crate::pipeline::{Goal, Product, Stage};
use crate::session::Session;
use crate::stack::on_a_large_stack;
use crate::status::Status;
use std::io::Write;

/// Prints the program as it is after a stage.
pub fn emit(input: Input, stage: Stage, options: Options) -> Status {
    on_a_large_stack(|_| {
        let mut session = Session::new(input, options);
        let outcome = session.reach(Goal::Emit(stage));
        session.report_timings();
        match outcome {
            Ok(Product::Text(text)) => {
                // A reader that has seen enough is no failure.
                let _ = std::io::stdout().write_all(text.as_bytes());
                Status::Fine
            }
            Ok(_) => unreachable!("a stage is a text"),
            Err(status) => status,
        }
    })
}
