//! What the rules of the grammar build, where it is more than filling in a node: one shape of source that
//! becomes several nodes, and mistakes that are easiest to see once the tree stands.

use crate::ast::*;
use crate::lexer::Docs;
use crate::token::Token;
use crate::{errors, foreign};
use diagnostics::{Diagnostic, FileId, Span, Symbol};
use std::cell::RefCell;
use std::rc::Rc;

/// What is being parsed. Locations of the grammar are places in `tokens`.
pub struct Source<'a> {
    pub file: FileId,
    pub text: &'a str,
    pub tokens: &'a [Token],
    pub docs: &'a Docs,
    pub diagnostics: RefCell<Vec<Diagnostic>>,
}

impl Source<'_> {
    pub fn span(&self, from: usize, to: usize) -> Span {
        match (self.tokens.get(from), to.checked_sub(1).and_then(|last| self.tokens.get(last))) {
            (Some(first), Some(last)) if from < to => first.span.to(last.span),
            (_, Some(last)) => last.span.after(),
            (Some(first), None) => Span { end: first.span.start, ..first.span },
            (None, None) => Span { file: self.file, start: 0, end: 0 },
        }
    }

    pub fn source(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    pub fn docs(&self, first: usize) -> Vec<String> {
        self.tokens.get(first).map(|token| self.docs.before(token.span.start)).unwrap_or_default()
    }

    pub fn expr(&self, from: usize, kind: ExprKind, to: usize) -> Expr {
        Expr { kind, span: self.span(from, to) }
    }

    fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }
}

/// Did a list in parentheses end with a comma?
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trailing {
    None,
    Comma,
}

pub fn path(segment: Ident) -> Path {
    Path { segments: vec![segment], span: segment.span }
}

pub fn longer_path(mut path: Path, segment: Ident) -> Path {
    path.segments.push(segment);
    path.span = path.span.to(segment.span);
    path
}

pub fn unboxed<T>(items: Vec<Box<T>>) -> Vec<T> {
    items.into_iter().map(|item| *item).collect()
}

fn single(path: &Path) -> Option<Ident> {
    if let [only] = path.segments[..] { Some(only) } else { None }
}

fn name_of(expr: &Expr) -> Option<Ident> {
    if let ExprKind::Path(path) = &expr.kind { single(path) } else { None }
}

// Statements.

pub fn clause(
    public: bool,
    name: Ident,
    (slots, bracket): (Vec<Expr>, Span),
    ty: Option<TypeExpr>,
    body: Expr,
    wheres: Option<Where>,
) -> StmtKind {
    let slots = slots.into_iter().map(slot).collect();
    StmtKind::Clause(Rc::new(Clause { public, name, slots, bracket, ty, body, wheres }))
}

fn slot(expr: Expr) -> Slot {
    match coordinate(expr) {
        CoordArg::Coord { name, range } => Slot::Coord { name, range },
        CoordArg::Pack(name) => Slot::Pack(name),
        CoordArg::Group(names, span) => {
            let items = names.into_iter().map(|name| Expr { kind: ExprKind::Path(path(name)), span: name.span });
            Slot::Expr(Expr { kind: ExprKind::Tuple(items.collect()), span })
        }
        CoordArg::Expr(expr) => Slot::Expr(expr),
    }
}

/// Brackets of every kind are read as expressions; here they become names, ranges, packs and groups.
fn coordinate(expr: Expr) -> CoordArg {
    let Expr { kind, span } = expr;
    match kind {
        ExprKind::Path(path) if path.segments.len() == 1 => CoordArg::Coord { name: path.segments[0], range: None },
        ExprKind::Binary { op: BinaryOp::In, op_span, left, right } => match (name_of(&left), right.kind) {
            (Some(name), ExprKind::Range { lo: Some(lo), hi: Some(hi), inclusive }) => {
                let range = Range { lo: *lo, hi: *hi, inclusive, span: right.span };
                CoordArg::Coord { name, range: Some(range) }
            }
            (_, kind) => {
                let right = Box::new(Expr { kind, span: right.span });
                CoordArg::Expr(Expr { kind: ExprKind::Binary { op: BinaryOp::In, op_span, left, right }, span })
            }
        },
        ExprKind::Range { lo: None, hi: Some(hi), inclusive: false } => match name_of(&hi) {
            Some(name) => CoordArg::Pack(name),
            None => CoordArg::Expr(Expr { kind: ExprKind::Range { lo: None, hi: Some(hi), inclusive: false }, span }),
        },
        ExprKind::Tuple(items) => match items.iter().map(name_of).collect::<Option<Vec<_>>>() {
            Some(names) => CoordArg::Group(names, span),
            None => CoordArg::Expr(Expr { kind: ExprKind::Tuple(items), span }),
        },
        kind => CoordArg::Expr(Expr { kind, span }),
    }
}

