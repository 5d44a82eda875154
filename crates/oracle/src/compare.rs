//! Outputs that may differ in the last digits of floats.

/// How far floats may be apart, relative to the larger one.
const RELATIVE: f64 = 1e-4;
const ABSOLUTE: f64 = 1e-4;

/// The first difference of two outputs: floats within tolerance, everything else to the letter.
pub fn compare(expected: &str, got: &str) -> Option<String> {
    let (wanted, found) = (tokens(expected), tokens(got));
    for (k, (a, b)) in wanted.iter().zip(&found).enumerate() {
        if a != b && !close(a, b) {
            return Some(format!("token {k}: expected `{a}`, got `{b}`"));
        }
    }
    if wanted.len() != found.len() {
        return Some(format!("expected {} tokens, got {}", wanted.len(), found.len()));
    }
    None
}

/// Words and single marks; lines count, other white space does not.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
        let end = match word(c) {
            true => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            false => c.len_utf8(),
        };
        if c == '\n' || !c.is_whitespace() {
            tokens.push(&rest[..end]);
        }
        rest = &rest[end..];
    }
    tokens
}

fn close(a: &str, b: &str) -> bool {
    let is_float = |text: &str| text.contains(['.', 'e']) || text.ends_with("nan") || text.ends_with("inf");
    if !is_float(a) || !is_float(b) {
        return false;
    }
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x == y || (x - y).abs() <= ABSOLUTE + RELATIVE * x.abs().max(y.abs()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn floats_may_differ_a_little() {
        assert_eq!(compare("[1.0, 2e-7]\n", "[1.00001, 1e-7]\n"), None);
        assert_eq!(compare("1.0", "1.01").as_deref(), Some("token 0: expected `1.0`, got `1.01`"));
        assert_eq!(compare("nan -inf", "nan -inf"), None);
        assert!(compare("nan", "1.0").is_some());
    }

    #[test]
    fn everything_else_is_compared_to_the_letter() {
        assert!(compare("3", "3.0").is_some());
        assert!(compare("1000000", "1000001").is_some());
        assert!(compare("\"a\" b", "\"a\" c").is_some());
        assert!(compare("1\n2", "1 2").is_some());
        assert_eq!(compare("1 2", "1 2 3").as_deref(), Some("expected 2 tokens, got 3"));
    }
}
