//! What the user may choose.

use std::io::IsTerminal;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ErrorFormat {
    #[default]
    Human,
    /// One object per diagnostic and line.
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Color {
    /// Where the errors go to a terminal and `NO_COLOR` does not forbid it.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    pub fn is_wanted(self) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                !forbidden && std::io::stderr().is_terminal()
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub opt_level: u8,
    /// At most so many; as many as there are cores if not said.
    pub threads: Option<usize>,
    /// The first float that is no number, or infinite, ends the program.
    pub trap_nan: bool,
    /// Integer arithmetic traps on overflow in tensor kernels, too.
    pub checked: bool,
    /// Bytes that the steps of a recurrence may take; a share of the machine's memory if not said.
    pub tape_budget: Option<u64>,
    /// Of a benchmark, only what needs no derivative is computed.
    pub values_only: bool,
    pub error_format: ErrorFormat,
    pub color: Color,
    /// Says on stderr how long each pass took.
    pub time_passes: bool,
    /// Statements say when they begin and end.
    pub profile: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            opt_level: 2,
            threads: None,
            trap_nan: false,
            checked: false,
            tape_budget: None,
            values_only: false,
            error_format: ErrorFormat::default(),
            color: Color::default(),
            time_passes: false,
            profile: false,
        }
    }
}
