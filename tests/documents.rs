//! Programs in documents do what the text around them says.
//!
//! A block `ein` runs without a diagnostic. A block `output` behind it is what it prints, a block `derive` what
//! `einc derive` says of it. `ein fails` gives exactly the
//! code that the page is named after. `ein file=NAME` stands beside the programs of its page as a file.

mod harness;

use harness::markdown::{Block, blocks, doc_comments};
use harness::{assert_none, complaints, einc, files_below, repository, scratch};
use std::path::{Path, PathBuf};

/// One program of a page.
struct Case {
    /// `docs/tutorial.md:12`
    place: String,
    folder: PathBuf,
    file: String,
    expected: Expected,
}

enum Expected {
    Clean { output: Option<String>, derivation: Option<String> },
    Fails { code: String },
}

#[test]
fn programs_of_the_documents() {
    let root = repository();
    let scratch = scratch("documents");
    let pages = files_below(&root.join("docs"), "md")
        .into_iter()
        .chain([root.join("README.md"), root.join("examples/README.md")]);
    let mut cases = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a readable page");
        cases.extend(cases_of(&root, &page, &blocks(&text), &scratch));
    }
    assert!(cases.len() > 100, "only {} programs", cases.len());
    assert_none(complaints(&cases, check));
}

#[test]
fn examples_of_the_library() {
    let root = repository();
    let scratch = scratch("library");
    let mut cases = Vec::new();
    for file in files_below(&root.join("stdlib"), "ein") {
        let text = std::fs::read_to_string(&file).expect("a readable module");
        cases.extend(cases_of(&root, &file, &blocks(&doc_comments(&text)), &scratch));
    }
    assert!(cases.len() > 100, "only {} programs", cases.len());
    assert_none(complaints(&cases, check));
}

/// Writes the programs of a page, each page into a folder of its own.
fn cases_of(root: &Path, page: &Path, blocks: &[Block], scratch: &Path) -> Vec<Case> {
    let name = page.strip_prefix(root).expect("a page of this repository").display().to_string();
    let folder = scratch.join(name.replace('/', "_"));
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let code = page.file_stem().expect("a page has a name").to_string_lossy().into_owned();
    let mut cases: Vec<Case> = Vec::new();
    for (k, block) in blocks.iter().enumerate() {
        let Some(kind) = block.info.strip_prefix("ein") else { continue };
        let file = match kind.trim().strip_prefix("file=") {
            Some(file) => file.to_owned(),
            None => format!("line_{}.ein", block.line),
        };
        std::fs::write(folder.join(&file), &block.text).expect("the target folder can be written");
        let behind = |info: &str| {
            let mut belongs = blocks[k + 1..].iter().take_while(|next| matches!(&*next.info, "output" | "derive"));
            belongs.find(|next| next.info == info).map(|next| next.text.clone())
        };
        let (output, derivation) = (behind("output"), behind("derive"));
        let expected = match kind.trim() {
            "" => Expected::Clean { output, derivation },
            "fails" => Expected::Fails { code: code.clone() },
            _ => continue,
        };
        cases.push(Case { place: format!("{name}:{}", block.line), folder: folder.clone(), file, expected });
    }
    cases
}

fn check(case: &Case) -> Result<(), String> {
    let outcome = einc(&case.folder, &["run", "--error-format", "json", &case.file]);
    let complain = |wanted: &str| Err(format!("{}: {wanted}\n{outcome:?}", case.place));
    match &case.expected {
        Expected::Clean { output, derivation } => {
            if outcome.status != 0 || !outcome.stderr.is_empty() {
                return complain("runs without a diagnostic");
            }
            if let Some(derivation) = derivation {
                let derived = einc(&case.folder, &["derive", &case.file]);
                if derived.stdout.trim_end() != derivation.trim_end() {
                    return Err(format!("{}: derives\n{derivation}\n{derived:?}", case.place));
                }
            }
            match output {
                Some(output) if output.trim_end() != outcome.stdout.trim_end() => {
                    complain(&format!("prints\n{output}"))
                }
                _ => Ok(()),
            }
        }
        Expected::Fails { code } => {
            let status = match code.as_str() {
                code if code.starts_with('W') => 0,
                code if code.starts_with("E09") => 3,
                _ => 1,
            };
            let mut codes = outcome.codes();
            codes.dedup();
            if outcome.status == status && codes == [code] { Ok(()) } else { complain(&format!("gives {code}")) }
        }
    }
}
