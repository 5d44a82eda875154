use super::*;
use crate::build::Source;

fn gap(text: &str) -> Option<String> {
    let source = Source::new(text);
    gaps(&source.vars, &source.families[0].1, &Facts::default())
}

#[test]
fn gaps_by_name() {
    for (text, expected) in [
        ("curve[0] = 1; curve[1] = 2; curve[4] = 5;", Some("curve[2..4]")),
        ("curve[0] = 1; curve[2] = 5;", Some("curve[1]")),
        ("x[t in 0..2] = 1; x[t in 4..6] = 2;", Some("x[t in 2..4]")),
        (
            "D[i in 0..2, j in 0..2] = 1; D[i in 2..4, j in 2..4] = 2;",
            Some("D[i in 0..2, j in 2..4] and D[i in 2..4, j in 0..2]"),
        ),
        ("x[0] = 1; x[2] = 1; x[4] = 1; x[6] = 1;", Some("x[1] and 2 more regions")),
        ("paths[0, c in 0..6] = 1; paths[r in 1..6, c in 1..6] = 2;", Some("paths[r in 1..6, 0]")),
        ("x[i in 0..4] = 1;", None),
        ("x[i in 0..4 where i > 2] = 1;", None),
        ("x[0] = 1; x[i in 1..n] = 2;", None),
        ("x[0] = 1; x[i in 2..n] = 2;", None),
        ("W[0, k in 0..3] = 1; W[s in 1..4] = cells[k in 0..3](1);", None),
        ("x[i in 0..0] = 1;", None),
    ] {
        assert_eq!(gap(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn clauses_without_a_cell_of_their_own() {
    for (text, expected) in [
        ("p[k in 0..5] = 1; p[k in 0..5] = 2;", vec![(0, 1)]),
        ("p[k in 0..5] = 1; p[k in 0..3] = 2; p[k in 3..5] = 3;", vec![(0, 2)]),
        ("p[k in 0..5] = 1; p[k in 0..3] = 2; p[4] = 3;", vec![]),
        ("p[k in 0..5] = 1; p[k in 0..5 where k > 2] = 2;", vec![]),
        ("p[k in 0..5] = 1; p[k in 0..5 where k > 2] = 2 else 3;", vec![]),
        ("p[3] = 1; p[k in 0..n] = 2;", vec![]),
        ("p[k in 1..n] = 1; p[k in 0..n] = 2;", vec![(0, 1)]),
        ("p[k in 0..n] = 1; p[k in 1..n] = 2;", vec![]),
        ("p[0] = 1; p[k in 0..5] = 2; p[7] = 1; p[0] = 2;", vec![(0, 1)]),
        ("p[i in 0..3, 1] = 1; p[i in 0..3] = cells[j in 0..4](2);", vec![(0, 1)]),
        ("p[k in 3..3] = 1; p[k in 0..5] = 2;", vec![]),
    ] {
        let source = Source::new(text);
        assert_eq!(overridden(&source.families[0].1, &Facts::default()), expected, "{text}");
    }
}

/// `cell in region, at read` of each report.
fn missing(text: &str) -> Vec<String> {
    let source = Source::new(text);
    let mut facts = Facts::default();
    let found = missing_base(&source.vars, &source.families, &mut facts);
    assert!(facts.known.is_empty());
    found.iter().map(|m| format!("{} in {} at {}", m.cell, m.region, source.at(m.span))).collect()
}

#[test]
fn reads_of_cells_that_nothing_defines() {
    for (text, expected) in [
        ("h[t in 1..6] = h[t - 1];", "h[0] in h[0] at h[t - 1]"),
        ("h[t in 1..n] = h[t - 1];", "h[0] in h[0] at h[t - 1]"),
        ("fib[0] = 1; fib[n in 2..12] = fib[n - 1] + fib[n - 2];", "fib[1] in fib[1] at fib[n - 1]"),
        ("p[0] = 3; p[2] = 2; p[n in 3..20] = p[n - 3];", "p[1] in p[1] at p[n - 3]"),
        ("G[t in 0..5] = G[t + 1];", "G[5] in G[5] at G[t + 1]"),
        ("G[t in 0..n] = G[t + 1];", "G[n] in G[n] at G[t + 1]"),
        (
            "paths[0, col in 0..6] = 1; paths[row in 1..6, col in 1..6] = paths[row - 1, col] + paths[row, col - 1];",
            "paths[1, 0] in paths[row in 1..6, 0] at paths[row, col - 1]",
        ),
        ("w[s in 1..10, k in 0..3] = w[s - 1, k];", "w[0, 0] in w[0, k in 0..3] at w[s - 1, k]"),
        ("w[s in 1..10, k in 0..m] = w[s - 1, k];", "w[0, 0] in w[0, 0] at w[s - 1, k]"),
        ("h[t in 1..6] = if t > 2 { h[t - 3] } else { 1 };", "h[0] in h[0] at h[t - 3]"),
        ("h[t in 1..9 where v = h[t - 1], v > 3] = v;", "h[0] in h[0] at h[t - 1]"),
        ("c[n in 1..15] = sum[k in 0..n](c[k]);", "c[0] in c[0] at c[k]"),
        ("a[t in 1..9] = b[t - 1]; b[t in 1..9] = a[t];", "b[0] in b[0] at b[t - 1]"),
        (
            "W[s in 1..9] = { w = cells[k in 0..2](W[s - 1, k]); w }; W[3, k in 0..2] = 1;",
            "W[0, 0] in W[0, k in 0..2] at W[s - 1, k]",
        ),
    ] {
        assert_eq!(missing(text), [expected], "{text}");
    }
}

#[test]
fn no_false_alarms() {
    for text in [
        "h[0] = 1; h[t in 1..6] = h[t - 1];",
        "h[0] = 1; h[t in 1..n] = h[t - 1];",
        "f[0] = 0; f[1] = 1; f[k in 2..n + 1] = f[k - 1] + f[k - 2];",
        "h[t in 0..6] = if t > 0 { h[t - 1] } else { 1 };",
        "h[t in 0..6] = if t == 0 { 1 } else { h[t - 1] };",
        "h[t in 0..6 where t > 0] = h[t - 1];",
        "h[t in 1..6] = if x[t] > 0 { h[t - 1] } else { 1 };",
        "h[t in 0..6] = if t == 0 || h[t - 1] > 2 { 1 } else { 2 };",
        "y[i in 0..4] = sum[k in 0..i](y[k]);",
        "y[i in 0..n] = sum[k in 0..i](y[k]);",
        "y[i in 0..4] = sum[k in i + 1..4](y[k]);",
        "h[0] = 0; h[t in 1..9] = h[idx[t]];",
        "h[t in 5..9] = h[idx[t]];",
        "h[t in 1..9] = sum[k in 0..m](h[t - 1]);",
        "h[t in 3..3] = h[t - 1]; h[t in 5..8] = 1;",
        "L[i in 0..4, j in 0..4 where j < i] = L[j, i] + sum[s in 0..j](L[i, s]);",
        "q[i in 0..7, j in 0..7 where i <= j, v = if j - i < 2 { 0 } else { q[i + 1, j - 1] }] = v;",
        "m[i in 0..6, j in 0..6 where i < j] = min[k in i..j](m[i, k] + m[k + 1, j]);",
        "W[0, k in 0..m] = 1; W[s in 1..9] = { w = cells[k in 0..m](W[s - 1, k]); w };",
        "g[0, i in 0..8] = 1; g[t in 1..9, i in 0..8] = sum[a in 0..3](g[t - 1, (i + a + 7) % 8]);",
        "p[0] = 1; p[2] = 2; p[n in 3..20 where n % 2 == 1] = p[n - 3];",
    ] {
        assert_eq!(missing(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn many_clauses_are_quick() {
    let text: String = (1..4000).map(|at| format!("f[{at}] = f[{}] + 1; ", at - 1)).collect();
    assert_eq!(missing(&text), ["f[0] in f[0] at f[0]"]);
    assert_eq!(gap(&text).as_deref(), Some("f[0]"));
    let source = Source::new(&text);
    assert_eq!(overridden(&source.families[0].1, &Facts::default()), []);
}
