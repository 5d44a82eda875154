//! The place where a statement stopped making sense, and the questions that one asks about it.

use crate::layout::{Frame, FrameKind};
use crate::parser::Edit;
use crate::token::{Tok, Token};
use diagnostics::{FileId, Span};
use std::ops::Range;

pub struct Scene<'a> {
    pub file: FileId,
    pub text: &'a str,
    pub tokens: &'a [Token],
    /// The token that does not fit; one past the last where the end does not.
    pub at: usize,
    pub frames: &'a [Frame],
    /// The innermost statement around that token.
    pub statement: Range<usize>,
}

impl<'a> Scene<'a> {
    pub fn new(file: FileId, text: &'a str, tokens: &'a [Token], at: usize, frames: &'a [Frame]) -> Self {
        let around = frames.iter().rev().find(|frame| frame.holds_statements());
        let start = around.map_or(0, |frame| frame.item_at(at)).min(at);
        let mut scene = Scene { file, text, tokens, at, frames, statement: start..start };
        scene.statement.end = scene.statement_end(start);
        scene
    }

    /// A statement goes up to its `;`, or to the brace that closes the block around it, or to a keyword that
    /// begins the next one on a line of its own.
    fn statement_end(&self, start: usize) -> usize {
        let mut depth = 0;
        for place in start..self.tokens.len() {
            let tok = &self.tokens[place].tok;
            if tok.opens() {
                depth += 1;
            } else if tok.closes() {
                if depth == 0 {
                    return place;
                }
                depth -= 1;
            } else if depth == 0 && (*tok == Tok::Semi || (place > self.at && self.begins_statement(place))) {
                return place;
            }
        }
        self.tokens.len()
    }

