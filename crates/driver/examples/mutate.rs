//! Breaks programs and looks for a pass that panics or does not end: `cargo run --release -p driver --example mutate -- MUTANTS [FIRST]`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Programs as short as these should be through long before.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let (Some(Ok(mutants)), first) = (numbers.next(), numbers.next()) else {
        eprintln!("say how many mutants to try, and from which seed on");
        return ExitCode::from(2);
    };
    let first = first.and_then(Result::ok).unwrap_or(0);
    std::panic::set_hook(Box::new(|_| {}));
    let originals = support::mutate::originals();
    let found = support::for_each_seed(mutants, |seed, _| {
        let mutant = support::mutate::mutant(&originals, first + seed);
        let begin = Instant::now();
        let outcome = support::mutate::survives(&mutant);
        let took = begin.elapsed();
        if took > PATIENCE { outcome.and(Err(format!("takes {took:?}\n{mutant}"))) } else { outcome }
    });
    for (seed, complaint) in &found {
        println!("─── seed {}: {complaint}\n", first + seed);
    }
    println!("{} complaints", found.len());
    ExitCode::from(u8::from(!found.is_empty()))
}