pub fn expression_statement(p: &Source, expr: Expr) -> StmtKind {
    if matches!(expr.kind, ExprKind::Error) {
        return StmtKind::Error;
    }
    if let Some(name) = name_of(&expr)
        && let Some(error) = foreign::lone_word(name)
    {
        p.report(error);
        return StmtKind::Error;
    }
    StmtKind::Expr(expr)
}

// Types and patterns.

pub fn tuple_type((mut types, trailing): (Vec<TypeExpr>, Trailing)) -> TypeKind {
    match (types.len(), trailing) {
        (0, _) => TypeKind::Unit,
        (1, Trailing::None) => types.remove(0).kind,
        _ => TypeKind::Tuple(types),
    }
}

pub fn path_pattern(path: Path) -> PatternKind {
    match single(&path) {
        Some(name) => PatternKind::Bind(name),
        None => PatternKind::Variant { path, args: Vec::new() },
    }
}

pub fn tuple_pattern((mut patterns, trailing): (Vec<Pattern>, Trailing)) -> PatternKind {
    if patterns.len() == 1 && trailing == Trailing::None {
        return patterns.remove(0).kind;
    }
    PatternKind::Tuple(patterns)
}

pub fn alternatives(first: Pattern, mut rest: Vec<Pattern>, span: Span) -> Pattern {
    if rest.is_empty() {
        return first;
    }
    rest.insert(0, first);
    Pattern { kind: PatternKind::Or(rest), span }
}

// Expressions.

pub fn lambda(params: Vec<Param>, result: Option<TypeExpr>, body: Expr, span: Span) -> Expr {
    Expr { kind: ExprKind::Lambda(Rc::new(Lambda { params, result, body, span })), span }
}

pub fn chain(p: &Source, l: usize, head: Expr, stages: Vec<PipeStage>, handler: PipeHandler, r: usize) -> Expr {
    let needs = |op| stages.iter().any(|stage| stage.op == op);
    let missing = match handler {
        PipeHandler::None if needs(PipeOp::OrElse) => Some(("?>", "else")),
        PipeHandler::None | PipeHandler::Else(_) if needs(PipeOp::OrCatch) => Some(("!>", "catch |e|")),
        _ => None,
    };
    let span = p.span(l, r);
    if let Some((operator, handler)) = missing {
        p.report(errors::chain_without_handler(span.after(), operator, handler));
    }
    let stages = stages.into_iter().map(|PipeStage { op, stage }| PipeStage { op, stage: called(stage) }).collect();
    Expr { kind: ExprKind::Pipe { head: Box::new(head), stages, handler }, span }
}

/// A stage `f[j]` is a call without further arguments.
fn called(stage: Expr) -> Expr {
    let Expr { kind, span } = stage;
    let kind = match kind {
        ExprKind::Index { base, indices, bracket } => match base.kind {
            ExprKind::Path(callee) => {
                let coords = indices.into_iter().map(coordinate).collect();
                ExprKind::CoordCall { callee, coords, bracket, args: Vec::new(), wheres: None }
            }
            kind => ExprKind::Index { base: Box::new(Expr { kind, span: base.span }), indices, bracket },
        },
        kind => kind,
    };
    Expr { kind, span }
}

fn is_comparison(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Lt | BinaryOp::Gt | BinaryOp::Le | BinaryOp::Ge | BinaryOp::In)
}

