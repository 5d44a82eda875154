//! The words of the language.

use crate::ast::{Format, Suffix};
use diagnostics::{Span, Symbol};
use logos::Logos;
use std::rc::Rc;

#[derive(Clone, Debug)]
pub struct Token {
    pub tok: Tok,
    pub span: Span,
}

#[derive(Logos, Clone, Debug, PartialEq)]
#[logos(skip r"[ \t\r\n\f]+")]
pub enum Tok {
    #[regex(r"[\p{XID_Start}_]\p{XID_Continue}*", |lex| Symbol::new(lex.slice()))]
    Ident(Symbol),
    Int((u64, Option<Suffix>)),
    Float((Rc<str>, Option<Suffix>)),

    StrOpen,
    StrText(Rc<str>),
    HoleOpen,
    Format(Format),
    HoleClose,
    StrClose,

    #[token("let")]
    Let,
    #[token("fn")]
    Fn,
    #[token("pub")]
    Pub,
    #[token("use")]
    Use,
    #[token("mod")]
    Mod,
    #[token("as")]
    As,
    #[token("in")]
    In,
    #[token("if")]
    If,
    /// The `else` of an `if`; the layout pass tells the three apart.
    #[token("else")]
    Else,
    /// The `else` that ends a `?>` chain.
    ChainElse,
    /// The `else` of a `where`.
    WhereElse,
    /// `catch` at the end of a `!>` chain; elsewhere it is a name.
    Catch,
    #[token("match")]
    Match,
    #[token("where")]
    Where,
    #[token("true")]
    True,
    #[token("false")]
    False,
    #[token("try")]
    Try,
    #[token("struct")]
    Struct,
    #[token("enum")]
    Enum,
    #[token("_", priority = 3)]
    Underscore,

    #[token("(")]
    ParenOpen,
    #[token(")")]
    ParenClose,
    #[token("[")]
    BracketOpen,
    #[token("]")]
    BracketClose,
    #[token("{")]
    BraceOpen,
    /// The brace of a struct literal, pattern or definition; the layout pass tells it from a block's.
    FieldsOpen,
    #[token("}")]
    BraceClose,
    #[token(",")]
    Comma,
    #[token(";")]
    Semi,
    #[token(":")]
    Colon,
    #[token("::")]
    PathSep,
    #[token(".")]
    Dot,
    #[token("..")]
    DotDot,
    #[token("..=")]
    DotDotEq,
    #[token("=>")]
    FatArrow,
    #[token("->")]
    Arrow,
    #[token("|>")]
    Pipe,
    #[token("?>")]
    PipeElse,
    #[token("!>")]
    PipeCatch,
    #[token("|")]
    Bar,
    #[token("||")]
    OrOr,
    #[token("&&")]
    AndAnd,
    #[token("==")]
    EqEq,
    #[token("!=")]
    NotEq,
    #[token("<")]
    Less,
    #[token(">")]
    Greater,
    #[token("<=")]
    LessEq,
    #[token(">=")]
    GreaterEq,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("**")]
    StarStar,
    #[token("!")]
    Not,
    #[token("@")]
    At,
    #[token("=")]
    Eq,
    #[token("?")]
    Question,

    /// `+=` and its kin: words of other languages that are known in order to be explained.
    #[token("+=")]
    #[token("-=")]
    #[token("*=")]
    #[token("/=")]
    #[token("%=")]
    #[token("**=")]
    #[token("^=")]
    #[token("&=")]
    OpAssign,
    #[token("++")]
    PlusPlus,
    #[token("&")]
    Amp,
    #[token("^")]
    Caret,
    #[token("~")]
    Tilde,
    #[token("===")]
    #[token("!==")]
    StrictEq,

    /// The next four begin something that the lexer reads by hand; they never leave it.
    #[regex("[0-9]")]
    Digit,
    #[token("\"")]
    Quote,
    #[token("'")]
    Apostrophe,
    #[token("#")]
    Hash,
    #[regex("//[^\n]*", allow_greedy = true)]
    Comment,

    /// Stands for a piece that did not parse, so that what is around it still does.
    ErrorExpr,
    ErrorType,
}

impl Tok {
    /// Can this token be the last of an expression? Then what follows is an operator, not an operand.
    pub fn ends_operand(&self) -> bool {
        use Tok::*;
        matches!(
            self,
            Ident(_)
                | Int(_)
                | Float(_)
                | StrClose
                | True
                | False
                | Underscore
                | ParenClose
                | BracketClose
                | BraceClose
                | ErrorExpr
        )
    }

    /// Can this token be the first of an expression?
    pub fn starts_operand(&self) -> bool {
        use Tok::*;
        matches!(
            self,
            Ident(_)
                | Int(_)
                | Float(_)
                | StrOpen
                | True
                | False
                | Underscore
                | ParenOpen
                | BracketOpen
                | BraceOpen
                | If
                | Match
                | Try
                | Minus
                | Not
                | At
                | ErrorExpr
        )
    }

    pub fn is_binary_operator(&self) -> bool {
        use Tok::*;
        matches!(
            self,
            Pipe | PipeElse
                | PipeCatch
                | OrOr
                | AndAnd
                | EqEq
                | NotEq
                | Less
                | Greater
                | LessEq
                | GreaterEq
                | In
                | DotDot
                | DotDotEq
                | Plus
                | Minus
                | Star
                | Slash
                | Percent
                | StarStar
                | As
        )
    }

    pub fn is_keyword(&self) -> bool {
        self.starts_definition()
            || matches!(
                self,
                Tok::As | Tok::In | Tok::If | Tok::Else | Tok::Match | Tok::Where | Tok::True | Tok::False | Tok::Try
            )
    }

    /// Keywords that only ever begin a statement.
    pub fn starts_definition(&self) -> bool {
        matches!(self, Tok::Let | Tok::Fn | Tok::Pub | Tok::Use | Tok::Mod | Tok::Struct | Tok::Enum)
    }

    pub fn opens(&self) -> bool {
        matches!(
            self,
            Tok::ParenOpen | Tok::BracketOpen | Tok::BraceOpen | Tok::FieldsOpen | Tok::StrOpen | Tok::HoleOpen
        )
    }

    pub fn closes(&self) -> bool {
        matches!(self, Tok::ParenClose | Tok::BracketClose | Tok::BraceClose | Tok::StrClose | Tok::HoleClose)
    }

    pub fn is_word(&self, word: &str) -> bool {
        matches!(self, Tok::Ident(name) if name.as_str() == word)
    }

    /// What `emit --stage tokens` calls the kind of the token.
    pub fn kind(&self) -> &'static str {
        use Tok::*;
        match self {
            Ident(_) => "name",
            Int(_) => "integer",
            Float(_) => "float",
            StrOpen | StrClose => "quote",
            StrText(_) => "text",
            HoleOpen | HoleClose => "hole",
            Format(_) => "format",
            ErrorExpr | ErrorType => "error",
            tok if tok.is_keyword() => "keyword",
            tok if tok.opens() || tok.closes() => "bracket",
            OpAssign | PlusPlus | Amp | Caret | Tilde | StrictEq => "foreign",
            Comma | Semi | Colon | PathSep | Dot | FatArrow | Arrow => "punctuation",
            _ => "operator",
        }
    }
}
