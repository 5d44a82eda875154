//! The pass between lexer and grammar that settles what one token of lookahead cannot:
//!
//! - which `{` begins the fields of a struct and which a block (`if x { … }`, `Point { x: 1.0 }`),
//! - whose `else` this is: an `if`'s, a `?>` chain's or a `where`'s,
//! - where a statement or an arm that ends in a block ends without its `;` or `,`; the pass puts it in,
//! - where the statements of the file begin, so that each can be parsed on its own.
//!
//! A `-`, `(`, `[`, `{`, `@` or `|` behind the closing brace of a statement goes on with the expression when
//! it stands on the same line, and begins the next statement on a new one.

use crate::token::{Tok, Token};
use std::ops::Range;

pub struct Laid {
    pub tokens: Vec<Token>,
    /// For each token its place in the input; a token that was put in has the place of the one behind it.
    pub places: Vec<usize>,
    /// The statements of the outermost level, as ranges of `tokens`.
    pub units: Vec<Range<usize>>,
    /// What is open at the place that was asked for.
    pub scene: Vec<Frame>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The file, a block, the inside of a module: statements stand in it.
    Statements,
    /// The block of an `if`, behind which an `else` may stand.
    IfBlock,
    Arms,
    Fields,
    Paren,
    Bracket,
    Text,
}

#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub kind: FrameKind,
    /// The place of the opener; for the file itself, 0.
    pub open: usize,
    /// Where the statement or arm that is being read begins.
    pub item: usize,
    shape: Shape,
    chain_needs_else: bool,
}

impl Frame {
    pub fn holds_statements(&self) -> bool {
        matches!(self.kind, FrameKind::Statements | FrameKind::IfBlock)
    }

    /// Where the statement or arm that `place` belongs to begins.
    pub fn item_at(&self, place: usize) -> usize {
        if self.shape == Shape::Fresh { place } else { self.item }
    }
}

/// What the statement or arm is so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Nothing yet.
    Fresh,
    /// An `if`, a `match` or a block, which may end it.
    BlockLike,
    /// `fn`, `struct`, `enum`, `mod`: their last brace ends it.
    Definition,
    Other,
}

/// A word that a brace at the same depth belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    If,
    Match,
    Body,
    Fields,
    /// `->` of a lambda
    Result,
}

pub fn lay(input: &[Token], text: &str, probe: Option<usize>) -> Laid {
    let file = Frame { kind: FrameKind::Statements, open: 0, item: 0, shape: Shape::Fresh, chain_needs_else: false };
    let mut pass = Pass {
        input,
        text,
        frames: vec![file],
        headers: Vec::new(),
        after_if_block: None,
        unit_start: 0,
        laid: Laid {
            tokens: Vec::with_capacity(input.len() + 16),
            places: Vec::with_capacity(input.len() + 16),
            units: Vec::new(),
            scene: Vec::new(),
        },
    };
    for place in 0..input.len() {
        if probe == Some(place) {
            pass.laid.scene = pass.frames.clone();
        }
        pass.token(place);
    }
    if probe == Some(input.len()) {
        pass.laid.scene = pass.frames.clone();
    }
    pass.end_unit();
    pass.laid
}

struct Pass<'a> {
    input: &'a [Token],
    text: &'a str,
    frames: Vec<Frame>,
    /// Each with the depth that it stands at.
    headers: Vec<(usize, Header)>,
    /// The place of the brace that has just closed the block of an `if`.
    after_if_block: Option<usize>,
    unit_start: usize,
    laid: Laid,
}

