//! What names make cheap: other names, other layouts, an axis of extent one, gates that are open and extents that only
//! the run knows change nothing, forwards and backwards.

mod support;

use oracle::generate::laws::{self, Style};
use support::{differ, for_each_seed};

const SEEDS: u64 = 300;

#[test]
fn styles_do_not_matter() {
    let found = for_each_seed(SEEDS, |seed, stack_bytes| {
        let plain = laws::program(seed, Style::default());
        Style::OTHERS.iter().try_for_each(|style| differ::alike(&plain, &laws::program(seed, *style), stack_bytes))
    });
    let complaints: Vec<String> = found.into_iter().map(|(_, complaint)| complaint).collect();
    assert!(complaints.is_empty(), "{} complaints\n\n{}", complaints.len(), complaints.join("\n\n"));
}
