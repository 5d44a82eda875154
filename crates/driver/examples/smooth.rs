//! Compares derivatives of generated programs with differences: `cargo run --release -p driver --example smooth -- PROGRAMS`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(Ok(programs)) = std::env::args().nth(1).map(|number| number.parse::<u64>()) else {
        eprintln!("say how many programs to try");
        return ExitCode::from(2);
    };
    std::panic::set_hook(Box::new(|_| {}));
    let found = support::for_each_seed(programs, support::gradients::agree);
    for (_, complaint) in &found {
        println!("{complaint}\n");
    }
    println!("{} complaints", found.len());
    ExitCode::from(u8::from(!found.is_empty()))
}
