//! The command line.

mod arguments;
mod explain;

use arguments::{Arguments, Command};
use clap::Parser;
use driver::{BenchOptions, DeriveOptions, GraphOptions};
use std::process::ExitCode;

fn main() -> ExitCode {
    driver::announce_panics();
    let Arguments { command, shared } = Arguments::parse();
    let options = shared.options();
    let code = match command {
        Command::Run { program, profile, trap_nan, .. } => {
            driver::run(program.input(), profile, driver::Options { trap_nan, ..options }).code()
        }
        Command::Check { program } => driver::check(program.input(), options).code(),
        Command::Emit { stage, program } => driver::emit(program.input(), stage.into(), options).code(),
        Command::Derive { program, of, wrt, whole } => {
            driver::derive(program.input(), DeriveOptions { of, wrt, program: whole }, options).code()
        }
        Command::Gradcheck { program, tolerance } => driver::gradcheck(program.input(), tolerance, options).code(),
        Command::Bench { program, seconds, json, values } => {
            let bench = BenchOptions { time: seconds, json };
            driver::bench(program.input(), bench, driver::Options { values_only: values, ..options }).code()
        }
        Command::Graph { program, of, output } => {
            driver::graph(program.input(), GraphOptions { of, output }, options).code()
        }
        Command::Explain { code } => explain::explain(&code),
    };
    ExitCode::from(code)
}
