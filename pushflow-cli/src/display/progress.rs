//! How far a run is: counted from its events, shown in one line while it goes on.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use pushflow_core::event::Event;

use super::harmless::harmless;
use super::out;
use super::table::Table;
use crate::values::Progress;

/// How often the line is drawn while nothing happens.
const TICK: Duration = Duration::from_millis(100);
/// Without a terminal there is a line of text as often as this, when something happens.
const PLAIN: Duration = Duration::from_secs(1);
/// How much of the names of running nodes is shown, in characters.
const NAMES: usize = 60;
/// How many nodes are in the table at the end.
const MOST_ROWS: usize = 20;

/// Counts the events of a run.
#[derive(Debug)]
pub(super) struct Tally {
    counts: Arc<Mutex<Counts>>,
    /// The line on a terminal.
    line: Option<ProgressBar>,
    /// Whether there are lines of text instead.
    is_plain: bool,
}

#[derive(Debug)]
struct Counts {
    nodes: BTreeMap<String, OfNode>,
    running: usize,
    done: u64,
    failed: u64,
    begin: Instant,
    /// When the last line of text was written.
    told: Instant,
}

#[derive(Clone, Debug, Default)]
struct OfNode {
    started: u64,
    done: u64,
    failed: u64,
    again: u64,
    running: u64,
    /// Sum of the times at which executions ended, less those at which they started, from the begin of the run.
    seconds: f64,
}

impl Tally {
    /// Starts to count; shows a line if it is wanted, and there is where to.
    pub(super) fn new(progress: Progress, is_for_people: bool) -> Tally {
        let now = Instant::now();
        let counts = Counts { nodes: BTreeMap::new(), running: 0, done: 0, failed: 0, begin: now, told: now };
        let counts = Arc::new(Mutex::new(counts));
        let is_terminal = std::io::stderr().is_terminal();
        let is_wanted = match progress {
            Progress::Auto => is_for_people && is_terminal,
            Progress::Always => true,
            Progress::Never => false,
        };
        let line = (is_wanted && is_terminal).then(|| line(&counts));
        out::keep_below(line.clone());
        Tally { counts, line, is_plain: is_wanted && !is_terminal }
    }

    /// Counts an event.
    pub(super) fn count(&self, event: &Event<'_>) {
        let mut counts = lock(&self.counts);
        let now = counts.begin.elapsed().as_secs_f64();
        let (node, change): (&str, fn(&mut Counts, &str, f64)) = match event {
            Event::Started { node, .. } => (node, Counts::started),
            Event::Finished { node } => (node, Counts::finished),
            Event::Failed { node, .. } => (node, Counts::failed),
            Event::Retrying { node, .. } => (node, Counts::retrying),
            _ => return,
        };
        change(&mut counts, node, now);
        let text = (self.is_plain && counts.told.elapsed() >= PLAIN).then(|| counts.text());
        if text.is_some() {
            counts.told = Instant::now();
        }
        drop(counts);
        text.iter().for_each(|text| out::say(&format!("running: {text}")));
    }

    /// Takes the line away.
    pub(super) fn finish(&self) {
        out::keep_below(None);
        self.line.iter().for_each(ProgressBar::finish_and_clear);
    }

    /// Whether there was a line on a terminal.
    pub(super) fn is_shown(&self) -> bool {
        self.line.is_some()
    }

    /// The nodes that were executed: those with failures first, then those that took longest.
    pub(super) fn table(&self) -> String {
        let counts = lock(&self.counts);
        let mut nodes: Vec<(&String, &OfNode)> = counts.nodes.iter().collect();
        nodes.sort_by(|one, other| {
            let key = |of: &OfNode| (of.failed + of.running > 0, of.seconds);
            let ((bad, time), (other_bad, other_time)) = (key(one.1), key(other.1));
            other_bad.cmp(&bad).then(other_time.total_cmp(&time))
        });
        let headings = ["node", "done", "failed", "tried again", "not ended", "seconds"];
        let mut table = Table::new(headings).within(out::room());
        let number = |count: u64| if count == 0 { String::new() } else { count.to_string() };
        for (name, of) in nodes.iter().take(MOST_ROWS) {
            let seconds = if of.running == 0 { format!("{:.2}", of.seconds.max(0.0)) } else { String::new() };
            let cells = [number(of.done), number(of.failed), number(of.again), number(of.running)];
            let [done, failed, again, running] = cells;
            table.row([(*name).clone(), done, failed, again, running, seconds]);
        }
        let more = nodes.len().saturating_sub(MOST_ROWS);
        let rest = if more > 0 { format!("... and {more} more nodes\n") } else { String::new() };
        format!("{table}{rest}")
    }
}

