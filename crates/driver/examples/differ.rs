//! Runs generated programs by machine code and by the oracle: `cargo run --release -p driver --example differ -- SEEDS`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(seeds) = std::env::args().nth(1).and_then(|count| count.parse().ok()) else {
        eprintln!("say how many seeds to try");
        return ExitCode::from(2);
    };
    std::panic::set_hook(Box::new(|_| {}));
    let found = support::for_each_seed(seeds, |seed, stack_bytes| {
        let agree = |text: String| support::differ::agree(seed, &text, stack_bytes);
        agree(oracle::generate::program(seed)).and_then(|()| agree(oracle::generate::coordinates(seed)))
    });
    for (_, complaint) in &found {
        println!("{complaint}\n");
    }
    println!("{} complaints", found.len());
    ExitCode::from(u8::from(!found.is_empty()))
}
