//! Explains a statement that does not parse, and mends it. The mend keeps as much as it can, so that the rest
//! is still checked and nothing is reported twice.

use crate::errors;
use crate::foreign::{self, Form, Word};
use crate::layout::FrameKind;
use crate::parser::Edit;
pub use crate::scene::Scene;
use crate::slips;
use crate::token::Tok;
use diagnostics::{Diagnostic, Span};

pub struct Verdict {
    pub diagnostic: Diagnostic,
    /// Without any, the statement is given up as far as it has to be.
    pub edits: Vec<Edit>,
    /// The mistake has been recognised, so it is reported even beside another one in its statement.
    pub specific: bool,
}

impl Verdict {
    pub fn of(diagnostic: Diagnostic, edits: Vec<Edit>) -> Verdict {
        Verdict { diagnostic, edits, specific: true }
    }

    fn vague(diagnostic: Diagnostic, edits: Vec<Edit>) -> Verdict {
        Verdict { diagnostic, edits, specific: false }
    }
}

pub fn explain(scene: &Scene) -> Verdict {
    None.or_else(|| foreign_statement(scene))
        .or_else(|| slips::in_front(scene))
        .or_else(|| missing_semicolon(scene))
        .or_else(|| slips::at(scene))
        .or_else(|| unfinished(scene))
        .unwrap_or_else(|| Verdict::vague(misfit(scene), Vec::new()))
}

/// A statement that begins with a word of another language.
fn foreign_statement(scene: &Scene) -> Option<Verdict> {
    let start = scene.statement.start;
    let row = foreign::at_statement(scene.tok(start)?)?;
    let second = scene.tok(start + 1)?;
    let has_body = row.form == Form::Compound;
    let foreign = match second {
        Tok::ParenOpen | Tok::BraceOpen | Tok::Colon => has_body || row.form == Form::Function,
        // An operand cannot follow a name, so this name is no name.
        _ => scene.at == start + 1 && second.starts_operand(),
    };
    if !foreign || scene.at <= start {
        return None;
    }
    let word = scene.span(start);
    Some(match row.form {
        Form::Binding => {
            let drop_mut = if scene.tok(start + 1)?.is_word("mut") { start + 2 } else { start + 1 };
            let mut edit = scene.replace(start, Tok::Let);
            edit.range.end = drop_mut;
            Verdict::of(errors::foreign_let(word, row.word), vec![edit])
        }
        Form::Function => foreign_function(scene, row),
        Form::Import => import(scene, row),
        Form::Compound => {
            let edit = scene.blank_statement(start..compound_end(scene));
            Verdict::of(errors::foreign_word(word, row.word, row.message, row.help), vec![edit])
        }
        Form::Prefix => {
            let error = errors::foreign_word(word, row.word, row.message, row.help);
            Verdict::of(error, early_exit(scene))
        }
        Form::Plain => {
            let error = errors::foreign_word(word, row.word, row.message, row.help);
            let end = scene.statement.end.max(scene.at + 1).min(scene.tokens.len());
            let end = if scene.tok(end) == Some(&Tok::Semi) { end + 1 } else { end };
            Verdict::of(error, vec![scene.blank_statement(start..end)])
        }
    })
}

/// `return e;` at the end of a body is its value; anywhere else nothing can be said about what follows.
fn early_exit(scene: &Scene) -> Vec<Edit> {
    let (start, end) = (scene.statement.start, scene.statement.end);
    let semicolon = scene.tok(end) == Some(&Tok::Semi);
    let behind = if semicolon { end + 1 } else { end };
    let last = scene.tok(behind) == Some(&Tok::BraceClose);
    if last && scene.is_in(FrameKind::Statements) {
        let mut edits = vec![scene.remove(start..start + 1)];
        if semicolon {
            edits.push(scene.remove(end..behind));
        }
        return edits;
    }
    vec![if last { scene.blank(start..behind) } else { scene.blank_statement(start..behind) }]
}

/// The end of `for x in xs { … }`, or of a body that is told by its indentation.
fn compound_end(scene: &Scene) -> usize {
    let start = scene.statement.start;
    let stop = |tok: &Tok| matches!(tok, Tok::BraceOpen | Tok::Semi | Tok::Colon);
    let found = scene.find_at_depth(start..scene.tokens.len(), stop);
    let end = match found.map(|place| (place, &scene.tokens[place].tok)) {
        Some((place, Tok::BraceOpen)) => scene.behind_group(place),
        Some((_, Tok::Colon)) => scene.indented_end(start),
        Some((place, _)) => place,
        None => scene.statement.end,
    };
    let end = end.max(scene.at + 1).min(scene.tokens.len());
    if scene.tok(end) == Some(&Tok::Semi) { end + 1 } else { end }
}

