//! What compiled programs call while they run: counted objects, text, files, mathematics, and run-time errors.
//!
//! Objects are raw memory with fixed offsets (`object`), because emitted code reads them directly. All functions of the
//! table are `extern "C"`; none of them unwinds.

mod archives;
mod cell;
mod context;
mod contraction;
mod csv_table;
mod errors;
mod failures;
mod file_calls;
mod files;
mod finite;
mod format;
mod half;
mod heap;
mod json_text;
mod layout;
mod math;
mod npy;
mod number_text;
mod object;
mod objects;
mod outside;
mod safetensors;
mod sorting;
mod spans;
mod stated;
mod table;
mod text;
mod threads;
mod tiles;
mod values;

pub use context::{Context, STACK_LIMIT_OFFSET};
pub use errors::{FAILED, FINE, Failure};
pub use object::{COUNT_OFFSET, TENSOR_DATA_OFFSET, TENSOR_EXTENTS_OFFSET};
pub use outside::{scalar_number, tensor_numbers};
pub use spans::Span;
pub use table::{address, entry};
