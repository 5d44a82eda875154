//! More forms of other languages: spellings that are one or two tokens away from one of this language.

use crate::errors;
use crate::layout::FrameKind;
use crate::parser::Edit;
use crate::recover::{Scene, Verdict};
use crate::token::{Tok, Token};

/// Those that would be taken for something else, such as a missing `;`.
pub fn in_front(scene: &Scene) -> Option<Verdict> {
    None.or_else(|| decorator(scene))
        .or_else(|| text_prefix(scene))
        .or_else(|| default_value(scene))
        .or_else(|| percent_comment(scene))
        .or_else(|| concatenation(scene))
        .or_else(|| typed_function(scene))
        .or_else(|| indexed_assignment(scene))
        .or_else(|| construction(scene))
}

pub fn at(scene: &Scene) -> Option<Verdict> {
    None.or_else(|| dotted(scene))
        .or_else(|| ellipsis(scene))
        .or_else(|| variadic(scene))
        .or_else(|| dictionary(scene))
        .or_else(|| colon_range(scene))
        .or_else(|| dotted_use(scene))
        .or_else(|| turbofish(scene))
        .or_else(|| bracketed_type(scene))
        .or_else(|| case_arm(scene))
        .or_else(|| try_mark(scene))
        .or_else(|| field_separator(scene))
        .or_else(|| result_colon(scene))
}

fn is_name(tok: Option<&Tok>) -> bool {
    matches!(tok, Some(Tok::Ident(_)))
}

/// Without anything between them.
fn touch(scene: &Scene, first: usize) -> bool {
    scene.span(first).end == scene.span(first + 1).start
}

/// `@jit` in front of a function.
fn decorator(scene: &Scene) -> Option<Verdict> {
    let (start, at) = (scene.statement.start, scene.at);
    let here = scene.here()?;
    let is_function = *here == Tok::Fn || here.is_word("def") || here.is_word("function");
    if !is_function || scene.tok(start) != Some(&Tok::At) || !is_name(scene.tok(start + 1)) || at < start + 2 {
        return None;
    }
    let text = scene.source(start..at);
    Some(Verdict::of(errors::decorator(scene.spans(start..at), text), vec![scene.remove(start..at)]))
}

/// `f"x = {x}"`
fn text_prefix(scene: &Scene) -> Option<Verdict> {
    let place = scene.at.checked_sub(1)?;
    let Some(Tok::Ident(prefix)) = scene.tok(place) else { return None };
    let known = ["f", "r", "b", "u", "fr", "rf", "L", "s"].contains(&prefix.as_str());
    if !known || scene.here() != Some(&Tok::StrOpen) || !touch(scene, place) {
        return None;
    }
    let error = errors::text_prefix(scene.span(place), prefix.as_str());
    Some(Verdict::of(error, vec![scene.remove(place..scene.at)]))
}

/// `fn f(x = 3)`
fn default_value(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    if scene.here() != Some(&Tok::Eq) || !in_signature(scene) {
        return None;
    }
    let end = scene.item_end(at + 1);
    Some(Verdict::of(errors::default_value(scene.spans(at..end)), scene.give_up()))
}

/// Among the parameters of a function.
fn in_signature(scene: &Scene) -> bool {
    let Some(frame) = scene.frame().filter(|_| scene.is_in(FrameKind::Paren)) else { return false };
    let named = frame.open.checked_sub(1).is_some_and(|name| is_name(scene.tok(name)));
    named && frame.open.checked_sub(2).and_then(|word| scene.tok(word)) == Some(&Tok::Fn)
}

/// `a .* b`, `f.(x)`
fn dotted(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let here = scene.here()?;
    let dot = at.checked_sub(1).filter(|dot| scene.tok(*dot) == Some(&Tok::Dot) && touch(scene, *dot))?;
    if !scene.before(2).is_some_and(Tok::ends_operand) {
        return None;
    }
    if *here == Tok::ParenOpen {
        let error = errors::dotted_call(scene.span(dot));
        return Some(Verdict::of(error, vec![scene.remove(dot..at)]));
    }
    if !here.is_binary_operator() && *here != Tok::Caret {
        return None;
    }
    let written = scene.source(at..at + 1);
    let (operator, tok) = if *here == Tok::Caret { ("**", Tok::StarStar) } else { (written, here.clone()) };
    let span = scene.spans(dot..at + 1);
    let error = errors::dotted_operator(span, &format!(".{written}"), operator);
    Some(Verdict::of(error, vec![Edit { range: dot..at + 1, with: vec![Token { tok, span }] }]))
}

/// `a[..., 0]`
fn ellipsis(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let is_one = scene.here() == Some(&Tok::Dot) && scene.before(1) == Some(&Tok::DotDot) && touch(scene, at - 1);
    if !is_one || in_signature(scene) {
        return None;
    }
    Some(Verdict::of(errors::ellipsis(scene.spans(at - 1..at + 1)), vec![scene.remove(at..at + 1)]))
}