fn foreign_function(scene: &Scene, row: &Word) -> Verdict {
    let start = scene.statement.start;
    let error = errors::foreign_fn(scene.span(start), row.word);
    let name =
        if scene.tok(start + 1).is_some_and(|tok| tok.is_word("def") || *tok == Tok::Fn) { 2 } else { 1 } + start;
    let body = scene.find_at_depth(name..scene.tokens.len(), |tok| {
        matches!(tok, Tok::BraceOpen | Tok::Colon | Tok::Semi | Tok::Eq)
    });
    match body.map(|place| &scene.tokens[place].tok) {
        Some(Tok::BraceOpen) => {
            let mut edit = scene.replace(start, Tok::Fn);
            edit.range.end = name;
            Verdict::of(error, vec![edit])
        }
        _ => {
            let mut end = scene.indented_end(start);
            if scene.tok(end).is_some_and(|tok| tok.is_word("end")) {
                end += 1;
            }
            if scene.tok(end) == Some(&Tok::Semi) {
                end += 1;
            }
            Verdict::of(error, vec![scene.bind_to_error(&scene.names_in(name..name + 1), start..end)])
        }
    }
}

fn import(scene: &Scene, row: &Word) -> Verdict {
    let start = scene.statement.start;
    let line_end = (start + 1..scene.statement.end).find(|place| scene.is_first_on_line(*place));
    let end = line_end.unwrap_or(scene.statement.end);
    let names = scene.names_in(start + 1..end);
    let module = scene.source(start + 1..end).replace('.', "::");
    let module = module.trim();
    // Only the short form translates word for word.
    let is_short = !module.is_empty() && !module.contains([' ', '"', ',']);
    let aliased = module.split_once(" as ").filter(|(path, _)| !path.contains(' '));
    let whole = scene.spans(start..end);
    let fix = match row.word {
        "import" if is_short || aliased.is_some() => Some((whole, format!("use {module}"))),
        "from" => module.split_once(" import ").map(|(path, list)| (whole, format!("use {path}::{{{list}}}"))),
        _ => None,
    };
    let bound: Vec<usize> = match (row.word, names.iter().position(|name| scene.tokens[*name].tok.is_word("import"))) {
        ("from", Some(import)) => names[import + 1..].to_vec(),
        _ => names,
    };
    let end = if scene.tok(end) == Some(&Tok::Semi) { end + 1 } else { end };
    Verdict::of(errors::import(scene.span(start), row.word, fix), vec![scene.bind_to_error(&bound, start..end)])
}

/// A statement that is complete, where something else follows.
fn missing_semicolon(scene: &Scene) -> Option<Verdict> {
    let complete = scene.after_operand()
        || (scene.before(1) == Some(&Tok::Star) && scene.tok(scene.statement.start) == Some(&Tok::Use));
    if !complete || !scene.is_at_statement_level() {
        return None;
    }
    let begins_next = match scene.here() {
        None => true,
        Some(Tok::BraceClose) => scene.begins_with_let() || scene.tok(scene.statement.start) == Some(&Tok::Use),
        Some(Tok::In) => false,
        Some(tok) if tok.starts_definition() => true,
        Some(tok) => scene.is_first_on_line(scene.at) && (tok.starts_operand() || tok.ends_operand()),
    };
    if !begins_next {
        return None;
    }
    let end = scene.span(scene.at - 1).after();
    let behind = &scene.text[end.end as usize..];
    let line = behind.lines().next().unwrap_or("");
    let comment = line.trim_start().starts_with("//").then(|| {
        let start = end.end as usize + line.find("//").unwrap_or(0);
        Span::new(scene.file, start, start + 2)
    });
    let error = match comment {
        Some(comment) => errors::floor_division(end, comment),
        None => errors::missing_semicolon(end),
    };
    Some(Verdict { diagnostic: error, edits: vec![scene.insert(scene.at, Tok::Semi)], specific: false })
}

