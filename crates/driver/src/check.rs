//! `einc check`

use crate::input::Input;
use crate::options::Options;
use crate::pipeline::Goal;
use crate::session::Session;
use crate::stack::on_a_large_stack;
use crate::status::Status;

/// Reports everything that is wrong with a program without running it.
pub fn check(input: Input, options: Options) -> Status {
    on_a_large_stack(|_| {
        let mut session = Session::new(input, options);
        let outcome = session.reach(Goal::Check);
        session.report_timings();
        outcome.err().unwrap_or(Status::Fine)
    })
}
