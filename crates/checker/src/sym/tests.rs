use super::*;
use crate::build::{Source, expr};
use ir::{Axis, Family, Slot, WhereItem};

fn sym(text: &str) -> (Sym, Vec<Var>) {
    let (e, vars) = expr(text);
    (Facts::default().of(&e).unwrap_or_else(|| panic!("`{text}` has a symbolic value")), vars)
}

#[test]
fn canonical_text() {
    for (text, canonical) in [
        ("1 + 2 * 3", "7"),
        ("n - k + 1", "n - k + 1"),
        ("1 - k", "1 - k"),
        ("-k", "-k"),
        ("-k - 1", "-k - 1"),
        ("i - i", "0"),
        ("(a + b) * (a - b)", "a * a - b * b"),
        ("2 * (i + 1) - i", "i + 2"),
        ("(4 * i + 8) / 4", "i + 2"),
        ("(4 * i + 8) % 2", "0"),
        ("(i + 1) / 2 + i % 3", "(i + 1) / 2 + i % 3"),
        ("7 / 2 - -7 / 2", "6"),
        ("least(n, 4)", "min(4, n)"),
        ("least(n, n + 1)", "n"),
        ("len(x) - 1", "len(x) - 1"),
        ("2 * (i / 3)", "2 * i / 3"),
    ] {
        let (s, vars) = sym(text);
        assert_eq!(s.text(&vars), canonical, "{text}");
    }
}

#[test]
fn what_has_no_symbolic_value() {
    for text in ["n / m", "n % m", "n / 0", "n % -3", "x[i]", "a * a * a * a", "a * 100000000 / 3"] {
        assert_eq!(Facts::default().of(&expr(text).0), None, "{text}");
    }
}

#[test]
fn long_sums_stay_cheap() {
    let text = (0..300).map(|at| format!("v{at}")).collect::<Vec<_>>().join(" + ");
    let (e, _) = expr(&text);
    assert_eq!(Facts::default().of(&e), None);
}

#[test]
fn substitution_reaches_into_atoms() {
    let (e, vars) = expr("i * j + (i + 1) / 2 + i % 3 + least(i, j)");
    let s = Facts::default().of(&e).expect("a value");
    let i = vars.iter().position(|v| v.name.as_str() == "i").expect("i") as u32;
    assert_eq!(s.substitute(VarId(i), &Sym::constant(5)).text(&vars), "5 * j + min(5, j) + 5");
}

#[test]
fn back_to_an_expression() {
    for text in ["n - k + 1", "-2 * n", "3", "(i + 1) / 2 * m - i % 3", "len(x) - 1 - i", "least(i, j + 2)"] {
        let (s, vars) = sym(text);
        let e = s.to_expr(Scalar::I64, &vars, Span::new(diagnostics::FileId(0), 0, 0));
        assert_eq!(e.ty, Type::I64, "{text}");
        assert_eq!(Facts::default().of(&e), Some(s), "{text}");
    }
}

/// `text` is `coordinates with guards | claim`, as in `i in 0..n where i > 2 | i - 1`.
fn at_least_zero(text: &str) -> bool {
    let (scope, claim) = text.rsplit_once('|').expect("a claim");
    let source = Source::new(&format!("f[{}] = {claim};", scope.trim()));
    let mut facts = Facts::default();
    let Family { clauses, axes, .. } = source.family("f");
    assert!(axes.iter().all(|Axis { extent, .. }| extent.ty == Type::I64));
    for slot in &clauses[0].slots {
        if let Slot::Coord(binder) = slot {
            facts.bind(binder);
        }
    }
    for item in &clauses[0].wheres {
        match item {
            WhereItem::Guard(guard) => facts.assume(guard, true),
            WhereItem::Def(var, value) => facts.define(*var, value),
        }
    }
    let claim = facts.of(&clauses[0].body).expect("a value");
    facts.nonneg(&claim)
}

#[test]
fn what_is_provable() {
    for text in [
        "i in 0..4 | 3 - i",
        "i in 1..n | i - 1",
        "i in 0..n | n - 1 - i",
        "i in 0..n | n - 1",
        "i in 0..n, k in 0..i | i - k - 1",
        "i in 0..n, k in i..n | n - 1 - k + i - i",
        "i in 0..9, j in 0..9, k in i..j | j - 1 - i",
        "i in 0..n, j in 0..n where i < j | n - 2 - i",
        "i in 0..n where i != 0 | i - 1",
        "i in 0..n where !(i < 3) | i - 3",
        "i in 0..n where i == 4 | 8 - 2 * i",
        "i in 0..n where i > 1 && i < m | m - 3",
        "i in 0..n where d = i - 2, d >= 0 | i - 2",
        "i in 0..8 | 3 - i / 2",
        "i in 0..n | i / 2",
        "i in 0..n | i - i / 2",
        "i in 0..n | n - 1 - i / 3",
        "i in 0..n | 3 - i % 4",
        "i in 0..n | i % 4",
        "i in 0..n | i - i / 4 * 4",
        "i in 0..n | i - (i / 4 * 4 + i % 4)",
        "i in 0..n | (i / 4 * 4 + i % 4) - i",
        "i in 0..n where n % 2 == 0 | i",
        "i in 0..h, j in 0..w | h * w - 1 - (i * w + j)",
        "i in 0..h, j in 0..w | i * w + j",
        "i in 0..n, k in 0..m | n + m - 2 - i - k",
        "i in 0..8, k in 0..3 | 9 - i - k",
        "i in 0..n | n - least(i, n)",
        "i in 0..n | least(i, 5)",
        "i in 0..len(x) | len(x) - 1 - i",
        "i in 0..5 where 2 * i > 3 | i - 2",
        "t in 0..9 where k = idx[t], k < t | 7 - k",
    ] {
        assert!(at_least_zero(text), "{text}");
    }
}

