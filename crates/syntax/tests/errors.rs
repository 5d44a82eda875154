//! One mistake makes one error, at its place, in words about what was meant.

mod common;

use common::{errors, on_big_stack};
use diagnostics::FileId;
use syntax::ast::*;

/// Each expected error is `code line:column words of the message`.
#[track_caller]
fn gives(text: &str, expected: &[&str]) {
    let found = errors(text);
    let fits = |(found, expected): (&String, &&str)| {
        let (place, words) = expected.split_at(expected.match_indices(' ').nth(1).map_or(expected.len(), |(k, _)| k));
        found.starts_with(place) && found.contains(words.trim())
    };
    let fit = found.len() == expected.len() && found.iter().zip(expected).all(fits);
    assert!(fit, "{text}\nfound {found:#?}\nexpected {expected:#?}");
}

/// The replacement of the first fix of the first error.
fn fix(text: &str) -> String {
    let (_, diagnostics) = syntax::parse(FileId(0), text);
    let fixes = diagnostics.iter().flat_map(|d| &d.help).filter(|fix| fix.span.is_some());
    fixes.map(|fix| fix.replacement.clone()).next().unwrap_or_default()
}

#[test]
fn characters_and_literals() {
    gives("let price = $5;", &["E0101 1:13 `$` is not a character"]);
    gives("let x = 0x;", &["E0101 1:9 hexadecimal"]);
    gives("let x = 99999999999999999999;", &["E0403 1:9 does not fit"]);
    gives("let x = 5abc;", &["E0101 1:10 `abc` is not the suffix"]);
    gives("let x = 1.5i32;", &["E0403 1:9 cannot be `i32`"]);
    gives("let x = .25;", &["E0103 1:9 `0.25`"]);
    gives("let x = 5.;", &["E0103 1:9 `5.0`"]);
    gives("let x = 5.e3;", &["E0103 1:9 `5.0`"]);
    assert_eq!(fix("let x = [.5];"), "0.5");
}

#[test]
fn texts() {
    gives("print(1, \"done);\nprint(\"a\");", &["E0102 1:15 this text is never closed"]);
    gives("let l = 1;\nprint(\"l = {l\");\nprint(2);", &["E0102 2:14 this interpolation is never closed"]);
    gives("print(\"{\");", &["E0102 1:9 this interpolation"]);
    gives("print(\"a {b;\nprint(\"c\");", &["E0102 1:12 this interpolation"]);
    gives("print(\"a } b\");", &["E0101 1:10 `}}`"]);
    gives("print(\"\\q\");", &["E0101 1:8 `\\q` is not an escape"]);
    gives("print(\"{}\");", &["E0101 1:8 needs an expression"]);
    gives("print(\"{x:zz}\");", &["E0101 1:11 `zz` is not a format"]);
    gives("print(\"{x + }\");", &["E0101 1:12 `+` needs a value"]);
    gives("print('text');", &["E0103 1:7 double quotes"]);
    gives("let x = \"\"\"a\"\"\";", &["E0103 1:9 one quote"]);
}

#[test]
fn brackets() {
    gives("print(\"sum\", (low + 7);\nprint(1);", &["E0102 1:23 this `(` is never closed"]);
    gives("let a = [1, 2;\nprint(a);", &["E0102 1:14 this `[` is never closed"]);
    gives("let a = (3.0 + 4.0));", &["E0101 1:20 closes nothing"]);
    gives("fn f() { (1 + 2 }\nprint(f());", &["E0102 1:16 this `(`"]);
    gives("let a = f([1, 2);", &["E0102 1:16 this `[`"]);
    gives("let a = (1, 2];\nprint(a);", &["E0102 1:14 closed by `)`"]);
    gives("fn f() { 1", &["E0102 1:11 this `{`"]);
    gives("fn f() {\n    let x = 1;\n    x\n\nfn g() { 2 }\nprint(g());", &["E0102 3:6 this `{`"]);
    gives("print((1 + 2)\nlet x = 3;", &["E0102 1:14 this `(`"]);
    let (_, diagnostics) = syntax::parse(FileId(0), "print((1);");
    assert_eq!(diagnostics[0].labels[1].span.start, 5);
}

