//! Forms of other languages inside a statement, each told by the token that did not fit and its neighbours.

use crate::errors;
use crate::foreign;
use crate::habits;
use crate::layout::FrameKind;
use crate::parser::Edit;
use crate::recover::{Scene, Verdict};
use crate::token::{Tok, Token};
use diagnostics::{Span, Symbol};

/// Those that are recognised before a missing `;` is thought of.
pub fn in_front(scene: &Scene) -> Option<Verdict> {
    None.or_else(|| habits::in_front(scene))
        .or_else(|| keyword_as_name(scene))
        .or_else(|| mutable(scene))
        .or_else(|| else_if(scene))
        .or_else(|| word_operator(scene))
        .or_else(|| declaration(scene))
        .or_else(|| assignment(scene))
        .or_else(|| increment(scene))
}

pub fn at(scene: &Scene) -> Option<Verdict> {
    None.or_else(|| habits::at(scene))
        .or_else(|| branch_without_braces(scene))
        .or_else(|| conditional(scene))
        .or_else(|| operator(scene))
        .or_else(|| prefix(scene))
        .or_else(|| lambda(scene))
        .or_else(|| call(scene))
        .or_else(|| bracket(scene))
        .or_else(|| annotation(scene))
}

fn keyword_as_name(scene: &Scene) -> Option<Verdict> {
    let here = scene.here().filter(|tok| tok.is_keyword())?;
    let named = match scene.before(1)? {
        Tok::Let => !matches!(here, Tok::True | Tok::False),
        Tok::Fn | Tok::Struct | Tok::Enum | Tok::Dot => true,
        // In lists of names: `fn f(in, as)`, `let x[match] = …`.
        Tok::ParenOpen | Tok::BracketOpen | Tok::Comma | Tok::Bar => {
            matches!(scene.next(), Some(Tok::Comma | Tok::Colon | Tok::ParenClose | Tok::BracketClose | Tok::Bar))
        }
        _ => false,
    };
    if !named {
        return None;
    }
    let word = scene.source(scene.at..scene.at + 1);
    let name = Tok::Ident(Symbol::new(word));
    Some(Verdict::of(errors::keyword_as_name(scene.span(scene.at), word), vec![scene.replace(scene.at, name)]))
}

fn mutable(scene: &Scene) -> Option<Verdict> {
    let is_mut = scene.before(1)?.is_word("mut")
        && matches!(scene.before(2)?, Tok::Let | Tok::ParenOpen | Tok::Comma | Tok::Bar);
    if !is_mut || !matches!(scene.here()?, Tok::Ident(_) | Tok::ParenOpen | Tok::Underscore) {
        return None;
    }
    let place = scene.at - 1;
    Some(Verdict::of(errors::mutable_binding(scene.span(place)), vec![scene.remove(place..scene.at)]))
}

/// `elif` may be taken for a statement of its own, then the error is at the token behind it.
fn else_if(scene: &Scene) -> Option<Verdict> {
    let place = if foreign::is_else_if(scene.here()?) { scene.at } else { scene.at.checked_sub(1)? };
    let word = scene.tok(place)?;
    // Behind a branch that was a statement of its own it begins the next one.
    let begins = place == scene.statement.start && scene.tok(place + 1).is_some_and(Tok::starts_operand);
    let behind_block = place.checked_sub(1).and_then(|before| scene.tok(before)) == Some(&Tok::BraceClose);
    if !foreign::is_else_if(word) || !(behind_block || begins) {
        return None;
    }
    let span = scene.span(place);
    let otherwise = (!begins).then_some(Token { tok: Tok::Else, span });
    let with = otherwise.into_iter().chain([Token { tok: Tok::If, span }]).collect();
    let error = errors::else_if(span, scene.source(place..place + 1));
    Some(Verdict::of(error, vec![Edit { range: place..place + 1, with }]))
}

