//! [`Answer`]: what came of a run, as far as it can be compared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pushflow_core::Payload;
use pushflow_core::engine::{Keep, Network, Report, RunOptions};
use pushflow_core::event::Event;

/// What a task says before its outputs.
pub(super) const GIVES: &str = "gives ";

/// More executions of a node are refused: workflows of these tests end.
pub(super) const MOST_ITERATIONS: u64 = 400;

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    /// What does not depend on the order, where there is none.
    pub(super) facts: Facts,
    /// What the last end node gave.
    pub(super) result: Option<String>,
    /// The last outputs of each node.
    pub(super) nodes: BTreeMap<String, String>,
}

/// What was executed, and what failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Facts {
    status: &'static str,
    /// By node with which inputs, and how it ended, each in order of the text.
    executions: BTreeMap<String, Vec<String>>,
    /// What no link handled.
    failures: Vec<String>,
    started: u64,
    failed: u64,
    has_result: bool,
    has_error: bool,
}

impl Facts {
    /// Whether a node was to be executed more often than it may be.
    pub(super) fn is_refused(&self) -> bool {
        self.failures.iter().any(|failure| failure.contains("MaxIterationsError"))
    }
}

/// Somebody who is told what happens in a run.
#[derive(Clone, Default)]
pub(super) struct Watched {
    seen: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    iterations: Option<u64>,
}

impl Watched {
    /// One of a run in which each node is executed at most so many times.
    pub(super) fn bounded(iterations: u64) -> Watched {
        Watched { iterations: Some(iterations), ..Watched::default() }
    }

    /// Options of a run that is watched.
    pub(super) fn options(&self) -> RunOptions {
        let seen = Arc::clone(&self.seen);
        let listener = move |event: &Event<'_>| {
            let (node, text) = match event {
                Event::Message { node, text } => (node, (*text).to_owned()),
                Event::Started { node, attempt } => (node, format!("started {attempt}")),
                Event::Finished { node } => (node, "finished".to_owned()),
                Event::Failed { node, error, handled } => (node, format!("failed {error} {handled}")),
                Event::Retrying { node, attempt, error } => (node, format!("failed at {attempt} {error}")),
                _ => return,
            };
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.entry((*node).to_owned()).or_default().push(text);
        };
        RunOptions::default()
            .keep(Keep::All)
            .max_iterations(Some(self.iterations.unwrap_or(MOST_ITERATIONS)))
            .listener(Arc::new(listener))
    }

    /// Sums up a run that was watched.
    pub(super) fn answer(&self, network: &Network, report: &Report) -> Answer {
        let mut executions = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        executions.values_mut().for_each(|of_node| of_node.sort());
        let of_failure = |failure: &pushflow_core::engine::Failure| {
            let pushflow_core::engine::Failure { node, attempt, kind, type_name, message, .. } = failure;
            format!("{node} {attempt} {kind:?} {type_name}: {message}")
        };
        let mut failures: Vec<String> = report.failures.iter().map(of_failure).collect();
        failures.sort();
        let nodes = report
            .nodes
            .iter()
            .map(|(id, outputs)| (network.actor_name(*id).unwrap_or_default().to_owned(), text(outputs)));
        Answer {
            facts: Facts {
                status: report.status.name(),
                executions,
                failures,
                started: report.started,
                failed: report.failed,
                has_result: report.output.is_some() && report.error.is_none(),
                has_error: report.error.is_some(),
            },
            result: report.output.as_ref().map(text),
            nodes: nodes.collect(),
        }
    }
}

/// Writes all that there is, in its order.
pub(super) fn text(payload: &Payload) -> String {
    let entries: Vec<String> = payload.iter().map(|(key, value)| format!("{key}={}", value.python_repr())).collect();
    entries.join(" ")
}

impl Answer {
    /// Checks what holds in any order: the result and the last outputs are some that were given, and an error is the
    /// result only where no end node gave any.
    pub(super) fn check(&self, end_nodes: &[String]) -> Result<(), String> {
        let given = |node: &str| {
            let of_node = self.facts.executions.get(node).into_iter().flatten();
            of_node.filter_map(|text| text.strip_prefix(GIVES)).collect::<Vec<_>>()
        };
        for (node, outputs) in &self.nodes {
            if !given(node).contains(&outputs.as_str()) {
                return Err(format!("{node} never gave {outputs}"));
            }
        }
        let results: Vec<&str> = end_nodes.iter().flat_map(|node| given(node)).collect();
        match &self.result {
            Some(result) if self.facts.has_result && !results.contains(&result.as_str()) => {
                Err(format!("no end node gave {result}"))
            }
            _ if self.facts.has_result == results.is_empty() => Err(format!("there are {} results", results.len())),
            _ if !self.facts.has_result && self.facts.has_error == self.facts.failures.is_empty() => {
                Err("without any result a failure is the error".to_owned())
            }
            _ => Ok(()),
        }
    }
}
