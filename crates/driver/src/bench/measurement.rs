//! What a benchmark reports, for people and for programs.

use std::fmt::{self, Write};
use std::time::Duration;

pub struct Measurement {
    pub compile: Duration,
    first: Duration,
    /// In ascending order, at least one.
    turns: Vec<Duration>,
    peak_mb: Option<f64>,
    results: Vec<Summary>,
}

/// Enough of a result to compare it with that of another program.
#[derive(Debug, PartialEq)]
pub struct Summary {
    shape: Vec<i64>,
    sum: f64,
    abs_sum: f64,
    /// Against `1 + (k mod 7)`, so that cells in other places give another number.
    dot: f64,
}

impl Summary {
    pub fn of(shape: &[i64], numbers: impl Iterator<Item = f64>) -> Summary {
        let mut summary = Summary { shape: shape.to_vec(), sum: 0.0, abs_sum: 0.0, dot: 0.0 };
        for (k, number) in numbers.enumerate() {
            summary.sum += number;
            summary.abs_sum += number.abs();
            summary.dot += number * (1 + k % 7) as f64;
        }
        summary
    }
}

impl Measurement {
    pub fn new(first: Duration, mut turns: Vec<Duration>, results: Vec<Summary>) -> Measurement {
        turns.sort();
        Measurement { compile: Duration::ZERO, first, turns, peak_mb: peak_mb(), results }
    }

    fn median(&self) -> Duration {
        let (lower, upper) = (self.turns[(self.turns.len() - 1) / 2], self.turns[self.turns.len() / 2]);
        (lower + upper) / 2
    }

    pub fn json(&self) -> String {
        let mut results = Vec::new();
        for Summary { shape, sum, abs_sum, dot } in &self.results {
            let (sum, abs_sum, dot) = (number(*sum), number(*abs_sum), number(*dot));
            results.push(format!(r#"{{"shape": {shape:?}, "sum": {sum}, "abs_sum": {abs_sum}, "dot": {dot}}}"#));
        }
        format!(
            "{{\"compile_ms\": {}, \"first_ms\": {}, \"min_ms\": {}, \"median_ms\": {}, \"runs\": {}, \"peak_mb\": {}, \
             \"results\": [{}]}}\n",
            milliseconds(self.compile),
            milliseconds(self.first),
            milliseconds(self.turns[0]),
            milliseconds(self.median()),
            self.turns.len(),
            self.peak_mb.map_or("null".to_owned(), number),
            results.join(", "),
        )
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut row = |name: &str, time| writeln!(f, "{name:<8} {:>12.4} ms", milliseconds(time));
        row("compile", self.compile)?;
        row("first", self.first)?;
        row("min", self.turns[0])?;
        row("median", self.median())?;
        writeln!(f, "{:<8} {:>12}", "runs", self.turns.len())?;
        if let Some(peak) = self.peak_mb {
            writeln!(f, "{:<8} {peak:>12.1} MB", "peak")?;
        }
        for Summary { shape, sum, abs_sum, dot } in &self.results {
            writeln!(f, "result {shape:?}: sum {sum}, sum of magnitudes {abs_sum}, dot {dot}")?;
        }
        Ok(())
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// JSON has no NaN and no infinity; a reader takes what is too large for one.
fn number(value: f64) -> String {
    let mut text = String::new();
    let written = match value {
        value if value.is_nan() => write!(text, "null"),
        value if value.is_infinite() => write!(text, "{}1e999", if value < 0.0 { "-" } else { "" }),
        value => write!(text, "{value:?}"),
    };
    written.expect("a string takes any text");
    text
}

/// The most memory that the process has had, where the system says so.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_tells_places_apart() {
        let numbers = [1.0, -2.0, 0.5, 0.0, 0.0, 0.0, 0.0, 4.0];
        let summary = Summary::of(&[2, 4], numbers.into_iter());
        assert_eq!(summary, Summary { shape: vec![2, 4], sum: 3.5, abs_sum: 7.5, dot: 1.0 - 4.0 + 1.5 + 4.0 });
    }

    #[test]
    fn one_object_with_all_keys() {
        let turns = [4, 1, 2].map(Duration::from_millis).to_vec();
        let results = vec![Summary::of(&[], std::iter::once(f64::NAN)), Summary::of(&[1], std::iter::once(-2.5))];
        let mut measurement = Measurement::new(Duration::from_millis(5), turns, results);
        measurement.compile = Duration::from_micros(1500);
        measurement.peak_mb = None;
        assert_eq!(
            measurement.json(),
            concat!(
                r#"{"compile_ms": 1.5, "first_ms": 5, "min_ms": 1, "median_ms": 2, "runs": 3, "peak_mb": null, "#,
                r#""results": [{"shape": [], "sum": null, "abs_sum": null, "dot": null}, "#,
                r#"{"shape": [1], "sum": -2.5, "abs_sum": 2.5, "dot": -2.5}]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn infinities_stay_numbers() {
        assert_eq!(number(f64::NEG_INFINITY), "-1e999");
        assert_eq!(number(1e300), "1e300");
    }
}
