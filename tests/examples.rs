//! Each program of `examples/` prints what stands beside it in `<name>.out`.

mod harness;

use harness::{assert_none, complaints, einc, files_below, repository};

#[test]
fn examples_print_what_stands_beside_them() {
    let folder = repository().join("examples");
    let programs = files_below(&folder, "ein");
    assert!(programs.len() >= 19, "only {} examples", programs.len());
    assert_none(complaints(&programs, |program| {
        let file = program.file_name().expect("a program has a name").to_string_lossy();
        let expected = std::fs::read_to_string(program.with_extension("out")).map_err(|e| format!("{file}: {e}"))?;
        let outcome = einc(&folder, &["run", &file]);
        let fine = outcome.status == 0 && outcome.stderr.is_empty() && outcome.stdout == expected;
        if fine {
            Ok(())
        } else {
            Err(format!("{file}: status {}\n{}{}", outcome.status, outcome.stdout, outcome.stderr))
        }
    }));
}

#[test]
fn the_readme_names_every_example() {
    let folder = repository().join("examples");
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("examples have a README");
    for program in files_below(&folder, "ein") {
        let file = program.file_name().expect("a program has a name").to_string_lossy().into_owned();
        assert!(readme.contains(&file), "{file} is not mentioned");
    }
}
