//! What is shown, in each format: results on standard output, all else on standard error.

mod events;
pub(crate) mod excerpt;
mod harmless;
mod human;
pub(crate) mod out;
pub(crate) mod overview;
mod plan;
mod progress;
pub(crate) mod table;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use pushflow_core::engine::Status;
use pushflow_core::event::Listener;
use pushflow_core::graph::{Graph, Place};

use self::progress::Tally;
use crate::answer::Answer;
use crate::outcome::RunOutcome;
use crate::problem::Problem;
use crate::values::{Format, Outputs, Progress};

/// Shows a run in one format.
#[derive(Debug)]
pub(crate) struct Display {
    format: Format,
    verbose: bool,
    /// Node and message of the failures that were shown as they happened.
    shown: Mutex<HashSet<(String, String)>>,
    tally: Tally,
    /// What is run, to say where a node was written.
    graph: OnceLock<Arc<Graph>>,
}

impl Display {
    pub(crate) fn new(format: Format, verbose: bool, progress: Progress) -> Display {
        let tally = Tally::new(progress, format == Format::Human);
        Display { format, verbose, shown: Mutex::default(), tally, graph: OnceLock::new() }
    }

    /// Says what is run from here on.
    pub(crate) fn show_run_of(&self, graph: &Arc<Graph>) {
        // There is one run.
        let _ = self.graph.set(Arc::clone(graph));
    }

    /// Where a node was written that has a label.
    fn place_of(&self, label: &str) -> Option<&Place> {
        let nodes = &self.graph.get()?.nodes;
        nodes.iter().find(|node| node.label() == label).map(|node| &node.place).filter(|place| place.path().is_some())
    }

    /// Returns who is told the events of the run.
    ///
    /// It writes them at once: a reader who does not read on holds up the tasks that have something to say.
    pub(crate) fn listener(display: &Arc<Display>) -> Listener {
        let display = Arc::clone(display);
        Arc::new(move |event| {
            display.tally.count(event);
            events::show(&display, event);
        })
    }

    /// Shows a warning.
    pub(crate) fn warn(&self, text: &str) {
        if self.format != Format::Quiet {
            out::say(&format!("warning: {text}"));
        }
    }

    /// Shows what came of a run; returns the exit code.
    pub(crate) fn outcome(&self, outcome: &RunOutcome) -> u8 {
        self.tally.finish();
        match self.format {
            Format::Json => out::json_line(&Answer::of_outcome(outcome)),
            Format::Jsonl => out::json_line(&events::Ended::new(Answer::of_outcome(outcome))),
            Format::Human => {
                self.missed_failures(outcome);
                if outcome.outputs == Outputs::All {
                    out::result(&human::nodes(&outcome.nodes));
                }
                if outcome.outputs != Outputs::None
                    && let Some(result) = outcome.result()
                {
                    let section = outcome.outputs == Outputs::All && !outcome.nodes.is_empty();
                    out::result(&if section { human::section("result", &result) } else { human::result(&result) });
                }
                let is_broken_off = matches!(outcome.report.status, Status::Stopped | Status::TimedOut);
                if self.tally.is_shown() || self.verbose || is_broken_off {
                    out::say(self.tally.table().trim_end());
                }
                out::say(&human::summary(outcome));
            }
            Format::Quiet => self.missed_failures(outcome),
        }
        outcome.exit_code()
    }

    /// Shows what would be run.
    pub(crate) fn dry_run(&self, graph: &Graph, pool: &str) {
        self.tally.finish();
        match self.format {
            Format::Json => out::json_line(&Answer::of_dry_run()),
            Format::Jsonl => out::json_line(&events::Ended::new(Answer::of_dry_run())),
            Format::Human => out::result(&plan::plan(graph, pool)),
            Format::Quiet => {}
        }
    }

    /// Shows why there was no run; returns the exit code.
    pub(crate) fn problem(&self, problem: &Problem) -> u8 {
        self.tally.finish();
        match self.format {
            Format::Json => out::json_line(&Answer::of_problem(problem)),
            Format::Jsonl => out::json_line(&events::Ended::new(Answer::of_problem(problem))),
            Format::Human | Format::Quiet => out::problem(problem),
        }
        problem.exit_code
    }

    /// Shows the failures that no event told of: those after the end of the time.
    fn missed_failures(&self, outcome: &RunOutcome) {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for failure in &outcome.report.failures {
            if !shown.contains(&(failure.node.to_string(), failure.message.clone())) {
                out::say(&human::failure(&failure.node, &failure.message, false, self.place_of(&failure.node)));
            }
        }
    }
}