#[test]
fn statements() {
    gives("let a = 0.1\nlet b = 20;", &["E0101 1:12 ends in `;`"]);
    gives("print(1)\nprint(2)\n", &["E0101 1:9 ends in `;`", "E0101 2:9 ends in `;`"]);
    gives("let pages = 95 // 10;\nprint(pages);", &["E0101 1:15 swallowed"]);
    gives("let match = 3;", &["E0101 1:5 `match` is a keyword"]);
    gives("let x;", &["E0101 1:6 binds a value"]);
    gives("let x = ;", &["E0101 1:8 needs a value"]);
    gives("print(1 2);", &["E0101 1:9 missing before `2`"]);
    gives("print(1 + );", &["E0101 1:10 `+` needs a value"]);
    gives("else { 1 }", &["E0101 1:1 this `else` belongs to no `if`"]);
    gives("let y = x ?> f;", &["E0101 1:15 ends in `else`"]);
    gives("print(f(x) where x > 0);", &["E0101 1:12 belongs to a reduction"]);
}

#[test]
fn foreign_statements() {
    gives("for s in xs {\n    print(s);\n}\nprint(1);", &["E0103 1:1 no `for`"]);
    gives("while (x > 0) { x = x - 1; }\nprint(1);", &["E0103 1:1 no `while`"]);
    gives("for (i = 0; i < 3; i++) { print(i); }", &["E0103 1:1 no `for`"]);
    gives("loop { print(1); }", &["E0103 1:1 no `loop`"]);
    gives("fn f(x) {\n    return 2 * x\n}", &["E0103 2:5 an expression"]);
    gives("fn f(x) { if x { return 1; } 2 }", &["E0103 1:18 no `return`"]);
    gives("break;", &["E0103 1:1 no `break`"]);
    gives("def f(x) { 2 * x }", &["E0103 1:1 begins with `fn`"]);
    gives("def f(x):\n    y = 2\n    return x\n\nprint(f(2));", &["E0103 1:1 begins with `fn`"]);
    gives("import numpy as np;\nprint(1);", &["E0103 1:1 `use`"]);
    gives("from a.b import c, d\nprint(c);", &["E0103 1:1 `use`"]);
    gives("var width = 3;", &["E0103 1:1 `let`"]);
    gives("int x = 3;", &["E0103 1:1 `let`"]);
    gives("let mut x = 3;", &["E0103 1:5 no `mut`"]);
    gives("if x > 0:\n    print(x);\nelse:\n    print(0);\nprint(9);", &["E0103 1:9 braces"]);
    gives("# comment\nprint(1);", &["E0103 1:1 `//`"]);
    assert_eq!(fix("from a.b import c, d;"), "use a::b::{c, d}");
}

#[test]
fn assignments() {
    gives("let x = 1;\nx = x + 1;", &["E0103 2:3 `let`"]);
    gives("x += 1;", &["E0103 1:3 `let`"]);
    gives("x[0] = 1;", &["E0103 1:6 a tensor cannot be changed"]);
    gives("let y = if x = 1 { 2 } else { 3 };", &["E0103 1:14 no comparison"]);
    gives("x++;", &["E0103 1:2 no `++`"]);
    gives("x--;", &["E0103 1:2 no `--`"]);
    assert_eq!(fix("loss *= a + 1;"), "let loss = loss * a + 1");
}

#[test]
fn foreign_operators() {
    gives("let y = a and b or not c;", &["E0103 1:11 `&&`", "E0103 1:17 `||`", "E0103 1:20 `!`"]);
    gives("let y = a not in b;", &["E0103 1:11 `not in`"]);
    gives("let y = r ^ 2.0;", &["E0103 1:11 `**`"]);
    gives("let y = a & b;", &["E0103 1:11 `&&`"]);
    gives("let y = a | b;", &["E0103 1:11 `||`"]);
    gives("let y = a === b;", &["E0103 1:11 `==`"]);
    gives("let y = ~a;", &["E0103 1:9 `!`"]);
    gives("let y = a @ b;", &["E0103 1:11 matrix product"]);
    gives("let y = A';", &["E0103 1:10 transpose"]);
    gives("let y = a ? 1 : 2;", &["E0103 1:11 `if`"]);
    gives("let y = 1 if a else 2;", &["E0103 1:11 condition"]);
    gives("print(f(&x));", &["E0103 1:9 references"]);
    assert_eq!(fix("let y = a > 1 ? b : c;"), "if a > 1 { b } else { c }");
}

