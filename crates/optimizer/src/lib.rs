//! From the checked program to loops: functions are closed (`lift`), numbers stand where they are used (`constants`),
//! clauses leave out what later ones override (`overrides`) and are split by what decides over their sums (`split`),
//! recurrences step together (`together`), small functions stand where they are called (`inline`), short sums of products
//! are factored (`factor`), what nothing reads goes (`unused`), cells stand where they are read (`absorb`), recurrences that
//! would store too much are cut into segments (`segments`), divisors of whole sums are inverted (`divisors`), what a cell asks for twice
//! is bound (`common`), families that read each other's rows are computed row by row (`fuse`), and everything becomes
//! explicit loops, buffers and reference counts (`plan`).

mod absorb;
mod accounts;
mod calls;
mod carry;
mod close;
mod common;
mod constants;
mod decisions;
mod divisors;
mod factor;
mod facts;
mod fuse;
mod inline;
mod lift;
mod outline;
mod overrides;
mod plan;
mod reorder;
mod segments;
mod split;
mod spread;
mod tables;
mod tile;
mod together;
mod unused;
mod versions;

pub use absorb::{Absorbed, absorb};
pub use accounts::{cost, storage};
pub use close::close;
pub use common::common;
pub use constants::{constants, whole_numbers};
pub use decisions::Decisions;
pub use divisors::divisors;
pub use factor::factor;
pub use fuse::fuse;
pub use inline::inline;
pub use lift::lift;
pub use overrides::overrides;
pub use plan::{Options, plan, plan_with_decisions};
pub use segments::{Segmented, segments};
pub use split::split;
pub use tables::tables;
pub use together::together;
pub use unused::unused;
