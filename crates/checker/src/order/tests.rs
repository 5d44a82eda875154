use super::*;
use crate::build::Source;

fn shown(order: &[Order], names: &[(VarId, Family)]) -> String {
    let part = |order: &Order| match order {
        Order::Cells(family) => names[*family].1.name.to_string(),
        Order::Steps { axes, descending, body } => {
            let axes: Vec<_> = axes.iter().map(|(f, axis)| format!("{}.{axis}", names[*f].1.name)).collect();
            let direction = if *descending { "down" } else { "up" };
            format!("{direction} {} {{ {} }}", axes.join(" "), shown(body, names))
        }
    };
    order.iter().map(part).collect::<Vec<_>>().join("; ")
}

fn ordered(text: &str) -> String {
    let source = Source::new(text);
    let mut facts = Facts::default();
    match order(&source.vars, &source.families, &mut facts) {
        Ok(order) => shown(&order, &source.families),
        Err(cycle) => {
            let steps = cycle.steps.iter().map(|s| format!("{} -> {} at {}", s.cell, s.read_cell, source.at(s.span)));
            format!("cycle: {}", steps.collect::<Vec<_>>().join(", "))
        }
    }
}

macro_rules! orders {
    ($($name:ident: $text:expr => $order:expr;)*) => { $(
        #[test]
        fn $name() {
            assert_eq!(ordered($text), $order);
        }
    )* };
}