impl<'a> Pass<'a> {
    fn token(&mut self, place: usize) {
        let tok = &self.input[place].tok;
        self.begin_item(place, tok);
        match tok {
            Tok::If => self.header(Header::If),
            Tok::Match => self.header(Header::Match),
            Tok::Fn | Tok::Mod => self.header(Header::Body),
            Tok::Struct | Tok::Enum => self.header(Header::Fields),
            Tok::Arrow if self.pending_header() != Some(Header::Body) => self.header(Header::Result),
            Tok::Eq | Tok::Bar if self.pending_header() == Some(Header::Result) => {
                self.headers.pop();
            }
            _ => {}
        }
        match tok {
            Tok::BraceOpen | Tok::FieldsOpen => self.brace(place),
            Tok::ParenOpen => self.open(place, FrameKind::Paren, Tok::ParenOpen),
            Tok::BracketOpen => self.open(place, FrameKind::Bracket, Tok::BracketOpen),
            Tok::StrOpen | Tok::HoleOpen => self.open(place, FrameKind::Text, tok.clone()),
            tok if tok.closes() => self.close(place),
            Tok::Semi => self.semicolon(place),
            Tok::Comma => self.comma(place),
            Tok::Else => self.put(place, self.whose_else(place)),
            Tok::Where => {
                self.top().chain_needs_else = false;
                self.put(place, Tok::Where);
            }
            Tok::PipeElse => {
                self.top().chain_needs_else = true;
                self.put(place, Tok::PipeElse);
            }
            Tok::FatArrow => {
                self.put(place, Tok::FatArrow);
                if self.top().kind == FrameKind::Arms {
                    let block_like = matches!(self.tok(place + 1), Some(Tok::If | Tok::Match | Tok::BraceOpen));
                    self.top().shape = if block_like { Shape::BlockLike } else { Shape::Other };
                }
            }
            Tok::Ident(_) if self.is_catch(place) => self.put(place, Tok::Catch),
            tok => self.put(place, tok.clone()),
        }
        if self.top().chain_needs_else && matches!(self.laid.tokens.last().map(|t| &t.tok), Some(Tok::ChainElse)) {
            self.top().chain_needs_else = false;
        }
    }

