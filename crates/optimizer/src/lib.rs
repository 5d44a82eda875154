//! From the checked program to loops: functions are closed (`lift`), numbers stand where they are used (`constants`),
//! clauses leave out what later ones override (`overrides`), recurrences step together (`together`), small functions
//! stand where they are called (`inline`), and everything becomes explicit loops, buffers and reference counts (`plan`).

mod accounts;
mod calls;
mod constants;
mod decisions;
mod facts;
mod inline;
mod lift;
mod overrides;
mod plan;
mod tile;
mod together;

pub use accounts::{cost, storage};
pub use constants::constants;
pub use decisions::Decisions;
pub use inline::inline;
pub use lift::lift;
pub use overrides::overrides;
pub use plan::{Options, plan, plan_with_decisions};
pub use together::together;