orders! {
    no_reads_need_no_steps: "a[i in 0..3] = i; b[i in 0..3] = a[i];" => "a; b";
    what_is_read_comes_first: "b[i in 0..3] = a[i]; a[i in 0..3] = i;" => "a; b";
    two_steps_back: "f[0] = 0; f[1] = 1; f[n in 2..91] = f[n - 1] + f[n - 2];" => "up f.0 { f }";
    length_of_a_call: "f[0] = 0; f[1] = 1; f[k in 2..n + 1] = f[k - 1] + f[k - 2];" => "up f.0 { f }";
    backward: "G[5] = 0; G[t in 0..5] = r[t] + G[t + 1];" => "down G.0 { G }";
    space_is_an_ordinary_loop:
        "u[0, i in 0..9] = 0; u[t in 1..41, 0] = 0; u[t in 1..41, 8] = 0;
         u[t in 1..41, i in 1..8] = u[t - 1, i] + u[t - 1, i - 1] - 2 * u[t - 1, i] + u[t - 1, i + 1];"
        => "up u.0 { u }";
    the_last_axis_may_recur:
        "r[b in 0..3, 5] = y[b, 5]; r[b in 0..3, t in 0..5] = r[b, t + 1] + y[b, t];" => "down r.1 { r }";
    edit_distance:
        "d[i in 0..7, 0] = i; d[0, j in 0..8] = j;
         d[i in 1..7, j in 1..8 where cost = if a[i - 1] == b[j - 1] { 0 } else { 1 }]
             = least(least(d[i - 1, j] + 1, d[i, j - 1] + 1), d[i - 1, j - 1] + cost);"
        => "up d.0 { up d.1 { d } }";
    table_from_the_other_end:
        "e[i in 0..8, 6] = 0; e[7, j in 0..7] = 0;
         e[i in 0..7, j in 0..6] = if a[i] == b[j] { e[i + 1, j + 1] + 1 } else { least(e[i + 1, j], e[i, j + 1]) };"
        => "down e.0 { down e.1 { e } }";
    gauss_seidel:
        "u[s in 0..61, 0] = 1; u[0, i in 1..6] = 0; u[s in 0..61, 6] = 4;
         u[s in 1..61, i in 1..6] = u[s, i - 1] + u[s - 1, i + 1];"
        => "up u.0 { up u.1 { u } }";
    gauss_seidel_from_the_right:
        "v[s in 0..61, 0] = 1; v[0, i in 1..6] = 0; v[s in 0..61, 6] = 4;
         v[s in 1..61, i in 1..6] = v[s - 1, i - 1] + v[s, i + 1];"
        => "up v.0 { down v.1 { v } }";
    cholesky:
        "L[i in 0..4, j in 0..4 where j <= i] = if i == j { A[i, i] - sum[s in 0..j](L[i, s] * L[i, s]) }
             else { (A[i, j] - sum[s in 0..j](L[i, s] * L[j, s])) / L[j, j] };"
        => "up L.1 { up L.0 { L } }";
    ldl:
        "D[j in 0..4] = A[j, j] - sum[s in 0..j](L[j, s] * L[j, s] * D[s]);
         L[i in 0..4, j in 0..4 where j < i] = (A[i, j] - sum[s in 0..j](L[i, s] * L[j, s] * D[s])) / D[j];"
        => "up D.0 L.1 { D; L }";
    matrix_chain:
        "m[i in 0..6, j in 0..6 where i < j] = min[k in i..j](m[i, k] + m[k + 1, j] + dim[i] * dim[k + 1]);"
        => "down m.0 { up m.1 { m } }";
    palindromes:
        "q[i in 0..7, j in 0..7 where i <= j, inner = if j - i < 2 { 0 } else { q[i + 1, j - 1] }] = if i == j { 1 }
             else { if a[i] == a[j] { inner + 2 } else { if q[i + 1, j] > q[i, j - 1] { q[i + 1, j] } else { q[i, j - 1] } } };"
        => "down q.0 { up q.1 { q } }";
    full_history: "c[0] = 1; c[n in 1..15] = sum[k in 0..n](c[k] * c[n - 1 - k]);" => "up c.0 { c }";
    increasing_run:
        "l[0] = 0; l[i in 1..9] = 1 + max[j in 0..i where j == 0 || x[j - 1] < x[i - 1]](l[j]);" => "up l.0 { l }";
    partitions: "p[0] = 1; p[n in 1..13] = sum[k in 1..n + 1](sigma[k] * p[n - k]) / n;" => "up p.0 { p }";
    forward_substitution: "y[i in 0..4] = b[i] - sum[k in 0..i](L[i, k] * y[k]);" => "up y.0 { y }";
    back_substitution: "x[i in 0..4] = b[i] - sum[k in i + 1..4](L[k, i] * x[k]);" => "down x.0 { x }";
    knapsack:
        "best[0, w in 0..11] = 0; best[i in 1..5, w in 0..11] =
             if w >= weight[i - 1] { best[i - 1, w] + best[i - 1, w - weight[i - 1]] } else { best[i - 1, w] };"
        => "up best.0 { best }";
    items_taken:
        "room[4] = 10; take[i in 0..4] = best[i + 1, room[i + 1]] - best[i, room[i + 1]];
         room[i in 0..4] = if take[i] > 0 { room[i + 1] - weight[i] } else { room[i + 1] };"
        => "down room.0 take.0 { take; room }";
    choices_followed_backward: "path[5] = 1; path[t in 0..5] = from[t + 1, path[t + 1]];" => "down path.0 { path }";
    families_in_any_textual_order:
        "raw[0, s in 0..2] = B[s, obs[0]]; scale[t in 0..5] = sum[s in 0..2](raw[t, s]);
         f[t in 0..5, s in 0..2] = raw[t, s] / scale[t];
         raw[t in 1..5, s in 0..2] = sum[r in 0..2](f[t - 1, r] * A[r, s]) * B[s, obs[t]];"
        => "up raw.0 scale.0 f.0 { raw; scale; f }";
    kalman_filter:
        "x[0, i in 0..2] = 0; P[0, i in 0..2, j in 0..2] = 1;
         xp[t in 1..8, i in 0..2] = sum[j in 0..2](F[i, j] * x[t - 1, j]);
         Pp[t in 1..8, i in 0..2, j in 0..2] = sum[a in 0..2, b in 0..2](F[i, a] * P[t - 1, a, b] * F[j, b]) + Q[i, j];
         S[t in 1..8] = Pp[t, 0, 0] + 5;
         K[t in 1..8, i in 0..2] = Pp[t, i, 0] / S[t];
         y[t in 1..8] = z[t] - xp[t, 0];
         x[t in 1..8, i in 0..2] = xp[t, i] + K[t, i] * y[t];
         P[t in 1..8, i in 0..2, j in 0..2] = Pp[t, i, j] - K[t, i] * Pp[t, 0, j];"
        => "up P.0 Pp.0 S.0 K.0 { Pp; S; K; P }; up x.0 xp.0 y.0 { xp; y; x }";
    sweeps_forward_and_back:
        "c[0] = u[0]; d[0] = r[0]; c[i in 1..n] = u[i] / (e[i] - c[i - 1]); d[i in 1..n] = r[i] - d[i - 1] * c[i - 1];
         x[5] = d[5]; x[i in 0..n - 1] = d[i] - c[i] * x[i + 1];"
        => "up c.0 { c }; up d.0 { d }; down x.0 { x }";
    oscillator:
        "x[0] = 1; v[0] = 0; v[t in 1..64] = v[t - 1] - x[t - 1]; x[t in 1..64] = x[t - 1] + v[t];"
        => "up x.0 v.0 { v; x }";
    carried_over_by_else: "total[0] = 1; total[t in 1..7 where x[t] > 0] = total[t - 1] + x[t] else total[t - 1];"
        => "up total.0 { total }";
    definition_that_reads: "c[0] = 0; c[t in 1..7 where v = c[t - 1] + x[t], v > 0] = v else c[t - 1];"
        => "up c.0 { c }";
    on_a_torus: "g[0, i in 0..8] = 1; g[t in 1..33, i in 0..8] = sum[a in 0..3](g[t - 1, (i + a + 7) % 8]);"
        => "up g.0 { g }";
    slices: "W[0, k in 0..2] = 0; W[s in 1..401] = { w = cells[k in 0..2](W[s - 1, k]); w };" => "up W.0 { W }";
    in_a_call: "h[0] = 1; h[t in 1..9] = call(h[t - 1], t);" => "up h.0 { h }";
    half_the_way_back: "h[0] = 1; h[t in 1..9] = h[t / 2];" => "up h.0 { h }";
    remainder: "h[t in 0..4] = t; h[t in 4..20] = h[t % 4];" => "up h.0 { h }";
    axes_in_another_place:
        "a[0, i in 0..3] = 1; b[i in 0..3, t in 0..9] = a[t, i]; a[t in 1..9, i in 0..3] = b[i, t - 1];"
        => "up a.0 b.1 { a; b }";
    branch_decides: "h[t in 0..9] = if t > 0 { h[t - 1] } else { 1 };" => "up h.0 { h }";
    short_circuit: "h[t in 0..9] = if t == 0 || h[t - 1] > 3 { 1 } else { 2 };" => "up h.0 { h }";
    guard_keeps_off_the_diagonal: "h[t in 0..9 where t != 0] = h[t - 1];" => "up h.0 { h }";
    data_dependent_step: "h[0] = 0; h[t in 1..9] = h[idx[t]];" => "cycle: h[t] -> h[idx[t]] at h[idx[t]]";
    guarded_data_dependent_step: "h[0] = 0; h[t in 1..9 where k = idx[t], k < t] = h[k];" => "up h.0 { h }";
    reads_itself: "h[0] = 1; h[t in 1..6] = h[t - 1] + h[t];" => "cycle: h[t] -> h[t] at h[t]";
    forward_and_back:
        "u[0] = 1; u[9] = 2; u[i in 1..9] = u[i - 1] + u[i + 1];"
        => "cycle: u[i] -> u[i + 1] at u[i + 1], u[i + 1] -> u[i] at u[i - 1]";
    implicit_in_space:
        "u[0, i in 0..9] = 1; u[t in 1..5, i in 1..8] = u[t - 1, i] + u[t, i - 1] + u[t, i + 1];"
        => "cycle: u[t, i] -> u[t, i + 1] at u[t, i + 1], u[t, i + 1] -> u[t, i] at u[t, i - 1]";
    two_back_and_one_ahead:
        "u[0] = 1; u[1] = 1; u[9] = 2; u[i in 2..9] = u[i - 2] + u[i + 1];"
        => "cycle: u[i] -> u[i + 1] at u[i + 1], u[i + 1] -> u[i + 2] at u[i + 1], u[i + 2] -> u[i] at u[i - 2]";
    two_wait_for_each_other:
        "a[t in 0..4] = x[t] + b[t]; b[t in 0..4] = a[t] * 2;" => "cycle: a[t] -> b[t] at b[t], b[t] -> a[t] at a[t]";
    two_wait_within_a_step:
        "prey[0] = 10; hunters[0] = 2; prey[year in 1..8] = prey[year - 1] - hunters[year];
         hunters[year in 1..8] = hunters[year - 1] + prey[year];"
        => "cycle: prey[year] -> hunters[year] at hunters[year], hunters[year] -> prey[year] at prey[year]";
    the_whole_of_itself: "h[t in 0..4] = call(h, t);" => "cycle: h[t] -> h at h";
    ahead_through_another: "a[0] = 1; a[t in 1..9] = b[t + 1]; b[t in 1..10] = a[t - 1] + b[t - 1];"
        => "cycle: a[t] -> b[t + 1] at b[t + 1], b[t + 1] -> a[t] at a[t - 1]";
}

#[test]
fn facts_are_as_before() {
    let source = Source::new("h[0] = 1; h[t in 1..n where t > 2] = h[t - 1];");
    let mut facts = Facts::default();
    order(&source.vars, &source.families, &mut facts).expect("an order");
    assert!(facts.known.is_empty());
}

#[test]
fn many_families_with_many_axes() {
    let mut text = String::new();
    for f in 0..12 {
        let next = (f + 1) % 12;
        let read = if next == 0 { "t - 1" } else { "t" };
        let before = if f == 0 { "f0[0, i in 0..3, j in 0..3, k in 0..3] = 0; " } else { "" };
        text += &format!("{before}f{f}[t in 1..9, i in 0..3, j in 0..3, k in 0..3] = f{next}[{read}, j, k, i];\n");
    }
    let all: Vec<_> = (0..12).map(|f| format!("f{f}.0")).collect();
    let inner: Vec<_> = (0..12).rev().map(|f| format!("f{f}")).collect();
    assert_eq!(ordered(&text), format!("up {} {{ {} }}", all.join(" "), inner.join("; ")));
}
