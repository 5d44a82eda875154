//! Spans, interned names, source files and diagnostics as data. Every crate speaks of errors in these
//! terms; `render` and `json` are the only places that turn one into text.

mod closest;
mod codes;
mod excerpt;
mod interner;
mod json;
mod render;
mod source;

pub use closest::closest;
pub use codes::{Row, codes, explain, similar};
pub use interner::Symbol;
pub use json::{json, quoted as json_text};
pub use render::render;
pub use source::{FileId, SourceFile, SourceMap, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    Error,
    Warning,
}

/// One problem as data. The primary label is the first in `labels`.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub labels: Vec<Label>,
    pub notes: Vec<String>,
    pub help: Vec<Fix>,
}

#[derive(Clone, Debug)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// What to write instead. `replacement` goes in place of `span`; advice without a text to insert has no span.
#[derive(Clone, Debug)]
pub struct Fix {
    pub message: String,
    pub span: Option<Span>,
    pub replacement: String,
}

impl Diagnostic {
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message.into())
    }

    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message.into())
    }

    fn new(severity: Severity, code: &'static str, span: Span, message: String) -> Self {
        let labels = vec![Label { span, text: String::new() }];
        Diagnostic { code, severity, message, labels, notes: Vec::new(), help: Vec::new() }
    }

    /// Words for the primary label.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.labels[0].text = text.into();
        self
    }

    /// Another party, with where its fact came from.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    pub fn help(mut self, message: impl Into<String>) -> Self {
        self.help.push(Fix { message: message.into(), span: None, replacement: String::new() });
        self
    }

    /// A fix as source text in place of `span`.
    pub fn fix(mut self, message: impl Into<String>, span: Span, replacement: impl Into<String>) -> Self {
        self.help.push(Fix { message: message.into(), span: Some(span), replacement: replacement.into() });
        self
    }

    pub fn span(&self) -> Span {
        self.labels[0].span
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
