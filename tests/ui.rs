//! Programs beside what they do: `tests/ui/<area>/<case>.ein` and `<case>.snap`. A first line `//@ emit: ir loops` adds
//! those stages. `INSTA_UPDATE=always cargo test -p einc --test ui` blesses; read the difference.

mod harness;

use harness::{Outcome, einc, repository};
use std::fmt::Write;
use std::path::Path;

#[test]
fn programs_do_what_stands_beside_them() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_snapshot_suffix();
    settings.bind(|| {
        insta::glob!("ui/*/*.ein", |path| {
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(path.parent().expect("a program stands in a folder"));
            settings.remove_snapshot_suffix();
            settings.remove_input_file();
            settings.bind(|| insta::assert_snapshot!(name(path), shown(path)));
        });
    });
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a program has a name").to_string_lossy().into_owned()
}

/// The program and everything that it leads to.
fn shown(path: &Path) -> String {
    let folder = path.parent().expect("a program stands in a folder");
    let file = path.file_name().expect("a program has a name").to_string_lossy();
    let text = std::fs::read_to_string(path).expect("a readable program");
    let Outcome { status, stdout, stderr } = einc(folder, &["run", &file]);
    let mut out = format!("status: {status}\n");
    section(&mut out, "stdout", &stdout);
    section(&mut out, "stderr", &stderr);
    let stages = text.lines().next().and_then(|line| line.strip_prefix("//@ emit:")).unwrap_or_default();
    for stage in stages.split_whitespace() {
        let emitted = einc(folder, &["emit", "--stage", stage, &file]);
        section(&mut out, stage, &(emitted.stdout + &emitted.stderr));
    }
    out
}

fn section(out: &mut String, title: &str, text: &str) {
    if !text.is_empty() {
        write!(out, "─── {title}\n{text}").expect("a string takes any text");
    }
}

#[test]
fn no_snapshot_is_left_of_a_program_that_is_gone() {
    let folder = repository().join("tests/ui");
    let left = harness::files_below(&folder, "snap").into_iter().filter(|snap| !snap.with_extension("ein").exists());
    assert_eq!(left.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
}
