//! `einc gradcheck`: what it says of right and of wrong derivatives.

mod harness;

use harness::{Outcome, einc, scratch};

fn gradcheck(name: &str, program: &str, arguments: &[&str]) -> Outcome {
    let folder = scratch(name);
    std::fs::write(folder.join("program.ein"), program).expect("the target folder can be written");
    let arguments: Vec<&str> = ["gradcheck", "program.ein"].iter().chain(arguments).copied().collect();
    einc(&folder, &arguments)
}

/// Each line without the distance, whose digits nobody promises.
fn verdicts(outcome: &Outcome) -> Vec<String> {
    let line = |line: &str| line.split(" off by").next().unwrap_or_default().to_owned();
    outcome.stdout.lines().map(line).collect()
}

#[test]
fn every_quotient_is_compared_also_those_in_f32_of_tensors_and_of_quotients() {
    let program = "\
let x: [f32; 2, 3] = [[0.5, -1.0, 2.0], [0.3, 0.7, 1.1]];
let w[i in 0..3, k in 0..2] = (i as f32) * 0.3 - (k as f32) * 0.2;
let z[b, k] = sum[i](x[b, i] * w[i, k]);
let loss = sum[b, k](z[b, k] ** 3.0);
let slope = @loss / @w;
let jacobian = @z / @x;
let hessian = @slope / @w;
print(\"this is not shown\");
";
    let outcome = gradcheck("gradcheck_fine", program, &[]);
    assert_eq!(verdicts(&outcome), ["@loss / @w: fine,", "@z / @x: fine,", "@slope / @w: fine,"], "{outcome:?}");
    assert_eq!(outcome.status, 0);
}

#[test]
fn a_wrong_rule_is_found_and_its_cell_is_named() {
    let program = "\
fn square(v: f64) -> f64 { v * v }
@fn square(v: f64) -> f64 { if v > 1.0 { 3.0 * v * @v } else { 2.0 * v * @v } }
let x: [f64; 4] = [0.5, -1.0, 2.0, 1.0];
let y[i] = square(x[i]);
let total = sum[i](y[i]);
let slope = @total / @x;
";
    let outcome = gradcheck("gradcheck_wrong", program, &[]);
    assert!(
        outcome.stdout.starts_with(
            "@total / @x: wrong, off by 2.9e-1 at [2], as in forward mode\n    derived 6.0, by differences "
        )
    );
    assert_eq!(outcome.status, 1, "{outcome:?}");
    let outcome = gradcheck("gradcheck_tolerant", program, &["--tolerance", "0.5"]);
    assert_eq!((outcome.status, verdicts(&outcome)), (0, vec!["@total / @x: fine,".to_owned()]), "{outcome:?}");
}

#[test]
fn quotients_in_steps_are_compared_in_each_and_what_is_held_stays() {
    let program = "\
let rate = 0.1f64;
let w[0] = 2.0f64;
let w[s in 1..5] = {
    let now = w[s - 1];
    let loss = (now - 1.0) ** 4.0 + stop_gradient(now) * now;
    let slope = @loss / @now;
    now - rate * slope
};
print(w[4]);
";
    let outcome = gradcheck("gradcheck_steps", program, &[]);
    assert_eq!((outcome.status, verdicts(&outcome)), (0, vec!["@loss / @now: fine,".to_owned()]), "{outcome:?}");
}

#[test]
fn a_cell_of_a_recurrence_is_moved_and_the_later_ones_follow() {
    let program = "\
let w = 0.7f64;
let d[0, j in 0..4] = 0.1 * (j as f64);
let d[i in 1..4, 0] = w;
let d[i in 1..4, j in 1..4] = 0.5 * d[i - 1, j] ** 2.0 + 0.3 * d[i, j - 1] + 0.1 * w;
let y[i, j] = d[i, j] ** 2.0 where i > 1;
let total = sum[i, j](y[i, j]);
let slope = @total / @d;
";
    let outcome = gradcheck("gradcheck_recurrence", program, &[]);
    assert_eq!((outcome.status, verdicts(&outcome)), (0, vec!["@total / @d: fine,".to_owned()]), "{outcome:?}");
    assert!(!outcome.stdout.contains("forward mode"), "{outcome:?}");
}

#[test]
fn a_tensor_that_may_fail_passes_on_what_it_gave() {
    let program = "\
let v: [f64; 3] = [1.0, -1.0, 2.0];
fn part(a: [f64; n], k: i32) -> [f64; n] { if k > 1 { panic(\"too far\") } else { a[n] * a[k] } }
let found = part(v, 1) !> |a| a catch |e| v;
let lost = part(v, 2) !> |a| a catch |e| v;
let both = sum[i](found[i] ** 3.0 + lost[i] ** 2.0);
let slope = @both / @v;
";
    let outcome = gradcheck("gradcheck_tried", program, &[]);
    assert_eq!((outcome.status, verdicts(&outcome)), (0, vec!["@both / @v: fine,".to_owned()]), "{outcome:?}");
}

#[test]
fn both_modes_give_the_same() {
    let program = "\
let w: [f64; 2] = [0.3, -0.2];
let h[0, i in 0..4] = w[0] * (i as f64) + w[1];
let h[k in 1..6, i in 0..4] = 0.9 * h[k - 1, i] + w[1] * h[k - 1, (i + 1) % 4] ** 2.0 + w[0];
let last = h[5];
let jacobian = @last / @w;
let size = sum[i](last[i] ** 2.0);
let slope = @size / @w;
";
    let outcome = gradcheck("gradcheck_modes", program, &[]);
    assert_eq!(outcome.status, 0, "{outcome:?}");
    let agree = outcome.stdout.lines().filter(|line| line.ends_with(", as in forward mode")).count();
    assert_eq!(agree, 2, "{outcome:?}");
}

#[test]
fn a_program_without_quotients_says_so() {
    let outcome = gradcheck("gradcheck_none", "print(1);\n", &[]);
    assert_eq!(outcome, Outcome { status: 0, stdout: "no quotients\n".to_owned(), stderr: String::new() });
}
