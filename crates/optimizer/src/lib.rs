//! From the checked program to loops: functions are closed (`lift`), small ones are put where they are called
//! (`inline`), and everything becomes explicit loops, buffers and reference counts (`plan`).

mod accounts;
mod calls;
mod decisions;
mod facts;
mod inline;
mod lift;
mod plan;
mod tile;

pub use accounts::{cost, storage};
pub use decisions::Decisions;
pub use inline::inline;
pub use lift::lift;
pub use plan::{Options, plan, plan_with_decisions};