fn line(counts: &Arc<Mutex<Counts>>) -> ProgressBar {
    let counts = Arc::clone(counts);
    let style = ProgressStyle::with_template("{spinner} {status}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let style = style.with_key("status", move |_: &ProgressState, text: &mut dyn Write| {
        // Who draws has nobody to tell.
        let _ = text.write_str(&lock(&counts).text());
    });
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar.enable_steady_tick(TICK);
    bar
}

impl Counts {
    fn of(&mut self, node: &str) -> &mut OfNode {
        if !self.nodes.contains_key(node) {
            self.nodes.insert(node.to_owned(), OfNode::default());
        }
        self.nodes.get_mut(node).expect("it was put there if it was not")
    }

    fn started(&mut self, node: &str, now: f64) {
        self.running += 1;
        let of = self.of(node);
        of.started += 1;
        of.running += 1;
        of.seconds -= now;
    }

    fn finished(&mut self, node: &str, now: f64) {
        self.done += 1;
        self.of(node).done += 1;
        self.ended(node, now);
    }

    /// A failure may be of an execution that has not started, or one after its end, in delivering.
    fn failed(&mut self, node: &str, now: f64) {
        self.failed += 1;
        self.of(node).failed += 1;
        self.ended(node, now);
    }

    fn retrying(&mut self, node: &str, now: f64) {
        self.of(node).again += 1;
        self.ended(node, now);
    }

    fn ended(&mut self, node: &str, now: f64) {
        let of = self.of(node);
        if of.running > 0 {
            of.running -= 1;
            of.seconds += now;
            self.running -= 1;
        }
    }

    /// `12 done, 2 running, 1 failed, iteration 5, 0:03  b, c`
    fn text(&self) -> String {
        let mut text = format!("{} done, {} running", self.done, self.running);
        // Writing to a String cannot fail.
        if self.failed > 0 {
            let _ = write!(text, ", {} failed", self.failed);
        }
        let iteration = self.nodes.values().map(|of| of.started - of.again).max().unwrap_or(0);
        if iteration > 1 {
            let _ = write!(text, ", iteration {iteration}");
        }
        let seconds = self.begin.elapsed().as_secs();
        let _ = write!(text, ", {}:{:02}", seconds / 60, seconds % 60);
        let mut names = String::new();
        for (name, of) in self.nodes.iter().filter(|(_, of)| of.running > 0) {
            let name = harmless(name).replace('\n', "\\n");
            if names.chars().count() + name.chars().count() > NAMES {
                names.push('…');
                break;
            }
            let times = if of.running > 1 { format!(" x{}", of.running) } else { String::new() };
            let comma = if names.is_empty() { "  " } else { ", " };
            let _ = write!(names, "{comma}{name}{times}");
        }
        text + &names
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(events: &[Event<'_>]) -> Tally {
        let tally = Tally::new(Progress::Never, true);
        events.iter().for_each(|event| tally.count(event));
        tally
    }

    fn started(node: &str) -> Event<'_> {
        Event::Started { node, attempt: 1 }
    }

    #[test]
    fn the_line_says_what_goes_on() {
        let error = pushflow_core::TaskError::message("no");
        let tally = tally(&[
            started("a"),
            Event::Finished { node: "a" },
            started("b"),
            started("c"),
            started("c"),
            started("d"),
            Event::Failed { node: "d", error: &error, handled: false },
            // One that has never started.
            Event::Failed { node: "e", error: &error, handled: false },
        ]);
        let text = lock(&tally.counts).text();
        assert_eq!(text, "1 done, 3 running, 2 failed, iteration 2, 0:00  b, c x2");
    }

    #[test]
    fn the_table_has_what_failed_first() {
        let error = pushflow_core::TaskError::message("no");
        let tally = tally(&[
            started("a"),
            Event::Finished { node: "a" },
            started("b"),
            Event::Retrying { node: "b", attempt: 1, error: &error },
            started("b"),
            Event::Failed { node: "b", error: &error, handled: false },
            started("c"),
        ]);
        let table = tally.table();
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
        assert_eq!((names[0], names[3]), ("node", "a"), "{table}");
        assert!(rows.contains(&vec!["b", "1", "1", "0.00"]) && rows.contains(&vec!["c", "1"]), "{table}");
    }
}