/// `fn f(*rest)`, `fn f(...rest)`, `f(**options)`
fn variadic(scene: &Scene) -> Option<Verdict> {
    if !scene.is_in(FrameKind::Paren) {
        return None;
    }
    let open = scene.frame()?.open;
    let starts = |tok: Option<&Tok>| matches!(tok, Some(Tok::Star | Tok::StarStar | Tok::DotDot));
    let first = (open + 1..=scene.at)
        .rev()
        .find(|place| starts(scene.tok(*place)) && matches!(scene.tok(place - 1), Some(Tok::ParenOpen | Tok::Comma)))?;
    let name = (first + 1..first + 3).find(|place| is_name(scene.tok(*place)))?;
    if scene.at > name || !(in_signature(scene) || scene.tok(first) == Some(&Tok::StarStar)) {
        return None;
    }
    let span = scene.spans(first..name);
    let error = errors::variadic(span, scene.source(first..name), in_signature(scene));
    let edits = if in_signature(scene) { scene.give_up() } else { vec![scene.remove(first..name)] };
    Some(Verdict::of(error, edits))
}

/// `{"a": 1}` as a value.
fn dictionary(scene: &Scene) -> Option<Verdict> {
    if scene.here() != Some(&Tok::Colon) || !scene.after_operand() {
        return None;
    }
    let open = scene.frame()?.open;
    let is_value = open
        .checked_sub(1)
        .and_then(|before| scene.tok(before))
        .is_some_and(|before| matches!(before, Tok::Eq | Tok::Comma | Tok::ParenOpen | Tok::BracketOpen));
    if scene.tok(open) != Some(&Tok::BraceOpen) || !is_value {
        return None;
    }
    let end = scene.behind_group(open);
    Some(Verdict::of(errors::dictionary(scene.spans(open..end)), vec![scene.blank(open..end)]))
}

/// `1:3`, where no index is meant.
fn colon_range(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let is_end = |tok: Option<&Tok>| matches!(tok, Some(Tok::Int(_) | Tok::Ident(_) | Tok::ParenClose));
    let is_start = |tok: Option<&Tok>| matches!(tok, Some(Tok::Int(_) | Tok::Ident(_) | Tok::ParenOpen));
    if scene.here() != Some(&Tok::Colon) || !is_end(scene.before(1)) || !is_start(scene.next()) {
        return None;
    }
    let in_value = scene.is_at_statement_level()
        && scene.open_if().is_none()
        && scene.begins_with_let()
        && scene.equals_sign().is_some_and(|equals| equals < at);
    let in_call =
        scene.is_in(FrameKind::Paren) && !in_signature(scene) && scene.tok(scene.statement.start) != Some(&Tok::Fn);
    if !in_value && !in_call {
        return None;
    }
    Some(Verdict::of(errors::colon_range(scene.span(at)), vec![scene.replace(at, Tok::DotDotEq)]))
}

/// `use std.math;`
fn dotted_use(scene: &Scene) -> Option<Verdict> {
    let first = scene.tok(scene.statement.start);
    if scene.here() != Some(&Tok::Dot) || first != Some(&Tok::Use) {
        return None;
    }
    let dots = (scene.at..scene.statement.end).filter(|place| scene.tok(*place) == Some(&Tok::Dot));
    let edits = dots.map(|place| scene.replace(place, Tok::PathSep)).collect();
    Some(Verdict::of(errors::word_operator(scene.span(scene.at), ".", "::"), edits))
}

/// `f::<f32>(x)`, `text.parse::<f32>()`
fn turbofish(scene: &Scene) -> Option<Verdict> {
    let colons = match scene.here()? {
        Tok::Less => scene.at.checked_sub(1)?,
        _ => scene.at,
    };
    let named = colons.checked_sub(1).is_some_and(|name| is_name(scene.tok(name)));
    if !named || scene.tok(colons) != Some(&Tok::PathSep) || scene.tok(colons + 1) != Some(&Tok::Less) {
        return None;
    }
    let close = (colons..scene.statement.end).find(|place| scene.tok(*place) == Some(&Tok::Greater))?;
    let error = errors::call_type_arguments(scene.spans(colons..close + 1));
    Some(Verdict::of(error, vec![scene.remove(colons..close + 1)]))
}

/// `let x: List[int]`
fn bracketed_type(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let in_type = matches!(scene.before(2), Some(Tok::Colon | Tok::Arrow | Tok::As));
    if scene.here() != Some(&Tok::BracketOpen) || !is_name(scene.before(1)) || !in_type {
        return None;
    }
    let end = scene.behind_group(at);
    let mut edit = scene.replace(at - 1, Tok::ErrorType);
    edit.range.end = end;
    Some(Verdict::of(errors::bracketed_type(scene.spans(at - 1..end)), vec![edit]))
}

/// `match x { case 1: … }`
fn case_arm(scene: &Scene) -> Option<Verdict> {
    let word = scene.at.checked_sub(1)?;
    if !scene.is_in(FrameKind::Arms)
        || !["case", "when", "default"].iter().any(|w| scene.tok(word).is_some_and(|t| t.is_word(w)))
    {
        return None;
    }
    let open = scene.frame()?.open;
    let start = (0..open).rev().find(|place| scene.tok(*place) == Some(&Tok::Match))?;
    let error = errors::foreign_arm(scene.span(word), scene.source(word..scene.at));
    Some(Verdict::of(error, vec![scene.blank(start..scene.behind_group(open))]))
}

