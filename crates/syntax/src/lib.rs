//! From text to a syntax tree: logos makes tokens, lalrpop makes the tree, and every mistake becomes a
//! diagnostic that speaks of what was written.
//!
//! `lexer` → `brackets` (makes them pair up) → `layout` (marks what one token of lookahead cannot settle) →
//! the grammar, statement by statement → `recover` where a statement does not parse.

pub mod ast;
mod brackets;
mod dump;
mod errors;
mod foreign;
mod format;
mod habits;
mod layout;
mod lexer;
mod number;
mod parser;
mod print;
mod recover;
mod scene;
mod slips;
mod token;
mod tree;

#[allow(clippy::all, unused)]
mod grammar {
    include!(concat!(env!("OUT_DIR"), "/einlang.rs"));
}

pub use dump::tokens;
pub use parser::parse;
pub use print::print;
