//! Derivatives of a program beside differences, both as the program prints them.

use super::differ::{Outcome, compiled, execute};
use super::without_panic;
use diagnostics::SourceMap;

/// How far a derivative may be from a difference, as a share of its size where that is above one.
const TOLERANCE: f64 = 2e-4;

/// Whether the derivatives of one generated program are what differences say, first and second ones, and the tangent
/// is their sum.
pub fn agree(seed: u64, stack_bytes: usize) -> Result<(), String> {
    let text = oracle::generate::smooth(seed);
    let complain = |what: String| format!("{what}\nseed {seed}\n{text}");
    without_panic(|| difference(&text, stack_bytes)).unwrap_or_else(Err).map_err(complain)
}

fn difference(text: &str, stack_bytes: usize) -> Result<(), String> {
    let lines = lines_of(text, stack_bytes)?;
    let [gradient, differences, tangent, second, second_differences] = &lines[..] else {
        return Err(format!("{} lines are printed", lines.len()));
    };
    near("first derivatives", gradient, differences)?;
    near("the tangent", tangent, &[gradient.iter().sum()])?;
    near("second derivatives", second, second_differences)
}

/// The numbers of each line that a program prints.
pub fn lines_of(text: &str, stack_bytes: usize) -> Result<Vec<Vec<f64>>, String> {
    let mut sources = SourceMap::default();
    let program = compiled(text, &mut sources)?;
    let Outcome { printed, end, live } = execute(program, stack_bytes)?;
    if let Some(code) = end {
        return Err(format!("ends with {code}"));
    }
    if live > 0 {
        return Err(format!("{live} objects are left"));
    }
    let number = |word: &str| word.parse::<f64>().map_err(|_| format!("`{word}` is no number"));
    let words = |line: &str| line.split([' ', ',', '[', ']']).filter(|word| !word.is_empty()).map(number).collect();
    printed.lines().map(words).collect()
}

pub fn near(what: &str, found: &[f64], expected: &[f64]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what}: {} numbers instead of {}", found.len(), expected.len()));
    }
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs() / (1.0 + expected.abs());
        if off.is_nan() || off > TOLERANCE {
            return Err(format!("{what} differ\nnumber {k} is {found}, by differences {expected}"));
        }
    }
    Ok(())
}