/// Something has been left out right before the token.
fn unfinished(scene: &Scene) -> Option<Verdict> {
    let here = scene.here();
    let before = if scene.at > scene.statement.start { scene.before(1) } else { None };
    let ends = here.is_none_or(|tok| matches!(tok, Tok::Semi | Tok::Comma) || tok.closes());
    let gap = || scene.insert(scene.at, Tok::ErrorExpr);
    let end = || scene.span(scene.at.saturating_sub(1)).after();
    let error = match (before?, here) {
        (Tok::HoleOpen, Some(Tok::HoleClose | Tok::Format(_))) => {
            errors::empty_hole(scene.spans(scene.at - 1..scene.at + 1))
        }
        (Tok::Eq, _) if ends && scene.begins_with_let() => errors::missing_value(end()),
        (operator, _) if ends && (operator.is_binary_operator() || matches!(operator, Tok::Not | Tok::At)) => {
            let place = scene.at - 1;
            errors::missing_operand(end(), scene.span(place), scene.source(place..place + 1))
        }
        (_, Some(Tok::Semi)) if scene.begins_with_let() && scene.equals_sign().is_none() => {
            let equals = scene.insert(scene.at, Tok::Eq);
            let error = errors::binding_without_value(scene.span(scene.at));
            let with = [equals.with, gap().with].concat();
            return Some(Verdict::vague(error, vec![Edit { range: scene.at..scene.at, with }]));
        }
        _ => return None,
    };
    Some(Verdict::vague(error, vec![gap()]))
}

/// Nothing better is known than what would fit at the place.
fn misfit(scene: &Scene) -> Diagnostic {
    let span = scene.span(scene.at);
    let found = scene.written(scene.at);
    let here = scene.here();
    match here {
        Some(Tok::Where) => return errors::where_out_of_place(span),
        Some(Tok::Else) => return errors::else_out_of_place(span),
        _ => {}
    }
    let before = scene.before(1);
    let wanted = match before {
        Some(Tok::Let) => "a `let` is followed by a name or a pattern",
        Some(Tok::Fn) => "`fn` is followed by the name of the function",
        Some(Tok::Struct | Tok::Enum) => "the name of the type stands here",
        Some(Tok::Mod) => "`mod` is followed by the name of the module and its block",
        Some(Tok::Use | Tok::PathSep) => "the name of a module or of something in it stands here",
        Some(Tok::Dot) => "a point is followed by the name of a field or the number of a tuple item",
        Some(Tok::As) => "`as` is followed by a type",
        Some(Tok::Arrow) => "a type stands here",
        Some(Tok::Colon) if scene.is_in(FrameKind::Fields) => "a type or a value stands here",
        Some(Tok::Colon) => "a type stands here",
        Some(Tok::If) => "`if` is followed by its condition",
        Some(Tok::Match) => "`match` is followed by the value that is matched",
        Some(Tok::Else) => "`else` is followed by a block in braces or by `if`",
        _ => "",
    };
    if !wanted.is_empty() {
        return if here.is_none() {
            errors::ends_too_early(span, wanted)
        } else {
            errors::unexpected(span, &found, wanted)
        };
    }
    if scene.after_operand() && here.is_some_and(Tok::starts_operand) {
        return match scene.frame().map(|frame| frame.kind) {
            Some(FrameKind::Arms) => errors::unexpected(span, &found, "an arm is `pattern => value,`"),
            _ => errors::side_by_side(span, scene.span(scene.at - 1), &found),
        };
    }
    if here.is_some_and(Tok::is_binary_operator) && !scene.after_operand() {
        return errors::missing_left_operand(span, scene.source(scene.at..scene.at + 1));
    }
    let first = scene.tok(scene.statement.start);
    let wanted = match first {
        Some(Tok::Use) => "a `use` is a path, `use std::math::{sin, cos};`",
        Some(Tok::Fn | Tok::Pub) if scene.is_at_statement_level() => "a function is written `fn name(a, b) { … }`",
        Some(Tok::Fn) => "parameters are written `name` or `name: type`",
        Some(Tok::Struct) => "a struct is written `struct Name { field: type }`",
        Some(Tok::Enum) => "an enum is written `enum Name { A, B(f32), C { x: f32 } }`",
        Some(Tok::Let) if scene.equals_sign().is_none_or(|equals| scene.at <= equals) => {
            "a `let` is written `let name = value;` or `let name[i] = value;`"
        }
        _ => match scene.frame().map(|frame| frame.kind) {
            Some(FrameKind::Arms) => "an arm is `pattern => value,`",
            Some(FrameKind::Fields) => "fields are written `name: value`",
            Some(FrameKind::Bracket) if scene.after_operand() => "items in brackets are parted by `,`",
            Some(FrameKind::Paren) if scene.after_operand() => "items in parentheses are parted by `,`",
            _ if scene.after_operand() => "an operator or the end of the statement stands here",
            _ => "a value stands here",
        },
    };
    if here.is_none() { errors::ends_too_early(span, wanted) } else { errors::unexpected(span, &found, wanted) }
}
