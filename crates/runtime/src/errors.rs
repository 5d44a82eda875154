//! Run-time errors: the facts come from a site and the arguments of the moment, the words stand here.

use crate::context::Context;
use crate::heap::OutOfMemory;
use diagnostics::{Diagnostic, Span};
use ir::loops::Site;

/// An error of the running program.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub code: &'static str,
    pub span: Span,
    pub message: String,
    /// The first one stands at `span`.
    pub labels: Vec<(Span, String)>,
    pub notes: Vec<String>,
}

impl Failure {
    pub fn diagnostic(&self) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(self.code, self.span, self.message.as_str());
        for (place, (span, text)) in self.labels.iter().enumerate() {
            diagnostic =
                if place == 0 { diagnostic.label(text.as_str()) } else { diagnostic.also(*span, text.as_str()) };
        }
        self.notes.iter().fold(diagnostic, |diagnostic, note| diagnostic.note(note.as_str()))
    }
}

/// What went wrong, as data.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    Assertion {
        message: Option<String>,
        operands: Option<(String, String)>,
    },
    OutOfBounds {
        coordinate: String,
        tensor: String,
        index: i64,
        extent: i64,
    },
    DivisionByZero {
        operator: String,
    },
    Overflow {
        operator: String,
        ty: String,
        operands: Vec<i64>,
    },
    /// One coordinate, two places, two extents.
    Extents {
        coordinate: String,
        places: [String; 2],
        extents: [i64; 2],
    },
    /// A whole tensor of another shape; `?` is any extent.
    Shape {
        found: String,
        wanted: String,
    },
    File {
        path: String,
        reason: String,
    },
    /// Something stored that is not what a cast states: where in it, what is there and what should be.
    Misfit {
        place: String,
        found: String,
        wanted: String,
    },
    Memory(OutOfMemory),
    Recursion,
    EmptyReduction {
        reduction: String,
    },
    Panic {
        message: String,
    },
}

struct Words {
    message: String,
    label: String,
    note: Option<String>,
}

impl Problem {
    pub fn code(&self) -> &'static str {
        match self {
            Problem::Assertion { .. } => "E0901",
            Problem::OutOfBounds { .. } => "E0902",
            Problem::DivisionByZero { .. } => "E0903",
            Problem::Overflow { .. } => "E0904",
            Problem::Extents { .. } | Problem::Shape { .. } | Problem::Misfit { .. } => "E0905",
            Problem::File { .. } => "E0906",
            Problem::Memory(_) => "E0907",
            Problem::Recursion => "E0908",
            Problem::EmptyReduction { .. } => "E0909",
            Problem::Panic { .. } => "E0910",
        }
    }

    fn words(&self) -> Words {
        match self {
            Problem::Assertion { message, operands } => Words {
                message: message.clone().unwrap_or_else(|| "assertion failed".to_string()),
                label: "this does not hold".to_string(),
                note: operands.as_ref().map(|(left, right)| format!("left is `{left}`, right is `{right}`")),
            },
            Problem::OutOfBounds { coordinate, tensor, index, extent } => {
                let axis = match (coordinate.as_str(), tensor.as_str()) {
                    ("", "") => String::new(),
                    ("", tensor) => format!(" of `{tensor}`"),
                    (coordinate, "") => format!(" of `{coordinate}`"),
                    (coordinate, tensor) => format!(" of `{coordinate}` in `{tensor}`"),
                };
                let cells = if *extent == 1 { "cell" } else { "cells" };
                Words {
                    message: format!("index {index} is outside the extent {extent}{axis}"),
                    label: format!("the index is {index} here, of {extent} {cells}"),
                    note: (*index < 0).then(|| "a negative index does not count from the end".to_string()),
                }
            }
            Problem::DivisionByZero { operator } => Words {
                message: if operator == "%" { "remainder of a division by zero" } else { "division by zero" }
                    .to_string(),
                label: "the divisor is 0 here".to_string(),
                note: None,
            },
            Problem::Overflow { operator, ty, operands } => Words {
                message: format!("the result of `{operator}` does not fit `{ty}`"),
                label: match operands.as_slice() {
                    [] => format!("too large for `{ty}`"),
                    [operand] => format!("`{operator} {operand}` has no value of type `{ty}`"),
                    [left, right, ..] => format!("`{left} {operator} {right}` has no value of type `{ty}`"),
                },
                note: None,
            },
            Problem::Extents { coordinate, places, extents } => Words {
                message: match coordinate.as_str() {
                    "" if places.iter().all(|place| !place.is_empty()) => {
                        let [first, second] = places;
                        format!("the extents {} of {first} and {} of {second} should be equal", extents[0], extents[1])
                    }
                    "" => format!("extents {} and {} should be equal", extents[0], extents[1]),
                    name => format!("`{name}` has the extents {} and {}", extents[0], extents[1]),
                },
                label: match places.each_ref().map(String::as_str) {
                    ["", _] | [_, ""] => format!("{} here, {} there", extents[0], extents[1]),
                    [first, second] => format!("{} in {first}, {} in {second}", extents[0], extents[1]),
                },
                note: None,
            },
            Problem::Shape { found, wanted } => Words {
                message: format!("a tensor `{found}` where `{wanted}` is needed"),
                label: format!("this is `{found}`"),
                note: None,
            },
            Problem::Misfit { place, found, wanted } => Words {
                message: format!("{found} stands at `{place}`, where {wanted} is needed"),
                label: format!("needs {wanted}"),
                note: None,
            },
            Problem::File { path, reason } => {
                Words { message: format!("`{path}`: {reason}"), label: "this file".to_string(), note: None }
            }
            Problem::Memory(out) => Words {
                message: format!(
                    "out of memory: asked for {}, available are {}",
                    size_text(out.asked),
                    size_text(out.available.into())
                ),
                label: "this needs the memory".to_string(),
                note: None,
            },
            Problem::Recursion => Words {
                message: "recursion too deep".to_string(),
                label: "this function calls itself without an end in sight".to_string(),
                note: Some("the stack is used up".to_string()),
            },
            Problem::EmptyReduction { reduction } => Words {
                message: format!("`{reduction}` over no cells has no value"),
                label: "the domain is empty, or every cell of it is gated out".to_string(),
                note: None,
            },
            Problem::Panic { message } => {
                Words { message: message.clone(), label: "panics here".to_string(), note: None }
            }
        }
    }

    /// The problem of a `Fail` statement.
    fn at(site: &Site, arguments: &[i64]) -> Problem {
        let name = |place: usize| site.names.get(place).cloned().unwrap_or_default();
        let argument = |place: usize| arguments.get(place).copied().unwrap_or_default();
        match site.code {
            "E0901" => Problem::Assertion { message: site.names.first().cloned(), operands: None },
            "E0902" => {
                Problem::OutOfBounds { coordinate: name(0), tensor: name(1), index: argument(0), extent: argument(1) }
            }
            "E0903" => Problem::DivisionByZero { operator: name(0) },
            "E0904" => Problem::Overflow { operator: name(0), ty: name(1), operands: arguments.to_vec() },
            "E0905" => Problem::Extents {
                coordinate: name(0),
                places: [name(1), name(2)],
                extents: [argument(0), argument(1)],
            },
            "E0908" => Problem::Recursion,
            "E0909" => Problem::EmptyReduction { reduction: name(0) },
            "E0910" => Problem::Panic { message: name(0) },
            other => unreachable!("{other} does not start in a statement"),
        }
    }
}

