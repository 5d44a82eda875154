//! A diagnostic as text for people.

use crate::excerpt::{Excerpt, Place, around, place};
use crate::{Diagnostic, FileId, Fix, Severity, SourceMap, Span};
use ariadne::{Color, Config, Fmt, IndexType, Label, Report, ReportKind, Source};
use std::collections::BTreeMap;
use std::fmt;

const SECONDARY: Color = Color::Blue;
const INSERTED: Color = Color::Green;
const TAB: &str = "    ";
/// A fix that changes more lines than this shows the first ones.
const CHANGED_LINES: usize = 8;

/// The message, the source with all labels, notes and help. The text ends in a line end.
pub fn render(diag: &Diagnostic, sources: &SourceMap, color: bool) -> String {
    let (kind, primary_color) = match diag.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let mut labels: Vec<PlacedLabel> =
        diag.labels.iter().enumerate().map(|(index, label)| PlacedLabel::new(index, label, sources)).collect();
    let excerpts = excerpts(&labels, sources);
    let primary = labels[0];
    // Ariadne opens another frame whenever a label stands above the one before it.
    labels.sort_by_key(|label| (label.file != primary.file, label.file, label.end, label.start));

    let primary_range = primary.range(&excerpts[&primary.file]);
    let mut report = Report::build(kind, (primary.file.0, primary_range))
        .with_config(Config::new().with_color(color).with_index_type(IndexType::Char))
        .with_code(diag.code)
        .with_message(&diag.message);
    for label in &labels {
        let words = match diag.labels[label.index].text.as_str() {
            // Without words ariadne draws nothing.
            "" => "here",
            words => words,
        };
        report.add_label(
            Label::new((label.file.0, label.range(&excerpts[&label.file])))
                .with_message(words)
                .with_color(if label.index == 0 { primary_color } else { SECONDARY }),
        );
    }
    report.with_notes(&diag.notes);
    report.with_helps(diag.help.iter().map(|fix| help(fix, primary.file, sources, color)));

    let corrected_headers = corrected_headers(&labels, primary, &excerpts, sources);
    let mut cache =
        ShownSources { sources, texts: excerpts.into_iter().map(|(file, e)| (file.0, Source::from(e.text))).collect() };
    let mut out = Vec::new();
    report.finish().write(&mut cache, &mut out).expect("a vector takes any text");
    let mut text = String::from_utf8_lossy(&out).into_owned();
    for (shown, true_place) in corrected_headers {
        text = text.replacen(&shown, &true_place, 1);
    }
    without_trailing_blanks(&text)
}

#[derive(Clone, Copy)]
struct PlacedLabel {
    index: usize,
    file: FileId,
    start: Place,
    /// Behind the last character.
    end: Place,
}

impl PlacedLabel {
    fn new(index: usize, label: &crate::Label, sources: &SourceMap) -> PlacedLabel {
        let Span { file, start, end } = label.span;
        let text = sources.file(file);
        let start_place = place(text, start);
        let end = place(text, end.max(start)).max(start_place);
        PlacedLabel { index, file, start: start_place, end }
    }

    /// In characters of the excerpt. An empty span takes one character, if only the line's end, to be seen.
    fn range(&self, excerpt: &Excerpt) -> std::ops::Range<usize> {
        let start = excerpt.offset(self.start);
        start..excerpt.offset(self.end).max(start + 1)
    }
}

fn excerpts(labels: &[PlacedLabel], sources: &SourceMap) -> BTreeMap<FileId, Excerpt> {
    let mut places: BTreeMap<FileId, Vec<Place>> = BTreeMap::new();
    for label in labels {
        places.entry(label.file).or_default().extend([label.start, label.end]);
    }
    places.into_iter().map(|(file, places)| (file, Excerpt::new(sources.file(file), places.into_iter()))).collect()
}

/// What ariadne writes above a frame, and what it should have written where a long line was cut.
fn corrected_headers(
    labels: &[PlacedLabel],
    primary: PlacedLabel,
    excerpts: &BTreeMap<FileId, Excerpt>,
    sources: &SourceMap,
) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        if index > 0 && labels[index - 1].file == label.file {
            continue;
        }
        let named = if label.file == primary.file { primary.start } else { label.start };
        let shown = excerpts[&label.file].column(named);
        if shown != named.column {
            let header = |column| format!("{}:{}:{} ", sources.file(label.file).name, named.line + 1, column + 1);
            headers.push((header(shown), header(named.column)));
        }
    }
    headers
}

/// The advice, and below it the changed lines.
fn help(fix: &Fix, primary: FileId, sources: &SourceMap, color: bool) -> String {
    let Some(span) = fix.span else { return fix.message.clone() };
    let file = sources.file(span.file);
    let (start, end) = (place(file, span.start), place(file, span.end.max(span.start)));
    let before: String = file.line(start.line).chars().take(start.column).collect();
    let after: String = file.line(end.line).chars().skip(end.column).collect();
    let inserted = &fix.replacement;
    let changed = format!("{before}{inserted}{after}");

    let mut out = fix.message.clone();
    if span.file != primary {
        out.push_str(&format!("\nin {}", file.name));
    }
    let mut first_column = start.column;
    let inserted_lines = inserted.split('\n').count();
    for (index, (line, piece)) in changed.split('\n').zip(inserted.split('\n')).take(CHANGED_LINES).enumerate() {
        let last_column = first_column + piece.chars().count();
        let [before, inserted, after] = around(line, first_column, last_column).map(|part| part.replace('\t', TAB));
        let inserted = if color && !inserted.is_empty() { inserted.fg(INSERTED).to_string() } else { inserted };
        out.push_str(&format!("\n{} │ {before}{inserted}{after}", start.line + 1 + index));
        first_column = 0;
    }
    if inserted_lines > CHANGED_LINES {
        out.push_str("\n…");
    }
    out
}

fn without_trailing_blanks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

struct ShownSources<'a> {
    sources: &'a SourceMap,
    texts: BTreeMap<u32, Source<String>>,
}

impl ariadne::Cache<u32> for &mut ShownSources<'_> {
    type Storage = String;

    fn fetch(&mut self, id: &u32) -> Result<&Source<String>, impl fmt::Debug> {
        self.texts.get(id).ok_or("a label stands in a file without an excerpt")
    }

    fn display<'a>(&self, id: &'a u32) -> Option<impl fmt::Display + 'a> {
        Some(self.sources.file(FileId(*id)).name.clone())
    }
}