#[test]
fn what_is_not_provable() {
    for text in [
        "i in 0..4 | 2 - i",
        "i in 0..n | i - 1",
        "i in 0..n | n - 2 - i",
        "i in 0..n, j in 0..n | i - j",
        "i in 0..n where i < 3 || i > 5 | i - 6",
        "i in 0..n where !(i < 3 && i > 1) | i - 3",
        "i in 0..n where x[i] > 0 | i - 1",
        "i in 0..n, k in 0..m | (i - 5) / 2",
        "i in 0..9 | 3 - i / 2",
        "i in 0..n | (i - 3) % 4",
        "i in 0..h, j in 0..w | h * w - 2 - (i * w + j)",
        "i in 0..n | m",
        "i in 0..n where i * 1000000 < m | m - i * 1000000",
    ] {
        assert!(!at_least_zero(text), "{text}");
    }
}

fn in_scope(text: &str) -> (Facts, Source) {
    let source = Source::new(&format!("f[{text}] = 0;"));
    let mut facts = Facts::default();
    let clause = &source.family("f").clauses[0];
    for slot in &clause.slots {
        if let Slot::Coord(binder) = slot {
            facts.bind(binder);
        }
    }
    for item in &clause.wheres {
        if let WhereItem::Guard(guard) = item {
            facts.assume(guard, true);
        }
    }
    (facts, source)
}

#[test]
fn ends_are_exact() {
    let (facts, source) = in_scope("i in 1..5, k in 0..i, j in 0..n, e in 3..3");
    let [i, k, j, e] = ["i", "k", "j", "e"].map(|name| Sym::var(source.var(name)));
    let ends = |s: &Sym| (facts.minimum(s), facts.maximum(s));
    assert_eq!(ends(&i.scale(2).offset(-3)), (Some(-1), Some(5)));
    assert_eq!(ends(&i.sub(&k)), (Some(1), Some(4)));
    assert_eq!(ends(&k), (Some(0), Some(3)));
    assert_eq!(ends(&i.scale(3).div(4)), (Some(0), Some(3)));
    assert_eq!(ends(&i.rem(3)), (None, None));
    assert_eq!(ends(&j), (None, None));
    assert_eq!(ends(&e), (None, None), "there is no such point");
    assert_eq!(ends(&Sym::constant(4)), (Some(4), Some(4)));
}

#[test]
fn certainly_negative() {
    let negative = |scope: &str, offset: i64| {
        let (facts, source) = in_scope(scope);
        facts.negative(&Sym::var(source.var("i")).offset(offset))
    };
    assert!(negative("i in 0..4", -4));
    assert!(!negative("i in 0..4", -3), "not at every point");
    assert!(!negative("i in 0..n", -4), "nor if there may be larger ones");
    assert!(!negative("i in 0..0", -4), "or no point at all");
    assert!(negative("i in 0..4 where i > 2", -4));
    assert!(!negative("i in 0..4 where i > 4", -4), "behind a guard that is never open");
    assert!(!negative("i in 0..4 where x[i] > 4", -4), "or may never be");
    assert!(!negative("i in n..n, k in 0..3", -4));
}

#[test]
fn facts_end_with_their_scope() {
    let source = Source::new("f[i in 0..n where i > 2] = 0;");
    let clause = &source.family("f").clauses[0];
    let (Slot::Coord(binder), WhereItem::Guard(guard)) = (&clause.slots[0], &clause.wheres[0]) else {
        panic!("a coordinate and a guard")
    };
    let mut facts = Facts::default();
    let (i, n) = (Sym::var(source.var("i")), Sym::var(source.var("n")));
    let outside = facts.mark();
    facts.bind(binder);
    let unguarded = facts.mark();
    facts.assume(guard, true);
    assert!(facts.nonneg(&i.offset(-3)));
    facts.reset(unguarded);
    assert!(!facts.nonneg(&i.offset(-3)));
    assert!(facts.less(&Sym::constant(0), &n));
    facts.reset(outside);
    assert!(!facts.less(&Sym::constant(0), &n));
}
