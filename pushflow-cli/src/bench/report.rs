//! [`Report`]: what was measured, as a table and as the object that is saved.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::case::{Case, Figures, Measure};
use super::measure::median;
use crate::display::table::Table;

/// All that was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) version: u32,
    pub(crate) machine: Machine,
    pub(crate) rounds: u32,
    pub(crate) stopped: bool,
    pub(crate) rows: Vec<Row>,
}

/// Where it was measured.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    pub(crate) pushflow: String,
}

/// A case, and what came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) case: Case,
    /// The values of all rounds, by the name of the figure.
    pub(crate) values: BTreeMap<String, Vec<f64>>,
    /// Why a round has none.
    pub(crate) error: Option<String>,
}

/// The version of the object.
pub(crate) const VERSION: u32 = 1;

/// A median, and how far the values lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    /// The quartiles.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Machine {
    pub(crate) fn this() -> Machine {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
            pushflow: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl Row {
    pub(crate) fn new(case: Case) -> Row {
        Row { case, values: BTreeMap::new(), error: None }
    }

    /// Adds the figures of a round.
    pub(crate) fn take(&mut self, figures: Figures) {
        for (name, value) in figures.figures {
            self.values.entry(name).or_default().push(value);
        }
        self.error = figures.error.or(self.error.take());
    }

    pub(crate) fn summary(&self, name: &str) -> Option<Summary> {
        Summary::of(self.values.get(name)?)
    }
}

impl Summary {
    pub(crate) fn of(values: &[f64]) -> Option<Summary> {
        let mut sorted = values.to_vec();
        let median = median(&mut sorted)?;
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        Some(Summary { median, low: at(0.25), high: at(0.75) })
    }

    /// Half of what the middle half of the values spans, as a share of the median.
    fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.high - self.low) / 2.0 / self.median }
    }
}

/// The names of all figures, in the order of the measures, sizes from small to large.
pub(crate) fn names<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<String> {
    let names: BTreeSet<&String> = rows.into_iter().flat_map(|row| row.values.keys()).collect();
    let order = |name: &str| {
        let (measure, size) = name.split_once(' ').unwrap_or((name, "0"));
        let all = [Measure::Start, Measure::RoundTrip, Measure::Throughput, Measure::Payload, Measure::Interrupt];
        let place = all.iter().position(|known| known.name() == measure).unwrap_or(all.len());
        (place, size.parse::<u64>().unwrap_or(u64::MAX))
    };
    let mut names: Vec<String> = names.into_iter().cloned().collect();
    names.sort_by_key(|name| order(name));
    names
}

/// The heading of a figure.
pub(crate) fn heading(name: &str) -> String {
    match name.split_once(' ') {
        Some((measure, bytes)) => format!("{measure} {}", in_bytes(bytes.parse().unwrap_or(0.0))),
        None => name.replace('_', " "),
    }
}

/// A figure with its unit.
pub(crate) fn figure(name: &str, value: f64) -> String {
    match name {
        "throughput" => format!("{}/s", short(value)),
        "memory" => in_bytes(value),
        _ => in_seconds(value),
    }
}

impl Report {
    /// A line for each case, a column for each figure.
    pub(crate) fn text(&self) -> String {
        let names = names(&self.rows);
        let mut table = Table::new(std::iter::once("pool".to_owned()).chain(names.iter().map(|name| heading(name))));
        for row in &self.rows {
            let cell = |name: &String| match row.summary(name) {
                Some(summary) => format!("{} ±{:.0}%", figure(name, summary.median), 100.0 * summary.spread()),
                None => "-".to_owned(),
            };
            table.row(std::iter::once(row.case.to_string()).chain(names.iter().map(cell)));
        }
        let mut text = table.to_string();
        for row in &self.rows {
            if let Some(error) = &row.error {
                let _ = writeln!(text, "{}: {error}", row.case);
            }
        }
        let Machine { processors, kernel, pushflow } = &self.machine;
        let rounds = self.rounds;
        let _ = writeln!(
            text,
            "medians of {rounds} rounds, all pools in turn; ± half of what the middle half spans. pushflow {pushflow}, Linux \
             {kernel}, {processors} processors{}",
            if self.stopped { "; stopped before the end" } else { "" }
        );
        text
    }
}

fn in_seconds(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{} us", short(s * 1e6)),
        s if s < 1.0 => format!("{} ms", short(s * 1e3)),
        s => format!("{} s", short(s)),
    }
}

fn in_bytes(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1024.0 {
            return format!("{} {unit}", short(value));
        }
        value /= 1024.0;
    }
    format!("{} GiB", short(value))
}

/// Three digits.
fn short(value: f64) -> String {
    match value {
        v if v >= 100.0 || v.fract() == 0.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units() {
        assert_eq!(figure("round_trip", 0.000_003_21), "3.21 us");
        assert_eq!(figure("start", 0.0123), "12.3 ms");
        assert_eq!(figure("start", 2.5), "2.50 s");
        assert_eq!(figure("throughput", 1_234_567.8), "1234568/s");
        assert_eq!(figure("memory", 3.0 * 1024.0 * 1024.0), "3 MiB");
        assert_eq!((heading("payload 1048576"), heading("round_trip")), ("payload 1 MiB".into(), "round trip".into()));
    }

    #[test]
    fn a_summary_is_the_median_and_the_quartiles() {
        let summary = Summary::of(&[5.0, 1.0, 2.0, 4.0, 3.0]).unwrap();
        assert_eq!(summary, Summary { median: 3.0, low: 2.0, high: 4.0 });
        assert_eq!(summary.spread(), 1.0 / 3.0);
        assert_eq!(Summary::of(&[1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Summary::of(&[]), None);
    }
}
