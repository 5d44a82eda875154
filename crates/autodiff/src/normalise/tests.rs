use super::{is_normal, normalise};
use diagnostics::{FileId, SourceMap};
use ir::*;
use std::collections::HashSet;
use std::rc::Rc;

/// The programs of these tests stand alone.
struct NoModules;

impl checker::modules::Loader for NoModules {
    fn load(&mut self, _: &str) -> Result<Option<(FileId, Rc<str>)>, String> {
        Ok(None)
    }

    fn std(&mut self, _: &str) -> Option<(FileId, Rc<str>)> {
        None
    }
}

fn checked(text: &str) -> Program {
    let mut sources = SourceMap::default();
    let id = sources.add("main.ein", text.to_owned());
    let (ast, mut diagnostics) = syntax::parse(id, text);
    let modules = checker::modules::load(id, ast, &mut NoModules, &mut diagnostics);
    let checked = checker::check(&modules, &sources, false);
    diagnostics.extend(checked.diagnostics);
    let errors: Vec<String> =
        diagnostics.iter().filter(|d| d.is_error()).map(|d| diagnostics::render(d, &sources, false)).collect();
    assert!(errors.is_empty(), "{}", errors.concat());
    checked.program
}

fn printed(program: &Program) -> Result<String, &'static str> {
    let mut out = String::new();
    oracle::run(program, &mut out, None).map_err(|failure| failure.code)?;
    Ok(out)
}

/// The program with all bindings of `main` normalised, and those that are not normal then.
fn normalised(text: &str) -> (Program, Vec<String>) {
    let mut program = checked(text);
    let before = printed(&program);
    let main = program.main.expect("a program has statements").index();
    let ExprKind::Block(stmts, value) = program.funcs[main].body.kind.clone() else { panic!("`main` is a block") };
    let bound = |stmt: &Stmt| -> Vec<VarId> {
        match stmt {
            Stmt::Let(var, _) => vec![*var],
            Stmt::Rec(recurrence) => recurrence.families.iter().map(|(var, _)| *var).collect(),
            Stmt::Do(_) => Vec::new(),
        }
    };
    let wanted: HashSet<VarId> = stmts.iter().flat_map(bound).collect();
    let (stmts, _) = normalise(&mut program, stmts, &wanted);
    let on_path = stmts.iter().filter(|stmt| bound(stmt).iter().any(|var| wanted.contains(var)));
    let left = on_path.filter_map(|stmt| is_normal(stmt).err()).collect();
    program.funcs[main].body.kind = ExprKind::Block(stmts, value);
    if let Err(broken) = verify(&program, true) {
        panic!("{broken}\n{program}");
    }
    assert_eq!(printed(&program), before, "{program}");
    (program, left)
}

/// `main` in normal form holds each of these lines.
fn becomes(text: &str, lines: &[&str]) {
    let (program, left) = normalised(text);
    assert_eq!(left, Vec::<String>::new(), "{program}");
    let shown = program.to_string();
    for line in lines {
        assert!(shown.lines().any(|found| found.trim() == *line), "{line}\nis not in\n{shown}");
    }
}

const VECTOR: &str = "let x: [f64; 3] = [1.0, 2.0, 4.0];\nlet c: f64 = 0.5;\n";

fn with_vector(text: &str) -> String {
    format!("{VECTOR}{text}")
}

#[test]
fn calls_dissolve_and_keep_the_name_that_they_are_bound_to() {
    becomes(
        &with_vector("fn scaled(v: [f64; 3], a: f64) { let w[i] = v[i] * a; w }\nlet y = scaled(x, c);\nprint(y);"),
        &["let y[i: 0..3]: f64 = x[i] * c;"],
    );
}

#[test]
fn nested_reductions_become_families_of_what_they_mention() {
    becomes(
        &with_vector("let y[i] = x[i] / sum[j](x[j] * max[k](x[k] * x[j]));\nprint(y);"),
        &["let y[i: 0..3]: f64 = x[i] / %10;"],
    );
}

#[test]
fn a_reduction_in_a_branch_is_guarded_by_the_condition() {
    becomes(
        &with_vector("let s = if c > 1.0 { sum[i](x[i]) } else { c };\nprint(s);"),
        &["let s: f64 = if c > 1.0f64 { %5 } else { c };"],
    );
}

#[test]
fn what_a_slice_binds_is_indexed_by_its_coordinate_and_joins_the_recurrence() {
    becomes(
        &with_vector(
            "let W[0, i] = x[i];
             let W[s in 1..4] = { let w = W[s - 1]; let g[i] = w[i] * sum[j](w[j]); let r = c / ((s as f64) + 1.0); w - r * g };
             print(W);",
        ),
        &[
            "[s in 1..4, i in 0..3] = W[s - 1, i] - (r[s] * g[s, i]);",
            "[s in 1..4] = c / ((s as f64) + 1.0f64);",
            "order up W.s, %15.s, g.s { %15, g, W }",
        ],
    );
}

#[test]
fn a_recurrence_inside_a_step_is_a_recurrence_of_both() {
    becomes(
        &with_vector(
            "let y[0] = 1.0f64;
             let y[t in 1..4] = {
                 let g[0] = y[t - 1];
                 let g[k in 1..5] = g[k - 1] * c + y[t - 1];
                 g[4]
             };
             print(y);",
        ),
        &["order up y.t, g.t { up g.k { g }, y }"],
    );
}

