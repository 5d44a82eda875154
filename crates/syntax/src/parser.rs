//! Parses a file statement by statement. A statement that does not parse is explained, mended and parsed
//! again, so that one mistake makes one error and everything around it is still checked.

use crate::ast::{Module, Stmt, StmtKind};
use crate::brackets;
use crate::grammar::StatementsParser;
use crate::layout;
use crate::lexer::{self, Docs};
use crate::recover::{self, Scene, Verdict};
use crate::token::Token;
use crate::tree::Source;
use diagnostics::{Diagnostic, FileId, Span};
use lalrpop_util::ParseError;
use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;

/// A statement that still does not parse after so many repairs is given up as a whole.
const MOST_REPAIRS: usize = 24;

pub fn parse(file: FileId, text: &str) -> (Module, Vec<Diagnostic>) {
    let lexed = lexer::lex(file, text);
    let mut diagnostics = lexed.diagnostics;
    let tokens = brackets::balance(lexed.tokens, text, &mut diagnostics);
    let laid = layout::lay(&tokens, text, None);
    let mut parser = Parser {
        file,
        text,
        docs: &lexed.docs,
        grammar: StatementsParser::new(),
        mended_before: diagnostics.iter().map(|d| d.span().start).collect(),
        diagnostics,
    };
    parser.mended_before.sort_unstable();
    let mut statements = Vec::with_capacity(laid.units.len());
    for (k, unit) in laid.units.iter().enumerate() {
        match parser.run_grammar(&laid.tokens[unit.clone()]) {
            Ok(parsed) => statements.extend(parsed),
            Err(_) => {
                let from = laid.places[unit.start];
                let to = laid.units.get(k + 1).map_or(tokens.len(), |next| laid.places[next.start]);
                statements.extend(parser.mend(tokens[from..to].to_vec()));
            }
        }
    }
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|d| d.span().start);
    (Module { statements }, diagnostics)
}

struct Parser<'a> {
    file: FileId,
    text: &'a str,
    docs: &'a Docs,
    grammar: StatementsParser,
    /// Where lexer and brackets have found something, in order: what follows from that is not reported again.
    mended_before: Vec<u32>,
    diagnostics: Vec<Diagnostic>,
}

impl Parser<'_> {
    /// The error is the place of the token that does not fit.
    fn run_grammar(&mut self, tokens: &[Token]) -> Result<Vec<Stmt>, usize> {
        let source =
            Source { file: self.file, text: self.text, tokens, docs: self.docs, diagnostics: RefCell::new(Vec::new()) };
        let numbered = tokens.iter().enumerate().map(|(place, token)| Ok((place, token.tok.clone(), place + 1)));
        match self.grammar.parse(&source, numbered) {
            Ok(statements) => {
                self.diagnostics.append(&mut source.diagnostics.into_inner());
                Ok(statements)
            }
            Err(
                ParseError::UnrecognizedToken { token: (place, ..), .. }
                | ParseError::ExtraToken { token: (place, ..) },
            ) => Err(place),
            Err(_) => Err(tokens.len()),
        }
    }

    fn mend(&mut self, mut tokens: Vec<Token>) -> Vec<Stmt> {
        let whole = match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => return Vec::new(),
        };
        let mut explained = HashSet::new();
        for _ in 0..MOST_REPAIRS {
            let laid = layout::lay(&tokens, self.text, None);
            let failed = match self.run_grammar(&laid.tokens) {
                Ok(statements) => return statements,
                Err(place) => place,
            };
            let at = laid.places.get(failed).copied().unwrap_or(tokens.len());
            let frames = layout::lay(&tokens, self.text, Some(at)).scene;
            let scene = Scene::new(self.file, self.text, &tokens, at, &frames);
            let statement = scene.statement_span();
            let verdict = recover::explain(&scene);
            let first = explained.insert(statement.start) && !self.is_mended(statement);
            let Verdict { diagnostic, edits, specific } = verdict;
            if first || specific {
                self.diagnostics.push(diagnostic);
            }
            let edits = if edits.is_empty() { scene.give_up() } else { edits };
            apply(&mut tokens, edits);
        }
        vec![Stmt { kind: StmtKind::Error, span: whole }]
    }

    fn is_mended(&self, statement: Span) -> bool {
        let from = self.mended_before.partition_point(|start| *start < statement.start);
        self.mended_before.get(from).is_some_and(|start| *start <= statement.end)
    }
}

/// Replaces a range of tokens.
pub struct Edit {
    pub range: Range<usize>,
    pub with: Vec<Token>,
}

fn apply(tokens: &mut Vec<Token>, mut edits: Vec<Edit>) {
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.range.start));
    for Edit { range, with } in edits {
        let end = range.end.min(tokens.len());
        let start = range.start.min(end);
        tokens.splice(start..end, with);
    }
}
