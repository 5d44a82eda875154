//! "Did you mean": the candidate that a misspelt name most likely stands for.

/// The candidate closest to `name`, if one is close enough to be offered. The answer does not depend on the order
/// of the candidates: equally close ones are told apart by their text.
pub fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = fold(name);
    let mut sorted_wanted = wanted.clone();
    sorted_wanted.sort_unstable();
    let allowed = allowed_distance(wanted.len());
    candidates
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| {
            let mut folded = fold(candidate);
            let distance = distance_within(&wanted, &folded, allowed.max(1))?;
            folded.sort_unstable();
            let swapped = distance == 1 && folded == sorted_wanted;
            (swapped || distance <= allowed).then_some((distance, !swapped, candidate))
        })
        .min()
        .map(|(_, _, candidate)| candidate)
}

fn fold(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).collect()
}

/// One edit turns any name of two letters into half of all others, so short names allow none but a swap.
fn allowed_distance(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    }
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`, if there are at most `limit`.
fn distance_within(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before_last: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        if row.iter().min() > Some(&limit) {
            return None;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    Some(last[b.len()]).filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
        closest(name, candidates.iter().copied())
    }

    #[test]
    fn one_slip_is_forgiven() {
        assert_eq!(ask("momentun", &["moment", "momentum", "mean"]), Some("momentum"));
        assert_eq!(ask("logg1p", &["log", "log1p", "log10"]), Some("log1p"));
        assert_eq!(ask("sclae", &["scale", "scala"]), Some("scale"));
        assert_eq!(ask("layernorm", &["layer_norm", "rms_norm"]), Some("layer_norm"));
        assert_eq!(ask("größe", &["grösse", "große"]), Some("große"));
    }

    #[test]
    fn case_comes_before_spelling() {
        assert_eq!(ask("True", &["tree", "true"]), Some("true"));
        assert_eq!(ask("softMax", &["softmin", "softmax"]), Some("softmax"));
        assert_eq!(ask("X", &["y", "x"]), Some("x"));
    }

    #[test]
    fn a_swap_comes_before_other_slips() {
        assert_eq!(ask("fro", &["fre", "for"]), Some("for"));
        assert_eq!(ask("ab", &["ac", "ba"]), Some("ba"));
    }

    #[test]
    fn what_is_far_away_is_not_offered() {
        assert_eq!(ask("np", &["sp", "n", "npp"]), None);
        assert_eq!(ask("pandas", &["numpy", "math"]), None);
        assert_eq!(ask("", &["a"]), None);
        assert_eq!(ask("same", &["same"]), None);
        assert_eq!(ask("anything", &[]), None);
    }

    #[test]
    fn ties_do_not_depend_on_the_order() {
        assert_eq!(ask("bat", &["cat", "bar", "hat"]), Some("bar"));
        assert_eq!(ask("bat", &["hat", "cat", "bar"]), Some("bar"));
    }
}
