//! [`Comparison`]: two saved runs, with ratios.

use std::path::Path;

use serde::Serialize;

use super::case::Case;
use super::report::{Report, Row, Summary, VERSION, figure, heading, names};
use crate::display::table::Table;

/// Two saved runs, figure by figure.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison<'a> {
    /// Whether both were measured on machines that look the same.
    same_machine: bool,
    rows: Vec<RowPair<'a>>,
    /// Cases that only one of them has.
    unmatched: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RowPair<'a> {
    case: &'a Case,
    figures: Vec<Pair>,
}

#[derive(Debug, Serialize)]
struct Pair {
    name: String,
    before: Summary,
    after: Summary,
    /// After by before.
    ratio: f64,
    /// Whether the middle halves of the values do not overlap.
    differs: bool,
}

/// Reads a saved run.
pub(crate) fn read(path: &Path) -> Result<Report, String> {
    let named = |problem: String| format!("{}: {problem}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    let report: Report =
        serde_json::from_str(&text).map_err(|error| named(format!("expected what `bench --save` writes: {error}")))?;
    if report.version == VERSION {
        Ok(report)
    } else {
        Err(named(format!("expected version {VERSION} of a saved run, found {}", report.version)))
    }
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(before: &'a Report, after: &'a Report) -> Comparison<'a> {
        let partner = |row: &Row, rows: &'a [Row]| rows.iter().find(|other| is_same(&row.case, &other.case));
        let pairs = before.rows.iter().filter_map(|row| Some((row, partner(row, &after.rows)?)));
        let unmatched = |from: &[Row], of: &'a [Row]| -> Vec<String> {
            from.iter().filter(|row| partner(row, of).is_none()).map(|row| row.case.to_string()).collect()
        };
        Comparison {
            same_machine: before.machine.kernel == after.machine.kernel
                && before.machine.processors == after.machine.processors,
            rows: pairs.map(|(row, other)| RowPair::new(row, other)).collect(),
            unmatched: [unmatched(&before.rows, &after.rows), unmatched(&after.rows, &before.rows)].concat(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut table = Table::new(["pool", "figure", "before", "after", "ratio"]);
        for row in &self.rows {
            for Pair { name, before, after, ratio, differs } in &row.figures {
                let more = name == "throughput";
                let verdict = match (differs, (*ratio > 1.0) == more) {
                    (false, _) => "",
                    (true, true) => "better",
                    (true, false) => "worse",
                };
                table.row([
                    row.case.to_string(),
                    heading(name),
                    figure(name, before.median),
                    figure(name, after.median),
                    format!("{ratio:.2}"),
                    verdict.to_owned(),
                ]);
            }
        }
        let mut text = table.to_string();
        for case in &self.unmatched {
            text += &format!("only in one of them: {case}\n");
        }
        if !self.same_machine {
            text += "they were measured on different machines\n";
        }
        text
    }
}

impl<'a> RowPair<'a> {
    fn new(before: &'a Row, after: &Row) -> RowPair<'a> {
        let pair = |name: String| {
            let (before, after) = (before.summary(&name)?, after.summary(&name)?);
            let differs = before.high < after.low || after.high < before.low;
            Some(Pair { name, before, after, ratio: after.median / before.median, differs })
        };
        RowPair { case: &before.case, figures: names([before]).into_iter().filter_map(pair).collect() }
    }
}

/// Whether both measure the same thing; which figures, and for how long, may differ.
fn is_same(case: &Case, other: &Case) -> bool {
    let Case { side, pool, start_method, workers, scaling, task, duration, .. } = case;
    (side, pool, start_method, workers, scaling, task)
        == (&other.side, &other.pool, &other.start_method, &other.workers, &other.scaling, &other.task)
        && duration.to_bits() == other.duration.to_bits()
}
