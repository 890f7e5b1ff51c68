//! Near misses: what somebody may have meant who wrote a name that is not known.

/// How alike two names have to be, from 0 to 1.
const ALIKE: f64 = 0.6;

/// Returns the possibility that is most like a word, if one is like it at all.
pub fn closest<'p>(word: &str, possibilities: impl IntoIterator<Item = &'p str>) -> Option<&'p str> {
    let word = word.to_lowercase();
    let rated =
        possibilities.into_iter().filter(|known| !known.is_empty()).map(|known| (likeness(&word, known), known));
    // Of equally good ones the first.
    let best = rated.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    (best.0 >= ALIKE).then_some(best.1)
}

/// How alike two words are: by the letters to change, or as one begins with the other.
fn likeness(word: &str, known: &str) -> f64 {
    let known = known.to_lowercase();
    let changed = strsim::normalized_damerau_levenshtein(word, &known);
    let begins = word.len() >= 3 && known.len() >= 3 && (known.starts_with(word) || word.starts_with(&known));
    if begins { changed.max(ALIKE) } else { changed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found() {
        let known = ["data_mapping", "map_all_data", "conditions", "on_error", "required"];
        assert_eq!(closest("condition", known), Some("conditions"));
        assert_eq!(closest("on-error", known), Some("on_error"));
        assert_eq!(closest("Required", known), Some("required"));
        assert_eq!(closest("data_maping", known), Some("data_mapping"));
        assert_eq!(closest("comment", known), None);
        assert_eq!(closest("x", known), None);
        assert_eq!(closest("cond", known), Some("conditions"));
    }
}
