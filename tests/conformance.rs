//! The conformance programs, where they stand beside the repository.

mod harness;

use harness::{EINC, repository};
use std::process::Command;

/// What is claimed to work: each program that one of these names must.
const CLAIMED: &[&str] = &["*"];

#[test]
fn claimed_programs_conform() {
    let run = repository().join("../shared/conformance/run.py");
    if !run.exists() {
        println!("there are no conformance programs beside the repository");
        return;
    }
    let mut fallen_short = String::new();
    for pattern in CLAIMED {
        let output = match Command::new("python3").arg(&run).args(["--einc", EINC, "--only", pattern]).output() {
            Ok(output) => output,
            Err(error) => {
                println!("there is no python3: {error}");
                return;
            }
        };
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{pattern}: {}", report.lines().last().unwrap_or("nothing"));
        if !output.status.success() {
            fallen_short.push_str(&report);
            fallen_short.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(fallen_short.is_empty(), "{fallen_short}");
}
