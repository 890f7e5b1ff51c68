//! [`Table`]: columns of text, for people.

use std::fmt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::harmless::harmless;

/// The widest that a column gets; longer text is cut.
const WIDEST: usize = 60;
/// Columns are not made narrower than this.
const NARROWEST: usize = 8;
/// What is between two columns.
const GAP: usize = 2;

/// Rows below a heading, each column as wide as its widest text. Columns without any text are left out; the last ones may
/// have no heading.
#[derive(Debug)]
pub(crate) struct Table {
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
    room: Option<usize>,
}

impl Table {
    pub(crate) fn new<T: Into<String>>(heading: impl IntoIterator<Item = T>) -> Table {
        Table { heading: heading.into_iter().map(Into::into).collect(), rows: Vec::new(), room: None }
    }

    /// Makes the widest columns narrower where a line would be wider than this.
    pub(crate) fn within(self, room: Option<usize>) -> Table {
        Table { room, ..self }
    }

    /// Adds a row; cells that it does not have are empty.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cell = |cell: T| short(&harmless(&cell.into()).replace('\n', "\\n"), WIDEST);
        self.rows.push(cells.into_iter().map(cell).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let mut columns: Vec<(usize, usize)> = (0..count)
            .filter(|column| self.rows.iter().any(|row| !cell(row, *column).is_empty()))
            .map(|column| {
                let cells = self.rows.iter().chain([&self.heading]).map(|row| cell(row, column).width());
                (column, cells.max().unwrap_or_default())
            })
            .collect();
        let width = |columns: &[(usize, usize)]| columns.iter().map(|(_, width)| width + GAP).sum::<usize>() - GAP;
        while let Some(room) = self.room.filter(|_| !columns.is_empty())
            && width(&columns) > room
            && let Some((_, widest)) = columns.iter_mut().max_by_key(|(_, width)| *width)
            && *widest > NARROWEST
        {
            *widest -= 1;
        }
        for row in [&self.heading].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (column, width) in &columns {
                let cell = short(cell(row, *column), *width);
                line.push_str(&cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width() + GAP));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn cell(row: &[String], column: usize) -> &str {
    row.get(column).map_or("", String::as_str)
}

/// A text that is not wider than this.
fn short(text: &str, widest: usize) -> String {
    if text.width() <= widest {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        // An ellipsis has to follow, and some characters are as wide as two.
        if short.width() + character.width().unwrap_or(0) >= widest {
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
    fn rows_may_be_shorter_or_longer_than_the_heading() {
        let mut table = Table::new(["a", "b"]);
        table.row(["1"]);
        table.row(["1", "2", "3"]);
        assert_eq!(table.to_string(), "a  b\n1\n1  2  3\n");
    }

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
    #[test]
    fn the_widest_columns_give_way_where_there_is_no_room() {
        let table = || {
            let mut table = Table::new(["node", "task", "n"]);
            table.row(["a".repeat(30), "b".repeat(12), "1".into()]);
            table.row(["一".repeat(15), "c".into(), "2".into()]);
            table
        };
        let widths = |text: &str| text.lines().map(|line| line.width()).collect::<Vec<_>>();
        assert_eq!(widths(&table().within(Some(47)).to_string()), [47; 3]);
        assert_eq!(table().within(Some(47)).to_string(), table().to_string());
        let narrow = table().within(Some(30)).to_string();
        let (a, one) = ("a".repeat(12), "一".repeat(6));
        let expected =
            format!("node           task          n\n{a}…  {}  1\n{one}…  c             2\n", "b".repeat(12));
        assert_eq!(narrow, expected);
        let least = table().within(Some(1)).to_string();
        assert!(widths(&least).iter().all(|width| *width == 2 * NARROWEST + 1 + 2 * GAP), "{least}");
    }
}
