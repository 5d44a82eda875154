//! Machine code and the oracle agree on generated programs. `cargo run --release -p driver --example differ -- 100000`
//! tries more of them.

mod support;

use support::{differ, for_each_seed};

const SEEDS: u64 = 10_000;

#[test]
fn machine_code_does_what_the_oracle_says() {
    let found = for_each_seed(SEEDS, differ::agree);
    let complaints: Vec<String> = found.into_iter().map(|(_, complaint)| complaint).collect();
    assert!(complaints.is_empty(), "{} complaints\n\n{}", complaints.len(), complaints.join("\n\n"));
}
