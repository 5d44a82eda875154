//! Gradients of long recurrences within a tape budget: the same numbers, and memory that grows with the square root of
//! the number of steps.

mod harness;

use harness::{Outcome, assert_none, complaints, einc, scratch};

const STEPS: [u32; 8] = [1, 2, 7, 9, 10, 16, 1000, 100_003];

/// Lines that begin with `~` hold sums over steps, which may be added up in another order.
const PROGRAMS: [(&str, &str); 9] = [
    ("scalar", include_str!("tape_budget/scalar.ein")),
    ("vector", include_str!("tape_budget/vector.ein")),
    ("mutual", include_str!("tape_budget/mutual.ein")),
    ("window", include_str!("tape_budget/window.ein")),
    ("backwards", include_str!("tape_budget/backwards.ein")),
    ("gates", include_str!("tape_budget/gates.ein")),
    ("both_ways", include_str!("tape_budget/both_ways.ein")),
    ("table", include_str!("tape_budget/table.ein")),
    ("single", include_str!("tape_budget/single.ein")),
];

/// The number of steps as the program writes it down, and as only the run finds it out.
fn with_steps(program: &str, steps: u32) -> [String; 2] {
    [steps.to_string(), format!("len(\"x\") * {steps}")].map(|text| program.replace("STEPS", &text))
}

#[test]
fn gradients_are_the_same_within_any_budget() {
    let folder = scratch("tape_budget");
    let cases: Vec<(&str, u32, String)> = (PROGRAMS.iter())
        .flat_map(|(name, text)| {
            STEPS.iter().flat_map(move |steps| with_steps(text, *steps).map(|p| (*name, *steps, p)))
        })
        .collect();
    let found = complaints(&cases, |(name, steps, program)| {
        let run = |budget: &str| einc(&folder, &["run", "--tape-budget", budget, "-c", program]);
        let (whole, cut) = (run("1TiB"), run("1"));
        same(&whole, &cut).map_err(|line| format!("{name}, {steps} steps: {line}\n{}{}", cut.stdout, cut.stderr))
    });
    assert_none(found);
}

fn same(whole: &Outcome, cut: &Outcome) -> Result<(), String> {
    if (whole.status, cut.status) != (0, 0) {
        return Err(format!("status {} and {}", whole.status, cut.status));
    }
    let lines: Vec<(&str, &str)> = whole.stdout.lines().zip(cut.stdout.lines()).collect();
    for (a, b) in lines {
        let is_near =
            a.starts_with('~') && near(&numbers(a), &numbers(b), if a.starts_with("~~") { 1e-6 } else { 1e-13 });
        if a != b && !is_near {
            return Err(format!("{a} and {b}"));
        }
    }
    Ok(())
}

fn numbers(line: &str) -> Vec<f64> {
    let is_part = |c: char| c.is_ascii_digit() || "+-.e".contains(c);
    line.split(|c| !is_part(c)).filter_map(|text| text.parse().ok()).collect()
}

/// Up to a share of the largest of them.
fn near(a: &[f64], b: &[f64], share: f64) -> bool {
    let largest = a.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    a.len() == b.len() && !a.is_empty() && a.iter().zip(b).all(|(x, y)| (x - y).abs() <= share * largest)
}

#[test]
fn what_is_stored_is_said() {
    let folder = scratch("tape_budget_storage");
    let [known, found] = with_steps(include_str!("tape_budget/scalar.ein"), 9_999);
    let storage = |program: &str, budget: &str| {
        let report = einc(&folder, &["emit", "--stage", "storage", "--tape-budget", budget, "-c", program]);
        assert_eq!(report.status, 0, "{}", report.stderr);
        report.stdout
    };
    let cut = storage(&known, "1KiB");
    assert!(cut.contains("as all steps would take 160000 bytes, and the tape budget is 1024"), "{cut}");
    assert!(cut.contains("segments of 71 steps"), "{cut}");
    assert!(!storage(&known, "1MiB").contains("segment"));
    let by_run = storage(&found, "1KiB");
    assert!(by_run.contains("where all steps take more than the tape budget of 1024"), "{by_run}");
}

/// A process whose address space is limited has to do with segments.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_small() {
    let folder = scratch("tape_budget_memory");
    let [program, _] = with_steps(include_str!("tape_budget/mutual.ein"), 20_000_000);
    std::fs::write(folder.join("long.ein"), program).expect("the target folder can be written");
    let peak = |budget: &str| {
        let mut run = std::process::Command::new(harness::EINC);
        let child = run.args(["run", "--tape-budget", budget, "long.ein"]).current_dir(&folder);
        let mut child = child.stdout(std::process::Stdio::null()).spawn().expect("einc starts");
        let mut peak = 0;
        while child.try_wait().expect("a child that was started").is_none() {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            peak = peak.max(kilobytes.unwrap_or(0));
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        peak
    };
    // Four families of 20 million steps are 640 MB.
    let small = peak("8MiB");
    assert!(small < 200_000, "{small} kB");
}
