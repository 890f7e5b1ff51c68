//! [`TaskActor`]: runs a task, and what the task gets as inputs.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use super::attempts::Attempts;
use super::placement::Placement;
use crate::error::{ErrorKind, TaskError};
use crate::payload::{Key, Payload};
use crate::task::Task;
use crate::value::Value;

/// Runs a task for every trigger; several may be in flight at once.
///
/// Semantics: pypushflow's `PythonActor`, by which name it is known too, for any [`Task`].
pub struct TaskActor {
    pub(crate) task: Arc<dyn Task>,
    defaults: Payload,
    pub(crate) passes: Passes,
    identity: Option<Identity>,
    attempts: Option<Box<Attempts>>,
    placement: Option<Box<Placement>>,
}

/// The name of pypushflow's class, for networks that are built by hand with its names; any [`Task`] will do.
pub type PythonActor = TaskActor;

/// What a task actor passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// The data it got, updated with the outputs: pypushflow's own actors.
    Updated,
    /// The outputs only: nodes of an ewoks workflow.
    Outputs,
}

/// How a node of a workflow document is named in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Label of the node.
    pub label: SmolStr,
    /// Its task identifier.
    pub task_identifier: SmolStr,
}

impl TaskActor {
    /// Creates an actor that passes on the data it got, updated with the outputs.
    pub fn new(task: impl Task + 'static) -> TaskActor {
        TaskActor::of(Arc::new(task))
    }

    /// Creates an actor for a task that others hold too.
    pub fn of(task: Arc<dyn Task>) -> TaskActor {
        TaskActor {
            task,
            defaults: Payload::new(),
            passes: Passes::Updated,
            identity: None,
            attempts: None,
            placement: None,
        }
    }

    /// Sets inputs that data overwrites.
    #[must_use]
    pub fn with_defaults(mut self, defaults: Payload) -> TaskActor {
        self.defaults = defaults;
        self
    }

    /// Sets what is passed on.
    #[must_use]
    pub fn passing(mut self, passes: Passes) -> TaskActor {
        self.passes = passes;
        self
    }

    /// Names the node in the messages of errors.
    #[must_use]
    pub fn identified(mut self, identity: Identity) -> TaskActor {
        self.identity = Some(identity);
        self
    }

    /// Sets how long the task may run, and whether it is tried again. By default it has all the time and one try.
    #[must_use]
    pub fn trying(mut self, attempts: Attempts) -> TaskActor {
        self.attempts = Some(Box::new(attempts)).filter(|attempts| **attempts != Attempts::default());
        self
    }

    /// Sets where the task runs, and what goes first. By default in the pool of the run, as soon as there is a worker.
    #[must_use]
    pub fn placed(mut self, placement: Placement) -> TaskActor {
        self.placement = Some(Box::new(placement)).filter(|placement| **placement != Placement::default());
        self
    }

    /// Returns where the task runs, if that was set.
    pub fn placement(&self) -> Option<&Placement> {
        self.placement.as_deref()
    }

    /// Returns how long to wait before the next try, after one, numbered from 1, has failed.
    pub fn backoff(&self, attempt: u32) -> Duration {
        self.attempts.as_ref().map_or(Duration::ZERO, |attempts| attempts.backoff.after(attempt))
    }

    /// Whether to try again after a try failed with an error.
    pub fn tries_again(&self, attempt: u32, error: &TaskError) -> bool {
        self.attempts.as_ref().is_some_and(|attempts| attempts.again(attempt, error))
    }

    /// Returns the bound of each try.
    pub fn timeout(&self) -> Option<Duration> {
        self.attempts.as_ref()?.timeout
    }

    /// Returns the inputs of the task: the defaults, overwritten by the data.
    ///
    /// Semantics: positions below the highest integer position of the data that did not come become null; a missing
    /// value removes the default, and comes itself only to a task that [takes](Task::takes_missing) such values.
    pub fn inputs<'a>(&'a self, data: &'a Payload) -> Cow<'a, Payload> {
        let special = data.iter().any(|(key, value)| value.is_missing() || matches!(key, Key::Position(_)));
        match (special, self.defaults.is_empty(), data.is_empty()) {
            (true, ..) => Cow::Owned(complete(&self.defaults, data, self.task.takes_missing())),
            (false, true, _) => Cow::Borrowed(data),
            (false, false, true) => Cow::Borrowed(&self.defaults),
            (false, false, false) => Cow::Owned(self.defaults.merge(data)),
        }
    }

