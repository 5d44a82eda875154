//! What the command line promises: statuses, streams, formats.

mod harness;

use harness::{EINC, einc, scratch};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn here(arguments: &[&str]) -> harness::Outcome {
    einc(Path::new("."), arguments)
}

#[test]
fn statuses() {
    assert_eq!(here(&["run", "-c", "print(1);"]).status, 0);
    assert_eq!(here(&["run", "-c", "print(x);"]).status, 1);
    assert_eq!(here(&["run"]).status, 2);
    assert_eq!(here(&["walk", "a.ein"]).status, 2);
    assert_eq!(here(&["run", "-c", "let n = [0]; print(1 / n[0]);"]).status, 3);
    assert_eq!(here(&["explain", "E0501"]).status, 0);
    assert_eq!(here(&["explain", "E9999"]).status, 2);
}

#[test]
fn errors_go_to_stderr_and_nothing_runs() {
    let outcome = here(&["run", "-c", "print(1); print(x);"]);
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains("E0201"), "{}", outcome.stderr);
}

#[test]
fn what_was_printed_comes_before_the_error_that_ended_it() {
    let both = Command::new("sh")
        .args(["-c", &format!("{EINC} run -c 'print(1); panic(\"over\"); print(2);' 2>&1")])
        .output()
        .expect("a shell");
    let text = String::from_utf8(both.stdout).expect("einc writes UTF-8");
    assert!(text.starts_with("1\n[E0910] Error: over\n"), "{text}");
    assert!(!text.contains("\n2\n"), "{text}");
}

#[test]
fn warnings_do_not_stop_the_run() {
    let program = "let x[i in 2..4] = i; print(x);";
    let outcome = here(&["run", "--error-format", "json", "-c", program]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, "[0, 0, 2, 3]\n"));
    assert_eq!(outcome.codes(), ["W0601"]);
    assert_eq!(here(&["check", "-c", program]).status, 0);
}

