//! Breaks programs and looks for a pass that panics: `cargo run --release -p driver --example mutate -- MUTANTS [FIRST]`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

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
        support::mutate::survives(&support::mutate::mutant(&originals, first + seed))
    });
    for (seed, complaint) in &found {
        println!("─── seed {}: {complaint}\n", first + seed);
    }
    println!("{} complaints", found.len());
    ExitCode::from(u8::from(!found.is_empty()))
}
