//! Script code: counted objects, functions, comprehensions. Every run checks that no object is left.

#[path = "../../ir/tests/build/mod.rs"]
mod build;
mod run;

use build::*;
use diagnostics::Span;
use ir::*;
use run::run;
use std::rc::Rc;

fn prints(program: &Program, wanted: &str) {
    assert_eq!(run(program), (format!("{wanted}\n"), None));
}

fn list_of(item: Type) -> Type {
    Type::List(Rc::new(item))
}

fn list(items: Vec<Expr>) -> Expr {
    let ty = list_of(items[0].ty.clone());
    expr(ExprKind::List(items), ty)
}

fn tuple(items: Vec<Expr>) -> Expr {
    let ty = Type::Tuple(items.iter().map(|item| item.ty.clone()).collect());
    expr(ExprKind::Tuple(items), ty)
}

fn choose(cond: Expr, yes: Expr, no: Expr) -> Expr {
    let ty = if yes.ty == Type::Never { no.ty.clone() } else { yes.ty.clone() };
    expr(ExprKind::If(Box::new(cond), Box::new(yes), Box::new(no)), ty)
}

fn concat(a: Expr, b: Expr) -> Expr {
    builtin(Builtin::Concat, vec![a, b], Type::Str)
}

fn item(list: Expr, at: Expr) -> Expr {
    let Type::List(ty) = list.ty.clone() else { panic!("no list") };
    expr(ExprKind::Item(Box::new(list), Box::new(at)), (*ty).clone())
}

fn comprehension(clauses: Vec<CompClause>, body: Expr, ty: Type) -> Expr {
    expr(ExprKind::Comprehension(Box::new(Comprehension { clauses, body, row: vec![] })), ty)
}

fn range(lo: i64, hi: i64) -> Expr {
    expr(ExprKind::Range(Box::new(long(lo)), Box::new(long(hi))), Type::Range)
}

fn less(a: Expr, b: Expr) -> Expr {
    op(Op::Lt, vec![a, b])
}

#[test]
fn strings_move_copy_and_end() {
    let mut b = Build::default();
    let (s, t, p) =
        (b.var("s", Type::Str), b.var("t", Type::Str), b.var("p", Type::Tuple([Type::Str, Type::Str].into())));
    let stmts = vec![
        Stmt::Let(s, concat(text("a"), text("b"))),
        Stmt::Let(t, b.read(s)),
        Stmt::Let(p, tuple(vec![b.read(s), b.read(s)])),
        print(vec![field(b.read(p), 1), b.read(t)]),
        print(vec![list(vec![b.read(t), b.read(t), b.read(s)])]),
    ];
    prints(&b.main(stmts), "ab ab\n[\"ab\", \"ab\", \"ab\"]");
}

#[test]
fn blocks_give_what_they_bind() {
    let mut b = Build::default();
    let (s, t, twice) =
        (b.var("s", Type::Str), b.var("t", Type::Str), b.var("u", Type::Tuple([Type::Str, Type::Str].into())));
    let inner = block(
        vec![Stmt::Let(s, concat(text("x"), text("y"))), Stmt::Let(t, text("unused"))],
        tuple(vec![b.read(s), b.read(s)]),
    );
    let stmts = vec![Stmt::Let(twice, inner), print(vec![b.read(twice)])];
    prints(&b.main(stmts), "(\"xy\", \"xy\")");
}

#[test]
fn branches_own_their_results() {
    let mut b = Build::default();
    let (s, flag, t) = (b.var("s", Type::Str), b.var("flag", Type::BOOL), b.var("t", Type::Str));
    let choice = choose(b.read(flag), b.read(s), concat(b.read(s), text("!")));
    let body = block(vec![Stmt::Let(t, choice)], concat(b.read(t), b.read(t)));
    let pick = b.func("pick", vec![s, flag], body);
    let yes = b.call(pick, vec![text("a"), expr(ExprKind::Bool(true), Type::BOOL)]);
    let no = b.call(pick, vec![text("b"), expr(ExprKind::Bool(false), Type::BOOL)]);
    prints(&b.main(vec![print(vec![yes, no])]), "aa b!b!");
}

