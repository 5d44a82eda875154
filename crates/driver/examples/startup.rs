//! How long `einc` takes from source to output, for programs of different size:
//!
//!     cargo build --release && cargo run --release -p driver --example startup [PATH OF EINC]
//!
//! Each program runs in fresh processes; the best of several counts, as a busy machine only ever adds time.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 11;

fn main() -> Result<(), Box<dyn Error>> {
    let einc = match std::env::args_os().nth(1) {
        Some(path) => PathBuf::from(path),
        // Examples stand in a folder beside the binary.
        None => std::env::current_exe()?.parent().and_then(Path::parent).ok_or("no folder")?.join("einc"),
    };
    println!("{:<12} {:>8} {:>10} {:>10}", "definitions", "bytes", "best ms", "check ms");
    for (name, text) in [("hello", "print(\"hello\");\n".to_owned()), named(2_000), named(8_000)] {
        let file = std::env::temp_dir().join(format!("einc-startup-{}-{name}.ein", std::process::id()));
        std::fs::write(&file, &text)?;
        let (run, check) = (best(&einc, "run", &file), best(&einc, "check", &file));
        std::fs::remove_file(&file)?;
        println!("{name:<12} {:>8} {:>10.1} {:>10.1}", text.len(), milliseconds(run?), milliseconds(check?));
    }
    Ok(())
}

fn named(definitions: usize) -> (&'static str, String) {
    let name = if definitions == 2_000 { "2000" } else { "8000" };
    (name, program(definitions))
}

/// Fours of a function, a family, a reduction and a number, each reading those before it.
fn program(definitions: usize) -> String {
    let mut text = "let row[i in 0..8] = (i as f64) * 0.1;\nlet total = 0.0f64;\n".to_owned();
    let (mut row, mut total) = ("row".to_owned(), "total".to_owned());
    for k in 0..definitions / 4 {
        let shift = 0.5 + (k % 7) as f64 * 0.125;
        let four = format!(
            "fn f{k}(x: f64) -> f64 {{ x * 0.9 + {shift:?} }}\n\
             let row{k}[i] = f{k}({row}[i] + (i as f64) * 0.1);\n\
             let top{k} = max[i](row{k}[i]);\n\
             let total{k} = {total} + sum[i](row{k}[i] * top{k}) * 0.001;\n"
        );
        text += &four;
        (row, total) = (format!("row{k}"), format!("total{k}"));
    }
    writeln!(text, "print({total});").expect("a string takes any text");
    text
}

fn best(einc: &Path, command: &str, file: &Path) -> Result<Duration, Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let status = Command::new(einc).arg(command).arg(file).stdout(Stdio::null()).status()?;
        times.push(start.elapsed());
        if !status.success() {
            return Err(format!("`{} {command}` ended with {status}", einc.display()).into());
        }
    }
    Ok(times.into_iter().min().unwrap_or_default())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
