//! [`Errand`]: what this program has an interpreter do that is of no node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pushflow_core::{Outcome, Payload, Task, TaskError};

use super::environment::Environment;
use super::nested;
use super::task::{EwoksOptions, PythonTask, Settings};

/// Something that the worker program does for us.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    task: PythonTask,
    grace: Duration,
}

impl Errand {
    /// Describes it; `task_type` is what the worker program knows it by.
    pub(super) fn new(task_type: &str, environment: &Environment, grace: Duration) -> Errand {
        let settings = Settings {
            task_type: task_type.to_owned(),
            task_identifier: String::new(),
            task_generator: None,
            label: String::new(),
            python: environment.interpreter().path().to_string_lossy().into_owned(),
            grace,
            ewoks: EwoksOptions::default(),
        };
        Errand { task: PythonTask::new(settings, environment.home()), grace }
    }

    /// Has it done, and waits for that, until the deadline at most.
    pub(super) fn run(&self, inputs: &Payload, deadline: Option<Instant>) -> Outcome {
        let home = self.task.home().ok_or_else(|| TaskError::message("a Python task has a home"))?;
        nested::call(Arc::new(self.task.clone()), home, inputs, self.grace, deadline)
    }
}

/// Imports an object by its name, as the task that it is would.
pub(crate) fn import(environment: &Environment, name: &str, grace: Duration) -> Result<(), TaskError> {
    Errand::new("pushflow import", environment, grace).run(&Payload::single("name", name), None).map(drop)
}
