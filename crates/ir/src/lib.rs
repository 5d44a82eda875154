//! The two languages that the compiler speaks to itself.
//!
//! `Program` is the checked program: first-order functions over scalars, structures and **families of cells**
//! (named coordinates, no loops). `loops` is what it becomes before machine code: explicit loops, buffers and
//! reference counts.

mod expr;
pub mod files;
pub mod loops;
mod loops_print;
pub mod loops_verify;
mod loops_visit;
pub mod ops;
mod print;
pub mod source;
pub mod special;
mod types;
mod verify;
pub mod visit;

pub use expr::*;
pub use ops::Op;
pub use print::{print_expr, print_func, type_name};
pub use types::*;
pub use verify::verify;
