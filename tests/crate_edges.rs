//! Which crate may know which: the picture of `docs/architecture.md`.

mod harness;

use harness::repository;
use std::collections::BTreeSet;

/// Every crate with the crates of this workspace, and of others, that it may use. Tests may use more.
const ALLOWED: &[(&str, &[&str])] = &[
    ("autodiff", &["diagnostics", "ir"]),
    ("checker", &["diagnostics", "ir", "syntax"]),
    (
        "codegen",
        &[
            "cranelift-codegen",
            "cranelift-frontend",
            "cranelift-jit",
            "cranelift-module",
            "cranelift-native",
            "ir",
            "runtime",
        ],
    ),
    ("diagnostics", &["ariadne"]),
    ("driver", &["autodiff", "checker", "codegen", "diagnostics", "ir", "optimizer", "runtime", "syntax"]),
    ("einc", &["clap", "diagnostics", "driver"]),
    ("ir", &["diagnostics"]),
    ("optimizer", &["diagnostics", "ir"]),
    ("oracle", &["diagnostics", "ir"]),
    ("runtime", &["crc32fast", "csv", "diagnostics", "gemm", "ir", "libc", "miniz_oxide", "serde_json"]),
    ("syntax", &["diagnostics", "lalrpop", "lalrpop-util", "logos"]),
];

#[test]
fn no_crate_knows_more_than_it_should() {
    let folder = repository().join("crates");
    let found: BTreeSet<String> = std::fs::read_dir(&folder)
        .expect("the crates stand in crates/")
        .map(|entry| entry.expect("a readable folder").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, ALLOWED.iter().map(|(name, _)| name.to_string()).collect());
    for (name, allowed) in ALLOWED {
        let manifest = std::fs::read_to_string(folder.join(name).join("Cargo.toml")).expect("a manifest");
        let edges = edges(&manifest);
        let allowed: BTreeSet<String> = allowed.iter().map(|name| name.to_string()).collect();
        assert!(edges.is_subset(&allowed), "{name} must not use {:?}", edges.difference(&allowed));
    }
}

/// The dependencies of a manifest that its tests do not have for themselves.
fn edges(manifest: &str) -> BTreeSet<String> {
    let mut edges = BTreeSet::new();
    let mut counted = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            counted = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
        } else if counted && let Some((name, _)) = line.split_once('=') {
            edges.insert(name.trim().to_owned());
        }
    }
    edges
}

#[test]
fn edges_of_a_manifest() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\nir = { workspace = true }\n[dev-dependencies]\ninsta = \"1\"\n\
                    [build-dependencies]\nlalrpop = \"1\"\n[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n";
    let expected = ["ir", "lalrpop", "libc"].map(str::to_owned);
    assert_eq!(edges(manifest), BTreeSet::from(expected));
}