fn word_operator(scene: &Scene) -> Option<Verdict> {
    let here = scene.here()?;
    if scene.before(1)?.is_word("not") && !scene.before(2).is_some_and(Tok::ends_operand) && here.starts_operand() {
        let place = scene.at - 1;
        let error = errors::word_operator(scene.span(place), "not", "!");
        return Some(Verdict::of(error, vec![scene.remove(place..scene.at)]));
    }
    if !scene.after_operand() {
        return None;
    }
    if here.is_word("not") && scene.next() == Some(&Tok::In) {
        let error = errors::word_operator(scene.spans(scene.at..scene.at + 2), "not in", "!(… in …)");
        return Some(Verdict::of(error, vec![scene.remove(scene.at..scene.at + 1)]));
    }
    if *here == Tok::Mod && !scene.is_first_on_line(scene.at) {
        let error = errors::word_operator(scene.span(scene.at), "mod", "%");
        return Some(Verdict::of(error, vec![scene.replace(scene.at, Tok::Percent)]));
    }
    let Tok::Ident(name) = here else { return None };
    let (operator, tok) = foreign::word_operator(name.as_str())?;
    if !scene.next().is_some_and(|next| next.starts_operand()) {
        return None;
    }
    let negated = *here == Tok::Ident(Symbol::new("is")) && scene.next()?.is_word("not");
    if negated {
        let error = errors::word_operator(scene.spans(scene.at..scene.at + 2), "is not", "!=");
        let mut edit = scene.replace(scene.at, Tok::NotEq);
        edit.range.end = scene.at + 2;
        return Some(Verdict::of(error, vec![edit]));
    }
    let error = errors::word_operator(scene.span(scene.at), name.as_str(), operator);
    Some(Verdict::of(error, vec![scene.replace(scene.at, tok)]))
}

/// `int x = 3;` and `let x := 3;`
fn declaration(scene: &Scene) -> Option<Verdict> {
    let (at, start) = (scene.at, scene.statement.start);
    if scene.begins_with_let() && scene.before(1) == Some(&Tok::Colon) && scene.here() == Some(&Tok::Eq) {
        let span = scene.spans(at - 1..at + 1);
        return Some(Verdict::of(errors::walrus(span), vec![scene.remove(at - 1..at)]));
    }
    let declares =
        at == start + 1 && is_name(scene.tok(start)) && is_name(scene.here()) && scene.next() == Some(&Tok::Eq);
    if !declares || scene.is_first_on_line(at) {
        return None;
    }
    let word = scene.source(start..start + 1);
    Some(Verdict::of(errors::foreign_let(scene.span(start), word), vec![scene.replace(start, Tok::Let)]))
}

fn is_name(tok: Option<&Tok>) -> bool {
    matches!(tok, Some(Tok::Ident(_)))
}

fn assignment(scene: &Scene) -> Option<Verdict> {
    let here = scene.here()?;
    let (at, start) = (scene.at, scene.statement.start);
    let declared = *here == Tok::Colon && scene.next() == Some(&Tok::Eq);
    if *here != Tok::Eq && *here != Tok::OpAssign && !declared || !scene.after_operand() {
        return None;
    }
    if scene.is_in(FrameKind::Paren) && is_name(scene.before(1)) && is_call(scene) {
        if !matches!(scene.before(2), Some(Tok::ParenOpen | Tok::Comma)) {
            return None;
        }
        let name = scene.source(at - 1..at);
        return Some(Verdict::of(errors::keyword_argument(scene.spans(at - 1..at + 1), name), Vec::new()));
    }
    if !scene.is_at_statement_level() {
        return None;
    }
    let span = scene.spans(at..if declared { at + 2 } else { at + 1 });
    if scene.open_if().is_some() && *here == Tok::Eq {
        return Some(Verdict::of(errors::assignment_in_condition(span), vec![scene.replace(at, Tok::EqEq)]));
    }
    if matches!(scene.tok(start), Some(Tok::Fn | Tok::At)) {
        return Some(Verdict::of(errors::body_without_braces(span), Vec::new()));
    }
    if scene.begins_with_let() || scene.tok(start).is_some_and(Tok::is_keyword) {
        return None;
    }
    let place = scene.spans(start..at);
    let end = scene.statement.end;
    let through = if scene.tok(end) == Some(&Tok::Semi) { end + 1 } else { end };
    if at != start + 1 || !is_name(scene.tok(start)) {
        let error = errors::assignment(span, None);
        return Some(Verdict::of(error, vec![scene.blank_statement(start..through)]));
    }
    let name = scene.source(start..at);
    if *here != Tok::OpAssign {
        let mut edits = vec![scene.insert(start, Tok::Let)];
        if declared {
            edits.push(scene.remove(at..at + 1));
        }
        let before = Span { end: place.start, ..place };
        let error = errors::assignment(span, None).fix(format!("write `let {name} = …`"), before, "let ");
        return Some(Verdict::of(error, edits));
    }
    let operator = scene.source(at..at + 1).trim_end_matches('=');
    let value = scene.source(at + 1..end);
    let fix = format!("let {name} = {name} {operator} {value}");
    let error = errors::assignment(span, Some((scene.spans(start..end), fix)));
    let Some(operator) = arithmetic(operator) else {
        return Some(Verdict::of(error, vec![scene.bind_to_error(&[start], start..through)]));
    };
    let with = [Tok::Eq, scene.tokens[start].tok.clone(), operator, Tok::ParenOpen];
    let with = with.map(|tok| scene.token(tok, at)).to_vec();
    let edits =
        vec![scene.insert(start, Tok::Let), Edit { range: at..at + 1, with }, scene.insert(end, Tok::ParenClose)];
    Some(Verdict::of(error, edits))
}

