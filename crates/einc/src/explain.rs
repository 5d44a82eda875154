//! `einc explain`

use std::io::Write;

/// There is no such code: the command line is wrong.
const UNKNOWN: u8 = 2;

/// Prints the page of a code; gives the status of the process.
pub fn explain(code: &str) -> u8 {
    match diagnostics::explain(code) {
        Some(page) => {
            // A reader that has seen enough is no failure.
            let _ = std::io::stdout().write_all(page.as_bytes());
            0
        }
        None => {
            let _ = std::io::stderr().write_all(unknown(code).as_bytes());
            UNKNOWN
        }
    }
}

fn unknown(code: &str) -> String {
    match diagnostics::similar(code) {
        Some(similar) => format!("einc: there is no code `{code}`; did you mean `{similar}`?\n"),
        None => format!("einc: there is no code `{code}`; codes look like `E0501`\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn a_slip_is_answered_with_the_code_that_was_meant() {
        assert_eq!(unknown("E501"), "einc: there is no code `E501`; did you mean `E0501`?\n");
        assert_eq!(unknown("hello"), "einc: there is no code `hello`; codes look like `E0501`\n");
    }
}
