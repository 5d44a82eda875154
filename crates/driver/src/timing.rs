//! How long each pass took.

use std::fmt;
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub struct Timings {
    rows: Vec<(&'static str, Duration)>,
}

impl Timings {
    pub fn time<T>(&mut self, pass: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.rows.push((pass, start.elapsed()));
        result
    }

    pub fn total(&self) -> Duration {
        self.rows.iter().map(|(_, took)| *took).sum()
    }
}

impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (pass, took) in self.rows.iter().chain([&("total", self.total())]) {
            writeln!(f, "{pass:<8} {:>9.3} ms", took.as_secs_f64() * 1e3)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_order_and_add_up() {
        let rows = vec![("parse", Duration::from_micros(1500)), ("check", Duration::from_micros(250))];
        let timings = Timings { rows };
        assert_eq!(timings.total(), Duration::from_micros(1750));
        let table = "parse        1.500 ms\ncheck        0.250 ms\ntotal        1.750 ms\n";
        assert_eq!(timings.to_string(), table);
    }
}