fn arithmetic(operator: &str) -> Option<Tok> {
    Some(match operator {
        "+" => Tok::Plus,
        "-" => Tok::Minus,
        "*" => Tok::Star,
        "/" => Tok::Slash,
        "%" => Tok::Percent,
        "**" | "^" => Tok::StarStar,
        _ => return None,
    })
}

/// Is the innermost parenthesis that of a call?
fn is_call(scene: &Scene) -> bool {
    scene
        .frame()
        .and_then(|frame| frame.open.checked_sub(1))
        .and_then(|before| scene.tok(before))
        .is_some_and(Tok::ends_operand)
}

fn increment(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let here = scene.here();
    let plus = here == Some(&Tok::PlusPlus);
    let minus = scene.before(1) == Some(&Tok::Minus)
        && scene.before(2) == Some(&Tok::Minus)
        && scene.span(at - 2).end == scene.span(at - 1).start
        && here.is_none_or(|tok| *tok == Tok::Semi || tok.closes());
    if !plus && !minus {
        return None;
    }
    let (word, operator, signs) = if plus { ("++", "+", at..at + 1) } else { ("--", "-", at - 2..at) };
    let start = scene.statement.start;
    let name = if plus && at == start { start + 1 } else { start };
    let alone = is_name(scene.tok(name)) && scene.is_at_statement_level() && scene.statement.len() == 1 + signs.len();
    if !alone {
        return Some(Verdict::of(errors::increment(scene.spans(signs), word, None), Vec::new()));
    }
    let end = scene.statement.end;
    let text = scene.source(name..name + 1);
    let fix = (scene.spans(start..end), format!("let {text} = {text} {operator} 1"));
    let through = if scene.tok(end) == Some(&Tok::Semi) { end + 1 } else { end };
    let error = errors::increment(scene.spans(signs), word, Some(fix));
    Some(Verdict::of(error, vec![scene.blank_statement(start..through)]))
}

/// `if c "a" else "b"`, `if c then a else b`, `else "b"`.
fn branch_without_braces(scene: &Scene) -> Option<Verdict> {
    let here = scene.here()?;
    let at = scene.at;
    if scene.before(1) == Some(&Tok::If) && *here == Tok::Let {
        return Some(Verdict::of(errors::if_let(scene.spans(at - 1..at + 1)), Vec::new()));
    }
    if *here == Tok::Colon && scene.open_if().is_some() && scene.is_at_statement_level() {
        let start = scene.statement.start;
        let mut end = scene.indented_end(start);
        // The other branches of the chain go with it.
        while scene.tok(end).is_some_and(|tok| *tok == Tok::Else || foreign::is_else_if(tok)) {
            end = (end + 1..scene.tokens.len())
                .find(|place| scene.is_first_on_line(*place) && scene.span(*place).start > scene.span(end).end)
                .unwrap_or(scene.tokens.len());
            while end < scene.tokens.len() && !ends_indented(scene, end, start) {
                end += 1;
            }
        }
        let error = errors::python_block(scene.span(at));
        return Some(Verdict::of(error, vec![scene.blank_statement(start..end)]));
    }
    let behind_else = scene.before(1) == Some(&Tok::Else);
    let then = here.is_word("then") && scene.after_operand();
    let behind_condition = scene.after_operand() && here.starts_operand() && *here != Tok::BraceOpen;
    if !(behind_else && here.starts_operand()) && !((then || behind_condition) && scene.open_if().is_some()) {
        return None;
    }
    let first = if then { at + 1 } else { at };
    let branch_end = |from: usize| {
        let ends = |tok: &Tok| matches!(tok, Tok::Else | Tok::Comma | Tok::Semi) || tok.closes();
        scene.find_at_depth(from..scene.tokens.len(), ends).unwrap_or(scene.tokens.len())
    };
    let mut end = branch_end(first);
    let branch = scene.source(first..end);
    let span = if then { scene.span(at) } else { scene.spans(first..end.max(first + 1)) };
    let error = errors::branch_without_braces(span, Some(branch).filter(|b| !then && !b.is_empty()));
    let mut open = scene.insert(first, Tok::BraceOpen);
    if then {
        open.range = at..first;
    }
    let mut edits = vec![open, scene.insert(end, Tok::BraceClose)];
    // The last branch of the chain is often written the same way.
    while scene.tok(end) == Some(&Tok::Else) && !matches!(scene.tok(end + 1), Some(Tok::BraceOpen | Tok::If)) {
        let from = end + 1;
        end = branch_end(from);
        edits.push(scene.insert(from, Tok::BraceOpen));
        edits.push(scene.insert(end, Tok::BraceClose));
    }
    Some(Verdict::of(error, edits))
}

