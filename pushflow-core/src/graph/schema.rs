//! Versions of the workflow schema.

use super::error::{GraphError, GraphErrorKind};

/// The version of a document that names none.
pub(super) const LATEST: &str = "1.2";

/// Checks that a version is known: 1.0, 1.1 or 1.2, which mean the same here.
///
/// Semantics: versions compare as in Python's `packaging`, so `1.2.0` is `1.2`.
pub(super) fn check(version: &str) -> Result<(), GraphError> {
    let Some(release) = release(version) else {
        let message = format!("Invalid version: '{version}'");
        return Err(GraphError::new(GraphErrorKind::InvalidVersion, "InvalidVersion", message));
    };
    let message = match release.as_slice() {
        [1] | [1, 1 | 2] => return Ok(()),
        [] => {
            let install = r#"python3 -m pip install "ewokscore>=0.0,<0.0.1"`"#;
            format!("Graph schema version \"{version}\" requires another library version: {install}")
        }
        _ => format!(
            "Graph schema version \"{version}\" is either invalid or requires a newer library version: python3 -m pip install --upgrade ewokscore"
        ),
    };
    Err(GraphError::new(GraphErrorKind::SchemaVersion, "GraphSchemaError", message))
}

/// Returns the numbers of a version without zeros at the end; a version with anything else gets a number that no known
/// version has. `None` when it is not a version.
fn release(version: &str) -> Option<Vec<u64>> {
    let text = version.trim().to_ascii_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (numbers, suffix) = text.split_at(end);
    let (numbers, suffix) = match numbers.strip_suffix('.') {
        Some(rest) if !suffix.is_empty() => (rest, suffix),
        _ => (numbers, suffix),
    };
    let mut release = numbers
        .split('.')
        .map(|part| part.parse::<u64>().ok())
        .collect::<Option<Vec<u64>>>()
        .filter(|r| !r.is_empty())?;
    if !suffix.is_empty() {
        if !is_suffix(suffix) {
            return None;
        }
        release.push(u64::MAX);
    }
    while release.last() == Some(&0) {
        release.pop();
    }
    Some(release)
}

/// Whether a text may follow the numbers of a version: `rc1`, `.post2`, `-dev`, `+local`.
fn is_suffix(text: &str) -> bool {
    const WORDS: [&str; 12] = ["alpha", "beta", "preview", "post", "pre", "dev", "rev", "rc", "a", "b", "c", "r"];
    let (mut rest, local) = text.split_once('+').map_or((text, None), |(rest, local)| (rest, Some(local)));
    while !rest.is_empty() {
        let word = rest.trim_start_matches(['.', '-', '_']);
        let Some(after) = WORDS.iter().find_map(|known| word.strip_prefix(known)) else { return false };
        let number = after.trim_start_matches(['.', '-', '_']);
        rest = number.trim_start_matches(|char: char| char.is_ascii_digit());
    }
    local.is_none_or(|local| !local.is_empty() && local.chars().all(|char| char.is_ascii_alphanumeric() || char == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_are_known() {
        for version in ["1.0", "1.1", "1.2", "1", "1.2.0", "v1.1"] {
            assert_eq!(check(version), Ok(()), "{version}");
        }
    }

    #[test]
    fn versions_that_are_not() {
        let message = |version| check(version).unwrap_err().message().to_owned();
        assert_eq!(
            message("0.0"),
            "Graph schema version \"0.0\" requires another library version: python3 -m pip install \"ewokscore>=0.0,<0.0.1\"`"
        );
        for version in ["99.0", "1.3", "1.2rc1", "1.2.dev1", "2+local"] {
            assert_eq!(
                message(version),
                format!(
                    "Graph schema version \"{version}\" is either invalid or requires a newer library version: python3 -m pip install --upgrade ewokscore"
                )
            );
        }
        for version in ["", "abc", "1.x", "1..2", "1.2 3"] {
            assert_eq!(check(version).unwrap_err().type_name(), "InvalidVersion", "{version:?}");
            assert_eq!(message(version), format!("Invalid version: '{version}'"));
        }
    }
}
