//! `--profile`: passes and statements as a trace that Chrome (`chrome://tracing`) and Perfetto show.

use crate::timing::Timings;
use diagnostics::{SourceMap, json_text};
use runtime::Span;
use std::time::Instant;

/// One object with an event for each pass and each run of a statement, in microseconds from the first one.
pub fn trace(timings: &Timings, spans: &[Span], sources: &SourceMap) -> String {
    let begin = timings.rows().iter().map(|row| row.begin).chain(spans.iter().map(|span| span.begin)).min();
    let since = |at: Instant| begin.map_or(0.0, |begin| (at - begin).as_secs_f64() * 1e6);
    let mut events = vec![named_track(1, "passes"), named_track(2, "statements")];
    for row in timings.rows() {
        let (start, time) = (since(row.begin), row.time.as_secs_f64() * 1e6);
        events.push(format!(
            r#"{{"name": {}, "cat": "pass", "ph": "X", "ts": {start:.3}, "dur": {time:.3}, "pid": 1, "tid": 1}}"#,
            json_text(row.pass)
        ));
    }
    for Span { site, begin, time } in spans {
        let file = sources.file(site.span.file);
        let (line, _) = file.line_column(site.span.start);
        let name = match site.names.first().map_or("", String::as_str) {
            "" => format!("line {line}"),
            name => format!("{name} (line {line})"),
        };
        let (start, time) = (since(*begin), time.as_secs_f64() * 1e6);
        events.push(format!(
            r#"{{"name": {}, "cat": "statement", "ph": "X", "ts": {start:.3}, "dur": {time:.3}, "pid": 1, "tid": 2, "args": {{"file": {}, "line": {line}}}}}"#,
            json_text(&name),
            json_text(&file.name),
        ));
    }
    format!("{{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n{}\n]}}\n", events.join(",\n"))
}

fn named_track(id: u32, name: &str) -> String {
    format!(r#"{{"name": "thread_name", "ph": "M", "pid": 1, "tid": {id}, "args": {{"name": "{name}"}}}}"#)
}
