//! From a file to its output: reads the program, sends it through every pass in order (`pipeline`), runs the machine
//! code and reports what went wrong. The command line and everything else that is a way in stands on this crate.

mod bench;
mod check;
mod defect;
mod derive;
mod emit;
mod errors;
mod execute;
mod gradcheck;
mod graph;
mod input;
mod library;
mod loader;
mod memory;
mod options;
mod pipeline;
mod profile;
mod report;
mod session;
mod stack;
mod status;
mod timing;

pub use bench::{BenchOptions, bench};
pub use check::check;
pub use defect::announce_panics;
pub use derive::{DeriveOptions, derive};
pub use emit::emit;
pub use execute::run;
pub use gradcheck::gradcheck;
pub use graph::{GraphOptions, graph};
pub use input::Input;
pub use library::MODULES as LIBRARY;
pub use options::{Color, ErrorFormat, Options};
pub use pipeline::{Lowered, Lowering, Stage, Stop, lower};
pub use stack::on_a_large_stack;
pub use status::Status;
pub use timing::Timings;
