//! The tokens of a file as text, one a line, for people who look at the stages.

use crate::lexer;
use diagnostics::{Diagnostic, FileId};
use std::fmt::Write;

/// `line:column kind text` for each token, and what the lexer complained about.
pub fn tokens(file: FileId, text: &str) -> (String, Vec<Diagnostic>) {
    let lexed = lexer::lex(file, text);
    let mut out = String::new();
    let (mut line, mut column, mut read) = (1, 1, 0);
    for token in &lexed.tokens {
        for c in text[read..(token.span.start as usize).max(read)].chars() {
            match c {
                '\n' => (line, column) = (line + 1, 1),
                '\u{feff}' => {}
                _ => column += 1,
            }
        }
        read = read.max(token.span.start as usize);
        let source = &text[token.span.start as usize..token.span.end as usize];
        // Writing to a string does not fail.
        let _ = writeln!(out, "{line}:{column} {} {}", token.tok.kind(), source.escape_debug());
    }
    (out, lexed.diagnostics)
}
