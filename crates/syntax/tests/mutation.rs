//! Broken programs of every kind: the parser ends, without a panic, and finds what is wrong.

mod common;

use common::on_big_stack;
use diagnostics::FileId;

const PROGRAMS: &[&str] = &[
    "use std::ml::{softmax};\nlet W[i, j in 0..3] = 0.1 * (i + j) as f32;\nlet y[b, j] = softmax[j](sum[i](x[b, i] * W[i, j])) where valid[b, j] else 0.0;\nprint(\"y = {y[0, 0]:.4f} {{}}\");\n",
    "fn f[j](x: [f32; ..l, j, ..r]) -> [f32; ..l, ..r] { max[j](x[..l, j, ..r]) }\n@fn f[j](x) { @x }\n/// Docs.\npub enum Shape { Circle(f32), Rect { w: f32, h: f32 } }\n",
    "let g = match s { Shape::Circle(r) where r > 0.0 => r ** 2, Shape::Rect { w, h } => { w * h } _ => -1.0 };\nlet h = xs |> map(|x| x + 1) ?> f else 0;\nlet k = a !> g catch |e| len(e);\n",
    "let q = [x * y | (x, _) in ps, y in 0..=3, x > y, z = x];\nif a == 1 { print(1); } else if b { print(t.0.1); }\nlet r = if c { Point { x: 1.0, y } } else { p };\nmod m { pub let v = 3; fn g(a) { let b = try a; b.ok } }\n",
];

const CHARACTERS: &[&str] = &[
    "(", ")", "[", "]", "{", "}", "\"", "'", ";", ",", ":", ".", "..", "=", "=>", "->", "|", "||", "&", "^", "#", "$",
    "\\", "//", "\n", "0", "5.", ".5", "1e", "0x", "if ", "else ", "let ", "fn ", "match ", "where ", "for ",
    "return ", "elif ", "lambda ", "import ", "def ", "é", "😀", "\u{feff}", "?", "!", "@", "+=", "++", "\"\"\"",
    "mut ", "_", "then ",
];

/// A small generator with a fixed seed, so that a failure can be found again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }
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

fn mutate(program: &str, dice: &mut Dice) -> String {
    let mut words = words(program);
    for _ in 0..1 + dice.below(4) {
        let (at, other) = (dice.below(words.len()), dice.below(words.len()));
        match dice.below(5) {
            0 => {
                words.remove(at);
            }
            1 => words.insert(at, words[other].clone()),
            2 => words.swap(at, other),
            3 => words.insert(at, CHARACTERS[dice.below(CHARACTERS.len())].to_owned()),
            _ => words.truncate(at + 1),
        }
        if words.is_empty() {
            words.push(" ".into());
        }
    }
    words.concat()
}

#[test]
fn broken_programs_never_panic() {
    on_big_stack(|| {
        for (seed, program) in PROGRAMS.iter().enumerate() {
            let mut dice = Dice(seed as u64 + 1);
            for _ in 0..1500 {
                let broken = mutate(program, &mut dice);
                let (module, errors) = syntax::parse(FileId(0), &broken);
                let text_end = broken.len() as u32;
                let spans = errors.iter().flat_map(|error| error.labels.iter().map(|label| label.span));
                for span in spans {
                    let fits = span.start <= span.end && span.end <= text_end;
                    assert!(
                        fits && broken.get(span.start as usize..span.end as usize).is_some(),
                        "{broken}\n{errors:#?}"
                    );
                }
                if errors.is_empty() {
                    let again = syntax::print(&module);
                    let (module, errors) = syntax::parse(FileId(0), &again);
                    assert!(errors.is_empty(), "{broken}\n---\n{again}\n{errors:#?}");
                    assert_eq!(syntax::print(&module), again, "{broken}");
                }
                syntax::tokens(FileId(0), &broken);
            }
        }
    });
}

#[test]
fn noise_never_panics() {
    on_big_stack(|| {
        let mut dice = Dice(42);
        for _ in 0..4000 {
            let noise: String = (0..dice.below(40)).map(|_| CHARACTERS[dice.below(CHARACTERS.len())]).collect();
            syntax::parse(FileId(0), &noise);
        }
    });
}