fn ends_indented(scene: &Scene, place: usize, head: usize) -> bool {
    scene.is_first_on_line(place) && scene.column(place) <= scene.column(head)
}

/// `c ? a : b` and `a if c else b`.
fn conditional(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    if !scene.after_operand() {
        return None;
    }
    match scene.here()? {
        Tok::Question => {
            let from = scene.operand_start();
            let colon = scene.find_at_depth(at + 1..scene.tokens.len(), |tok| matches!(tok, Tok::Colon | Tok::Semi));
            let fix = colon.filter(|colon| scene.tokens[*colon].tok == Tok::Colon).map(|colon| {
                let end = scene.item_end(colon + 1);
                let [c, a, b] = [from..at, at + 1..colon, colon + 1..end].map(|range| scene.source(range));
                (scene.spans(from..end), format!("if {c} {{ {a} }} else {{ {b} }}"))
            });
            Some(Verdict::of(errors::ternary(scene.span(at), fix), Vec::new()))
        }
        Tok::If if scene.is_in(FrameKind::Arms) => {
            Some(Verdict::of(errors::wildcard_arm(scene.span(at)), vec![scene.replace(at, Tok::Where)]))
        }
        Tok::If => Some(Verdict::of(errors::trailing_if(scene.span(at)), Vec::new())),
        Tok::Arrow | Tok::Colon if scene.is_in(FrameKind::Arms) => {
            let error = errors::word_operator(scene.span(at), scene.source(at..at + 1), "=>");
            Some(Verdict::of(error, vec![scene.replace(at, Tok::FatArrow)]))
        }
        tok if ["catch", "except", "rescue"].iter().any(|word| tok.is_word(word)) => {
            Some(Verdict::of(errors::catch_block(scene.span(at), scene.source(at..at + 1)), Vec::new()))
        }
        tok if tok.is_word("for") && scene.is_in(FrameKind::Bracket) => {
            let open = scene.frame()?.open;
            let end = scene.behind_group(open);
            let source = scene.source(open + 1..end - 1);
            let fix = source
                .split_once(" for ")
                .filter(|(_, clauses)| !clauses.contains(" for "))
                .map(|(e, clauses)| (scene.spans(open..end), format!("[{e} | {}]", clauses.replacen(" if ", ", ", 1))));
            let error = errors::python_comprehension(scene.span(at), fix);
            let mut edits = vec![scene.replace(at, Tok::Bar)];
            let filter = scene.find_at_depth(at..end - 1, |tok| *tok == Tok::If);
            edits.extend(filter.map(|place| scene.replace(place, Tok::Comma)));
            Some(Verdict::of(error, edits))
        }
        _ => None,
    }
}

/// Operators between two values.
fn operator(scene: &Scene) -> Option<Verdict> {
    if !scene.after_operand() {
        return None;
    }
    let span = scene.span(scene.at);
    let with = |tok| vec![scene.replace(scene.at, tok)];
    Some(match scene.here()? {
        Tok::Caret => Verdict::of(errors::caret(span), with(Tok::StarStar)),
        Tok::Amp => Verdict::of(errors::bit_operator(span, "&", "&&"), Vec::new()),
        Tok::Bar if !scene.is_in(FrameKind::Bracket) => Verdict::of(errors::single_bar(span), Vec::new()),
        Tok::At => {
            let names = match (scene.before(1), scene.next()) {
                (Some(Tok::Ident(a)), Some(Tok::Ident(b))) => Some((a.as_str(), b.as_str())),
                _ => None,
            };
            Verdict::of(errors::matrix_product(span, names), Vec::new())
        }
        _ => return None,
    })
}

