//! What can be said on the command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use driver::Input;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// The compiler of Einlang: tensors whose coordinates have names.
#[derive(Parser)]
#[command(name = "einc", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Example:\n  einc run examples/game_of_life.ein")]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub shared: Shared,
}

#[derive(Subcommand)]
pub enum Command {
    /// Compile a program and run it
    #[command(after_help = "Examples:\n  einc run sum.ein\n  einc run -c 'let x = [1, 2, 3]; print(sum[i](x[i]));'")]
    Run {
        #[command(flatten)]
        program: Program,
        /// Stop at the first float that is no number, or infinite, and say where it stands
        #[arg(long)]
        trap_nan: bool,
        /// Arguments of the program. They are accepted; the language has no way to read them yet
        #[arg(last = true, value_name = "ARGS")]
        arguments: Vec<String>,
        /// Write what each statement took as a trace, which Chrome and Perfetto show
        #[arg(long, value_name = "OUT.JSON")]
        profile: Option<PathBuf>,
    },
    /// Report what is wrong with a program, without running it
    #[command(after_help = "Example:\n  einc check --error-format json sum.ein")]
    Check {
        #[command(flatten)]
        program: Program,
    },
    /// Print a program as it is after one stage of the compiler
    #[command(after_help = "Example:\n  einc emit --stage loops sum.ein")]
    Emit {
        #[arg(long, value_enum)]
        stage: Stage,
        #[command(flatten)]
        program: Program,
    },
    /// Print how each quotient is derived: its set subtractions, and a clause for each binding on a path
    #[command(
        after_help = "Examples:\n  einc derive attention.ein --of loss --wrt V\n  einc derive --program attention.ein | einc run -"
    )]
    Derive {
        #[command(flatten)]
        program: Program,
        /// Only quotients of this binding
        #[arg(long, value_name = "NAME")]
        of: Option<String>,
        /// Only quotients by this binding
        #[arg(long, value_name = "NAME")]
        wrt: Option<String>,
        /// The whole program, with derived clauses in place of its quotients
        #[arg(long = "program", id = "whole")]
        whole: bool,
    },
    /// Compare each quotient of a program with central differences, in `f64`
    #[command(after_help = "Example:\n  einc gradcheck attention.ein --tolerance 1e-5")]
    Gradcheck {
        #[command(flatten)]
        program: Program,
        /// How far a cell may be off, as a share of its size where that is above 1
        #[arg(long, default_value = "1e-4", value_name = "T", value_parser = tolerance)]
        tolerance: f64,
    },
    /// Measure a kernel: a program with `pub fn inputs()` and `pub fn kernel(…)`, which takes what `inputs` gives
    #[command(after_help = "Example:\n  einc bench matmul.ein --seconds 3 --json")]
    Bench {
        #[command(flatten)]
        program: Program,
        /// How long to repeat the kernel
        #[arg(long, default_value = "1", value_parser = seconds)]
        seconds: Duration,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Compute only the results that need no derivative: what a gradient takes beside its value
        #[arg(long)]
        values: bool,
    },
    /// Draw a program as a page: values on the way forward, sensitivities on the way back
    #[command(after_help = "Example:\n  einc graph linear_regression.ein --of loss -o graph.html")]
    Graph {
        #[command(flatten)]
        program: Program,
        /// The float number that the way back starts from; the numerator of the first quotient if not said
        #[arg(long, value_name = "NAME")]
        of: Option<String>,
        /// Where the page goes; to the standard output if not said
        #[arg(short, long, value_name = "OUT.HTML")]
        output: Option<PathBuf>,
    },
    /// Explain a code, with a failing and a corrected program
    #[command(after_help = "Example:\n  einc explain E0501")]
    Explain {
        #[arg(value_name = "CODE")]
        code: String,
    },
}

#[derive(Args)]
pub struct Program {
    /// A file, or `-` for the standard input
    #[arg(value_name = "FILE", required_unless_present = "code")]
    file: Option<PathBuf>,
    /// The program itself
    #[arg(short, value_name = "CODE", conflicts_with = "file", allow_hyphen_values = true)]
    code: Option<String>,
}

