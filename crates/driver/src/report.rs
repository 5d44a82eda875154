//! Writes diagnostics where the user sees them.

use crate::options::{ErrorFormat, Options};
use diagnostics::{Diagnostic, SourceMap, Span};
use std::io::Write;

/// All of them by place, the entry file's first. The sort is stable: what is found first is said first.
pub fn all(mut found: Vec<Diagnostic>, sources: &SourceMap, options: &Options) {
    found.sort_by_key(Diagnostic::span);
    let color = options.color.is_wanted();
    let text: String = found.iter().map(|diagnostic| one(diagnostic, sources, options.error_format, color)).collect();
    write(&text);
}

fn one(diagnostic: &Diagnostic, sources: &SourceMap, format: ErrorFormat, color: bool) -> String {
    match format {
        ErrorFormat::Human => diagnostics::render(diagnostic, sources, color),
        ErrorFormat::Json => diagnostics::json(diagnostic, sources) + "\n",
    }
}

/// There is no text to point at.
pub fn unreadable(file: &str, reason: &str, format: ErrorFormat) {
    let message = format!("cannot read `{file}`: {reason}");
    match format {
        ErrorFormat::Human => write(&format!("[E0906] Error: {message}\n")),
        ErrorFormat::Json => {
            let mut sources = SourceMap::default();
            let place = Span::new(sources.add(file, ""), 0, 0);
            let diagnostic = Diagnostic::error("E0906", place, message);
            write(&(diagnostics::json(&diagnostic, &sources) + "\n"));
        }
    }
}

/// Nobody is left to tell if stderr cannot be written.
pub fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