pub fn binary(p: &Source, (l, left): (usize, Expr), (m, op): (usize, BinaryOp), (right, r): (Expr, usize)) -> Expr {
    let op_span = p.span(m, m + 1);
    if is_comparison(op) {
        return comparison(p, l, left, (op, op_span), right, r);
    }
    p.expr(l, ExprKind::Binary { op, op_span, left: Box::new(left), right: Box::new(right) }, r)
}

/// Comparisons do not chain. A chain is read as the conjunction that it means elsewhere.
fn comparison(p: &Source, l: usize, left: Expr, (op, op_span): (BinaryOp, Span), right: Expr, r: usize) -> Expr {
    let span = p.span(l, r);
    let middle = match &left.kind {
        ExprKind::Binary { op: inner, left: first, right: last, .. } if left.span.start == first.span.start => {
            match (inner, &last.kind) {
                (inner, _) if is_comparison(*inner) => Some((**last).clone()),
                // Only a chain makes a conjunction that binds as tightly as this.
                (BinaryOp::And, ExprKind::Binary { right: last, .. }) => {
                    p.diagnostics.borrow_mut().pop();
                    Some((**last).clone())
                }
                _ => None,
            }
        }
        _ => None,
    };
    let Some(middle) = middle else {
        return Expr { kind: ExprKind::Binary { op, op_span, left: Box::new(left), right: Box::new(right) }, span };
    };
    let so_far = conjunction_text(p, &left);
    let fix = format!("{so_far} && {} {} {}", p.source(middle.span), p.source(op_span), p.source(right.span));
    p.report(errors::chained_comparison(span, fix));
    let second_span = middle.span.to(right.span);
    let second = Expr {
        kind: ExprKind::Binary { op, op_span, left: Box::new(middle), right: Box::new(right) },
        span: second_span,
    };
    let kind = ExprKind::Binary { op: BinaryOp::And, op_span, left: Box::new(left), right: Box::new(second) };
    Expr { kind, span }
}

fn conjunction_text(p: &Source, expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Binary { op: BinaryOp::And, left, right, .. } if left.span.end > right.span.start => {
            format!("{} && {}", conjunction_text(p, left), p.source(right.span))
        }
        _ => p.source(expr.span).to_owned(),
    }
}

pub fn range(p: &Source, l: usize, lo: Option<Expr>, hi: Option<Expr>, inclusive: bool, r: usize) -> Expr {
    p.expr(l, ExprKind::Range { lo: lo.map(Box::new), hi: hi.map(Box::new), inclusive }, r)
}

/// `path[…](…)` is one node whatever stands in the brackets, unless parentheses part it.
pub fn call(p: &Source, l: usize, callee: Expr, args: Vec<Expr>, wheres: Option<Where>, r: usize) -> Expr {
    let whole = callee.span;
    let kind = match callee.kind {
        ExprKind::Index { base, indices, bracket } => match base.kind {
            ExprKind::Path(path) if whole.end == bracket.end && whole.start == path.span.start => {
                let coords = indices.into_iter().map(coordinate).collect();
                ExprKind::CoordCall { callee: path, coords, bracket, args, wheres }
            }
            kind => {
                let base = Box::new(Expr { kind, span: base.span });
                let callee = Expr { kind: ExprKind::Index { base, indices, bracket }, span: whole };
                plain_call(p, callee, args, wheres)
            }
        },
        kind => plain_call(p, Expr { kind, span: whole }, args, wheres),
    };
    p.expr(l, kind, r)
}

fn plain_call(p: &Source, callee: Expr, args: Vec<Expr>, wheres: Option<Where>) -> ExprKind {
    if let Some(wheres) = wheres {
        p.report(errors::where_in_call(wheres.span));
        return ExprKind::Error;
    }
    ExprKind::Call { callee: Box::new(callee), args }
}

pub fn index(p: &Source, l: usize, base: Expr, (indices, bracket): (Vec<Expr>, Span), r: usize) -> Expr {
    if matches!(base.kind, ExprKind::Tuple(_)) {
        let fix = match &indices[..] {
            [Expr { kind: ExprKind::Int { value, .. }, .. }] => {
                Some((p.span(l, r), format!("{}.{value}", p.source(base.span))))
            }
            _ => None,
        };
        p.report(errors::tuple_bracket(bracket, fix));
        return p.expr(l, ExprKind::Error, r);
    }
    p.expr(l, ExprKind::Index { base: Box::new(base), indices, bracket }, r)
}

