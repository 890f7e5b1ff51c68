//! [`Report`]: what came of a run.

use smol_str::SmolStr;

use super::network::ActorId;
use crate::actor::{ERROR_INSTANCE, ERROR_KEY, JoinState};
use crate::error::{ErrorKind, TaskError};
use crate::payload::Payload;
use crate::value::Value;

/// What came of a run: the result, and every failure that no link handled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How the run ended.
    pub status: Status,
    /// What the stop actor had at the end; an error among it when nothing else came.
    pub output: Option<Payload>,
    /// The error that takes the place of a result.
    pub error: Option<Failure>,
    /// Every failure that no link handled, in the order of their happening.
    pub failures: Vec<Failure>,
    /// The last outputs per node, as far as they were kept.
    pub nodes: Vec<(ActorId, Payload)>,
    /// What the actors of the network said about the status of the run.
    pub status_text: Option<SmolStr>,
    /// Why the start could not pass its data on to all that it triggers, such as a router without a port for it. It is among
    /// the failures, too.
    ///
    /// Semantics: what `run` of a workflow of pypushflow raises.
    pub start_error: Option<Failure>,
    /// Executions that started.
    pub started: u64,
    /// Executions that failed, handled or not.
    pub failed: u64,
    /// What the join actors had collected.
    pub(crate) joins: Vec<(u32, JoinState)>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// All that could run has run, and nothing failed unhandled.
    Finished,
    /// Something failed unhandled; there may be a result all the same.
    Failed,
    /// The time was over.
    TimedOut,
    /// It was stopped on request.
    Stopped,
}

impl Status {
    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Status::Finished => "finished",
            Status::Failed => "failed",
            Status::TimedOut => "timed_out",
            Status::Stopped => "stopped",
        }
    }
}

/// One failed execution.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Label of the node.
    pub node: SmolStr,
    /// Which try, from 1.
    pub attempt: u32,
    /// What kind of failure.
    pub kind: ErrorKind,
    /// Name of the error's type.
    pub type_name: SmolStr,
    /// The message.
    pub message: String,
    /// Where the error came from.
    pub traceback: Vec<String>,
}

impl Failure {
    pub(crate) fn new(node: &str, attempt: u32, error: &TaskError) -> Failure {
        Failure {
            node: node.into(),
            attempt,
            kind: error.kind(),
            type_name: error.type_name().clone(),
            message: error.text().to_owned(),
            traceback: error.traceback().to_vec(),
        }
    }

    /// Finds the failure that an error payload tells of; one that a task made up itself has a message only.
    pub(crate) fn find(payload: &Payload, failures: &[Failure]) -> Failure {
        let text = |key: &str, field: &str| payload.get(key)?.shown().as_map()?.get(field)?.as_str().map(SmolStr::from);
        let message = text(ERROR_KEY, "errorMessage");
        let node = text(ERROR_INSTANCE, "node").unwrap_or_default();
        let known = failures.iter().find(|known| known.node == node && message.as_deref() == Some(&known.message));
        known.cloned().unwrap_or_else(|| Failure {
            node,
            attempt: 1,
            kind: ErrorKind::Raised,
            type_name: text(ERROR_INSTANCE, "type").unwrap_or_else(|| "RuntimeError".into()),
            message: message.map_or_else(|| describe(payload), |message| message.to_string()),
            traceback: Vec::new(),
        })
    }
}

fn describe(payload: &Payload) -> String {
    payload.get(ERROR_KEY).map(Value::python_repr).unwrap_or_default()
}
