//! Programs of the language at random, well-typed by construction, from a seed.
//!
//! Magnitudes are bounded on the way, so that integers overflow only on purpose and floats stay comparable; no branch
//! depends on the last digits of a float.

mod coordinates;
pub mod laws;
mod random;
mod scalars;
mod script;
mod smooth;
mod tensors;

pub use smooth::smooth;

use random::Random;
use scalars::{Kind, Term};

/// A program. It prints its results, and one in eight ends with a run-time error.
pub fn program(seed: u64) -> String {
    let mut writer = Writer::new(seed);
    writer.line("use std::math::{sin, cos, tanh, exp, sqrt, abs};");
    writer.declarations();
    for kind in [Kind::I32, Kind::F32, Kind::F64] {
        writer.scalar_let(kind);
    }
    writer.literal_tensor();
    writer.explicit_tensor();
    for _ in 0..writer.random.between(8, 20) {
        writer.statement();
    }
    if writer.random.one_in(8) {
        writer.deliberate_failure();
    }
    writer.text
}

/// A shorter program about coordinates alone.
pub fn coordinates(seed: u64) -> String {
    let mut writer = Writer::new(seed);
    writer.coordinate_program();
    writer.text
}

/// A tensor in scope. All its cells are at most `bound` in size.
#[derive(Clone)]
struct TensorVar {
    name: String,
    kind: Kind,
    shape: Vec<usize>,
    bound: f64,
}

struct Writer {
    random: Random,
    text: String,
    scalars: Vec<Term>,
    tensors: Vec<TensorVar>,
    names: usize,
}

impl Writer {
    fn new(seed: u64) -> Writer {
        let random = Random::new(seed);
        Writer { random, text: String::new(), scalars: Vec::new(), tensors: Vec::new(), names: 0 }
    }

    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// A name that nothing else has.
    fn fresh(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    fn print(&mut self, what: &str) {
        self.line(format!("print({what});"));
    }

    fn statement(&mut self) {
        const STATEMENTS: &[fn(&mut Writer)] = &[
            Writer::any_scalar_let,
            Writer::shadowed,
            Writer::casts,
            Writer::half_floats,
            Writer::texts,
            Writer::formats,
            Writer::tuples,
            Writer::structs,
            Writer::enums,
            Writer::calls,
            Writer::closures,
            Writer::blocks,
            Writer::array_comprehension,
            Writer::list_comprehension,
            Writer::fallible,
            Writer::modules_of_integers,
            Writer::literal_tensor,
            Writer::explicit_tensor,
            Writer::explicit_tensor,
            Writer::inferred_tensor,
            Writer::inferred_tensor,
            Writer::contraction,
            Writer::reductions,
            Writer::reductions,
            Writer::dependent_range,
            Writer::window,
            Writer::overlapping_clauses,
            Writer::guarded,
            Writer::definitions,
            Writer::gather,
            Writer::addresses,
            Writer::whole_tensors,
            Writer::tensor_choice,
            Writer::slices,
            Writer::line_recurrence,
            Writer::grid_recurrence,
            Writer::vector_recurrence,
            Writer::mutual_recurrence,
            Writer::slice_recurrence,
            Writer::tensor_calls,
        ];
        let write = self.random.pick(STATEMENTS);
        write(self);
    }
}

#[cfg(test)]
mod tests {
    use super::{coordinates, program};

    #[test]
    fn a_seed_is_one_program() {
        assert_eq!(program(7), program(7));
        assert_ne!(program(7), program(8));
    }

    #[test]
    fn programs_print_and_close_their_brackets() {
        for seed in 0..500 {
            let text = program(seed);
            assert!(text.contains("print("), "seed {seed} prints nothing");
            for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
                let count = |c| text.chars().filter(|other| *other == c).count();
                assert_eq!(count(open), count(close), "seed {seed}:\n{text}");
            }
        }
    }

    #[test]
    fn what_only_coordinates_do_comes_up() {
        let all: String = (0..300).map(coordinates).collect();
        for construct in ["pairs[s, s, f]", "[i, i]", "share[j]", "spread_of[(", "in 0..0", "where p = ", "place[j]"] {
            assert!(all.contains(construct), "no `{construct}` in 300 programs");
        }
    }

    #[test]
    fn all_constructs_come_up() {
        let all: String = (0..300).map(program).collect();
        for construct in
            ["sum[", "argmax[", " where ", " else ", "match ", "try ", "?>", "!>", "|x", " as i64", "1..", "[0] ="]
        {
            assert!(all.contains(construct), "no `{construct}` in 300 programs");
        }
    }
}
