//! Derivatives of a program beside differences, both as the program prints them.

use super::differ::{Machine, Outcome, compiled, execute};
use super::{differentiated, without_panic};
use diagnostics::SourceMap;

/// How far a derivative may be from a difference, as a share of its size where that is above one.
const TOLERANCE: f64 = 2e-4;

/// One program in so many runs as machine code. The others are evaluated by the oracle, as derivatives are a matter of
/// the program that is left when they are done.
const COMPILED: u64 = 8;

/// One program in so many has second derivatives.
const TWICE: u64 = 3;

/// Whether the derivatives of one generated program are what differences say, first and second ones, and the tangent
/// is their sum.
pub fn agree(seed: u64, stack_bytes: usize) -> Result<(), String> {
    let text = oracle::generate::smooth(seed, seed.is_multiple_of(TWICE));
    let complain = |what: String| format!("{what}\nseed {seed}\n{text}");
    let compared = || {
        let lines = if seed.is_multiple_of(COMPILED) { lines_of(&text, stack_bytes) } else { evaluated(&text) };
        difference(&lines?)
    };
    without_panic(compared).unwrap_or_else(Err).map_err(complain)
}

fn difference(lines: &[Vec<f64>]) -> Result<(), String> {
    let [gradient, differences, tangent, forwards, second @ ..] = lines else {
        return Err(format!("{} lines are printed", lines.len()));
    };
    near("first derivatives", gradient, differences)?;
    near("the tangent", tangent, &[gradient.iter().sum()])?;
    near("derivatives forwards", forwards, gradient)?;
    match second {
        [] => Ok(()),
        [second, differences] => near("second derivatives", second, differences),
        _ => Err(format!("{} lines are printed", lines.len())),
    }
}

/// The numbers of each line that a program prints, as machine code.
pub fn lines_of(text: &str, stack_bytes: usize) -> Result<Vec<Vec<f64>>, String> {
    let mut sources = SourceMap::default();
    let program = compiled(text, &mut sources)?;
    let Outcome { printed, end, live } = execute(program, Machine::DEFAULT, stack_bytes)?;
    if let Some(code) = end {
        return Err(format!("ends with {code}"));
    }
    if live > 0 {
        return Err(format!("{live} objects are left"));
    }
    numbers(&printed)
}

/// The numbers of each line that a program prints, by the oracle.
fn evaluated(text: &str) -> Result<Vec<Vec<f64>>, String> {
    let mut sources = SourceMap::default();
    let program = compiled(text, &mut sources)?;
    let program = differentiated(program, |_| ())?;
    let mut printed = String::new();
    oracle::run(&program, &mut printed, None).map_err(|failure| format!("ends with {failure:?}"))?;
    numbers(&printed)
}

fn numbers(printed: &str) -> Result<Vec<Vec<f64>>, String> {
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