#[test]
fn json_is_one_object_on_a_line() {
    let outcome = here(&["check", "--error-format", "json", "-c", "print(x);\nprint(y);"]);
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", outcome.stderr);
    assert!(
        lines.iter().all(|line| line.starts_with(r#"{"severity": "error", "code": "E0201""#) && line.ends_with('}'))
    );
    assert!(lines[1].contains(r#""file": "<code>", "line": 2, "column": 7"#), "{}", lines[1]);
}

#[test]
fn files_that_cannot_be_read_have_words() {
    let folder = scratch("unreadable");
    std::fs::write(folder.join("bytes.ein"), b"print(1);\n\xff\n").expect("the target folder can be written");
    let of = |arguments: &[&str]| einc(&folder, arguments);
    let missing = of(&["run", "none.ein"]);
    assert_eq!(missing.stderr, "[E0906] Error: cannot read `none.ein`: there is no such file\n");
    assert_eq!((missing.status, missing.stdout.as_str()), (1, ""));
    assert_eq!(of(&["run", "."]).stderr, "[E0906] Error: cannot read `.`: this is a folder, not a file\n");
    let bytes = of(&["check", "bytes.ein"]);
    assert!(bytes.stderr.contains("not UTF-8: byte 0xff at offset 10"), "{}", bytes.stderr);
    assert_eq!(bytes.status, 1);
    let json = of(&["run", "none.ein", "--error-format", "json"]);
    assert_eq!(json.codes(), ["E0906"]);
}

#[test]
fn programs_come_from_the_standard_input() {
    let mut child = Command::new(EINC)
        .args(["run", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("einc starts");
    child.stdin.take().expect("a pipe").write_all(b"print(\"typed\");\n").expect("einc reads");
    let output = child.wait_with_output().expect("einc ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "typed\n");
}

#[test]
fn color_only_where_it_is_asked_for() {
    let wrong = |color| here(&["check", color, "-c", "print(x);"]).stderr;
    assert!(wrong("--color=always").contains("\u{1b}["));
    assert!(!wrong("--color=never").contains("\u{1b}["));
    assert!(!wrong("--color=auto").contains("\u{1b}["));
}

#[test]
fn passes_are_timed() {
    let outcome = here(&["run", "--time-passes", "-c", "print(1);"]);
    assert_eq!(outcome.stdout, "1\n");
    for pass in ["parse", "load", "check", "lift", "inline", "plan", "emit", "run", "total"] {
        assert!(outcome.stderr.lines().any(|line| line.starts_with(pass)), "{pass}\n{}", outcome.stderr);
    }
}

#[test]
fn every_stage_can_be_seen() {
    let program = "let x = [1.5, 2.5]; print(sum[i](x[i]));";
    let stage = |name| here(&["emit", "--stage", name, "-c", program]).stdout;
    assert!(stage("tokens").starts_with("1:1 "));
    assert!(stage("ast").contains("let x = [1.5, 2.5];"));
    assert!(stage("ir").contains("fn main"));
    assert!(stage("loops").contains("entry fn main"));
    assert!(stage("clif").contains("; main\nfunction u0:"));
    assert!(stage("asm").contains("; main\n"));
}

#[test]
fn kernels_trap_on_overflow_where_asked() {
    let program = "let x = [2147483647, 1]; let y[i] = x[i] + x[i]; print(y);";
    assert_eq!(here(&["run", "-c", program]).stdout, "[-2, 2]\n");
    let checked = here(&["run", "--checked", "--error-format", "json", "-c", program]);
    assert_eq!((checked.status, checked.codes()), (3, vec!["E0904"]));
}

#[test]
fn all_levels_give_the_same() {
    let program = "let x[i in 0..1000] = (i as f64) / 7.0; print(sum[i](x[i] * x[i]));";
    let at = |level| here(&["run", level, "-c", program]).stdout;
    assert_eq!(at("-O0"), at("-O2"));
    assert_eq!(at("-O1"), at("-O2"));
}

const KERNEL: &str = "let scale = 2.0;
pub fn inputs() { let a[i in 0..3, j in 0..3] = (i * 3 + j) as f32; print(\"made\"); (a, 10) }
pub fn kernel(a, offset) {
    let b[i, j] = scale * a[i, j] + offset as f32;
    (b, sum[i, j](b[i, j]), any[i, j](a[i, j] > 8.0), [[offset]])
}
print(\"module\");
";

#[test]
fn kernels_are_measured() {
    let folder = scratch("bench");
    std::fs::write(folder.join("kernel.ein"), KERNEL).expect("the target folder can be written");
    let outcome = einc(&folder, &["bench", "kernel.ein", "--seconds", "0.01", "--json", "--threads", "1"]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, "module\nmade\n"));
    let results = concat!(
        r#""results": [{"shape": [3, 3], "sum": 162.0, "abs_sum": 162.0, "dot": 580.0}, "#,
        r#"{"shape": [], "sum": 162.0, "abs_sum": 162.0, "dot": 162.0}, "#,
        r#"{"shape": [], "sum": 0.0, "abs_sum": 0.0, "dot": 0.0}, "#,
        r#"{"shape": [1, 1], "sum": 10.0, "abs_sum": 10.0, "dot": 10.0}]}"#,
    );
    assert!(outcome.stdout.trim_end().ends_with(results), "{}", outcome.stdout);
    for key in ["compile_ms", "first_ms", "min_ms", "median_ms", "runs", "peak_mb"] {
        assert!(outcome.stdout.contains(&format!("\"{key}\": ")), "{key}: {}", outcome.stdout);
    }
}

#[test]
fn a_kernel_may_fail() {
    let folder = scratch("bench_fails");
    let program = "pub fn inputs() { [0] }\npub fn kernel(n) { 1 / n[0] }\n";
    std::fs::write(folder.join("kernel.ein"), program).expect("the target folder can be written");
    let outcome = einc(&folder, &["bench", "kernel.ein", "--error-format", "json"]);
    assert_eq!((outcome.status, outcome.codes(), outcome.stdout.as_str()), (3, vec!["E0903"], ""));
    let program = "pub fn inputs() {
        let (n, m) = (len(\"four\"), len(\"three\"));
        let x[i in 0..n] = 1.0;
        let y[i in 0..m] = 2.0;
        (x, y)
    }
    pub fn kernel(x: [f32; a], y: [f32; a]) { sum[a](x[a] * y[a]) }";
    std::fs::write(folder.join("extents.ein"), program).expect("the target folder can be written");
    let outcome = einc(&folder, &["bench", "extents.ein", "--error-format", "json"]);
    assert_eq!((outcome.status, outcome.codes(), outcome.stdout.as_str()), (3, vec!["E0905"], ""));
    std::fs::write(folder.join("none.ein"), "print(1);\n").expect("the target folder can be written");
    let outcome = einc(&folder, &["bench", "none.ein", "--error-format", "json"]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (1, ""));
    assert!(outcome.codes().iter().all(|code| *code == "E0201") && !outcome.codes().is_empty());
}

#[test]
fn memory_that_does_not_exist_is_not_touched() {
    let program = "let n: i64 = 3_000_000; let huge[i in 0..n, j in 0..n, k in 0..n] = 1.0; print(huge[0, 0, 0]);";
    let outcome = here(&["run", "-c", program]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (3, ""));
    assert!(outcome.stderr.starts_with("[E0907] Error: out of memory: asked for 108.0 EB"), "{}", outcome.stderr);
}

#[test]
fn a_profile_has_a_bar_for_each_family_and_its_line() {
    let folder = scratch("profile");
    let program = "let a[i in 0..9] = i as f64;\nlet h[0] = 0.0f64;\nlet h[t in 1..9] = h[t - 1] + a[t];\nprint(h);\n";
    std::fs::write(folder.join("sums.ein"), program).expect("the target folder can be written");
    let outcome = einc(&folder, &["run", "sums.ein", "--profile", "trace.json"]);
    assert_eq!(outcome.stdout, "[0.0, 1.0, 3.0, 6.0, 10.0, 15.0, 21.0, 28.0, 36.0]\n");
    let trace = std::fs::read_to_string(folder.join("trace.json")).expect("a trace");
    for name in ["a (line 1)", "h (line 2)", "line 4", "check", "run"] {
        assert!(trace.contains(&format!("{{\"name\": \"{name}\", \"cat\"")), "{name} in {trace}");
    }
    assert!(trace.starts_with("{\"displayTimeUnit\"") && trace.ends_with("]}\n"), "{trace}");
    // What failed is there up to where it failed.
    std::fs::write(folder.join("fails.ein"), "let a[i in 0..3] = 1 / i; print(a);").expect("the same");
    assert_eq!(einc(&folder, &["run", "fails.ein", "--profile", "trace.json"]).status, 3);
    let trace = std::fs::read_to_string(folder.join("trace.json")).expect("a trace");
    assert!(trace.contains("a (line 1)"), "{trace}");
    assert_eq!(einc(&folder, &["run", "sums.ein", "--profile", "no/such/folder.json"]).status, 1);
}

#[test]
fn a_kernel_that_has_no_sum_is_an_error_of_the_program() {
    let outcome =
        here(&["bench", "--error-format", "json", "-c", "pub fn inputs() { 3 } pub fn kernel(x: i32) { \"a\" }"]);
    assert_eq!((outcome.status, outcome.codes()), (1, vec!["E0401"]));
}

#[test]
fn stages_of_a_benchmark_show_its_kernel() {
    let program = "pub fn inputs() { [1.0, 2.0] } pub fn kernel(x: [f32; n]) { let y[n] = x[n] * 2.0; y }";
    let cost = here(&["emit", "--stage", "cost", "-c", program]).stdout;
    assert!(cost.contains("fn kernel(x: [f32; ?]) in <code>, for each call\n"), "{cost}");
    assert!(cost.contains("flops         n = 2\n"), "{cost}");
    assert!(cost.contains("bytes read    4*n = 8\n"), "{cost}");
}

#[test]
fn a_graph_has_values_forward_and_contributions_that_add_up_backward() {
    let folder = scratch("graph");
    let program = "let x[i in 0..2] = (i as f64) + 1.0;\nlet a[i] = x[i] * x[i];\nlet b = sum[i](3.0 * x[i]);\n\
                   let loss = sum[i](a[i]) + b;\nprint(\"</script>\", loss);\n";
    std::fs::write(folder.join("two_ways.ein"), program).expect("the target folder can be written");
    let page = einc(&folder, &["graph", "two_ways.ein"]).stdout;
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    let has = |text: &str| assert!(page.contains(text), "{text} in {page}");
    has(r#""title": "x[i]", "type": "[f64; ?]", "line": 1"#);
    has(r#""value": "[1.0, 2.0]", "sensitivity": "[5.0, 7.0]""#);
    has(r#""from": 0, "to": 1, "reads": ["x[i]"], "sums": [], "contribution": "[2.0, 4.0]""#);
    has(r#""from": 0, "to": 2, "reads": ["x[i]"], "sums": [], "contribution": "[3.0, 3.0]""#);
    has(r#""printed": "\u003c/script> 14.0\n""#);
    assert_eq!(einc(&folder, &["graph", "two_ways.ein", "--of", "a"]).status, 1);
    // Without a derivative there is still the way forward.
    let blocked = here(&["graph", "-c", "let x = [1.0, 2.0]; let y = (argmax[i](x[i]) as f64) * 2.0; print(y);"]);
    assert_eq!((blocked.status, blocked.stderr.as_str()), (0, ""));
    assert!(blocked.stdout.contains(r#""value": "2.0", "sensitivity": null"#), "{}", blocked.stdout);
}

#[test]
fn kernels_are_measured_without_their_derivatives() {
    let kernel = "pub fn inputs() { let x = [1.0, 2.0]; x }\n\
                  fn slope(x: [f32; n]) -> [f32; n] { let y = sum[i](x[i] ** 3.0); @y / @x }\n\
                  pub fn kernel(x: [f32; n]) {\n\
                      let y = sum[i](x[i] ** 2.0);\n\
                      let g = @y / @x;\n\
                      let h[i] = g[i] + 1.0;\n\
                      (y, h, slope(x), x)\n\
                  }\n";
    let measured = here(&["bench", "--values", "--json", "--seconds", "0", "-c", kernel]);
    assert_eq!((measured.status, measured.stderr.as_str()), (0, ""));
    let shapes: Vec<&str> = measured.stdout.split("\"shape\": ").skip(1).map(|text| &text[..3]).collect();
    assert_eq!(shapes, ["[],", "[2]"]);
    let nothing = kernel.replace("(y, h, slope(x), x)", "h");
    let refused = here(&["bench", "--values", "-c", &nothing]);
    assert_eq!((refused.status, refused.stderr.contains("nothing but derivatives")), (1, true));
}

#[test]
fn the_first_float_that_is_no_number_is_named_with_its_coordinates() {
    let folder = scratch("trap_nan");
    let run = |name: &str, program: &str| {
        std::fs::write(folder.join(name), program).expect("the target folder can be written");
        let harness::Outcome { status, stderr, .. } = einc(&folder, &["run", "--trap-nan", name]);
        (status, stderr.lines().next().unwrap_or_default().to_owned())
    };
    let forward = "use std::math::ln;\nlet x = [1.0, 0.5, -2.0];\nlet scaled[i] = 2.0 * ln(x[i]);\nprint(scaled);\n";
    assert_eq!(run("forward.ein", forward), (3, "[E0910] Error: `scaled` is nan at [i = 2]".to_owned()));
    let backward = "use std::math::sqrt;\nlet x = [4.0, 0.0];\nlet r[i] = sqrt(x[i]);\nlet total = sum[i](r[i]);\n\
                    let slope = @total / @x;\nprint(slope);\n";
    assert_eq!(run("backward.ein", backward), (3, "[E0910] Error: `@total / @x` is inf at [i = 1]".to_owned()));
    let scalar = "let a = 0.0;\nlet b = 1.0 / a;\nprint(b);\n";
    assert_eq!(run("scalar.ein", scalar), (3, "[E0910] Error: `b` is inf".to_owned()));
    // What a closed gate stands before is not computed.
    let gated = "let x = [1.0, 0.0];\nlet y[i] = 1.0 / x[i] where x[i] > 0.0;\nprint(y);\n";
    assert_eq!(run("gated.ein", gated), (0, String::new()));
}
