//! Every `programs/<case>.ein` is checked and run by the oracle. Beside it stands what must come of it: `<case>.out`
//! is what it prints, `<case>.err` lists its diagnostics, one `CODE line:column` a line, and after a blank line words
//! that the rendered messages must contain.

use checker::modules::Loader;
use diagnostics::{FileId, SourceMap, render};
use std::path::{Path, PathBuf};
use std::rc::Rc;

const STACK: usize = 1 << 30;

struct Files<'a> {
    sources: &'a mut SourceMap,
    folder: PathBuf,
}

impl Files<'_> {
    fn read(&mut self, name: &str, path: &Path) -> Option<(FileId, Rc<str>)> {
        let text = std::fs::read_to_string(path).ok()?;
        Some((self.sources.add(name, text.clone()), text.into()))
    }
}

impl Loader for Files<'_> {
    fn load(&mut self, path: &str) -> Result<Option<(FileId, Rc<str>)>, String> {
        let file = self.folder.join(path);
        Ok(self.read(path, &file))
    }

    fn std(&mut self, path: &str) -> Option<(FileId, Rc<str>)> {
        let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib");
        self.read(path, &library.join(format!("{}.ein", path.replace("::", "/"))))
    }
}

/// What a program prints and says.
struct Outcome {
    printed: String,
    codes: Vec<String>,
    messages: String,
}

fn run(file: &Path) -> Outcome {
    let text = std::fs::read_to_string(file).expect("a program");
    let mut sources = SourceMap::default();
    let id = sources.add("case.ein", text.clone());
    let (ast, mut diags) = syntax::parse(id, &text);
    let folder = file.parent().expect("a folder").to_path_buf();
    let modules =
        checker::modules::load(id, ast, &mut Files { sources: &mut sources, folder: folder.clone() }, &mut diags);
    let checked = checker::check(&modules, &sources, false);
    diags.extend(checked.diagnostics);
    diags.sort_by_key(|d| (d.span().file, d.span().start));
    let codes = diags
        .iter()
        .map(|d| {
            let (line, column) = sources.file(d.span().file).line_column(d.span().start);
            format!("{} {line}:{column}", d.code)
        })
        .collect();
    let mut messages: String = diags.iter().map(|d| render(d, &sources, false)).collect();
    let mut printed = String::new();
    if !diags.iter().any(|d| d.is_error()) {
        ir::verify(&checked.program, true).unwrap_or_else(|broken| panic!("{}: {broken}", file.display()));
        if let Err(failure) = oracle::run(&checked.program, &mut printed, Some(&folder)) {
            messages += &format!("{} {}", failure.code, failure.message);
        }
    }
    Outcome { printed, codes, messages }
}

fn falls_short(file: &Path) -> Option<String> {
    let outcome = run(file);
    if let Ok(wanted) = std::fs::read_to_string(file.with_extension("out")) {
        let fine = outcome.printed == wanted && outcome.codes.iter().all(|code| code.starts_with('W'));
        return (!fine).then(|| format!("wanted:\n{wanted}got:\n{}{}", outcome.printed, outcome.messages));
    }
    let wanted = std::fs::read_to_string(file.with_extension("err")).expect("an `.out` or an `.err`");
    let (codes, words) = wanted.split_once("\n\n").unwrap_or((&wanted, ""));
    let codes: Vec<&str> = codes.lines().collect();
    let said = words.lines().find(|word| !outcome.messages.contains(word));
    (outcome.codes != codes || said.is_some()).then(|| {
        format!(
            "wanted:\n{}\nwith {said:?}\ngot:\n{}\n{}",
            codes.join("\n"),
            outcome.codes.join("\n"),
            outcome.messages
        )
    })
}

#[test]
fn programs_do_what_stands_beside_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the programs").map(|e| e.expect("an entry").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|e| e == "ein"));
    cases.sort();
    assert!(!cases.is_empty());
    let check = move || -> Vec<String> {
        cases.iter().filter_map(|case| falls_short(case).map(|why| format!("{}\n{why}", case.display()))).collect()
    };
    let failures =
        std::thread::Builder::new().stack_size(STACK).spawn(check).expect("a thread").join().expect("no panic");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
