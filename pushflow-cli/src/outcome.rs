//! [`RunOutcome`]: a run that was, and what is to be shown of it.

use std::collections::HashMap;
use std::time::Duration;

use pushflow_core::engine::{Failure, Report, Status};
use pushflow_core::graph::Graph;
use pushflow_core::{ErrorKind, Payload};

use crate::exit_code;
use crate::values::Outputs;

/// A run that was, and what is to be shown of it.
#[derive(Debug)]
pub(crate) struct RunOutcome {
    pub(crate) report: Report,
    pub(crate) outputs: Outputs,
    /// Whether an error takes the place of a result; else its payload is the result.
    pub(crate) raise_on_error: bool,
    pub(crate) elapsed: Duration,
    /// The outputs of all nodes that were kept as one, if that is to be the result.
    pub(crate) merged: Option<Payload>,
    /// Name and outputs of the nodes whose outputs were kept.
    pub(crate) nodes: Vec<(String, Payload)>,
}

impl RunOutcome {
    pub(crate) fn new(graph: &Graph, report: Report, outputs: Outputs, elapsed: Duration) -> RunOutcome {
        let nodes = named(graph, &report);
        RunOutcome { report, outputs, raise_on_error: true, elapsed, merged: None, nodes }
    }

    /// The outputs of all nodes that were kept, in the order of the workflow.
    pub(crate) fn merged(&self) -> Payload {
        Payload::merge_all(self.nodes.iter().map(|(_, outputs)| outputs))
    }

    /// The error that takes the place of the result.
    pub(crate) fn error(&self) -> Option<&Failure> {
        self.report.error.as_ref().filter(|_| self.raise_on_error)
    }

    /// The result, empty when there is none; `None` when an error takes its place.
    pub(crate) fn result(&self) -> Option<Payload> {
        if self.error().is_some() {
            return None;
        }
        if let Some(merged) = &self.merged {
            return Some(merged.clone());
        }
        let wanted = self.outputs != Outputs::None;
        Some(self.report.output.clone().filter(|_| wanted).unwrap_or_default())
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self.report.status {
            Status::Finished => exit_code::OK,
            Status::TimedOut => exit_code::TIMED_OUT,
            Status::Stopped => exit_code::STOPPED,
            _ => match &self.report.error {
                Some(error) if error.kind == ErrorKind::Lost => exit_code::WORKER_LOST,
                Some(_) => exit_code::FAILED,
                None => exit_code::PARTIAL,
            },
        }
    }
}

/// Names the nodes by their labels, and by their ids where a label is not unique.
fn named(graph: &Graph, report: &Report) -> Vec<(String, Payload)> {
    let mut uses: HashMap<_, u32> = HashMap::new();
    if !report.nodes.is_empty() {
        graph.nodes.iter().for_each(|node| *uses.entry(node.label()).or_default() += 1);
    }
    let nodes = report.nodes.iter().filter_map(|(id, outputs)| {
        let node = graph.nodes.get(id.index())?;
        let label = node.label();
        let name = if uses.get(&label) == Some(&1) { label.to_string() } else { node.id.to_string() };
        Some((name, outputs.clone()))
    });
    nodes.collect()
}
