//! The texts of the standard library, which are part of the binary.

macro_rules! library {
    ($($name:literal)*) => {
        &[$((concat!("std::", $name), include_str!(concat!("../../../stdlib/std/", $name, ".ein")))),*]
    };
}

/// Path and text of each module.
pub const MODULES: &[(&str, &str)] = library!["array" "io" "linalg" "math" "ml" "numerics" "optim" "random"];

/// As diagnostics name it.
pub fn file_name(path: &str) -> String {
    format!("{}.ein", path.replace("::", "/"))
}

pub fn text(path: &str) -> Option<&'static str> {
    MODULES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_in_the_table() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../stdlib/std");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the library stands in stdlib/std")
            .map(|entry| format!("std/{}", entry.expect("a readable folder").file_name().to_string_lossy()))
            .collect();
        let table: BTreeSet<String> = MODULES.iter().map(|(path, _)| file_name(path)).collect();
        assert_eq!(files, table);
        assert!(text("std::math").is_some_and(|text| text.contains("pub let pi")));
        assert_eq!(text("std::missing"), None);
    }
}
