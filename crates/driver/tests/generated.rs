//! Machine code and the oracle agree on generated programs. `cargo run --release -p driver --example differ -- 100000`
//! tries more of them.

mod support;

use oracle::generate;
use support::{differ, for_each_seed};

fn all_agree(seeds: u64, program: fn(u64) -> String) {
    let found = for_each_seed(seeds, |seed, stack_bytes| differ::agree(seed, &program(seed), stack_bytes));
    let complaints: Vec<String> = found.into_iter().map(|(_, complaint)| complaint).collect();
    assert!(complaints.is_empty(), "{} complaints\n\n{}", complaints.len(), complaints.join("\n\n"));
}

#[test]
fn machine_code_does_what_the_oracle_says() {
    all_agree(10_000, generate::program);
}

#[test]
fn machine_code_does_with_coordinates_what_the_oracle_says() {
    all_agree(20_000, generate::coordinates);
}
