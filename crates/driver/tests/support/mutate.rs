//! Programs that somebody has sat on.

use super::{checked, loops, without_panic};
use diagnostics::SourceMap;
use std::path::Path;

const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    ";",
    ",",
    ":",
    ".",
    "..",
    "=",
    "=>",
    "->",
    "|",
    "||",
    "\n",
    "0",
    "1.5",
    "-",
    "i",
    "where ",
    "if ",
    "else ",
    "let ",
    "fn ",
    "match ",
    "sum[i]",
    "max[j](",
    "@",
    "mut ",
    "_",
    "..k",
    " as f64",
    " as i32",
    " in 0..3",
    "?",
    "!",
    "use ",
    "mod ",
    "9223372036854775807",
    "1e400",
    "é",
    "x",
];

/// A small generator with a fixed seed, so that a failure can be found again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }
}

/// Programs to start from: the ones of the tests, the examples and the library.
pub fn originals() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut texts = Vec::new();
    let mut folders = ["tests/ui", "tests/corpus", "examples", "stdlib"].map(|folder| root.join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "ein") {
                texts.extend(std::fs::read_to_string(path));
            }
        }
    }
    texts.sort();
    texts
}

/// A few words of an original are removed, doubled, swapped, replaced or cut off.
pub fn mutant(originals: &[String], seed: u64) -> String {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    dice.below(1);
    let original = &originals[dice.below(originals.len())];
    let mut words = words(original);
    for _ in 0..1 + dice.below(4) {
        let (at, other) = (dice.below(words.len()), dice.below(words.len()));
        match dice.below(12) {
            0..=1 => {
                words.remove(at);
            }
            2..=3 => words.insert(at, words[other].clone()),
            4..=5 => words.swap(at, other),
            6..=7 => words[at] = words[other].clone(),
            8..=10 => words.insert(at, PIECES[dice.below(PIECES.len())].to_owned()),
            _ => words.truncate(at + 1),
        }
        if words.is_empty() {
            words.push(" ".to_owned());
        }
    }
    words.concat()
}

fn words(program: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in program.chars() {
        let joins = |last: &String| c.is_alphanumeric() && last.chars().all(char::is_alphanumeric);
        match words.last_mut() {
            Some(last) if joins(last) => last.push(c),
            _ => words.push(c.to_string()),
        }
    }
    words
}

/// Whether every pass in front of machine code keeps its head.
pub fn survives(text: &str) -> Result<(), String> {
    without_panic(|| {
        let mut sources = SourceMap::default();
        match checked(text, &mut sources) {
            Ok(program) => {
                let _ = loops(program, 2);
            }
            Err(found) => {
                for diagnostic in &found {
                    assert!(diagnostics::explain(diagnostic.code).is_some(), "{} has no page", diagnostic.code);
                    diagnostics::render(diagnostic, &sources, true);
                    diagnostics::json(diagnostic, &sources);
                }
            }
        }
    })
    .map_err(|panic| format!("{panic}\n{text}"))
}
