//! [`Table`]: all figures, beside those of the best others.

use std::fmt::Write;

/// What a figure is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    /// Another pool.
    Peer,
    /// What only carries bytes to another process and back.
    Transport,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) case: String,
    pub(crate) who: String,
    pub(crate) side: Side,
}

impl Row {
    pub(crate) fn new(group: &'static str, case: impl Into<String>, who: impl Into<String>, side: Side) -> Row {
        Row { group, case: case.into(), who: who.into(), side }
    }
}

/// Seconds for each row; none for what never came.
#[derive(Default)]
pub(crate) struct Table(Vec<(Row, Option<f64>)>);

impl Table {
    pub(crate) fn add(&mut self, row: Row, seconds: Option<f64>) {
        self.0.push((row, seconds));
    }

    pub(crate) fn figure(&self, row: &Row) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == row).and_then(|(_, seconds)| *seconds)
    }

    pub(crate) fn has(&self, group: &str) -> bool {
        self.0.iter().any(|(row, _)| row.group == group)
    }

    fn best(&self, like: &Row, side: Side) -> Option<f64> {
        let same = |row: &Row| row.group == like.group && row.case == like.case && row.side == side;
        self.0.iter().filter(|(row, _)| same(row)).filter_map(|(_, seconds)| *seconds).min_by(f64::total_cmp)
    }

    pub(crate) fn print(&self) {
        let mut printed: Vec<(&str, &str)> = Vec::new();
        for (first, _) in &self.0 {
            if printed.contains(&(first.group, &first.case)) {
                continue;
            }
            printed.push((first.group, &first.case));
            let title = format!("{}, {}", first.group, first.case);
            println!("\n{title:<44} {:>12} {:>12} {:>12}", "", "x best pool", "x transport");
            for (row, seconds) in self.0.iter().filter(|(row, _)| (row.group, &row.case) == (first.group, &first.case))
            {
                println!("{}", self.line(row, *seconds));
            }
        }
    }

    fn line(&self, row: &Row, seconds: Option<f64>) -> String {
        let mark = match row.side {
            Side::Ours => "*",
            Side::Peer | Side::Transport => " ",
        };
        let mut line = format!("{mark} {:<42}", row.who);
        let Some(seconds) = seconds else { return line + &format!(" {:>12}", "never") };
        let figure = if row.group == "throughput" { rate(1.0 / seconds) } else { time(seconds) };
        let _ = write!(line, " {figure:>12}");
        for best in [self.best(row, Side::Peer), self.best(row, Side::Transport)] {
            let ratio = best.map_or_else(|| "-".to_owned(), |best| ratio(seconds / best));
            let _ = write!(line, " {ratio:>12}");
        }
        line
    }
}

fn ratio(ratio: f64) -> String {
    if ratio < 0.01 { format!("{ratio:.5}") } else { format!("{ratio:.2}") }
}

fn rate(per_second: f64) -> String {
    let digits = format!("{per_second:.0}");
    let from_end = digits.len();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (from_end - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + "/s"
}

fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-6 => format!("{:.0} ns", seconds * 1e9),
        _ if seconds < 1e-3 => format!("{:.1} us", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}