    /// Puts the identity of the node into the message of an error.
    ///
    /// Semantics: what ewoks reports of a failing task: `TaskExecutionError`, or `TaskInputError` for absent inputs.
    pub fn explain(&self, error: TaskError) -> TaskError {
        let Some(Identity { label, task_identifier }) = &self.identity else { return error };
        let node = format!("'{label}' (id: '{label}', task: '{task_identifier}')");
        match error.kind() {
            _ if error.is_explained() => error,
            ErrorKind::Raised | ErrorKind::Panicked | ErrorKind::Unavailable => {
                let message = format!("Execution failed for ewoks task {node}: {error}");
                error.renamed("TaskExecutionError", message)
            }
            ErrorKind::Inputs => {
                let message = format!("Missing inputs for ewoks task {node}: {error}");
                error.renamed("TaskInputError", message)
            }
            _ => error,
        }
    }
}

impl fmt::Debug for TaskActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TaskActor { defaults, passes, identity, attempts, placement, .. } = self;
        let mut debug = f.debug_struct("TaskActor");
        debug.field("task", &self.task.name()).field("defaults", defaults).field("passes", passes);
        debug.field("identity", identity).field("attempts", attempts).field("placement", placement).finish()
    }
}

/// Positions up to this one are filled with null; more arguments than that no task has.
const MOST_POSITIONS: u64 = 10_000;

fn complete(defaults: &Payload, data: &Payload, with_missing: bool) -> Payload {
    let highest = data.iter().filter_map(|(key, _)| if let Key::Position(n) = key { Some(*n) } else { None }).max();
    let gaps = highest.map_or(0, |highest| highest.min(MOST_POSITIONS));
    let gaps = (0..gaps).map(|n| (Key::Position(n), Value::Null)).filter(|(key, _)| data.get_key(key).is_none());
    let gaps: Payload = gaps.collect();
    let all = Payload::merge_all([defaults, &gaps, data]);
    if with_missing {
        return all;
    }
    all.iter().filter(|(_, value)| !value.is_missing()).map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Context;

    fn actor(defaults: Payload) -> TaskActor {
        TaskActor::new(|_: &Payload, _: &Context<'_>| Ok(Payload::new())).with_defaults(defaults)
    }

    #[test]
    fn data_overwrites_defaults() {
        let actor = actor(Payload::from([("a", 1), ("b", 2)]));
        assert_eq!(*actor.inputs(&Payload::single("b", 3)), Payload::from([("a", 1), ("b", 3)]));
        assert_eq!(*actor.inputs(&Payload::single("b", Value::Null)).get("b").unwrap(), Value::Null);
        assert_eq!(*actor.inputs(&Payload::single("b", Value::Missing)), Payload::single("a", 1));
    }

    /// Knows an input that is missing from one that is absent.
    struct Discerning;

    impl Task for Discerning {
        fn run(&self, inputs: &Payload, _: &Context<'_>) -> crate::Outcome {
            Ok(inputs.clone())
        }

        fn takes_missing(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_missing_value_comes_to_who_takes_it() {
        let defaults = Payload::from([("a", 1), ("b", 2)]);
        let data = Payload::single("b", Value::Missing);
        let discerning = TaskActor::new(Discerning).with_defaults(defaults);
        assert_eq!(*discerning.inputs(&data), Payload::from([("a", Value::Int(1)), ("b", Value::Missing)]));
    }

    #[test]
    fn positions_are_completed_with_null() {
        let actor = actor(Payload::single(Key::Position(0), 5));
        let inputs = actor.inputs(&Payload::single(Key::Position(1), 7)).into_owned();
        let expected = [(Key::Position(0), Value::Null), (Key::Position(1), Value::Int(7))];
        assert_eq!(inputs, Payload::from(expected));
        let huge = Payload::single(Key::Position(u64::MAX), 7);
        assert!(actor.inputs(&huge).len() < 20_000);
    }

    #[test]
    fn without_defaults_the_data_is_lent() {
        let data = Payload::single("a", 1);
        assert!(matches!(actor(Payload::new()).inputs(&data), Cow::Borrowed(lent) if lent.same_as(&data)));
    }
}