#[test]
fn a_variable_that_is_moved_and_read_is_kept() {
    let mut b = Build::default();
    let s = b.var("s", Type::Str);
    let shown = tuple(vec![list(vec![b.read(s)]), b.read(s)]);
    let lone = b.var("lone", list_of(Type::Str));
    let other = b.var("r", Type::Str);
    let stmts = vec![
        Stmt::Let(s, concat(text("m"), text("n"))),
        print(vec![shown]),
        Stmt::Let(other, concat(text("o"), text("p"))),
        Stmt::Let(lone, list(vec![b.read(other)])),
        print(vec![b.read(lone)]),
    ];
    prints(&b.main(stmts), "([\"mn\"], \"mn\")\n[\"op\"]");
}

#[test]
fn a_failed_try_gives_everything_back() {
    let mut b = Build::default();
    let (s, zero) = (b.var("s", Type::Str), b.func("zero", vec![], int(0)));
    let failing = op(Op::Div, vec![int(1), b.call(zero, vec![])]);
    let shown = builtin(Builtin::ToStr, vec![failing], Type::Str);
    let inner = block(
        vec![Stmt::Let(s, concat(text("a"), text("b")))],
        list(vec![b.read(s), concat(b.read(s), text("c")), shown]),
    );
    let result = attempt(inner);
    let r = b.var("r", result.ty.clone());
    let stmts = vec![
        Stmt::Let(r, result),
        print(vec![field(b.read(r), 0), field(b.read(r), 1), field(b.read(r), 2)]),
        print(vec![field(attempt(concat(text("f"), text("ine"))), 1)]),
    ];
    prints(&b.main(stmts), "false [] division by zero\nfine");
}

#[test]
fn enums_hold_lists_of_themselves() {
    let mut b = Build::default();
    let tree = Type::Enum(EnumId(0));
    b.program.enums.push(EnumInfo {
        name: diagnostics::Symbol::new("Tree"),
        variants: vec![
            VariantInfo {
                name: diagnostics::Symbol::new("Node"),
                fields: vec![list_of(tree.clone()), Type::F32],
                names: None,
            },
            VariantInfo { name: diagnostics::Symbol::new("Leaf"), fields: vec![Type::Str], names: None },
        ],
        span: Span::default(),
    });
    let leaf = |name: &str| expr(ExprKind::Variant(1, vec![concat(text(name), text(""))]), tree.clone());
    let node = expr(ExprKind::Variant(0, vec![list(vec![leaf("a"), leaf("b")]), float(1.5)]), tree.clone());
    let t = b.var("t", tree.clone());
    let payload = |e: Expr, variant, field, ty: Type| expr(ExprKind::Payload(Box::new(e), variant, field), ty);
    let children = payload(b.read(t), 0, 0, list_of(tree.clone()));
    let name = payload(item(children, int(1)), 1, 0, Type::Str);
    let weight = payload(b.read(t), 0, 1, Type::F32);
    let is_leaf = expr(ExprKind::IsVariant(Box::new(b.read(t)), 1), Type::BOOL);
    let same = builtin(Builtin::Equal, vec![b.read(t), b.read(t)], Type::BOOL);
    let zero = b.func("zero", vec![], int(0));
    let broken = op(Op::Div, vec![int(1), b.call(zero, vec![])]);
    let missing = attempt(block(vec![print(vec![broken])], leaf("never")));
    let stmts =
        vec![Stmt::Let(t, node), print(vec![name, weight, is_leaf, same]), print(vec![b.read(t), field(missing, 1)])];
    prints(&b.main(stmts), "b 1.5 false true\nNode([Leaf(\"a\"), Leaf(\"b\")], 1.5) Node([], 0.0)");
}

#[test]
fn comprehensions_nest_filter_and_bind() {
    let mut b = Build::default();
    let (i, j, z) = (b.var("i", Type::I32), b.var("j", Type::I32), b.var("z", Type::I32));
    let sum = op(Op::Add, vec![b.read(i), b.read(j)]);
    let pairs = comprehension(
        vec![
            CompClause::For(i, range(0, 4)),
            CompClause::For(j, range(1, 3)),
            CompClause::If(less(b.read(j), b.read(i))),
            CompClause::Let(z, sum),
        ],
        b.read(z),
        tensor(Type::I32, 1),
    );
    let k = b.var("k", Type::I32);
    let name = concat(text("n"), builtin(Builtin::ToStr, vec![b.read(k)], Type::Str));
    let names = comprehension(vec![CompClause::For(k, range(2, 5))], name, list_of(Type::Str));
    let (n, names_var) = (b.var("n", Type::Str), b.var("names", list_of(Type::Str)));
    let twice =
        comprehension(vec![CompClause::For(n, b.read(names_var))], concat(b.read(n), b.read(n)), list_of(Type::Str));
    let len = builtin(Builtin::Len, vec![b.read(names_var)], Type::I32);
    let stmts = vec![print(vec![pairs]), Stmt::Let(names_var, names), print(vec![twice, len])];
    prints(&b.main(stmts), "[3, 4, 5]\n[\"n2n2\", \"n3n3\", \"n4n4\"] 3");
}

