//! What `einc derive` prints: set subtractions and clauses, and programs that run to the same output.

mod harness;

use harness::{Outcome, assert_none, complaints, einc, files_below, repository, scratch};

fn derive(name: &str, program: &str, arguments: &[&str]) -> Outcome {
    let folder = scratch(name);
    std::fs::write(folder.join("program.ein"), program).expect("the target folder can be written");
    let arguments: Vec<&str> = ["derive", "program.ein"].iter().chain(arguments).copied().collect();
    einc(&folder, &arguments)
}

const MATMUL: &str = "\
let A: [f64; 2, 3] = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
let B: [f64; 3, 2] = [[1.0, -2.0], [0.5, 4.0], [-1.5, 2.0]];
let C[i, j] = sum[k](A[i, k] * B[k, j]);
let loss = sum[i, j](C[i, j] ** 2.0);
print(@loss / @A, @loss / @B);
";

#[test]
fn operands_of_a_product_sum_over_what_they_lack() {
    let outcome = derive("derive_matmul", MATMUL, &["--of", "loss", "--wrt", "B"]);
    let expected = "\
// @loss / @B: reverse
paths(C, loss) = {} \\ {i, j} = {}
let dC[i, j] = 2.0 * C[i, j];
paths(B, C) = {i, j} \\ {k, j} = {i}
let dB[k, j] = sum[i](dC[i, j] * A[i, k]);
";
    assert_eq!(outcome, Outcome { status: 0, stdout: expected.to_owned(), stderr: String::new() });
}

#[test]
fn each_quotient_has_its_part() {
    let outcome = derive("derive_parts", MATMUL, &[]);
    let heads: Vec<&str> = outcome.stdout.lines().filter(|line| line.starts_with("//")).collect();
    assert_eq!(heads, ["// @loss / @A: reverse", "// @loss / @B: reverse"]);
}

#[test]
fn names_of_the_user_are_left_alone() {
    let program = "\
let x: [f64; 2] = [1.0, 2.0];
let dx[i] = 3.0 * x[i];
let y = sum[i](x[i] * dx[i]);
print(@y / @x);
";
    let outcome = derive("derive_names", program, &[]);
    assert!(outcome.stdout.contains("let dx_1[i] = dx[i] + ddx[i] * 3.0;"), "{outcome:?}");
}

#[test]
fn the_axis_of_an_operand_that_carries_no_name_is_called_as_it_was_read() {
    let program = "\
let input: [f64; 7] = [1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 1.5];
let kernel: [f64; 3] = [0.5, -1.0, 2.0];
let out[o] = sum[k](input[o + k] * kernel[k]);
let loss = sum[o](out[o] ** 2.0);
print(@loss / @kernel);
";
    let outcome = derive("derive_axis", program, &[]);
    assert!(outcome.stdout.contains("paths(kernel, out) = {o} \\ {k} = {o}\n"), "{outcome:?}");
    assert!(outcome.stdout.contains("let dkernel[k] = sum[o](dout[o] * input[o + k]);\n"), "{outcome:?}");
}

#[test]
fn a_program_as_it_is_printed_says_no_more_than_it_needs() {
    let program = "\
use std::math::exp;
let n = 4;
let x[i in 0..n] = (i as f64) * 0.5;
let y[i] = exp(x[i]) where i > 0 else 1.0;
let fib[0] = 1;
let fib[1] = 1;
let fib[k in 2..n] = fib[k - 1] + fib[k - 2];
fn twice(v: f64) -> f64 { v * 2.0 }
print(\"{twice(y[1]):.3f}\", fib);
";
    let outcome = derive("derive_program", program, &["--program"]);
    let expected = "\
use std::math::exp;

fn twice(v: f64) -> f64 { v * 2.0 }

let n = 4;
let x[i in 0..n] = i as f64 * 0.5;
let y[i] = exp(x[i]) where i > 0 else 1.0;
let fib[0] = 1;
let fib[1] = 1;
let fib[k in 2..n] = fib[k - 1] + fib[k - 2];
print(\"{twice(y[1]):.3f}\", fib);
";
    assert_eq!(outcome, Outcome { status: 0, stdout: expected.to_owned(), stderr: String::new() });
}

#[test]
fn printed_programs_run_to_the_same_output() {
    let root = repository();
    let programs: Vec<_> =
        [root.join("examples"), root.join("tests/ui")].iter().flat_map(|folder| files_below(folder, "ein")).collect();
    let printed = scratch("derive_printed");
    assert_none(complaints(&programs, |program| {
        let folder = program.parent().expect("a program stands in a folder");
        let file = program.file_name().expect("a program has a name").to_string_lossy();
        // Of a program without a derivative there is nothing to show.
        let has_quotient = std::fs::read_to_string(program).is_ok_and(|text| text.contains('@'));
        let wanted = einc(folder, &["run", &file]);
        if !has_quotient || wanted.status != 0 {
            return Ok(());
        }
        let text = einc(folder, &["derive", "--program", &file]);
        let name = program.strip_prefix(&root).expect("below").display().to_string().replace('/', "_");
        std::fs::write(printed.join(&name), &text.stdout).expect("the target folder can be written");
        let got = einc(&printed, &["run", &name]);
        // Parameters have no names for their coordinates any more, which messages of errors may speak of.
        let said =
            |text: &str| text.lines().map(|line| line.split(" of `").next().unwrap_or(line).to_owned()).collect();
        let (told, wanted): (Vec<String>, Vec<String>) = (said(&got.stdout), said(&wanted.stdout));
        if text.status == 0 && got.status == 0 && told == wanted {
            Ok(())
        } else {
            Err(format!("{name}\n{}\n{got:?}", text.stdout))
        }
    }));
}