pub fn tuple_field(p: &Source, l: usize, base: Expr, m: usize, field: u64, r: usize) -> Expr {
    // A tuple has no such item either; the checker says so.
    let field = u32::try_from(field).unwrap_or(u32::MAX);
    p.expr(l, ExprKind::TupleField(Box::new(base), field, p.span(m, r)), r)
}

/// `_` is a pattern; comprehensions read their patterns as expressions first.
pub fn underscore(span: Span) -> ExprKind {
    ExprKind::Path(path(Ident { name: Symbol::new("_"), span }))
}

pub fn parenthesised((mut items, trailing): (Vec<Expr>, Trailing)) -> ExprKind {
    if items.len() == 1 && trailing == Trailing::None {
        return items.remove(0).kind;
    }
    ExprKind::Tuple(items)
}

/// `where a, b` of an arm holds where all of them do.
pub fn all_of(guards: Option<Vec<Expr>>) -> Option<Expr> {
    guards?.into_iter().reduce(|left, right| {
        let span = left.span.to(right.span);
        let op_span = Span { start: left.span.end, end: right.span.start, ..span };
        let kind = ExprKind::Binary { op: BinaryOp::And, op_span, left: Box::new(left), right: Box::new(right) };
        Expr { kind, span }
    })
}

/// `pattern in e` generates. The pipes of its source are looser than `in`, so they come out and go back in.
pub fn comprehension_clause(expr: Expr) -> CompClause {
    let Expr { kind, span } = expr;
    match kind {
        ExprKind::Binary { op: BinaryOp::In, op_span, left, right } => match pattern(&left) {
            Some(pattern) => CompClause::In(pattern, *right),
            None => CompClause::Cond(Expr { kind: ExprKind::Binary { op: BinaryOp::In, op_span, left, right }, span }),
        },
        ExprKind::Pipe { head, stages, handler } => match head.kind {
            ExprKind::Binary { op: BinaryOp::In, ref left, ref right, .. } if pattern(left).is_some() => {
                let pattern = pattern(left).unwrap_or(Pattern { kind: PatternKind::Error, span: left.span });
                let span = Span { start: right.span.start, ..span };
                let kind = ExprKind::Pipe { head: right.clone(), stages, handler };
                CompClause::In(pattern, Expr { kind, span })
            }
            _ => CompClause::Cond(Expr { kind: ExprKind::Pipe { head, stages, handler }, span }),
        },
        kind => CompClause::Cond(Expr { kind, span }),
    }
}

/// The irrefutable pattern that looks like this expression.
fn pattern(expr: &Expr) -> Option<Pattern> {
    let span = expr.span;
    let kind = match &expr.kind {
        ExprKind::Path(path) => match single(path)? {
            name if name.name.as_str() == "_" => PatternKind::Wildcard,
            name => PatternKind::Bind(name),
        },
        ExprKind::Tuple(items) => PatternKind::Tuple(items.iter().map(pattern).collect::<Option<_>>()?),
        ExprKind::Array(items) => PatternKind::Array(items.iter().map(array_pattern).collect::<Option<_>>()?),
        ExprKind::Struct { path, fields } => {
            let field = |(name, value): &(Ident, Option<Expr>)| {
                let pattern = match value {
                    Some(value) => Some(pattern(value)?),
                    None => None,
                };
                Some(FieldPattern { name: *name, pattern })
            };
            PatternKind::Struct { path: path.clone(), fields: fields.iter().map(field).collect::<Option<_>>()? }
        }
        _ => return None,
    };
    Some(Pattern { kind, span })
}

fn array_pattern(item: &Expr) -> Option<ArrayPattern> {
    match &item.kind {
        ExprKind::Range { lo: None, hi: None, inclusive: false } => Some(ArrayPattern::Rest(None, item.span)),
        ExprKind::Range { lo: None, hi: Some(rest), inclusive: false } => {
            Some(ArrayPattern::Rest(Some(name_of(rest)?), item.span))
        }
        _ => pattern(item).map(ArrayPattern::Item),
    }
}
