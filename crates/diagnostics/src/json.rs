//! A diagnostic as one line of JSON, for editors and other programs.

use crate::{Diagnostic, Fix, Severity, SourceMap, Span};
use std::fmt::Write;

/// One object on one line, the primary span first. Lines and columns count from 1, columns in Unicode scalar values;
/// an end is the place behind the last character.
pub fn json(diag: &Diagnostic, sources: &SourceMap) -> String {
    let severity = match diag.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let spans = diag.labels.iter().enumerate().map(|(index, label)| {
        let file = &sources.file(label.span.file).name;
        let (place, primary) = (place(label.span, sources), index == 0);
        format!(r#"{{"file": {}, {place}, "label": {}, "primary": {primary}}}"#, quoted(file), quoted(&label.text))
    });
    let notes = diag.notes.iter().map(|note| quoted(note));
    let help = diag.help.iter().map(|fix| help(fix, sources));
    format!(
        r#"{{"severity": "{severity}", "code": {}, "message": {}, "spans": {}, "notes": {}, "help": {}}}"#,
        quoted(diag.code),
        quoted(&diag.message),
        array(spans),
        array(notes),
        array(help),
    )
}

fn help(fix: &Fix, sources: &SourceMap) -> String {
    let message = quoted(&fix.message);
    match fix.span {
        None => format!(r#"{{"message": {message}}}"#),
        Some(span) => {
            let (place, replacement) = (place(span, sources), quoted(&fix.replacement));
            format!(r#"{{"message": {message}, {place}, "replacement": {replacement}}}"#)
        }
    }
}

fn place(span: Span, sources: &SourceMap) -> String {
    let file = sources.file(span.file);
    let (line, column) = file.line_column(span.start);
    let (end_line, end_column) = file.line_column(span.end.max(span.start));
    format!(r#""line": {line}, "column": {column}, "end_line": {end_line}, "end_column": {end_column}"#)
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A string of JSON.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Line separators are legal in JSON, but readers that split lines by Unicode rules break on them.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                write!(out, "\\u{:04x}", c as u32).expect("a string takes any text");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileId;

    #[test]
    fn every_key_in_order() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.ein", "let α = 1;\nlet b = α + 0.5f32;\n");
        let span = |start, end| Span::new(file, start, end);
        let diag = Diagnostic::error("E0401", span(20, 31), "types of `α` and \"b\" differ")
            .label("`i32` plus `f32`")
            .also(span(4, 6), "`α` is an `i32`\tby default")
            .note("numbers never convert on their own")
            .help("say which")
            .fix("write `α as f32`", span(20, 22), "α as f32");
        assert_eq!(
            json(&diag, &sources),
            concat!(
                r#"{"severity": "error", "code": "E0401", "message": "types of `α` and \"b\" differ", "spans": ["#,
                r#"{"file": "a.ein", "line": 2, "column": 9, "end_line": 2, "end_column": 19, "#,
                r#""label": "`i32` plus `f32`", "primary": true}, "#,
                r#"{"file": "a.ein", "line": 1, "column": 5, "end_line": 1, "end_column": 6, "#,
                r#""label": "`α` is an `i32`\tby default", "primary": false}], "#,
                r#""notes": ["numbers never convert on their own"], "#,
                r#""help": [{"message": "say which"}, {"message": "write `α as f32`", "line": 2, "column": 9, "#,
                r#""end_line": 2, "end_column": 10, "replacement": "α as f32"}]}"#,
            )
        );
    }

    #[test]
    fn nothing_to_say_is_empty_arrays() {
        let mut sources = SourceMap::default();
        let file = sources.add("e.ein", "");
        let diag = Diagnostic::warning("W0601", Span::new(file, 0, 0), "a\u{1b}\u{2028}b\\");
        assert_eq!(
            json(&diag, &sources),
            concat!(
                r#"{"severity": "warning", "code": "W0601", "message": "a\u001b\u2028b\\", "spans": ["#,
                r#"{"file": "e.ein", "line": 1, "column": 1, "end_line": 1, "end_column": 1, "label": "", "#,
                r#""primary": true}], "notes": [], "help": []}"#,
            )
        );
    }

    #[test]
    fn places_outside_the_text_are_held_to_it() {
        let mut sources = SourceMap::default();
        let file = sources.add("e.ein", "\u{feff}ab\r\né");
        let at = |start, end| place(Span { file: FileId(file.0), start, end }, &sources);
        assert_eq!(at(3, 99), r#""line": 1, "column": 1, "end_line": 2, "end_column": 2"#);
        assert_eq!(at(8, 8), r#""line": 2, "column": 1, "end_line": 2, "end_column": 1"#);
        assert_eq!(at(9, 2), r#""line": 2, "column": 2, "end_line": 2, "end_column": 2"#);
    }
}