#[test]
fn comprehensions_over_rows_make_matrices() {
    let mut b = Build::default();
    let m = b.var("m", tensor(Type::I32, 2));
    let matrix = expr(ExprKind::Literal([3, 2].into(), (0..6).map(int).collect()), tensor(Type::I32, 2));
    let r = b.var("r", tensor(Type::I32, 1));
    let first = less(int(0), load(b.read(r), vec![int(0)]));
    let rows = vec![CompClause::For(r, b.read(m)), CompClause::If(first)];
    let mut value = comprehension(rows, b.read(r), tensor(Type::I32, 2));
    if let ExprKind::Comprehension(c) = &mut value.kind {
        c.row = vec![long(2)];
    }
    let appended = builtin(Builtin::Append, vec![b.read(m), row(vec![int(8), int(9)])], tensor(Type::I32, 2));
    let longer = builtin(Builtin::Append, vec![list(vec![text("a")]), text("b")], list_of(Type::Str));
    let stmts = vec![Stmt::Let(m, matrix), print(vec![value]), print(vec![appended, longer])];
    prints(&b.main(stmts), "[[2, 3], [4, 5]]\n[[0, 1], [2, 3], [4, 5], [8, 9]] [\"a\", \"b\"]");
}

#[test]
fn tail_calls_are_loops() {
    let mut b = Build::default();
    let (s, n) = (b.var("s", Type::Str), b.var("n", Type::I32));
    let stop = less(b.read(n), int(1));
    let shorter = op(Op::Sub, vec![b.read(n), int(1)]);
    let keep = less(int(3), b.read(n));
    let next = choose(keep, b.read(s), concat(b.read(s), text("x")));
    let again = expr(ExprKind::Call(FuncId(0), vec![next, shorter]), Type::Str);
    let m = b.var("unused", Type::Str);
    let body = choose(stop, b.read(s), block(vec![Stmt::Let(m, concat(b.read(s), text("?")))], again));
    let grow = b.func("grow", vec![s, n], body);
    // More turns than the stack has room for calls.
    let value = b.call(grow, vec![text("a"), int(3_000_000)]);
    prints(&b.main(vec![print(vec![value])]), "axxx");
}

#[test]
fn recursion_makes_and_drops_objects() {
    let mut b = Build::default();
    let n = b.var("n", Type::I32);
    let stop = less(b.read(n), int(1));
    let rest = expr(ExprKind::Call(FuncId(0), vec![op(Op::Sub, vec![b.read(n), int(1)])]), Type::Str);
    let body = choose(stop, text("."), concat(text("<"), concat(rest, text(">"))));
    let nest = b.func("nest", vec![n], body);
    let value = b.call(nest, vec![int(4)]);
    prints(&b.main(vec![print(vec![value])]), "<<<<.>>>>");
}

#[test]
fn a_long_main_is_several_functions() {
    let mut b = Build::default();
    let first = b.var("first", Type::Str);
    let numbers = b.var("numbers", tensor(Type::I32, 1));
    let mut stmts =
        vec![Stmt::Let(first, concat(text("begin"), text(""))), Stmt::Let(numbers, row((0..10).map(int).collect()))];
    let mut before = None;
    for k in 0..1000 {
        let x = b.var("x", Type::I32);
        let start = load(b.read(numbers), vec![int(3)]);
        let value = before.map_or(start, |before| op(Op::Add, vec![b.read(before), int(k % 3)]));
        stmts.push(Stmt::Let(x, value));
        before = Some(x);
    }
    let total: i64 = 3 + (1..1000).map(|k| k % 3).sum::<i64>();
    let again = b.var("again", Type::Str);
    stmts.push(Stmt::Let(again, b.read(first)));
    stmts.push(print(vec![b.read(first), b.read(before.unwrap()), b.read(numbers)]));
    stmts.push(print(vec![b.read(again)]));
    prints(&b.main(stmts), &format!("begin {total} [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\nbegin"));
}