impl Program {
    pub fn input(self) -> Input {
        match (self.code, self.file) {
            (Some(code), _) => Input::Code(code),
            (None, Some(file)) if file.as_os_str() != "-" => Input::File(file),
            (None, _) => Input::Stdin,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number is expected".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A number of bytes, with a unit behind it or without one.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024.0 * 1024.0,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err("a number of bytes is expected, such as `64MiB`".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "a number of bytes is expected, such as `64MiB`".to_owned())?;
    Ok((number * factor) as u64)
}

fn tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number >= 0.0 => Ok(number),
        _ => Err("a number that is not negative is expected".to_owned()),
    }
}

#[derive(Args)]
pub struct Shared {
    /// How errors and warnings are written
    #[arg(long, global = true, value_enum, default_value_t = ErrorFormat::Human)]
    error_format: ErrorFormat,
    /// Whether errors and warnings are coloured; `NO_COLOR` is honoured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// How much the compiler works for faster code
    #[arg(short = 'O', global = true, value_name = "LEVEL", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u8).range(0..=2))]
    opt_level: u8,
    /// Use at most so many threads; as many as there are cores if not said
    #[arg(long, global = true, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Trap on integer overflow in tensor kernels, too
    #[arg(long, global = true)]
    checked: bool,
    /// Memory that the stored steps of a recurrence may take, such as `64MiB` or `2GB`: beyond it they are computed again
    /// for its gradient. A quarter of the machine's memory if not said
    #[arg(long, global = true, value_name = "SIZE", value_parser = size)]
    tape_budget: Option<u64>,
    /// Say on stderr how long each pass took
    #[arg(long, global = true)]
    time_passes: bool,
}

impl Shared {
    pub fn options(&self) -> driver::Options {
        driver::Options {
            opt_level: self.opt_level,
            threads: self.threads.map(NonZeroUsize::get),
            trap_nan: false,
            checked: self.checked,
            tape_budget: self.tape_budget,
            error_format: self.error_format.into(),
            color: self.color.into(),
            time_passes: self.time_passes,
            ..driver::Options::default()
        }
    }
}

/// A choice of the command line that the driver knows by the same names.
macro_rules! choice {
    ($name:ident { $($variant:ident),* }) => {
        #[derive(Clone, Copy, ValueEnum)]
        pub enum $name { $($variant),* }

        impl From<$name> for driver::$name {
            fn from(chosen: $name) -> driver::$name {
                match chosen { $($name::$variant => driver::$name::$variant),* }
            }
        }
    };
}

choice! { ErrorFormat { Human, Json } }
choice! { Color { Auto, Always, Never } }
choice! { Stage { Tokens, Ast, Ir, Grad, Loops, Cost, Storage, Clif, Asm } }

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn input(arguments: &[&str]) -> Input {
        match Arguments::try_parse_from(arguments).map(|a| a.command) {
            Ok(Command::Run { program, .. } | Command::Check { program } | Command::Emit { program, .. }) => {
                program.input()
            }
            Ok(
                Command::Bench { program, .. }
                | Command::Derive { program, .. }
                | Command::Gradcheck { program, .. }
                | Command::Graph { program, .. },
            ) => program.input(),
            Ok(Command::Explain { .. }) => panic!("no program in `explain`"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("einc {} ", command.get_name())), "{}", command.get_name());
        }
    }

    #[test]
    fn programs_come_from_files_stdin_and_the_line_itself() {
        assert!(
            matches!(input(&["einc", "run", "a.ein", "--", "-x"]), Input::File(path) if path.as_os_str() == "a.ein")
        );
        assert!(matches!(input(&["einc", "check", "-"]), Input::Stdin));
        assert!(matches!(input(&["einc", "run", "-c", "-1;"]), Input::Code(code) if code == "-1;"));
    }

    #[test]
    fn flags_may_stand_behind_the_command() {
        let arguments = Arguments::try_parse_from(["einc", "run", "-O1", "a.ein", "--checked", "--color=never"]);
        let options = arguments.map(|a| a.shared.options()).expect("a correct line");
        assert_eq!((options.opt_level, options.checked, options.time_passes), (1, true, false));
        assert_eq!((options.color, options.error_format), (driver::Color::Never, driver::ErrorFormat::Human));
        assert!(Arguments::try_parse_from(["einc", "run", "-O3", "a.ein"]).is_err());
        assert!(Arguments::try_parse_from(["einc", "run", "a.ein", "-c", "1;"]).is_err());
        assert!(Arguments::try_parse_from(["einc", "run"]).is_err());
    }
}