#[test]
fn chained_comparisons() {
    gives("print(a < b <= c);", &["E0103 1:7 do not chain"]);
    assert_eq!(fix("print(a < b <= c);"), "a < b && b <= c");
    assert_eq!(fix("print(a < b < c < d);"), "a < b && b < c && c < d");
    gives("print((a < b) == (c < d));", &[]);
}

#[test]
fn foreign_expressions() {
    gives("let y = x[:, 0];", &["E0103 1:11 `..`"]);
    gives("let y = x[1:3];", &["E0103 1:12 `a..b`"]);
    gives("let y = x[::2];", &["E0103 1:11 no step"]);
    gives("let y = sum(x, axis=1);", &["E0103 1:16 no names"]);
    gives("let y = vec![1, 2];", &["E0103 1:9 no macros"]);
    gives("println!(\"{x}\");", &["E0103 1:1 no macros"]);
    gives("let y = [0.0; 3];", &["E0103 1:13 comprehension"]);
    gives("let y = [x for x in xs if x > 0];", &["E0103 1:12 `[e | x in xs]`"]);
    gives("let y = map(lambda a, b: a + b, xs);", &["E0103 1:13 lambda"]);
    gives("let y = x -> x + 1;", &["E0103 1:11 lambda"]);
    gives("let y = (1, 2)[0];", &["E0103 1:15 with a point"]);
    gives("let y = if a then 1 else 2;", &["E0103 1:14 braces"]);
    gives("let y = if a { 1 } elif b { 2 } else { 3 };", &["E0103 1:20 `else if`"]);
    gives("let y = if a { 1 } else if b \"m\" else { 3 };", &["E0103 1:30 braces"]);
    gives("let y = match x { 1 if y => 2, _ => 3 };", &["E0103 1:21 `where`"]);
    gives("let y: Vec<f32> = x;", &["E0103 1:11 angle brackets"]);
    gives("print x;", &["E0103 1:7 parentheses"]);
    assert_eq!(fix("let y = (a, b) => a + b;"), "|a, b| a + b");
    assert_eq!(fix("let y = [0.0; n];"), "[0.0 | _ in 0..n]");
    assert_eq!(fix("let y = [f(x) for x in xs if x > 0];"), "[f(x) | x in xs, x > 0]");
}

#[test]
fn foreign_words_are_names() {
    gives("let for = 1; let and = for + 1; let end = and; print(end, and);", &[]);
    gives("fn return(def) { def } print(return(1));", &[]);
}

#[test]
fn all_errors_of_a_file() {
    let text = "let a = 1 +;\nfn f(x) {\n    let b = [1, 2;\n    x ^ 2\n}\nvar c = 3;\nprint(c d);\n";
    gives(text, &["E0101 1:12", "E0102 3:18", "E0103 4:7", "E0103 6:1", "E0101 7:9"]);
}

/// What a statement binds is bound even where the statement is wrong.
#[test]
fn names_survive() {
    let texts = [
        "let mut x = 0.5;",
        "let x = 1 +;",
        "var x = 1;",
        "let x: = 3;",
        "let x 3;",
        "import a as x;",
        "def x(y):\n  y",
    ];
    for text in texts {
        let (module, diagnostics) = syntax::parse(FileId(0), text);
        assert_eq!(diagnostics.len(), 1, "{text}");
        let [Stmt { kind: StmtKind::Let(binding), .. }] = &module.statements[..] else { panic!("{text}: {module:?}") };
        assert!(matches!(binding.pattern.kind, PatternKind::Bind(name) if name.name.as_str() == "x"), "{text}");
    }
}

#[test]
fn many_errors_take_linear_time() {
    on_big_stack(|| {
        let text: String = (0..8000).map(|k| format!("let x{k} = {k} +;\n")).collect();
        assert_eq!(errors(&text).len(), 8000);
    });
}