    fn tok(&self, place: usize) -> Option<&'a Tok> {
        self.input.get(place).map(|token| &token.tok)
    }

    fn top(&mut self) -> &mut Frame {
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn put(&mut self, place: usize, tok: Tok) {
        self.laid.tokens.push(Token { tok, span: self.input[place].span });
        self.laid.places.push(place);
    }

    /// Ends a statement or an arm where its last brace does.
    fn put_in(&mut self, tok: Tok, behind: usize) {
        self.laid.tokens.push(Token { tok, span: self.input[behind].span.after() });
        self.laid.places.push(behind + 1);
    }

    fn end_unit(&mut self) {
        let end = self.laid.tokens.len();
        if self.unit_start < end {
            self.laid.units.push(self.unit_start..end);
        }
        self.unit_start = end;
    }

    fn header(&mut self, header: Header) {
        self.headers.push((self.frames.len(), header));
    }

    fn pending_header(&self) -> Option<Header> {
        self.headers.last().filter(|(depth, _)| *depth == self.frames.len()).map(|(_, header)| *header)
    }

    fn holds_statements(&self) -> bool {
        self.frames[self.frames.len() - 1].holds_statements()
    }

    fn begin_item(&mut self, place: usize, tok: &Tok) {
        if self.top().shape != Shape::Fresh {
            return;
        }
        if self.top().kind == FrameKind::Arms {
            if *tok != Tok::BraceClose {
                self.top().item = place;
                self.top().shape = Shape::Other;
            }
            return;
        }
        if !self.holds_statements() || matches!(tok, Tok::Semi) {
            return;
        }
        let word = if matches!(tok, Tok::Pub | Tok::At) { self.tok(place + 1) } else { Some(tok) };
        let shape = match word {
            Some(Tok::If | Tok::Match | Tok::BraceOpen) => Shape::BlockLike,
            Some(Tok::Fn | Tok::Struct | Tok::Enum | Tok::Mod) => Shape::Definition,
            _ => Shape::Other,
        };
        self.top().item = place;
        self.top().shape = shape;
    }

    fn open(&mut self, place: usize, kind: FrameKind, tok: Tok) {
        self.put(place, tok);
        let item = place + 1;
        self.frames.push(Frame { kind, open: place, item, shape: Shape::Fresh, chain_needs_else: false });
    }

    fn brace(&mut self, place: usize) {
        let before = place.checked_sub(1).and_then(|before| self.tok(before));
        let ends_operand = before.is_some_and(Tok::ends_operand);
        let header = self.pending_header();
        let ends_header = match header {
            Some(Header::If | Header::Match) => ends_operand,
            Some(_) => true,
            None => false,
        };
        if ends_header {
            self.headers.pop();
        }
        match header.filter(|_| ends_header) {
            Some(Header::If) => self.open(place, FrameKind::IfBlock, Tok::BraceOpen),
            Some(Header::Match) => self.open(place, FrameKind::Arms, Tok::BraceOpen),
            Some(Header::Fields) => self.open(place, FrameKind::Fields, Tok::FieldsOpen),
            Some(Header::Body | Header::Result) => self.open(place, FrameKind::Statements, Tok::BraceOpen),
            None if matches!(before, Some(Tok::Ident(_) | Tok::PathSep)) => {
                self.open(place, FrameKind::Fields, Tok::FieldsOpen);
            }
            None if before == Some(&Tok::Use) => self.open(place, FrameKind::Fields, Tok::FieldsOpen),
            None => self.open(place, FrameKind::Statements, Tok::BraceOpen),
        }
    }

    fn close(&mut self, place: usize) {
        self.put(place, self.input[place].tok.clone());
        if self.frames.len() == 1 {
            return;
        }
        let Some(closed) = self.frames.pop() else { return };
        while self.headers.last().is_some_and(|(depth, _)| *depth > self.frames.len()) {
            self.headers.pop();
        }
        if closed.kind == FrameKind::IfBlock {
            self.after_if_block = Some(place);
        }
        if self.input[place].tok != Tok::BraceClose || self.pending_header().is_some() {
            return;
        }
        let arm = self.top().kind == FrameKind::Arms;
        let shape = self.top().shape;
        match shape {
            Shape::Definition if self.holds_statements() => self.end_statement(),
            Shape::BlockLike if self.holds_statements() || arm => self.end_block_like(place, arm),
            _ => {}
        }
    }

    fn end_statement(&mut self) {
        self.top().shape = Shape::Fresh;
        self.top().chain_needs_else = false;
        let depth = self.frames.len();
        while self.headers.last().is_some_and(|(at, _)| *at >= depth) {
            self.headers.pop();
        }
        if self.frames.len() == 1 {
            self.end_unit();
        }
    }

    fn end_block_like(&mut self, place: usize, arm: bool) {
        let outermost = self.frames.len() == 1;
        let ends = match self.tok(place + 1) {
            None => outermost && !arm,
            Some(Tok::Else) => self.after_if_block != Some(place),
            Some(Tok::Semi | Tok::Comma) => return,
            Some(tok) if tok.closes() => return,
            Some(Tok::Minus | Tok::ParenOpen | Tok::BracketOpen | Tok::BraceOpen | Tok::At | Tok::Bar | Tok::OrOr) => {
                self.is_on_new_line(place + 1)
            }
            Some(tok) => !(tok.is_binary_operator() || matches!(tok, Tok::Dot | Tok::Eq | Tok::OpAssign | Tok::Where)),
        };
        if !ends {
            if self.tok(place + 1) != Some(&Tok::Else) {
                self.top().shape = Shape::Other;
            }
        } else if arm {
            self.put_in(Tok::Comma, place);
            self.top().shape = Shape::Fresh;
        } else {
            self.put_in(Tok::Semi, place);
            self.end_statement();
        }
    }

    fn is_on_new_line(&self, place: usize) -> bool {
        let (before, here) = (self.input[place - 1].span.end, self.input[place].span.start);
        self.text.get(before as usize..here as usize).is_some_and(|between| between.contains('\n'))
    }

    fn semicolon(&mut self, place: usize) {
        self.put(place, Tok::Semi);
        // No statement begins with `else`: with one behind it, what stands before is explained together with it.
        if self.tok(place + 1) == Some(&Tok::Else) && self.frames.len() == 1 {
            self.top().shape = Shape::Fresh;
        } else if self.holds_statements() {
            self.end_statement();
        }
    }

    fn comma(&mut self, place: usize) {
        self.put(place, Tok::Comma);
        self.top().chain_needs_else = false;
        if self.pending_header() == Some(Header::Result) {
            self.headers.pop();
        }
        if self.top().kind == FrameKind::Arms {
            self.top().shape = Shape::Fresh;
        }
    }

    fn whose_else(&self, place: usize) -> Tok {
        if self.after_if_block.is_some_and(|brace| brace + 1 == place) {
            Tok::Else
        } else if self.frames[self.frames.len() - 1].chain_needs_else {
            Tok::ChainElse
        } else {
            Tok::WhereElse
        }
    }

    fn is_catch(&self, place: usize) -> bool {
        let behind_operand = place > 0 && self.input[place - 1].tok.ends_operand();
        behind_operand
            && self.input[place].tok.is_word("catch")
            && matches!(self.tok(place + 1), Some(Tok::Bar | Tok::OrOr))
    }
}
