//! Source files and places in them.

const BYTE_ORDER_MARK: char = '\u{feff}';

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FileId(pub u32);

/// A half-open range of bytes in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// The smallest span over both.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty span behind this one.
    pub fn after(self) -> Span {
        Span { start: self.end, ..self }
    }
}

#[derive(Debug)]
pub struct SourceFile {
    /// As diagnostics name it.
    pub name: String,
    pub text: String,
    line_starts: Vec<u32>,
}

#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(k, _)| k as u32 + 1))
            .collect();
        self.files.push(SourceFile { name: name.into(), text, line_starts });
        FileId(self.files.len() as u32 - 1)
    }

    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// What stands behind a place.
    pub fn behind(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.end as usize..).unwrap_or("")
    }

    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.start as usize..span.end as usize).unwrap_or("")
    }
}

impl SourceFile {
    /// Line and column of a byte offset, both from 1, the column in Unicode scalar values.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.line_at(offset);
        let start = self.line_starts[line] as usize;
        let before = &self.text[start..self.text.floor_char_boundary(offset as usize)];
        // A byte order mark takes no column.
        let column = before.chars().filter(|c| *c != BYTE_ORDER_MARK).count();
        (line + 1, column + 1)
    }

    /// The line of a byte offset, counted from 0; an offset past the end is on the last one.
    pub(crate) fn line_at(&self, offset: u32) -> usize {
        self.line_starts.partition_point(|start| *start <= offset) - 1
    }

    /// A line, counted from 0, without its end and without a byte order mark.
    pub(crate) fn line(&self, line: usize) -> &str {
        let start = self.line_starts[line] as usize;
        let end = self.line_starts.get(line + 1).map_or(self.text.len(), |next| *next as usize);
        let text = self.text[start..end].trim_end_matches('\n');
        let text = text.strip_suffix('\r').unwrap_or(text);
        if line == 0 { text.trim_start_matches(BYTE_ORDER_MARK) } else { text }
    }
}