#[test]
fn structures_become_variables_of_their_parts() {
    becomes(
        &with_vector(
            "struct State { scale: f64, values: [f64; 3] }
             let a = State { scale: c * 2.0, values: x };
             let b = if c > 0.0 { a } else { State { scale: 0.0, values: x } };
             let s = b.scale * sum[i](b.values[i]);
             let (p, q) = (s * 2.0, b.values);
             print(s, p, q, b);",
        ),
        &["let a: State = State(%2, x);", "let b: State = State(b_0, b_1);"],
    );
}

#[test]
fn variants_known_only_at_run_time_are_told_apart_by_conditions() {
    becomes(
        &with_vector(
            "enum Shape { Circle(f64), Rect { w: f64, h: f64 }, Cloud([f64; 3]) }
             fn area(s: Shape) -> f64 {
                 match s {
                     Shape::Circle(r) => r * r,
                     Shape::Rect { w, h } => w * h,
                     Shape::Cloud(v) => sum[i](v[i]),
                 }
             }
             let s = if c > 1.0 { Shape::Circle(c) } else if c > 0.2 { Shape::Cloud(x) } else { Shape::Rect { w: c, h: c } };
             let known = area(Shape::Rect { w: c, h: 2.0 });
             let total = area(s);
             print(s, known, total);",
        ),
        &["let known: f64 = c * %3;", "let %27: f64 = sum[i: 0..3](x[i] where !%12, !((!%12) && (!%13)));"],
    );
}

#[test]
fn a_row_that_is_only_read_is_substituted() {
    becomes(
        &with_vector(
            "let m[b in 0..2, i] = x[i] * (b as f64);
             let o[b] = { let r = m[b]; r[0] * r[2] };
             print(o);",
        ),
        &["let o[b: 0..2]: f64 = m[b, 0] * m[b, 2];"],
    );
}

#[test]
fn comprehensions_with_fixed_domains_are_families() {
    becomes(
        &with_vector(
            "let p = [a * (k as f64) | a in x, k in 1..3];
             let q = [[a * b | b in x] | a in x];
             print(p, q);",
        ),
        &[],
    );
}

#[test]
fn a_call_in_a_guarded_cell_is_computed_where_any_cell_asks_for_it() {
    becomes(
        &with_vector(
            "fn share[j](v: [f64; ..l, j, ..r]) -> [f64; ..l, j, ..r] { let e = v ** 2.0; e / sum[j](e) }
             let m[b in 0..3, i] = x[i] - (b as f64);
             let p[b, i] = share[i](m[b, i]) where i > b;
             print(p);",
        ),
        &["let open[b: 0..3]: bool = any[i: 0..3](true where i > b);"],
    );
}

#[test]
fn closed_cells_are_not_evaluated() {
    becomes(
        &with_vector(
            "let k: [i32; 3] = [0, 7, 2];
             let y[i] = if k[i] < 3 { sum[j](x[k[i]] * x[j]) } else { 0.0 };
             print(y);",
        ),
        &[],
    );
}

#[test]
fn an_extent_that_grows_with_a_coordinate_is_covered() {
    becomes(
        &with_vector("let z[i in 0..3] = sum[k in 0..i + 1](x[i] * sum[m in 0..k + 1](x[m]));\nprint(z);"),
        &["let z[i: 0..3]: f64 = sum[k: 0..((i + 1) as i64)](x[i] * %9[i, k]);"],
    );
}

#[test]
fn assertions_inside_of_cells_stay() {
    let text = with_vector("fn root(v: f64) -> f64 { assert(v < 3.0); v * v }\nlet y[i] = root(x[i]);\nprint(y);");
    let (program, left) = normalised(&text);
    assert_eq!(left, Vec::<String>::new());
    assert_eq!(printed(&program), Err("E0901"));
}

#[test]
fn recursive_calls_stay_cells() {
    becomes(
        &with_vector(
            "fn power(v: f64, n: i32) -> f64 { if n == 0 { 1.0 } else { v * power(v, n - 1) } }
             let y[i] = power(x[i], i);
             print(y);",
        ),
        &[],
    );
}

#[test]
fn what_has_no_cells_stays_as_it_is() {
    let (program, left) = normalised(&with_vector("let rows = [[x[i] | i in 0..j] | j in 0..3];\nprint(rows);"));
    assert_eq!(left.len(), 1, "{program}");
}

#[test]
fn what_a_comprehension_leaves_out_is_looked_up() {
    becomes(&with_vector("let kept = [a * c | a in x, b in 0..2, a > 1.5];\nprint(kept);"), &[]);
    becomes(&with_vector("let below = [x[i] * x[j] | i in 0..3, j in 0..i];\nprint(below);"), &[]);
}

#[test]
fn the_parts_of_the_normal_form_are_told_apart() {
    let program = checked(&with_vector(
        "let row[b in 0..2] = x;
         let nested = c * sum[i](x[i]);
         let whole = sum[i](x[i] * c);
         print(row, nested, whole);",
    ));
    let main = program.main.expect("a program has statements").index();
    let ExprKind::Block(stmts, _) = &program.funcs[main].body.kind else { panic!("`main` is a block") };
    let found: Vec<bool> = stmts[2..5].iter().map(|stmt| is_normal(stmt).is_ok()).collect();
    assert_eq!(found, [false, false, true]);
}
