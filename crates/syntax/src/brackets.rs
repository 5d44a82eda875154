//! Makes the brackets pair up before anything else looks at them: a missing closer is put where it was
//! missed, a stray one is taken out, and each is reported once.

use crate::errors;
use crate::token::{Tok, Token};
use diagnostics::{Diagnostic, Span};
use std::collections::HashSet;

pub fn balance(tokens: Vec<Token>, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Token> {
    let plain = Pass::new(&tokens, text, false).run();
    let mut found = plain;
    if found.block_left_open {
        let by_indentation = Pass::new(&tokens, text, true).run();
        if by_indentation.diagnostics.len() <= found.diagnostics.len() {
            found = by_indentation;
        }
    }
    // What a text or a hole swallowed is no second mistake.
    let explained: HashSet<_> = diagnostics.iter().map(|d| (d.code, d.span().start)).collect();
    diagnostics.extend(found.diagnostics.into_iter().filter(|d| !explained.contains(&(d.code, d.span().start))));
    if found.edits.is_empty() { tokens } else { apply(tokens, found.edits) }
}

enum Edit {
    /// Before the token at the place.
    Insert(usize, Token),
    Drop(usize),
    Replace(usize, Tok),
}

impl Edit {
    fn place(&self) -> usize {
        match self {
            Edit::Insert(place, _) | Edit::Drop(place) | Edit::Replace(place, _) => *place,
        }
    }
}

fn apply(tokens: Vec<Token>, edits: Vec<Edit>) -> Vec<Token> {
    let mut result = Vec::with_capacity(tokens.len() + edits.len());
    let mut edits = edits.into_iter().peekable();
    for (place, mut token) in tokens.into_iter().enumerate() {
        let mut kept = true;
        while let Some(edit) = edits.next_if(|edit| edit.place() == place) {
            match edit {
                Edit::Insert(_, inserted) => result.push(inserted),
                Edit::Drop(_) => kept = false,
                Edit::Replace(_, tok) => token.tok = tok,
            }
        }
        if kept {
            result.push(token);
        }
    }
    result.extend(edits.filter_map(|edit| match edit {
        Edit::Insert(_, inserted) => Some(inserted),
        _ => None,
    }));
    result
}

struct Open {
    place: usize,
    /// Inside a type, where `;` separates the element from the dimensions.
    in_type: bool,
}

struct Found {
    edits: Vec<Edit>,
    diagnostics: Vec<Diagnostic>,
    block_left_open: bool,
}

struct Pass<'a> {
    tokens: &'a [Token],
    text: &'a str,
    by_indentation: bool,
    open: Vec<Open>,
    found: Found,
}

impl<'a> Pass<'a> {
    fn new(tokens: &'a [Token], text: &'a str, by_indentation: bool) -> Self {
        let found = Found { edits: Vec::new(), diagnostics: Vec::new(), block_left_open: false };
        Pass { tokens, text, by_indentation, open: Vec::new(), found }
    }

    fn run(mut self) -> Found {
        for place in 0..self.tokens.len() {
            let tok = &self.tokens[place].tok;
            if self.by_indentation {
                self.close_blocks_that_the_indentation_ends(place);
            }
            if tok.opens() {
                self.open(place);
            } else if tok.closes() {
                self.close(place);
            } else if *tok == Tok::Semi {
                self.semicolon(place);
            } else if self.begins_statement_on_new_line(place) {
                self.statement_inside_brackets(place);
            }
        }
        let end = self.tokens.len();
        self.found.block_left_open = self.open.iter().any(|open| self.tokens[open.place].tok == Tok::BraceOpen);
        if !self.open.is_empty() {
            self.unclosed_down_to(0, end);
        }
        self.found
    }

    fn tok(&self, place: usize) -> Option<&Tok> {
        self.tokens.get(place).map(|token| &token.tok)
    }

    fn top(&self) -> Option<&Tok> {
        self.open.last().and_then(|open| self.tok(open.place))
    }

    fn open(&mut self, place: usize) {
        let after_type_mark = place > 0 && matches!(self.tokens[place - 1].tok, Tok::Colon | Tok::Arrow | Tok::As);
        let in_type = after_type_mark || self.open.last().is_some_and(|open| open.in_type);
        self.open.push(Open { place, in_type });
    }

    fn close(&mut self, place: usize) {
        let closer = &self.tokens[place].tok;
        let closes = |opener: &Tok| pair(opener).is_some_and(|(_, _, c)| c == *closer);
        if self.top().is_some_and(closes) {
            self.open.pop();
            return;
        }
        // A closer never reaches out of an interpolation hole.
        let reach = self.open.iter().rposition(|open| self.tokens[open.place].tok == Tok::HoleOpen);
        let reach = if matches!(closer, Tok::HoleClose | Tok::StrClose) { 0 } else { reach.map_or(0, |k| k + 1) };
        let depth = self.open[reach..].iter().rposition(|open| closes(&self.tokens[open.place].tok));
        if let Some(depth) = depth {
            self.unclosed_down_to(reach + depth + 1, place);
            self.open.pop();
            return;
        }
        let span = self.tokens[place].span;
        let wrong = match self.top() {
            Some(opener @ (Tok::ParenOpen | Tok::BracketOpen)) if reach < self.open.len() => pair(opener),
            _ => None,
        };
        if let Some((opener, text, right)) = wrong
            && self.tok(place + 1) != Some(&right)
        {
            let open = self.tokens[self.open[self.open.len() - 1].place].span;
            self.found.diagnostics.push(errors::wrong_closer(span, open, opener, text, self.source(span)));
            self.found.edits.push(Edit::Replace(place, right));
            self.open.pop();
            return;
        }
        self.found.diagnostics.push(errors::stray_closer(span, self.source(span)));
        self.found.edits.push(Edit::Drop(place));
    }