/// Signs before a value.
fn prefix(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let span = scene.span(at);
    let starts = |tok: Option<&Tok>| tok.is_some_and(Tok::starts_operand);
    if scene.after_operand() || !starts(scene.next()) {
        return None;
    }
    Some(match scene.here()? {
        Tok::Amp if scene.next()?.is_word("mut") && starts(scene.tok(at + 2)) => {
            Verdict::of(errors::borrow(scene.spans(at..at + 2), "&mut"), vec![scene.remove(at..at + 2)])
        }
        Tok::Amp => Verdict::of(errors::borrow(span, "&"), vec![scene.remove(at..at + 1)]),
        Tok::Star => Verdict::of(errors::borrow(span, "*"), vec![scene.remove(at..at + 1)]),
        Tok::Tilde => Verdict::of(errors::word_operator(span, "~", "!"), vec![scene.replace(at, Tok::Not)]),
        Tok::Plus | Tok::PlusPlus => Verdict::of(errors::unary_plus(span), vec![scene.remove(at..at + 1)]),
        _ => return None,
    })
}

/// `x -> e`, `(a, b) => e`, `lambda x: e`.
fn lambda(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let here = scene.here()?;
    if matches!(here, Tok::Arrow | Tok::FatArrow) && scene.after_operand() && !scene.is_in(FrameKind::Arms) {
        let from = scene.operand_start();
        let end = scene.item_end(at + 1);
        let params = scene.source(from..at).trim_start_matches('(').trim_end_matches(')');
        let plain = params.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ',' | ' '));
        let fix = plain.then(|| (scene.spans(from..end), format!("|{params}| {}", scene.source(at + 1..end))));
        let error = errors::arrow_lambda(scene.span(at), scene.source(at..at + 1), fix);
        return Some(Verdict::of(error, Vec::new()));
    }
    if *here == Tok::Fn && scene.next() == Some(&Tok::ParenOpen) && at > scene.statement.start {
        return Some(Verdict::of(errors::arrow_lambda(scene.span(at), "fn", None), Vec::new()));
    }
    let word = at.checked_sub(1).filter(|place| scene.tokens[*place].tok.is_word("lambda"))?;
    let colon = scene.find_at_depth(at..scene.tokens.len(), |tok| *tok == Tok::Colon)?;
    let params = scene.source(at..colon);
    let error = errors::python_lambda(scene.spans(word..colon + 1), params);
    Some(Verdict::of(error, vec![scene.replace(word, Tok::Bar), scene.replace(colon, Tok::Bar)]))
}

/// `vec![…]`, `println!(…)`, `print x`, a `return` inside an expression.
fn call(scene: &Scene) -> Option<Verdict> {
    let at = scene.at;
    let here = scene.here()?;
    let behind_name = at.checked_sub(1).filter(|place| matches!(scene.tokens[*place].tok, Tok::Ident(_)))?;
    let name = scene.source(behind_name..at);
    let is_group = matches!(scene.next(), Some(Tok::ParenOpen | Tok::BracketOpen | Tok::BraceOpen));
    if *here == Tok::Not && is_group {
        return Some(macro_call(scene, behind_name, name));
    }
    if name == "return" && here.starts_operand() {
        let row = foreign::at_statement(&scene.tokens[behind_name].tok)?;
        let error = errors::foreign_word(scene.span(behind_name), row.word, row.message, row.help);
        return Some(Verdict::of(error, vec![scene.remove(behind_name..at)]));
    }
    if *here == Tok::PathSep {
        return None;
    }
    let speaks = ["print", "println", "printf", "echo", "puts", "display", "assert", "panic"].contains(&name);
    if speaks && behind_name == scene.statement.start && here.starts_operand() {
        let end = scene.statement.end;
        let called = if matches!(name, "assert" | "panic") { name } else { "print" };
        let fix = (scene.spans(behind_name..end), format!("{called}({})", scene.source(at..end)));
        let error = errors::call_without_parentheses(scene.spans(at..end), called, Some(fix));
        let edits = vec![
            scene.replace(behind_name, Tok::Ident(Symbol::new(called))),
            scene.insert(at, Tok::ParenOpen),
            scene.insert(end, Tok::ParenClose),
        ];
        return Some(Verdict::of(error, edits));
    }
    None
}

