//! [`Table`]: columns of text, for people.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use super::harmless::harmless;

/// The widest that a column gets; longer text is cut.
const WIDEST: usize = 60;

/// Rows below a heading, each column as wide as its widest text. Columns without any text are left out.
#[derive(Debug)]
pub(crate) struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<T: Into<String>>(heading: impl IntoIterator<Item = T>) -> Table {
        Table { heading: heading.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row, with a cell for each heading.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cell = |cell: T| short(&harmless(&cell.into()).replace('\n', "\\n"));
        self.rows.push(cells.into_iter().map(cell).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<(usize, usize)> = (0..self.heading.len())
            .filter(|column| self.rows.iter().any(|row| !row[*column].is_empty()))
            .map(|column| {
                let cells = self.rows.iter().chain([&self.heading]).map(|row| row[column].width());
                (column, cells.max().unwrap_or_default())
            })
            .collect();
        for row in [&self.heading].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (column, width) in &columns {
                let cell = &row[*column];
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A text that is not too wide for a column.
fn short(text: &str) -> String {
    if text.width() <= WIDEST {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        if short.width() >= WIDEST - 1 {
            break;
        }
        short.push(character);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_have_to_be() {
        let mut table = Table::new(["node", "empty", "runs"]);
        table.row(["ä", "", "1"]);
        table.row(["long name\n", "", "22"]);
        assert_eq!(table.to_string(), "node         runs\nä            1\nlong name\\n  22\n");
        let mut wide = Table::new(["x"]);
        wide.row(["y".repeat(100)]);
        assert_eq!(wide.to_string(), format!("x\n{}…\n", "y".repeat(59)));
    }
}
