//! From text to tokens. Logos knows the words; numbers, texts and their interpolation holes are read by
//! hand, because where they end depends on what is around them.

use crate::ast::Format;
use crate::token::{Tok, Token};
use crate::{errors, format, number};
use diagnostics::{Diagnostic, FileId, Span};
use logos::{Lexer as Words, Logos};
use std::rc::Rc;

pub struct Lexed {
    pub tokens: Vec<Token>,
    pub docs: Docs,
    pub diagnostics: Vec<Diagnostic>,
}

/// Doc comments by the place of the token that they stand before, in the order of the file.
#[derive(Default)]
pub struct Docs(Vec<(u32, String)>);

impl Docs {
    pub fn before(&self, start: u32) -> Vec<String> {
        let from = self.0.partition_point(|(place, _)| *place < start);
        self.0[from..].iter().take_while(|(place, _)| *place == start).map(|(_, text)| text.clone()).collect()
    }
}

/// Texts may span lines. Where the quotes of a file do not pair up, the file is read again with texts that
/// end at their line, so that the error stands on the line that lacks its quote.
pub fn lex(file: FileId, text: &str) -> Lexed {
    match Lexer::new(file, text, false).run() {
        Some(lexed) => lexed,
        None => Lexer::new(file, text, true).run().expect("line by line every text ends"),
    }
}

/// A hole `{…}` that is being read.
struct Hole {
    open: Span,
    quote: Span,
    /// The brackets that are open inside it, as their first characters.
    brackets: Vec<u8>,
}

struct Lexer<'t> {
    file: FileId,
    text: &'t str,
    words: Words<'t, Tok>,
    by_line: bool,
    holes: Vec<Hole>,
    tokens: Vec<Token>,
    docs: Vec<(u32, String)>,
    waiting_docs: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

/// The file has to be read again line by line.
struct Unpaired;

