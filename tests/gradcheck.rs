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
    assert!(outcome.stdout.starts_with("@total / @x: wrong, off by 2.9e-1 at [2]\n    derived 6.0, by differences "));
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
fn a_program_without_quotients_says_so() {
    let outcome = gradcheck("gradcheck_none", "print(1);\n", &[]);
    assert_eq!(outcome, Outcome { status: 0, stdout: "no quotients\n".to_owned(), stderr: String::new() });
}
