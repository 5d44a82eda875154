//! No text makes a pass panic. `cargo run --release -p driver --example mutate -- 1000000` tries more of them; what it
//! finds becomes a file in `tests/corpus`.

mod support;

use std::time::{Duration, Instant};
use support::{for_each_seed, mutate};

const MUTANTS: u64 = 20_000;
const ENOUGH: Duration = Duration::from_secs(40);

#[test]
fn broken_programs_get_diagnostics() {
    let (originals, start) = (mutate::originals(), Instant::now());
    let found = for_each_seed(MUTANTS, |seed, _| {
        if start.elapsed() > ENOUGH { Ok(()) } else { mutate::survives(&mutate::mutant(&originals, seed)) }
    });
    let complaints: Vec<String> = found.into_iter().map(|(seed, complaint)| format!("{seed}: {complaint}")).collect();
    assert!(complaints.is_empty(), "{} complaints\n\n{}", complaints.len(), complaints.join("\n\n"));
}

#[test]
fn what_once_broke_a_pass_does_not_any_more() {
    let originals = mutate::originals();
    let complaints: Vec<String> =
        driver::on_a_large_stack(|_| originals.iter().filter_map(|text| mutate::survives(text).err()).collect());
    assert!(complaints.is_empty(), "{} complaints\n\n{}", complaints.len(), complaints.join("\n\n"));
}