fn macro_call(scene: &Scene, place: usize, name: &str) -> Verdict {
    let at = scene.at;
    let open = at + 1;
    let end = scene.behind_group(open);
    let inside = scene.source(open + 1..end - 1);
    let span = scene.spans(place..at + 1);
    let whole = scene.spans(place..end);
    match name {
        "vec" | "array" => {
            let semicolon = scene.find_at_depth(open + 1..end - 1, |tok| *tok == Tok::Semi);
            let literal = match semicolon {
                Some(semicolon) => repetition(scene, open, semicolon, end),
                None => format!("[{inside}]"),
            };
            let error = errors::macro_call(span, name, Some((whole, literal)));
            let mut edits = vec![scene.remove(place..at + 1)];
            edits.extend(semicolon.map(|semicolon| repeat(scene, semicolon)));
            Verdict::of(error, edits)
        }
        "println" | "print" | "eprintln" | "dbg" | "assert" | "panic" => {
            let called = if matches!(name, "assert" | "panic") { name } else { "print" };
            let error = errors::macro_call(span, name, Some((whole, format!("{called}({inside})"))));
            let edits = vec![scene.replace(place, Tok::Ident(Symbol::new(called))), scene.remove(at..at + 1)];
            Verdict::of(error, edits)
        }
        _ => Verdict::of(errors::macro_call(span, name, None), vec![scene.blank(place..end)]),
    }
}

/// `a[1:3]`, `a[:, 0]`, `a[::2]`, `[0.0; 3]`.
fn bracket(scene: &Scene) -> Option<Verdict> {
    if !scene.is_in(FrameKind::Bracket) {
        return None;
    }
    let at = scene.at;
    let span = scene.span(at);
    let end = scene.item_end(at + 1);
    match scene.here()? {
        Tok::Colon => {
            let begins = matches!(scene.before(1), Some(Tok::BracketOpen | Tok::Comma));
            let whole_axis = begins && end == at + 1;
            let mut edits = vec![scene.replace(at, Tok::DotDot)];
            let step = scene.find_at_depth(at + 1..end, |tok| *tok == Tok::Colon);
            edits.extend(step.map(|step| scene.remove(step..end)));
            let error = if step.is_some() { errors::slice_step(span) } else { errors::colon_slice(span, whole_axis) };
            Some(Verdict::of(error, edits))
        }
        Tok::PathSep => {
            let edits = vec![scene.replace(at, Tok::DotDot), scene.remove(at + 1..end)];
            Some(Verdict::of(errors::slice_step(span), edits))
        }
        Tok::Semi if scene.after_operand() => {
            let open = scene.frame()?.open;
            let close = scene.behind_group(open);
            let fix = (scene.spans(open..close), repetition(scene, open, at, close));
            let error = errors::repeated_array(span, Some(fix));
            Some(Verdict::of(error, vec![repeat(scene, at)]))
        }
        _ => None,
    }
}

/// What `[item; count]` is here.
fn repetition(scene: &Scene, open: usize, semicolon: usize, end: usize) -> String {
    let [item, count] = [open + 1..semicolon, semicolon + 1..end - 1].map(|range| scene.source(range));
    format!("[{item} | _ in 0..{count}]")
}

fn repeat(scene: &Scene, semicolon: usize) -> Edit {
    let with = [Tok::Bar, Tok::Underscore, Tok::In, Tok::Int((0, None)), Tok::DotDot];
    let with = with.map(|tok| scene.token(tok, semicolon)).to_vec();
    Edit { range: semicolon..semicolon + 1, with }
}

/// `fn f<T>(x: T)`, `let x: Vec<f32> = …`.
fn annotation(scene: &Scene) -> Option<Verdict> {
    if scene.here() != Some(&Tok::Less) || !is_name(scene.before(1)) {
        return None;
    }
    let at = scene.at;
    let in_signature = scene.before(2) == Some(&Tok::Fn);
    let in_type = matches!(scene.before(2), Some(Tok::Colon | Tok::Arrow | Tok::As | Tok::PathSep));
    let in_definition = matches!(scene.before(2), Some(Tok::Struct | Tok::Enum));
    if !in_signature && !in_type && !in_definition {
        return None;
    }
    let mut depth = 0;
    let close = (at..scene.statement.end).find(|place| {
        match scene.tokens[*place].tok {
            Tok::Less => depth += 1,
            Tok::Greater => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    let mut edits = vec![scene.remove(at..close + 1)];
    if in_type {
        edits = vec![scene.replace(at - 1, Tok::ErrorType)];
        edits[0].range.end = close + 1;
    }
    Some(Verdict::of(errors::type_arguments(scene.spans(at..close + 1)), edits))
}
