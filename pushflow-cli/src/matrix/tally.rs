//! [`Tally`]: what came of the runs of a cell, counted.

use serde::Serialize;

use super::axes::Cell;
use super::cell::Line;
use super::promise::{Verdict, promised};

/// What came of the runs of a cell. A run that leaves something is counted as leaked only.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) ok: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    pub(crate) hung: u64,
    pub(crate) leaked: u64,
    /// Runs that were given up because too much had gone wrong before.
    pub(crate) skipped: u64,
}

/// The runs of a cell.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) cell: Cell,
    pub(crate) counts: Counts,
    /// The error of the refusals.
    pub(crate) refusal: Option<String>,
    /// What went wrong, in full, for the first few.
    pub(crate) troubles: Vec<String>,
}

/// How many are kept in full.
const MOST_TROUBLES: usize = 5;

impl Counts {
    pub(crate) fn add(&mut self, other: &Counts) {
        let Counts { ok, refused, failed, hung, leaked, skipped } = other;
        self.ok += ok;
        self.refused += refused;
        self.failed += failed;
        self.hung += hung;
        self.leaked += leaked;
        self.skipped += skipped;
    }

    /// How many runs there were.
    pub(crate) fn runs(&self) -> u64 {
        self.ok + self.refused + self.failed + self.hung + self.leaked
    }

    /// Each with its name, in the order of the table.
    pub(crate) fn named(&self) -> [(&'static str, u64); 6] {
        let Counts { ok, refused, failed, hung, leaked, skipped } = *self;
        [("ok", ok), ("refused", refused), ("failed", failed), ("hung", hung), ("leaked", leaked), ("skipped", skipped)]
    }
}

impl Tally {
    pub(crate) fn new(cell: Cell) -> Tally {
        Tally { cell, counts: Counts::default(), refusal: None, troubles: Vec::new() }
    }

    /// Counts a run that has said what came of it.
    pub(crate) fn take(&mut self, line: Line) {
        if !line.left.is_empty() {
            self.counts.leaked += 1;
            return self.trouble(format!("leaked: {}", line.left.join("\n")));
        }
        let error = line.error.unwrap_or_default();
        match line.verdict {
            Verdict::Ok => self.counts.ok += 1,
            Verdict::Refused => {
                self.counts.refused += 1;
                self.refusal = Some(error.clone());
            }
            Verdict::Failed => self.counts.failed += 1,
        }
        if line.verdict != self.promised() {
            let what = match line.verdict {
                Verdict::Ok => "not refused".to_owned(),
                Verdict::Refused => format!("refused: {error}"),
                Verdict::Failed => format!("failed: {error}"),
            };
            self.trouble(what);
        }
    }

    pub(crate) fn hung(&mut self, report: &str) {
        self.counts.hung += 1;
        self.trouble(format!("hung:\n{report}"));
    }

    /// Counts a run whose process has ended before it said anything.
    pub(crate) fn broke(&mut self, how: String) {
        self.counts.failed += 1;
        self.trouble(how);
    }

    /// Counts the last run as one that has left something.
    pub(crate) fn left_at_end(&mut self, left: String) {
        for count in [&mut self.counts.ok, &mut self.counts.refused] {
            if *count > 0 {
                *count -= 1;
                break;
            }
        }
        self.counts.leaked += 1;
        self.trouble(left);
    }

    pub(crate) fn promised(&self) -> Verdict {
        promised(&self.cell.pool, &self.cell.kind)
    }

    /// Whether all runs came out as promised, and there was one.
    pub(crate) fn is_as_promised(&self) -> bool {
        let right = match self.promised() {
            Verdict::Ok => self.counts.ok,
            Verdict::Refused => self.counts.refused,
            Verdict::Failed => 0,
        };
        right > 0 && right == self.counts.runs() && self.counts.skipped == 0
    }

    fn trouble(&mut self, what: String) {
        if self.troubles.len() < MOST_TROUBLES {
            self.troubles.push(what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(cell: &str) -> Tally {
        Tally::new(cell.parse().unwrap())
    }

    fn line(verdict: Verdict) -> Line {
        Line { verdict, error: None, left: Vec::new() }
    }

    #[test]
    fn only_what_is_promised_is_as_promised() {
        let (runs, refused) = ("process/cfpool/fork/fork/fixed/plain", "billiard/cfpool/fork/fork/fixed/plain");
        for (cell, verdict, wanted) in [
            (runs, Verdict::Ok, true),
            (runs, Verdict::Refused, false),
            (runs, Verdict::Failed, false),
            (refused, Verdict::Refused, true),
            (refused, Verdict::Ok, false),
        ] {
            let mut tally = tally(cell);
            assert!(!tally.is_as_promised(), "nothing was run");
            tally.take(line(verdict));
            assert_eq!((tally.is_as_promised(), tally.troubles.is_empty()), (wanted, wanted), "{cell} {verdict:?}");
        }
    }

    #[test]
    fn one_hang_or_leak_among_many_is_seen() {
        let spoil: [fn(&mut Tally); 5] = [
            |tally| tally.hung("somewhere"),
            |tally| tally.broke("exit 1".to_owned()),
            |tally| tally.take(Line { left: vec!["file x".to_owned()], ..line(Verdict::Ok) }),
            |tally| tally.left_at_end("process 1".to_owned()),
            |tally| tally.counts.skipped += 1,
        ];
        for spoil in spoil {
            let mut tally = tally("thread/simple/-/-/fixed/plain");
            (0..10).for_each(|_| tally.take(line(Verdict::Ok)));
            assert!(tally.is_as_promised());
            spoil(&mut tally);
            assert!(!tally.is_as_promised());
        }
    }
}
