//! The line of a file that a message is about.

use std::fs::File;
use std::io::{BufRead, BufReader};

use pushflow_core::graph::Place;

use super::harmless::harmless;

/// How much of a line is shown, in characters, and how much of it before the place.
const SHOWN: usize = 100;
const BEFORE: usize = 40;
/// Longer lines are those of programs.
const LONGEST_BYTES: usize = 1 << 20;

/// Returns the line of a place with a mark below it; nothing when the file cannot be read any more.
pub(crate) fn of(place: &Place) -> Vec<String> {
    let Some(line) = place.path().filter(|_| place.line > 0).and_then(|path| {
        let lines = BufReader::new(File::open(path).ok()?).lines();
        lines.map_while(Result::ok).nth(place.line as usize - 1).filter(|line| line.len() <= LONGEST_BYTES)
    }) else {
        return Vec::new();
    };
    render(&line, place.line, place.column)
}

fn render(line: &str, number: u32, column: u32) -> Vec<String> {
    let column = (column as usize).saturating_sub(1);
    let skipped = if line.chars().count() > SHOWN { column.saturating_sub(BEFORE) } else { 0 };
    let shown: String = line.chars().skip(skipped).take(SHOWN).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let (begin, end) =
        (if skipped > 0 { "…" } else { "" }, if line.chars().count() > skipped + SHOWN { "…" } else { "" });
    let number = format!("{number:>5}");
    let indent = " ".repeat(column - skipped + usize::from(skipped > 0));
    vec![format!("{number} | {begin}{}{end}", harmless(&shown)), format!("{} | {indent}^", " ".repeat(number.len()))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked() {
        assert_eq!(render("ab\tc", 3, 4), ["    3 | ab c", "      |    ^"]);
        let long = format!("{}X{}", "a".repeat(200), "b".repeat(200));
        let rendered = render(&long, 12345, 201);
        let mark = rendered[1].chars().position(|c| c == '^').unwrap();
        assert_eq!(rendered[0].chars().nth(mark), Some('X'), "{rendered:?}");
        assert!(rendered[0].ends_with('…') && rendered[0].contains("| …"));
    }
}
