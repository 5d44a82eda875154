//! Derivatives of generated programs are what differences say. `SEEDS=0..100` in the environment tries only these.

mod support;

use support::{for_each_seed, gradients};

const SEEDS: u64 = 5_000;

#[test]
fn derivatives_of_first_and_second_order_are_what_differences_say() {
    let found = for_each_seed(SEEDS, gradients::agree);
    let complaints: Vec<String> = found.into_iter().map(|(_, complaint)| complaint).collect();
    assert!(complaints.is_empty(), "{} complaints\n\n{}", complaints.len(), complaints.join("\n\n"));
}
