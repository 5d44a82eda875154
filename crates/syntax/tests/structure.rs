//! What programs parse to, read through the printer, which writes only the parentheses that are needed.

mod common;

use common::{on_big_stack, printed};
use diagnostics::FileId;
use syntax::ast::*;

#[track_caller]
fn value(source: &str, expected: &str) {
    assert_eq!(printed(&format!("let v = {source};")), format!("let v = {expected};"));
}

#[track_caller]
fn unchanged(source: &str) {
    assert_eq!(printed(source), source);
}

fn only_statement(text: &str) -> StmtKind {
    let (mut module, diagnostics) = syntax::parse(FileId(0), text);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    assert_eq!(module.statements.len(), 1);
    module.statements.remove(0).kind
}

fn only_expression(text: &str) -> ExprKind {
    match only_statement(&format!("{text};")) {
        StmtKind::Expr(expr) => expr.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn precedence() {
    value("(a || b) && c", "(a || b) && c");
    value("a || (b && c)", "a || b && c");
    value("(a == b) && (c < d)", "a == b && c < d");
    value("(a + 1) .. (b * 2)", "a + 1..b * 2");
    value("(x in 0..n) == true", "x in 0..n == true");
    value("a - (b - c)", "a - (b - c)");
    value("(a - b) - c", "a - b - c");
    value("a * (b / c)", "a * (b / c)");
    value("-(x ** 2)", "-x ** 2");
    value("(-x) ** 2", "(-x) ** 2");
    value("2 ** (3 ** 2)", "2 ** 3 ** 2");
    value("(2 ** 3) ** 2", "(2 ** 3) ** 2");
    value("2 ** (-1)", "2 ** -1");
    value("(x as f64) ** 2", "x as f64 ** 2");
    value("(x ** 2) as f64", "(x ** 2) as f64");
    value("-(x as f64)", "-x as f64");
    value("(f(x)[i].y).0", "f(x)[i].y.0");
    value("@(y) / @(x)", "@y / @x");
    value("(@C / @A)[i, j]", "(@C / @A)[i, j]");
    value("@(x ** 2)", "@x ** 2");
    value("!!a", "!!a");
    value("a |> f |> (g)(2)", "a |> f |> g(2)");
    value("(a || b) |> f", "a || b |> f");
    value("a |> |x| x + 1 |> g", "a |> (|x| x + 1) |> g");
}

#[test]
fn tuple_chains_and_ranges_are_not_floats() {
    value("t.0.1", "t.0.1");
    value("(1..3)", "1..3");
    value("a[1..3]", "a[1..3]");
    value("1.5", "1.5");
    value("t.0.1 + 0.1", "t.0.1 + 0.1");
    value("m[.., 2..4, ..k, 3..]", "m[.., 2..4, ..k, 3..]");
}

#[test]
fn numbers() {
    value("1_000", "1000");
    value("0xff", "255");
    value("0b101u8", "5u8");
    value("2.5E3", "2.5E3");
    value("1e-5f64", "1e-5f64");
    value("3f32", "3f32");
    value("18446744073709551615", "18446744073709551615");
}

#[test]
fn texts_and_holes() {
    value(r#""{{n}} \"q\" \u{e9}\n""#, r#""{{n}} \"q\" é\n""#);
    value(r#""{f("a {g("b")}")}: {x + 1:>8.3f}|""#, r#""{f("a {g("b")}")}: {x + 1:>8.3f}|""#);
    value(
        r#""{P { x: 1 }.x:03}{if a { "y" } else { "n" }}""#,
        "\"{P { x: 1 }.x:03}{if a {\n    \"y\"\n} else {\n    \"n\"\n}}\"",
    );
    let ExprKind::Str(parts) = only_expression("\"ab{cd:*^+010.2e}\"") else { panic!() };
    let [StrPart::Text(text), StrPart::Hole { expr, format: Some(format) }] = &parts[..] else { panic!("{parts:?}") };
    assert_eq!((&**text, expr.span.start, expr.span.end), ("ab", 4, 6));
    assert_eq!((format.fill, format.align, format.plus, format.zero), ('*', Some('^'), true, true));
    assert_eq!((format.width, format.precision, format.kind), (10, Some(2), Some('e')));
}

#[test]
fn texts_go_over_lines() {
    value("\"a\nb\"", "\"a\\nb\"");
}

#[test]
fn clauses() {
    unchanged("let C[i, j in 0..n] = sum[k](A[i, k] * B[k, j]);");
    unchanged("let y[0, ..batch, i in 1..=n]: [f32; ..batch, n] = x[..batch, i - 1] where r = i - 1, r > 0 else -1.0;");
    unchanged("pub let x = 5 where y = 3;");
    let StmtKind::Clause(clause) = only_statement("let a[i, j in 0..2, ..b, 3, t + 1] = 0;") else { panic!() };
    assert!(matches!(clause.slots[0], Slot::Coord { range: None, .. }));
    assert!(matches!(&clause.slots[1], Slot::Coord { range: Some(range), .. } if !range.inclusive));
    assert!(matches!(clause.slots[2], Slot::Pack(_)));
    assert!(matches!(&clause.slots[3], Slot::Expr(Expr { kind: ExprKind::Int { value: 3, .. }, .. })));
    assert!(matches!(&clause.slots[4], Slot::Expr(Expr { kind: ExprKind::Binary { .. }, .. })));
    assert_eq!((clause.bracket.start, clause.bracket.end), (5, 34));
}

#[test]
fn calls_with_coordinates() {
    unchanged("let s = sum[i, k in 0..n](x[k] where x[k] > 0, q = 1);");
    let ExprKind::CoordCall { coords, args, .. } = only_expression("f[(h, w), ..b, j, 0](x, y)") else { panic!() };
    assert!(matches!(&coords[0], CoordArg::Group(names, _) if names.len() == 2));
    assert!(matches!(coords[1], CoordArg::Pack(_)));
    assert!(matches!(coords[2], CoordArg::Coord { .. }));
    assert!(matches!(coords[3], CoordArg::Expr(_)));
    assert_eq!(args.len(), 2);
    assert!(matches!(only_expression("(fs[0])(x)"), ExprKind::Call { .. }));
    assert!(matches!(only_expression("f(x)[0](y)"), ExprKind::Call { .. }));
    assert!(matches!(only_expression("m::f[j](y)"), ExprKind::CoordCall { .. }));
}

#[test]
fn braces_are_told_apart() {
    unchanged("let p = Point { x: 1.0, y };");
    let ExprKind::If { cond, .. } = only_expression("if x { y } else { z }") else { panic!() };
    assert!(matches!(cond.kind, ExprKind::Path(_)));
    let ExprKind::Match { scrutinee, arms } = only_expression("match x { P { a, b: 0 } => a, _ => 1, }") else {
        panic!()
    };
    assert!(matches!(scrutinee.kind, ExprKind::Path(_)));
    assert_eq!(arms.len(), 2);
    let ExprKind::If { cond, .. } = only_expression("if match a { _ => true } { 1 } else { 2 }") else { panic!() };
    assert!(matches!(cond.kind, ExprKind::Match { .. }));
    let ExprKind::If { cond, .. } = only_expression("if (P { x: 1 }) == p { 1 } else { 2 }") else { panic!() };
    assert!(matches!(cond.kind, ExprKind::Binary { .. }));
}

#[test]
fn blocks_end_statements() {
    let (module, errors) =
        syntax::parse(FileId(0), "if a { f(); }\nmatch b { _ => {} }\n{ g(); }\n(1, 2);\nif a {} ;\nx;");
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(module.statements.len(), 6);
    let StmtKind::Fn(def) = only_statement("fn f(a) { if a { g(); } let x = 1; if a { 1 } else { 2 } }") else {
        panic!()
    };
    assert_eq!(def.body.statements.len(), 2);
    assert!(matches!(def.body.value.as_deref(), Some(Expr { kind: ExprKind::If { .. }, .. })));
    let StmtKind::Fn(def) = only_statement("fn f(a) { if a { 1 } else { 2 } - 1 }") else { panic!() };
    assert!(matches!(def.body.value.as_deref(), Some(Expr { kind: ExprKind::Binary { .. }, .. })));
    let StmtKind::Fn(def) = only_statement("fn f(a) { if a { g(); }\n-1 }") else { panic!() };
    assert_eq!(def.body.statements.len(), 1);
    assert!(matches!(def.body.value.as_deref(), Some(Expr { kind: ExprKind::Unary(..), .. })));
}

#[test]
fn elses_are_told_apart() {
    unchanged("let y = x ?> f ?> g else -1;");
    unchanged("let y[i] = if a {\n    1\n} else {\n    2\n} where i > 0 else 3;");
    let StmtKind::Let(binding) = only_statement("let y = e where if c { a ?> f else b } else { d } else h;") else {
        panic!()
    };
    assert!(binding.wheres.as_ref().is_some_and(|wheres| wheres.otherwise.is_some() && wheres.items.len() == 1));
    let StmtKind::Let(binding) = only_statement("let y = e where a ?> f else b, c else h;") else { panic!() };
    assert!(binding.wheres.as_ref().is_some_and(|wheres| wheres.otherwise.is_some() && wheres.items.len() == 2));
    unchanged("let y = x !> f catch |e| len(e);");
    unchanged("let catch = 3;");
}

#[test]
fn functions_and_rules() {
    unchanged("fn f[j, ..r](x: [f32; ..l, j, ..r], (a, b), g: (f32, i32) -> f32) -> [f32; ?, 3, *] {\n    x\n}");
    unchanged("@fn f(x) {\n    2.0 * x * @x\n}");
    unchanged("/// Doubles.\npub fn twice(x) {\n    2 * x\n}");
    unchanged("let f = |x: f32, (a, b)| -> f32 {\n    x\n};");
    unchanged("let g = || 7;");
}

#[test]
fn types() {
    unchanged("let x: (f32, [str], ()) = y;");
    unchanged("let x: (f32) -> (i32,) = y;");
    unchanged("struct P { x: f32, y: [f32; 2, n] }");
    unchanged("pub enum Shape { Unit, Circle(f32, i32), Rect { w: f32 } }");
}

#[test]
fn modules() {
    unchanged("use std::math::{sin, cos as c, deep::{a, b::*}};");
    unchanged("pub use utils as u;");
    unchanged("use std::ml::*;");
    unchanged("pub mod inner {\n    pub let x = 1;\n}");
}

#[test]
fn patterns() {
    unchanged("let [a, (b, _), ..rest] = xs;");
    unchanged("let Point { x, y: (u, v) } = p;");
    let source = "match x { -1 => a, 0..=9 => b, 'c' => c }";
    assert!(!common::errors(source).is_empty());
    value(
        "match x { -3..=-1 | 7 => 1, n @ (1 | 2) where n > 1, c => 2, Shape::Circle(r) => r, L::Red => 0, [] => 4, _ => 5 }",
        "match x {\n    (-3..=-1 | 7) => 1,\n    n @ (1 | 2) where n > 1 && c => 2,\n    Shape::Circle(r) => r,\n    L::Red => 0,\n    [] => 4,\n    _ => 5,\n}",
    );
}

#[test]
fn arms_with_blocks_need_no_comma() {
    let ExprKind::Match { arms, .. } =
        only_expression("match x { 0 => { 1 }\n(1) => if a { 2 } else { 3 } - 1, 5 => {}\n-2 => 4 }")
    else {
        panic!()
    };
    assert_eq!(arms.len(), 4);
}

#[test]
fn comprehensions() {
    value("[x * x | x in xs, y in 0..3, x > y, z = x + y]", "[x * x | x in xs, y in 0..3, x > y, z = x + y]");
    let ExprKind::Comprehension { clauses, .. } =
        only_expression("[a | (a, _) in ps |> sort, [b, ..c] in q, f(a) in r]")
    else {
        panic!()
    };
    assert!(matches!(&clauses[0], CompClause::In(Pattern { kind: PatternKind::Tuple(_), .. }, source)
        if matches!(source.kind, ExprKind::Pipe { .. })));
    assert!(matches!(&clauses[1], CompClause::In(Pattern { kind: PatternKind::Array(_), .. }, _)));
    assert!(matches!(clauses[2], CompClause::Cond(_)));
}

#[test]
fn trailing_commas() {
    value("f(a, b,)", "f(a, b)");
    value("[1, 2,]", "[1, 2]");
    value("(1,)", "(1,)");
    unchanged("let y = x where a = 1;");
    assert_eq!(printed("let y = x where a = 1,;"), "let y = x where a = 1;");
}

#[test]
fn marks_and_line_ends_of_other_editors() {
    assert_eq!(printed("\u{feff}let a = 1;\r\nlet b = 2;\r\n"), "let a = 1;\nlet b = 2;");
    assert_eq!(printed(""), "");
    assert_eq!(printed("// only a comment"), "");
}

#[test]
fn tokens_are_one_a_line() {
    let (tokens, errors) = syntax::tokens(FileId(0), "let α = \"{x:.2}\";\n t.0");
    assert!(errors.is_empty());
    let expected = "1:1 keyword let\n1:5 name α\n1:7 operator =\n1:9 bracket \\\"\n";
    assert!(tokens.replace("quote", "bracket").starts_with(expected), "{tokens}");
    assert!(tokens.ends_with("2:2 name t\n2:3 punctuation .\n2:4 integer 0\n"), "{tokens}");
}

#[test]
fn deep_nesting() {
    on_big_stack(|| {
        for (open, close) in
            [("(", ")"), ("[", "]"), ("f(", ")"), ("if a { ", " } else { 0 }"), ("{ ", " }"), ("-", ""), ("\"{", "}\"")]
        {
            let text = format!("let x = {}1{};", open.repeat(2000), close.repeat(2000));
            let (module, errors) = syntax::parse(FileId(0), &text);
            assert!(errors.is_empty(), "{open}: {errors:?}");
            let again = syntax::print(&module);
            let (module, errors) = syntax::parse(FileId(0), &again);
            assert!(errors.is_empty() && syntax::print(&module) == again, "{open}");
        }
        let unclosed = format!("let x = {}1;", "(".repeat(2000));
        assert_eq!(common::errors(&unclosed).len(), 1);
    });
}