/// `f(x)?`
fn try_mark(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let ends =
        |tok: Option<&Tok>| tok.is_none_or(|tok| matches!(tok, Tok::Semi | Tok::Dot | Tok::Comma) || tok.closes());
    if scene.here() != Some(&Tok::Question) || !scene.after_operand() || !ends(scene.next()) {
        return None;
    }
    Some(Verdict::of(errors::try_mark(scene.span(at)), vec![scene.remove(at..at + 1)]))
}

/// `% text`, on a line of its own.
fn percent_comment(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    if scene.here() != Some(&Tok::Percent) || at != scene.statement.start || !scene.is_first_on_line(at) {
        return None;
    }
    let end = (at + 1..scene.tokens.len()).find(|place| scene.is_first_on_line(*place)).unwrap_or(scene.tokens.len());
    Some(Verdict::of(errors::percent_comment(scene.span(at)), vec![scene.remove(at..end)]))
}

/// `[1, 2] ++ [3]`
fn concatenation(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let joins = scene.here() == Some(&Tok::PlusPlus)
        && scene.after_operand()
        && scene.next().is_some_and(Tok::starts_operand)
        && !scene.is_first_on_line(at + 1);
    joins.then(|| Verdict::of(errors::concatenation(scene.span(at)), scene.give_up()))
}

/// `float f(float x) { … }`
fn typed_function(scene: &Scene) -> Option<Verdict> {
    let (start, at) = (scene.statement.start, scene.at);
    let Some(Tok::Ident(word)) = scene.tok(start) else { return None };
    let types = ["int", "float", "double", "void", "bool", "auto", "long", "f32", "f64", "i32", "i64", "string"];
    let is_function = types.contains(&word.as_str()) && at == start + 1 && is_name(scene.here());
    if !is_function || scene.next() != Some(&Tok::ParenOpen) {
        return None;
    }
    let behind = scene.behind_group(at + 1);
    let end = if scene.tok(behind) == Some(&Tok::BraceOpen) { scene.behind_group(behind) } else { scene.statement.end };
    let error = errors::typed_function(scene.span(start), word.as_str(), scene.source(at..at + 1));
    Some(Verdict::of(error, vec![scene.bind_to_error(&[at], start..end)]))
}

/// `v[0] = 9;`
fn indexed_assignment(scene: &Scene) -> Option<Verdict> {
    let (start, at) = (scene.statement.start, scene.at);
    let is_one = scene.here() == Some(&Tok::Eq)
        && scene.is_at_statement_level()
        && is_name(scene.tok(start))
        && scene.tok(start + 1) == Some(&Tok::BracketOpen)
        && scene.before(1) == Some(&Tok::BracketClose)
        && scene.behind_group(start + 1) == at;
    if !is_one {
        return None;
    }
    let end = scene.statement.end;
    let through = if scene.tok(end) == Some(&Tok::Semi) { end + 1 } else { end };
    let [name, index, value] = [start..start + 1, start + 2..at - 1, at + 1..end].map(|range| scene.source(range));
    let error = errors::indexed_assignment(scene.span(at), name, index, value);
    Some(Verdict::of(error, vec![scene.blank_statement(start..through)]))
}

/// `new Point(1.0, 2.0)`
fn construction(scene: &Scene) -> Option<Verdict> {
    let word = scene.at.checked_sub(1)?;
    if !scene.tok(word)?.is_word("new") || !is_name(scene.here()) || scene.is_first_on_line(scene.at) {
        return None;
    }
    let end = if scene.next() == Some(&Tok::ParenOpen) { scene.behind_group(scene.at + 1) } else { scene.at + 1 };
    let error = errors::construction(scene.span(word), scene.source(scene.at..scene.at + 1));
    Some(Verdict::of(error, vec![scene.blank(word..end)]))
}

/// `struct P { x: f32; y: f32 }`, `P { x = 1.0 }`
fn field_separator(scene: &Scene) -> Option<Verdict> {
    if !scene.is_in(FrameKind::Fields) || !scene.after_operand() {
        return None;
    }
    let at = scene.at;
    let (error, tok) = match scene.here()? {
        Tok::Semi => (errors::field_semicolon(scene.span(at)), Tok::Comma),
        Tok::Eq => (errors::field_equals(scene.span(at)), Tok::Colon),
        _ => return None,
    };
    Some(Verdict::of(error, vec![scene.replace(at, tok)]))
}

/// `fn f(x: f32): f32 { … }`
fn result_colon(scene: &Scene) -> Option<Verdict> {
    let behind_parameters = scene.before(1) == Some(&Tok::ParenClose)
        && matches!(scene.tok(scene.statement.start), Some(Tok::Fn | Tok::Pub))
        && scene.is_at_statement_level();
    if scene.here() != Some(&Tok::Colon) || !behind_parameters {
        return None;
    }
    Some(Verdict::of(errors::result_colon(scene.span(scene.at)), vec![scene.replace(scene.at, Tok::Arrow)]))
}
