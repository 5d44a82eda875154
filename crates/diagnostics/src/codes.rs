//! All codes: a short title and the page that `explain` prints.

use crate::closest;

/// One code of the language.
pub struct Row {
    pub code: &'static str,
    pub title: &'static str,
    /// The whole page, as Markdown.
    pub page: &'static str,
}

macro_rules! rows {
    ($($code:literal $title:literal)*) => {
        const ROWS: &[Row] = &[$(Row {
            code: $code,
            title: $title,
            page: include_str!(concat!("../../../docs/errors/", $code, ".md")),
        }),*];
    };
}

rows! {
    "E0101" "not the language"
    "E0102" "something is not closed"
    "E0103" "a form of another language"

    "E0201" "unknown name"
    "E0202" "private name"
    "E0203" "module not found"
    "E0204" "import cycle"
    "E0205" "defined twice"
    "E0206" "wrong number of arguments"
    "E0207" "unknown field or method"
    "E0209" "unknown `python` name"

    "E0301" "left slot is not a name, a literal or a pack"
    "E0302" "range in `where`"
    "E0303" "range cannot be inferred"
    "E0304" "arithmetic in a left slot"
    "E0305" "coordinate argument is not grounded"
    "E0306" "arguments disagree on a coordinate or pack"
    "E0307" "address of another domain"
    "E0308" "reduced coordinate is not carried"
    "E0309" "wrong number of indices"
    "E0310" "whole tensors with different coordinates"
    "E0311" "coordinate used outside its scope"
    "E0312" "Einstein indices on a list"
    "E0313" "coordinate that nothing binds"

    "E0401" "types do not match"
    "E0402" "operator not defined for the type"
    "E0403" "literal cannot be that type"
    "E0404" "annotation and value differ"
    "E0405" "branches differ"
    "E0406" "not callable"
    "E0407" "type cannot be inferred"
    "E0408" "invalid cast"

    "E0501" "one coordinate, several extents"
    "E0502" "rank mismatch"
    "E0503" "extent differs from an annotation or cast"
    "E0504" "provably out of bounds"
    "E0505" "rows differ in length"

    "E0601" "no evaluation order"
    "E0602" "base case is missing"
    "W0601" "cells that no clause defines"
    "W0602" "clause is fully overridden"

    "E0701" "quotient through something not differentiable"
    "E0702" "`@` on something that is not a binding"
    "E0703" "integer or bool in a quotient"
    "W0702" "no dependence: the quotient is zero"
    "E0710" "rule without a primal"
    "E0711" "parameters of a rule differ from the primal's"
    "E0712" "result coordinates of a rule differ"
    "E0713" "rule is not linear in the tangents"
    "E0714" "tangent of a parameter that is no float"

    "E0801" "match is not exhaustive"
    "E0802" "pattern does not fit the type"
    "W0803" "arm is never reached"

    "E0901" "assertion failed"
    "E0902" "index out of bounds"
    "E0903" "division by zero"
    "E0904" "integer overflow"
    "E0905" "extents differ at run time"
    "E0906" "file cannot be read"
    "E0907" "out of memory"
    "E0908" "recursion too deep"
    "E0909" "empty reduction without a neutral value"
    "E0910" "`panic`"
}

pub fn codes() -> &'static [Row] {
    ROWS
}

/// The page of a code; its letter may be small.
pub fn explain(code: &str) -> Option<&'static str> {
    ROWS.iter().find(|row| row.code.eq_ignore_ascii_case(code)).map(|row| row.page)
}

/// What a code that does not exist was probably meant to be.
pub fn similar(code: &str) -> Option<&'static str> {
    let digits: String = code.chars().filter(char::is_ascii_digit).collect();
    let warning = code.starts_with(['w', 'W']);
    let letters = if warning { ["W", "E"] } else { ["E", "W"] };
    let padded = letters.map(|letter| format!("{letter}{digits:0>4}"));
    let known = |code: &String| ROWS.iter().find(|row| row.code == code).map(|row| row.code);
    padded.iter().find_map(known).or_else(|| closest(&padded[0], ROWS.iter().map(|row| row.code)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_found_in_either_case() {
        assert!(explain("E0501").is_some_and(|page| page.starts_with("# E0501")));
        assert_eq!(explain("w0601"), explain("W0601"));
        assert!(explain("E9999").is_none());
        assert!(explain("").is_none());
    }

    #[test]
    fn a_slip_in_a_code_is_forgiven() {
        assert_eq!(similar("501"), Some("E0501"));
        assert_eq!(similar("E501"), Some("E0501"));
        assert_eq!(similar("e-0501"), Some("E0501"));
        assert_eq!(similar("E0601"), Some("E0601"));
        assert_eq!(similar("W601"), Some("W0601"));
        assert_eq!(similar("E0803"), Some("W0803"));
        assert_eq!(similar("E0510"), Some("E0501"));
        assert_eq!(similar("hello"), None);
    }

    #[test]
    fn the_table_and_the_folder_agree() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the pages stand in docs/errors")
            .map(|entry| entry.expect("a readable folder").file_name().to_string_lossy().into_owned())
            .collect();
        let rows: BTreeSet<String> = ROWS.iter().map(|row| format!("{}.md", row.code)).collect();
        assert_eq!(pages, rows);
        assert_eq!(rows.len(), ROWS.len());
    }

    #[test]
    fn every_page_has_its_title_a_failing_and_a_corrected_program() {
        for Row { code, title, page } in ROWS {
            assert_eq!(page.lines().next(), Some(&*format!("# {code}: {title}")));
            let fences: Vec<&str> = page.lines().filter(|line| line.starts_with("```ein")).collect();
            let programs: Vec<&str> = fences.iter().copied().filter(|fence| !fence.contains("file=")).collect();
            assert_eq!(programs, ["```ein fails", "```ein"], "{code}");
            assert_eq!(page.lines().filter(|line| *line == "```").count(), fences.len(), "{code}");
        }
    }
}
