//! [`harmless`]: texts of others, as a terminal may show them.

/// Writes control characters, apart from line ends and tabulators, as escapes.
pub(crate) fn harmless(text: &str) -> String {
    let is_harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_harmful) {
        return text.to_owned();
    }
    let mut harmless = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) { harmless.extend(c.escape_default()) } else { harmless.push(c) }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_terminal_is_escaped() {
        assert_eq!(harmless("a\tb\nü"), "a\tb\nü");
        assert_eq!(harmless("\u{1b}[2J\r\u{7}\u{9b}x"), r"\u{1b}[2J\r\u{7}\u{9b}x");
    }
}