    /// Closes everything above `depth` before `place`. What lacks several closers in one place is one mistake.
    fn unclosed_down_to(&mut self, depth: usize, place: usize) {
        let end = match place.checked_sub(1) {
            Some(before) => self.tokens[before].span.after(),
            None => Span::default(),
        };
        let mut reported = false;
        while self.open.len() > depth {
            let Some(open) = self.open.pop() else { return };
            let Some((opener, closer, tok)) = pair(&self.tokens[open.place].tok) else { continue };
            if !reported {
                let span = self.tokens[open.place].span;
                self.found.diagnostics.push(errors::unclosed_bracket(end, span, opener, closer));
                reported = true;
            }
            self.found.edits.push(Edit::Insert(place, Token { tok, span: end }));
        }
    }

    /// How many of the innermost open brackets are parentheses and square brackets.
    fn depth_of_block(&self) -> usize {
        let is_inline = |open: &&Open| matches!(self.tokens[open.place].tok, Tok::ParenOpen | Tok::BracketOpen);
        self.open.len() - self.open.iter().rev().take_while(is_inline).count()
    }

    fn semicolon(&mut self, place: usize) {
        let Some(open) = self.open.last() else { return };
        let allowed = match self.tokens[open.place].tok {
            Tok::BracketOpen => open.in_type || self.is_followed_by_dimensions(place),
            // `for (i = 0; …)` is explained as a whole later.
            Tok::ParenOpen => open.place > 0 && self.tokens[open.place - 1].tok.is_word("for"),
            _ => true,
        };
        if !allowed {
            self.unclosed_down_to(self.depth_of_block(), place);
        }
    }

    /// Is the `;` inside this square bracket one that its `]` soon follows?
    fn is_followed_by_dimensions(&self, place: usize) -> bool {
        let mut depth = 0;
        for token in self.tokens[place + 1..].iter().take(24) {
            match token.tok {
                Tok::BracketClose if depth == 0 => return true,
                Tok::Semi | Tok::BraceOpen | Tok::BraceClose => return false,
                Tok::ParenOpen | Tok::BracketOpen => depth += 1,
                Tok::ParenClose if depth == 0 => return false,
                Tok::ParenClose | Tok::BracketClose => depth -= 1,
                _ => {}
            }
        }
        false
    }

    fn begins_statement_on_new_line(&self, place: usize) -> bool {
        let tok = &self.tokens[place].tok;
        let begins = tok.starts_definition() || (*tok == Tok::At && self.tok(place + 1) == Some(&Tok::Fn));
        begins && self.indentation(place).is_some()
    }

    fn statement_inside_brackets(&mut self, place: usize) {
        if !matches!(self.top(), Some(Tok::ParenOpen | Tok::BracketOpen)) {
            return;
        }
        self.unclosed_down_to(self.depth_of_block(), place);
        let end = self.tokens[place - 1].span.after();
        self.found.edits.push(Edit::Insert(place, Token { tok: Tok::Semi, span: end }));
    }

    /// The column of the first token of a line; `None` for tokens that are not first.
    fn indentation(&self, place: usize) -> Option<usize> {
        let start = self.tokens[place].span.start as usize;
        let blank = self.text[..start].bytes().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let line_start = start - blank;
        let first = line_start == 0 || self.text.as_bytes()[line_start - 1] == b'\n';
        first.then_some(blank)
    }

    fn line_indentation(&self, place: usize) -> usize {
        let start = self.tokens[place].span.start as usize;
        let line_start = self.text[..start].rfind('\n').map_or(0, |k| k + 1);
        self.text[line_start..].bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
    }

    fn close_blocks_that_the_indentation_ends(&mut self, place: usize) {
        let tok = &self.tokens[place].tok;
        let begins = tok.starts_definition() || matches!(tok, Tok::Ident(_) | Tok::If | Tok::Match | Tok::At);
        if self.top() != Some(&Tok::BraceOpen) || !(begins || *tok == Tok::BraceClose) {
            return;
        }
        let Some(column) = self.indentation(place) else { return };
        let outdented = |open: &Open| {
            let opener = self.line_indentation(open.place);
            self.tokens[open.place].tok == Tok::BraceOpen && (if begins { column <= opener } else { column < opener })
        };
        let ended = self.open.iter().rev().take_while(|open| outdented(open)).count();
        if ended > 0 {
            self.unclosed_down_to(self.open.len() - ended, place);
        }
    }

    fn source(&self, span: Span) -> &'a str {
        &self.text[span.start as usize..span.end as usize]
    }
}

/// What an opener looks like, and what closes it.
fn pair(opener: &Tok) -> Option<(&'static str, &'static str, Tok)> {
    Some(match opener {
        Tok::ParenOpen => ("(", ")", Tok::ParenClose),
        Tok::BracketOpen => ("[", "]", Tok::BracketClose),
        Tok::BraceOpen | Tok::FieldsOpen => ("{", "}", Tok::BraceClose),
        Tok::HoleOpen => ("{", "}", Tok::HoleClose),
        Tok::StrOpen => ("\"", "\"", Tok::StrClose),
        _ => return None,
    })
}
