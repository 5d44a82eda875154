//! Prints the generated program of a seed: `cargo run -p oracle --example program -- 7`.

fn main() {
    match std::env::args().nth(1).map(|seed| seed.parse()) {
        Some(Ok(seed)) => print!("{}", oracle::generate::program(seed)),
        _ => eprintln!("a seed is expected, a whole number"),
    }
}
