//! How long each pass took.

use std::fmt;
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub struct Timings {
    rows: Vec<Row>,
}

#[derive(Debug)]
pub struct Row {
    pub pass: &'static str,
    pub begin: Instant,
    pub time: Duration,
}

impl Timings {
    pub fn time<T>(&mut self, pass: &'static str, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = work();
        self.rows.push(Row { pass, begin, time: begin.elapsed() });
        result
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub fn total(&self) -> Duration {
        self.rows.iter().map(|row| row.time).sum()
    }
}

impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let rows = self.rows.iter().map(|row| (row.pass, row.time));
        for (pass, took) in rows.chain([("total", self.total())]) {
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
        let begin = Instant::now();
        let rows = [("parse", 1500), ("check", 250)];
        let rows = rows.map(|(pass, time)| Row { pass, begin, time: Duration::from_micros(time) }).into();
        let timings = Timings { rows };
        assert_eq!(timings.total(), Duration::from_micros(1750));
        let table = "parse        1.500 ms\ncheck        0.250 ms\ntotal        1.750 ms\n";
        assert_eq!(timings.to_string(), table);
    }
}