    pub fn tok(&self, place: usize) -> Option<&'a Tok> {
        self.tokens.get(place).map(|token| &token.tok)
    }

    /// The token that does not fit.
    pub fn here(&self) -> Option<&'a Tok> {
        self.tok(self.at)
    }

    pub fn next(&self) -> Option<&'a Tok> {
        self.tok(self.at + 1)
    }

    /// The token `back` places before it, within the statement or not.
    pub fn before(&self, back: usize) -> Option<&'a Tok> {
        self.at.checked_sub(back).and_then(|place| self.tok(place))
    }

    pub fn after_operand(&self) -> bool {
        self.at > self.statement.start && self.before(1).is_some_and(Tok::ends_operand)
    }

    pub fn span(&self, place: usize) -> Span {
        match self.tokens.get(place) {
            Some(token) => token.span,
            None => self.tokens.last().map_or(Span::new(self.file, 0, 0), |last| last.span.after()),
        }
    }

    pub fn spans(&self, range: Range<usize>) -> Span {
        if range.is_empty() {
            return Span { end: self.span(range.start).start, ..self.span(range.start) };
        }
        self.span(range.start).to(self.span(range.end - 1))
    }

    pub fn statement_span(&self) -> Span {
        self.spans(self.statement.clone())
    }

    pub fn source(&self, range: Range<usize>) -> &'a str {
        if range.is_empty() {
            return "";
        }
        let span = self.spans(range);
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The token as the user wrote it, for a sentence.
    pub fn written(&self, place: usize) -> String {
        match self.tok(place) {
            None => "the end of the file".into(),
            Some(Tok::StrOpen) => "a text".into(),
            Some(Tok::StrClose) => "the end of the text".into(),
            Some(_) => format!("`{}`", self.source(place..place + 1)),
        }
    }

    pub fn is_first_on_line(&self, place: usize) -> bool {
        place == 0 || {
            let (from, to) = (self.span(place - 1).end as usize, self.span(place).start as usize);
            self.text.get(from..to).is_some_and(|between| between.contains('\n'))
        }
    }

    pub fn begins_statement(&self, place: usize) -> bool {
        self.is_first_on_line(place) && self.tok(place).is_some_and(Tok::starts_definition)
    }

    pub fn frame(&self) -> Option<&Frame> {
        self.frames.last()
    }

    pub fn is_in(&self, kind: FrameKind) -> bool {
        self.frame().is_some_and(|frame| frame.kind == kind)
    }

    /// Is the token itself a part of a statement, and not of a bracket inside one?
    pub fn is_at_statement_level(&self) -> bool {
        self.frame().is_some_and(Frame::holds_statements)
    }

    pub fn begins_with_let(&self) -> bool {
        let first = match self.tok(self.statement.start) {
            Some(Tok::Pub) => self.tok(self.statement.start + 1),
            first => first,
        };
        first == Some(&Tok::Let)
    }

    /// The first `=` of the statement outside brackets.
    pub fn equals_sign(&self) -> Option<usize> {
        self.find_at_depth(self.statement.clone(), |tok| *tok == Tok::Eq)
    }

    pub fn find_at_depth(&self, range: Range<usize>, wanted: impl Fn(&Tok) -> bool) -> Option<usize> {
        let mut depth = 0;
        for place in range {
            let tok = self.tok(place)?;
            if depth == 0 && wanted(tok) {
                return Some(place);
            }
            if tok.opens() {
                depth += 1;
            } else if tok.closes() {
                if depth == 0 {
                    return None;
                }
                depth -= 1;
            }
        }
        None
    }

    /// The place behind the closer that belongs to the opener at `open`.
    pub fn behind_group(&self, open: usize) -> usize {
        let mut depth = 0;
        for place in open..self.tokens.len() {
            if self.tokens[place].tok.opens() {
                depth += 1;
            } else if self.tokens[place].tok.closes() {
                depth -= 1;
                if depth == 0 {
                    return place + 1;
                }
            }
        }
        self.tokens.len()
    }

    /// Up to the `,`, the `;` or the closer that ends what begins at `from`.
    pub fn item_end(&self, from: usize) -> usize {
        let ends = |tok: &Tok| matches!(tok, Tok::Comma | Tok::Semi) || tok.closes();
        self.find_at_depth(from..self.tokens.len(), ends).unwrap_or(self.tokens.len())
    }

    /// Where the expression that ends before the token begins: behind the last `=`, `,` or opener.
    pub fn operand_start(&self) -> usize {
        let mut depth = 0;
        for place in (self.statement.start..self.at).rev() {
            let tok = &self.tokens[place].tok;
            if tok.closes() {
                depth += 1;
            } else if tok.opens() {
                if depth == 0 {
                    return place + 1;
                }
                depth -= 1;
            } else if depth == 0 && matches!(tok, Tok::Eq | Tok::Comma | Tok::Semi | Tok::FatArrow | Tok::Let) {
                return place + 1;
            }
        }
        self.statement.start
    }

    /// The `if` whose condition is being read, if no block has followed it yet.
    pub fn open_if(&self) -> Option<usize> {
        let mut depth = 0;
        for place in (self.statement.start..self.at).rev() {
            match &self.tokens[place].tok {
                Tok::BraceClose if depth == 0 => return None,
                tok if tok.closes() => depth += 1,
                tok if tok.opens() => {
                    if depth == 0 {
                        return None;
                    }
                    depth -= 1;
                }
                Tok::If if depth == 0 => return Some(place),
                Tok::Semi | Tok::Comma | Tok::Eq if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }

    /// A block that is told by its indentation goes up to the next line that stands no deeper than its head.
    pub fn indented_end(&self, head: usize) -> usize {
        let column = self.column(head);
        let next = (self.at + 1..self.tokens.len()).find(|&place| {
            let closes_around = self.tokens[place].tok == Tok::BraceClose;
            self.is_first_on_line(place) && (self.column(place) <= column || closes_around)
        });
        next.unwrap_or(self.tokens.len())
    }

    pub fn column(&self, place: usize) -> usize {
        let start = self.span(place).start as usize;
        self.text[..start].rfind('\n').map_or(start, |newline| start - newline - 1)
    }

    pub fn token(&self, tok: Tok, place: usize) -> Token {
        let span = self.span(place);
        Token { tok, span: Span { end: span.start, ..span } }
    }

    pub fn insert(&self, place: usize, tok: Tok) -> Edit {
        Edit { range: place..place, with: vec![self.token(tok, place)] }
    }

    pub fn replace(&self, place: usize, tok: Tok) -> Edit {
        Edit { range: place..place + 1, with: vec![Token { tok, span: self.span(place) }] }
    }

    pub fn remove(&self, range: Range<usize>) -> Edit {
        Edit { range, with: Vec::new() }
    }

    /// Puts the error where the tokens were; nothing is said about it again.
    pub fn blank(&self, range: Range<usize>) -> Edit {
        let span = self.spans(range.clone());
        Edit { range, with: vec![Token { tok: Tok::ErrorExpr, span }] }
    }

    /// A statement that is an error, in place of the tokens.
    pub fn blank_statement(&self, range: Range<usize>) -> Edit {
        let mut edit = self.blank(range.clone());
        edit.with.push(self.token(Tok::Semi, range.end));
        edit
    }

    /// `let name = <error>;` for each name, in place of the tokens: later uses give no second error.
    pub fn bind_to_error(&self, names: &[usize], range: Range<usize>) -> Edit {
        let mut with = Vec::new();
        for &name in names {
            let value = Token { tok: Tok::ErrorExpr, span: self.spans(range.clone()) };
            let name_token = self.tokens[name].clone();
            with.extend([self.token(Tok::Let, name), name_token, self.token(Tok::Eq, name), value]);
            with.push(self.token(Tok::Semi, name));
        }
        Edit { range, with }
    }

    /// Keeps what can be kept of a statement that cannot be mended otherwise: a `let` still binds its names.
    pub fn give_up(&self) -> Vec<Edit> {
        let Range { start, end } = self.statement;
        let through_semicolon = if self.tok(end) == Some(&Tok::Semi) { end + 1 } else { end };
        let first = if self.tok(start) == Some(&Tok::Pub) { start + 1 } else { start };
        match self.tok(first) {
            Some(Tok::Let) => self.give_up_let(first, end, through_semicolon),
            Some(Tok::Fn) => {
                let body = self.find_at_depth(first..end, |tok| *tok == Tok::BraceOpen);
                let end =
                    body.filter(|body| *body >= self.at).map_or(through_semicolon, |body| self.behind_group(body));
                vec![self.bind_to_error(&self.name_at(first + 1), start..end.max(self.at))]
            }
            Some(Tok::Use) => vec![self.bind_to_error(&self.names_in(first + 1..end), start..through_semicolon)],
            Some(Tok::Struct | Tok::Enum | Tok::Mod) => {
                let body = self.find_at_depth(first..end, |tok| *tok == Tok::BraceOpen);
                let end = body.map_or(through_semicolon, |body| self.behind_group(body));
                vec![self.bind_to_error(&self.name_at(first + 1), start..end)]
            }
            // The value of a block has no `;`.
            _ if through_semicolon == end && self.tok(end).is_some() && start < end => vec![self.blank(start..end)],
            _ => {
                let end = through_semicolon.max(self.at + 1).min(self.tokens.len());
                vec![self.blank_statement(start..end)]
            }
        }
    }

    fn give_up_let(&self, first: usize, end: usize, through_semicolon: usize) -> Vec<Edit> {
        let start = self.statement.start;
        let equals = self.find_at_depth(first..end, |tok| *tok == Tok::Eq);
        match equals {
            Some(equals) if equals < self.at => {
                let mut edits = vec![self.blank(equals + 1..end)];
                if through_semicolon == end {
                    edits[0].with.push(self.token(Tok::Semi, end));
                }
                edits
            }
            Some(equals) => {
                let colon = self.find_at_depth(first..equals, |tok| *tok == Tok::Colon);
                match colon {
                    Some(colon) if colon < self.at => {
                        let span = self.spans(colon + 1..equals);
                        vec![Edit { range: colon + 1..equals, with: vec![Token { tok: Tok::ErrorType, span }] }]
                    }
                    _ => vec![self.bind_to_error(&self.names_in(first + 1..equals), start..through_semicolon)],
                }
            }
            None => {
                let end = through_semicolon.max(self.at.min(end));
                vec![self.bind_to_error(&self.name_at(first + 1), start..end)]
            }
        }
    }

    fn name_at(&self, place: usize) -> Vec<usize> {
        if matches!(self.tok(place), Some(Tok::Ident(_))) { vec![place] } else { Vec::new() }
    }

    /// The names of a pattern, of a left side or of a `use`, as far as they can be told.
    pub fn names_in(&self, range: Range<usize>) -> Vec<usize> {
        let first = self.name_at(range.start);
        if !first.is_empty() && self.tok(range.start + 1) == Some(&Tok::BracketOpen) {
            return first;
        }
        let is_bound = |place: &usize| {
            matches!(self.tok(*place), Some(Tok::Ident(_)))
                && !matches!(self.tok(*place + 1), Some(Tok::PathSep | Tok::As))
                && !(self.tok(*place).is_some_and(|tok| tok.is_word("as")))
        };
        range.filter(is_bound).collect()
    }
}