/// `6.5 GB`, in powers of 1000.
fn size_text(bytes: u128) -> String {
    const UNITS: [&str; 7] = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if size >= 1000.0 { "more than 1000 EB".to_string() } else { format!("{size:.1} {}", UNITS[unit]) }
}

impl Context {
    /// Leaves an error for whoever catches it; gives the status that failing functions return.
    pub(crate) fn fail(&mut self, site: u32, problem: Problem) -> i32 {
        let Site { span, also, .. } = &self.sites[site as usize];
        let words = problem.words();
        let mut labels = vec![(*span, words.label)];
        labels.extend(also.iter().cloned());
        let notes = words.note.into_iter().collect();
        self.pending = Some(Failure { code: problem.code(), span: *span, message: words.message, labels, notes });
        FAILED
    }

    pub(crate) fn fail_at(&mut self, site: u32, arguments: &[i64]) -> i32 {
        let problem = Problem::at(&self.sites[site as usize], arguments);
        self.fail(site, problem)
    }
}

/// Statuses of functions that can fail.
pub const FINE: i32 = 0;
pub const FAILED: i32 = 1;

impl From<OutOfMemory> for Problem {
    fn from(out: OutOfMemory) -> Problem {
        Problem::Memory(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: &'static str, names: &[&str], arguments: &[i64]) -> Words {
        let names = names.iter().map(|n| n.to_string()).collect();
        Problem::at(&Site { code, span: Span::default(), names, also: Vec::new() }, arguments).words()
    }

    #[test]
    fn words_name_coordinates_and_values() {
        let words = problem("E0902", &["class", "shade"], &[-7, 640]);
        assert_eq!(words.message, "index -7 is outside the extent 640 of `class` in `shade`");
        assert_eq!(words.note.unwrap(), "a negative index does not count from the end");
        let words = problem("E0904", &["+", "u8"], &[200, 100]);
        assert_eq!(words.label, "`200 + 100` has no value of type `u8`");
        let words = problem("E0905", &["sample", "`early`", "`late`"], &[3, 4]);
        assert_eq!(words.message, "`sample` has the extents 3 and 4");
        assert_eq!(words.label, "3 in `early`, 4 in `late`");
        assert_eq!(problem("E0903", &["%"], &[]).message, "remainder of a division by zero");
        assert_eq!(problem("E0909", &["argmax"], &[]).message, "`argmax` over no cells has no value");
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size_text(999), "999 bytes");
        assert_eq!(size_text(400_000_000_000_000), "400.0 TB");
        assert_eq!(size_text(u128::MAX), "more than 1000 EB");
    }
}