impl<'t> Lexer<'t> {
    fn new(file: FileId, text: &'t str, by_line: bool) -> Self {
        let mut words = Tok::lexer(text);
        if text.starts_with('\u{feff}') {
            words.bump('\u{feff}'.len_utf8());
        }
        Lexer {
            file,
            text,
            words,
            by_line,
            holes: Vec::new(),
            tokens: Vec::with_capacity(text.len() / 3),
            docs: Vec::new(),
            waiting_docs: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    fn run(mut self) -> Option<Lexed> {
        while let Some(word) = self.words.next() {
            let span = self.words.span();
            if self.by_line && self.hole_ends_with_line(span.start) {
                continue;
            }
            let step = match word {
                Ok(tok) => self.word(tok, span.start, span.end),
                Err(()) => {
                    self.unknown(span.start, span.end);
                    Ok(())
                }
            };
            if step.is_err() {
                return None;
            }
        }
        if !self.holes.is_empty() {
            if !self.by_line {
                return None;
            }
            let end = self.text.len();
            while !self.holes.is_empty() {
                self.close_hole_early(end);
                self.push(Tok::StrClose, end, end);
            }
        }
        Some(Lexed { tokens: self.tokens, docs: Docs(self.docs), diagnostics: self.diagnostics })
    }

    fn word(&mut self, tok: Tok, start: usize, end: usize) -> Result<(), Unpaired> {
        match tok {
            Tok::Comment => self.comment(start, end),
            Tok::Digit => self.number(start, false),
            Tok::Dot => self.dot(start, end),
            Tok::Quote => return self.quote(start),
            Tok::Apostrophe => self.apostrophe(start),
            Tok::Hash => {
                let line_end = self.line_end(start);
                self.diagnostics.push(errors::hash_comment(self.span(start, start + 1)));
                self.words.bump(line_end - end);
            }
            Tok::Slash if self.text[start..].starts_with("/*") => self.block_comment(start),
            Tok::StrictEq => {
                let equal = &self.text[start..end] == "===";
                self.diagnostics.push(errors::strict_equality(self.span(start, end), equal));
                self.push(if equal { Tok::EqEq } else { Tok::NotEq }, start, end);
            }
            tok if self.holes.is_empty() => self.push(tok, start, end),
            tok => return self.word_in_hole(tok, start, end),
        }
        Ok(())
    }

    fn push(&mut self, tok: Tok, start: usize, end: usize) {
        let waiting = self.waiting_docs.drain(..).map(|doc| (start as u32, doc));
        self.docs.extend(waiting);
        let span = self.span(start, end);
        self.tokens.push(Token { tok, span });
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }

    fn line_end(&self, from: usize) -> usize {
        self.text[from..].find('\n').map_or(self.text.len(), |k| from + k)
    }

    fn after_operand(&self) -> bool {
        self.tokens.last().is_some_and(|token| token.tok.ends_operand())
    }

    /// Goes on reading words at `place`.
    fn move_to(&mut self, place: usize) {
        let here = self.words.span().end;
        if place < here {
            self.words = Tok::lexer(self.text);
            self.words.bump(place);
        } else {
            self.words.bump(place - here);
        }
    }

    fn comment(&mut self, start: usize, end: usize) {
        let comment = &self.text[start..end];
        if let Some(doc) = comment.strip_prefix("///")
            && !doc.starts_with('/')
        {
            self.waiting_docs.push(doc.trim().to_owned());
        }
    }

    /// `/* … */`, which ends with the file at the latest.
    fn block_comment(&mut self, start: usize) {
        let inside = start + 2;
        let end = self.text[inside..].find("*/").map_or(self.text.len(), |length| inside + length + 2);
        self.diagnostics.push(errors::block_comment(self.span(start, end)));
        self.move_to(end);
    }

    fn number(&mut self, start: usize, tuple_index: bool) {
        let read = if tuple_index { number::tuple_index } else { number::number };
        let number = read(self.file, self.text, start);
        self.diagnostics.extend(number.error);
        self.push(number.tok, start, number.end);
        self.move_to(number.end);
    }

    /// A point is field access behind an operand; elsewhere `.5` is a number that lacks its zero.
    fn dot(&mut self, start: usize, end: usize) {
        if !self.text[end..].starts_with(|c: char| c.is_ascii_digit()) {
            return self.push(Tok::Dot, start, end);
        }
        if self.after_operand() {
            self.push(Tok::Dot, start, end);
            return self.number(end, true);
        }
        let number = number::number(self.file, self.text, end);
        let (tok, digits) = match number.tok {
            Tok::Float((digits, suffix)) => (Tok::Float((Rc::from(format!("0.{digits}")), suffix)), digits),
            _ => {
                let digits = Rc::from(&self.text[end..number.end]);
                (Tok::Float((Rc::from(format!("0.{digits}").replace('_', "")), None)), digits)
            }
        };
        self.diagnostics.push(errors::leading_point(self.span(start, number.end), &digits));
        self.push(tok, start, number.end);
        self.move_to(number.end);
    }

    fn unknown(&mut self, start: usize, end: usize) {
        if self.text[start..].starts_with('`')
            && let Some(length) =
                self.text[start + 1..].find(['`', '\n']).filter(|k| self.text[start + 1 + k..].starts_with('`'))
        {
            return self.backticks(start, start + 1 + length);
        }
        let run = self.text[start..end].chars().next().unwrap_or('\u{fffd}');
        let joined = self.diagnostics.last().is_some_and(|d| d.code == "E0101" && d.span().end as usize == start);
        if !joined {
            self.diagnostics.push(errors::unknown_character(self.span(start, end), run));
        } else if let Some(last) = self.diagnostics.last_mut() {
            last.labels[0].span.end = end as u32;
        }
    }

    /// `` `x = ${x}` ``: the holes are not looked into.
    fn backticks(&mut self, start: usize, close: usize) {
        let content = &self.text[start + 1..close];
        self.diagnostics.push(errors::backticks(self.span(start, close + 1), content));
        self.push(Tok::StrOpen, start, start + 1);
        self.push(Tok::StrText(Rc::from(content)), start + 1, close);
        self.push(Tok::StrClose, close, close + 1);
        self.move_to(close + 1);
    }

    /// `'text'` and the transposition `A'` of other languages.
    fn apostrophe(&mut self, start: usize) {
        let after = start + 1;
        let transposes = self.after_operand() && self.tokens.last().is_some_and(|t| t.span.end as usize == start);
        if transposes {
            self.diagnostics.push(errors::apostrophe_transpose(self.span(start, after)));
            return;
        }
        let rest = &self.text[after..];
        let Some(length) = rest.find(['\'', '\n']).filter(|k| rest[*k..].starts_with('\'')) else {
            return self.diagnostics.push(errors::unknown_character(self.span(start, after), '\''));
        };
        let close = after + length;
        let content = &self.text[after..close];
        self.diagnostics.push(errors::single_quotes(self.span(start, close + 1), content));
        self.push(Tok::StrOpen, start, after);
        self.push(Tok::StrText(Rc::from(content)), after, close);
        self.push(Tok::StrClose, close, close + 1);
        self.move_to(close + 1);
    }

    fn quote(&mut self, start: usize) -> Result<(), Unpaired> {
        if !self.holes.is_empty() {
            let line_has_another = || {
                let rest = &self.text[start + 1..];
                rest.find(['"', '\n']).is_some_and(|k| rest[k..].starts_with('"'))
            };
            if self.after_operand() || (self.by_line && !line_has_another()) {
                // An operand has ended, so this quote ends the text around the hole.
                self.close_hole_early(start);
                self.push(Tok::StrClose, start, start + 1);
                return Ok(());
            }
        }
        if self.text[start..].starts_with("\"\"\"") {
            return self.triple_quotes(start);
        }
        self.push(Tok::StrOpen, start, start + 1);
        self.text_from(start + 1, self.span(start, start + 1))
    }

    fn triple_quotes(&mut self, start: usize) -> Result<(), Unpaired> {
        let from = start + 3;
        let Some(length) = self.text[from..].find("\"\"\"") else {
            self.diagnostics.push(errors::triple_quotes(self.span(start, from)));
            self.push(Tok::StrOpen, start, from);
            let end = self.text.len();
            self.push(Tok::StrClose, end, end);
            self.move_to(end);
            return Ok(());
        };
        let (close, end) = (from + length, from + length + 3);
        self.diagnostics.push(errors::triple_quotes(self.span(start, from)));
        self.push(Tok::StrOpen, start, from);
        self.push(Tok::StrText(Rc::from(&self.text[from..close])), from, close);
        self.push(Tok::StrClose, close, end);
        self.move_to(end);
        Ok(())
    }

    /// Reads text up to its closing quote or to the next hole.
    fn text_from(&mut self, from: usize, quote: Span) -> Result<(), Unpaired> {
        let bytes = self.text.as_bytes();
        let mut content = String::new();
        let mut at = from;
        // The brace that ends what is no hole.
        let mut braced = None;
        loop {
            let plain = bytes[at..].iter().take_while(|b| !matches!(b, b'"' | b'\\' | b'{' | b'}' | b'\n')).count();
            content.push_str(&self.text[at..at + plain]);
            at += plain;
            match bytes.get(at) {
                None | Some(b'\n') if self.by_line => return self.unclosed_text(from, at, content, quote),
                None => return Err(Unpaired),
                Some(b'"') => {
                    self.text_part(content, from, at);
                    self.push(Tok::StrClose, at, at + 1);
                    self.move_to(at + 1);
                    return Ok(());
                }
                Some(b'\\') => at = self.escape(at, &mut content),
                // No expression begins so: this is text with braces of its own.
                Some(b'{') if bytes.get(at + 1) == Some(&b'\\') => {
                    braced = self.closing_brace(at + 1);
                    let end = braced.map_or(at + 1, |end| end + 1);
                    let inner = braced.map_or("", |end| &self.text[at + 1..end]);
                    let fixed = format!("{{{{{inner}{}", if braced.is_some() { "}}" } else { "" });
                    self.diagnostics.push(errors::braces_of_text(self.span(at, end), fixed));
                    content.push('{');
                    at += 1;
                }
                Some(b'}') if braced == Some(at) => {
                    content.push('}');
                    at += 1;
                }
                Some(b'{') if bytes.get(at + 1) != Some(&b'{') => {
                    self.text_part(content, from, at);
                    self.push(Tok::HoleOpen, at, at + 1);
                    self.holes.push(Hole { open: self.span(at, at + 1), quote, brackets: Vec::new() });
                    self.move_to(at + 1);
                    return Ok(());
                }
                Some(b'}') if bytes.get(at + 1) != Some(&b'}') => {
                    self.diagnostics.push(errors::lone_brace(self.span(at, at + 1)));
                    content.push('}');
                    at += 1;
                }
                Some(&brace @ (b'{' | b'}')) => {
                    content.push(brace as char);
                    at += 2;
                }
                Some(_) => {
                    content.push('\n');
                    at += 1;
                }
            }
        }
    }

    fn text_part(&mut self, content: String, start: usize, end: usize) {
        if !content.is_empty() {
            self.push(Tok::StrText(Rc::from(content)), start, end);
        }
    }

    /// The brackets and the semicolon at the end of the line are more likely code than text.
    fn unclosed_text(&mut self, from: usize, line_end: usize, content: String, quote: Span) -> Result<(), Unpaired> {
        let line = &self.text[from..line_end];
        let kept = line.trim_end_matches(|c: char| matches!(c, ')' | ']' | '}' | ';' | ',') || c.is_whitespace());
        let end = from + kept.len();
        self.diagnostics.push(errors::unclosed_text(self.span(end, end), quote));
        let content = if end == line_end { content } else { kept.to_owned() };
        self.text_part(content, from, end);
        self.push(Tok::StrClose, end, end);
        self.move_to(end);
        Ok(())
    }

    fn escape(&mut self, at: usize, content: &mut String) -> usize {
        let rest = &self.text[at + 1..];
        let escaped = rest.chars().next();
        let plain = match escaped {
            Some('n') => Some('\n'),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('0') => Some('\0'),
            Some(c @ ('\\' | '"')) => Some(c),
            _ => None,
        };
        if let Some(plain) = plain {
            content.push(plain);
            return at + 2;
        }
        if rest.starts_with("u{")
            && let Some(length) = rest.bytes().take(12).position(|b| b == b'}')
        {
            let end = at + 1 + length + 1;
            let digits = &rest[2..length];
            match u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) {
                Some(c) => content.push(c),
                None => self.diagnostics.push(errors::bad_scalar(self.span(at, end), digits)),
            }
            return end;
        }
        match escaped {
            Some(c) if c != '\n' => {
                let end = at + 1 + c.len_utf8();
                self.diagnostics.push(errors::bad_escape(self.span(at, end), c));
                end
            }
            _ => {
                self.diagnostics.push(errors::lone_backslash(self.span(at, at + 1)));
                at + 1
            }
        }
    }

    fn word_in_hole(&mut self, tok: Tok, start: usize, end: usize) -> Result<(), Unpaired> {
        let Some(hole) = self.holes.last_mut() else {
            self.push(tok, start, end);
            return Ok(());
        };
        match tok {
            Tok::ParenOpen => hole.brackets.push(b'('),
            Tok::BracketOpen => hole.brackets.push(b'['),
            Tok::BraceOpen => hole.brackets.push(b'{'),
            Tok::ParenClose | Tok::BracketClose => {
                let opener = if tok == Tok::ParenClose { b'(' } else { b'[' };
                match hole.brackets.iter().rposition(|b| *b == opener) {
                    Some(depth) => hole.brackets.truncate(depth),
                    None => return self.hole_into_text(start),
                }
            }
            Tok::BraceClose => match hole.brackets.iter().rposition(|b| *b == b'{') {
                Some(depth) => hole.brackets.truncate(depth),
                None => return self.close_hole(start, end),
            },
            Tok::Semi if hole.brackets.is_empty() => return self.hole_into_text(start),
            Tok::Colon if hole.brackets.is_empty() => return self.format(start, end),
            _ => {}
        }
        self.push(tok, start, end);
        Ok(())
    }

    fn close_hole(&mut self, start: usize, end: usize) -> Result<(), Unpaired> {
        let Some(hole) = self.holes.pop() else { return Ok(()) };
        self.push(Tok::HoleClose, start, end);
        self.text_from(end, hole.quote)
    }

    /// The next closing brace of a text, escapes passed over.
    fn closing_brace(&self, from: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = from;
        loop {
            match bytes.get(at)? {
                b'"' | b'\n' => return None,
                b'}' => return Some(at),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    /// The hole was never closed: what stands at `at` belongs to the text again.
    fn hole_into_text(&mut self, at: usize) -> Result<(), Unpaired> {
        let quote = self.holes.last().map(|hole| hole.quote);
        // Over several lines it is more likely that the text was never closed.
        if !self.by_line && quote.is_some_and(|quote| self.text[quote.end as usize..at].contains('\n')) {
            return Err(Unpaired);
        }
        self.close_hole_early(at);
        let Some(quote) = quote else { return Ok(()) };
        let line_end = self.line_end(at);
        if self.text[at..line_end].contains('"') {
            return self.text_from(at, quote);
        }
        self.push(Tok::StrClose, at, at);
        self.move_to(at);
        Ok(())
    }

    fn close_hole_early(&mut self, at: usize) {
        let Some(hole) = self.holes.pop() else { return };
        self.diagnostics.push(errors::unclosed_hole(self.span(at, at), hole.open));
        self.push(Tok::HoleClose, at, at);
    }

    /// Reading line by line, a hole and its text end where the line does.
    fn hole_ends_with_line(&mut self, next: usize) -> bool {
        let Some(hole) = self.holes.last() else { return false };
        let from = self.tokens.last().map_or(hole.open.end, |token| token.span.end) as usize;
        if !self.text[from.min(next)..next].contains('\n') {
            return false;
        }
        self.close_hole_early(from);
        self.push(Tok::StrClose, from, from);
        self.move_to(from);
        true
    }

    fn format(&mut self, colon: usize, from: usize) -> Result<(), Unpaired> {
        let rest = &self.text[from..];
        let length = rest.find(['}', '"', '\n']).unwrap_or(rest.len());
        let end = from + length;
        let spec = match format::parse(&rest[..length], self.span(from, end)) {
            Ok(spec) => spec,
            Err(problem) => {
                self.diagnostics.push(errors::bad_format(self.span(from, end), &rest[..length], problem));
                Format { span: self.span(from, end), ..format::PLAIN }
            }
        };
        self.push(Tok::Format(spec), colon, end);
        self.move_to(end);
        if rest[length..].starts_with('}') {
            self.move_to(end + 1);
            return self.close_hole(end, end + 1);
        }
        if rest[length..].starts_with('"') {
            self.close_hole_early(end);
            self.push(Tok::StrClose, end, end + 1);
            self.move_to(end + 1);
            return Ok(());
        }
        self.close_hole_early(end);
        self.push(Tok::StrClose, end, end);
        Ok(())
    }
}
