//! The part of a file that a report shows. Lines keep their numbers, but only those with a place of interest have
//! text, and a long one is cut to what stands around its places.

use crate::SourceFile;
use std::collections::BTreeMap;

/// Lines up to this many characters are shown whole.
const WHOLE_LINE: usize = 140;
/// What is kept of a longer line on each side of a place.
const AROUND: usize = 40;
const CUT: char = '…';

/// A place as a line and a character of it, both counted from 0. The character may be the end of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
}

pub(crate) struct Excerpt {
    pub text: String,
    lines: BTreeMap<usize, ShownLine>,
}

struct ShownLine {
    /// In characters of `Excerpt::text`.
    start: usize,
    pieces: Vec<Piece>,
}

/// The characters from `from` to `to` of a line, shown at `shown_at`.
struct Piece {
    from: usize,
    to: usize,
    shown_at: usize,
}

/// Where an offset lies; one past the end of a line lies at its end.
pub(crate) fn place(file: &SourceFile, offset: u32) -> Place {
    let line = file.line_at(offset);
    let (_, column) = file.line_column(offset);
    Place { line, column: (column - 1).min(file.line(line).chars().count()) }
}

impl Excerpt {
    pub(crate) fn new(file: &SourceFile, places: impl Iterator<Item = Place>) -> Excerpt {
        let mut columns: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for place in places {
            columns.entry(place.line).or_default().push(place.column);
        }
        let mut text = String::new();
        let mut length = 0;
        let mut next_line = 0;
        let mut lines = BTreeMap::new();
        for (line, columns) in columns {
            for _ in next_line..line {
                text.push('\n');
                length += 1;
            }
            let chars: Vec<char> = file.line(line).chars().map(visible).collect();
            let (shown, pieces) = cut(&chars, columns);
            text.extend(&shown);
            text.push('\n');
            lines.insert(line, ShownLine { start: length, pieces });
            length += shown.len() + 1;
            next_line = line + 1;
        }
        Excerpt { text, lines }
    }

    /// The offset, in characters of the excerpt, of one of the places that it was made for.
    pub(crate) fn offset(&self, place: Place) -> usize {
        self.lines[&place.line].start + self.column(place)
    }

    pub(crate) fn column(&self, place: Place) -> usize {
        shown_column(&self.lines[&place.line].pieces, place.column)
    }
}

/// A line as it may be shown around one stretch of it, in three parts: before, the stretch, after. Long parts are cut.
pub(crate) fn around(line: &str, from: usize, to: usize) -> [String; 3] {
    let chars: Vec<char> = line.chars().map(visible).collect();
    let (shown, pieces) = cut(&chars, vec![from, to]);
    let (from, to) = (shown_column(&pieces, from), shown_column(&pieces, to));
    [&shown[..from], &shown[from..to], &shown[to..]].map(|part| part.iter().collect())
}

fn shown_column(pieces: &[Piece], column: usize) -> usize {
    let piece = pieces.iter().find(|piece| column <= piece.to).or(pieces.last());
    piece.map_or(0, |piece| column.min(piece.to).saturating_sub(piece.from) + piece.shown_at)
}

/// Characters that would move the cursor, or end a line for the terminal but not for us, become visible ones.
fn visible(c: char) -> char {
    match c {
        '\t' => c,
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

fn cut(chars: &[char], mut columns: Vec<usize>) -> (Vec<char>, Vec<Piece>) {
    if chars.len() <= WHOLE_LINE {
        return (chars.to_vec(), vec![Piece { from: 0, to: chars.len(), shown_at: 0 }]);
    }
    columns.sort_unstable();
    let mut kept: Vec<(usize, usize)> = Vec::new();
    for column in columns {
        let (from, to) = (column.saturating_sub(AROUND), (column + AROUND).min(chars.len()));
        match kept.last_mut() {
            // A gap of one character is not shorter than its mark.
            Some(last) if from <= last.1 + 1 => last.1 = to,
            _ => kept.push((from, to)),
        }
    }
    let mut shown = Vec::new();
    let mut pieces = Vec::new();
    let mut end = 0;
    for (from, to) in kept {
        if from > end {
            shown.push(CUT);
        }
        pieces.push(Piece { from, to, shown_at: shown.len() });
        shown.extend(&chars[from..to]);
        end = to;
    }
    if end < chars.len() {
        shown.push(CUT);
    }
    (shown, pieces)
}