#[test]
fn functions_read_what_is_bound_around_them() {
    let mut b = Build::default();
    let (k, x, n) = (b.var("k", Type::I32), b.var("x", Type::I32), b.var("n", Type::I32));
    let scaled = op(Op::Mul, vec![b.read(x), b.read(k)]);
    let scale = b.func("scale", vec![x], scaled);
    // Recursive, and needs `k` only through what it calls.
    let rest = expr(ExprKind::Call(FuncId(1), vec![op(Op::Sub, vec![b.read(n), int(1)])]), Type::I32);
    let body = choose(less(b.read(n), int(1)), int(0), op(Op::Add, vec![b.call(scale, vec![b.read(n)]), rest]));
    let total = b.func("total", vec![n], body);
    let value = b.call(total, vec![int(4)]);
    let stmts = vec![Stmt::Let(k, int(10)), print(vec![value])];
    prints(&b.main(stmts), "100");
}

#[test]
fn a_call_before_the_binding_is_reported() {
    let mut b = Build::default();
    let k = b.var("k", Type::I32);
    let mut used = b.read(k);
    used.span.start = 7;
    let get = b.func("get", vec![], used);
    let mut early = b.call(get, vec![]);
    early.span.start = 3;
    let late = b.call(get, vec![]);
    let mut program = b.main(vec![print(vec![early]), Stmt::Let(k, int(1)), print(vec![late])]);
    let found: Vec<_> =
        optimizer::lift(&mut program).into_iter().map(|(call, var, at)| (call.start, var, at.start)).collect();
    assert_eq!(found, [(3, k, 7)]);
}

#[test]
fn script_integers_trap_and_divide_toward_zero() {
    for (how, a, c, wanted) in [
        (Op::Add, i64::MAX, 1, None),
        (Op::Sub, i64::MIN, 1, None),
        (Op::Mul, i64::MIN, -1, None),
        (Op::Mul, -1, i64::MIN, None),
        (Op::Mul, 1 << 32, 1 << 31, None),
        (Op::Mul, -(1 << 32), 1 << 31, Some("-9223372036854775808")),
        (Op::Div, i64::MIN, -1, None),
        (Op::Div, -7, 2, Some("-3")),
        (Op::Rem, -7, 2, Some("-1")),
        (Op::Pow, 3, 39, Some("4052555153018976267")),
        (Op::Pow, 3, 40, None),
        (Op::Lcm, 4, -6, Some("12")),
    ] {
        let mut b = Build::default();
        let (x, y) = (b.var("x", Type::I64), b.var("y", Type::I64));
        let body = op(how, vec![b.read(x), b.read(y)]);
        let f = b.func("f", vec![x, y], body);
        let value = b.call(f, vec![long(a), long(c)]);
        let found = run(&b.main(vec![print(vec![value])]));
        match wanted {
            Some(wanted) => assert_eq!(found, (format!("{wanted}\n"), None)),
            None => assert_eq!(found, (String::new(), Some("E0904")), "{how:?} {a} {c}"),
        }
    }
}

#[test]
fn narrow_integers_trap_at_their_own_limits() {
    for (scalar, a, c, wanted) in [
        (Scalar::U8, 200.0, 55.0, Some("255")),
        (Scalar::U8, 200.0, 56.0, None),
        (Scalar::I8, -100.0, -28.0, Some("-128")),
        (Scalar::I8, 100.0, 28.0, None),
    ] {
        let mut b = Build::default();
        let ty = Type::Scalar(scalar);
        let (x, y) = (b.var("x", ty.clone()), b.var("y", ty));
        let body = op(Op::Add, vec![b.read(x), b.read(y)]);
        let f = b.func("f", vec![x, y], body);
        let value = b.call(f, vec![of(scalar, a), of(scalar, c)]);
        let found = run(&b.main(vec![print(vec![value])]));
        match wanted {
            Some(wanted) => assert_eq!(found, (format!("{wanted}\n"), None)),
            None => assert_eq!(found, (String::new(), Some("E0904"))),
        }
    }
}

#[test]
fn the_right_side_waits_for_the_left_one() {
    let mut b = Build::default();
    let zero = b.func("zero", vec![], int(0));
    let broken = op(Op::Eq, vec![op(Op::Div, vec![int(1), b.call(zero, vec![])]), int(1)]);
    let positive = less(int(0), b.call(zero, vec![]));
    let and = expr(ExprKind::And(Box::new(positive.clone()), Box::new(broken.clone())), Type::BOOL);
    let not = op(Op::Not, vec![positive]);
    let or = expr(ExprKind::Or(Box::new(not), Box::new(broken)), Type::BOOL);
    prints(&b.main(vec![print(vec![and, or])]), "false true");
}
