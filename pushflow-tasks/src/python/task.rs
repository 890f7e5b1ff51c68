//! [`PythonTask`]: a node whose task an interpreter runs.

use std::sync::Arc;
use std::time::Duration;

use pushflow_core::graph::Node;
use pushflow_core::task::{Home, Recipe};
use pushflow_core::value::{from_value_ref, to_value};
use pushflow_core::{Context, Outcome, Payload, Task, Value, register_task_kind};
use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::interpreter::Interpreter;
use super::nested;

/// A task that an interpreter runs.
#[derive(Clone, Debug)]
pub struct PythonTask {
    settings: Settings,
    home: Home,
}

/// What the worker program makes the task from. What is not there takes no time to be sent and read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) task_type: String,
    pub(super) task_identifier: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) task_generator: Option<String>,
    pub(super) label: String,
    /// The interpreter, for worker processes of this program.
    pub(super) python: String,
    pub(super) grace: Duration,
    #[serde(flatten)]
    pub(super) ewoks: EwoksOptions,
}

/// What `ewokscore` is given beside the inputs; with any of it, tasks of all kinds are run by it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EwoksOptions {
    /// Where outputs are kept, so that a task whose outputs exist is not executed: `root_uri`, `scheme`. Null for nowhere.
    #[serde(skip_serializing_if = "is_null")]
    pub varinfo: Value,
    /// Whom events of the execution are sent to. Null for nobody.
    #[serde(skip_serializing_if = "is_null")]
    pub execinfo: Value,
    /// What else the classes of tasks are made with. Null for nothing.
    #[serde(skip_serializing_if = "is_null")]
    pub task_options: Value,
}

impl EwoksOptions {
    /// Whether there is anything in it.
    pub fn is_empty(&self) -> bool {
        is_null(&self.varinfo) && is_null(&self.execinfo) && is_null(&self.task_options)
    }
}

fn is_null(value: &Value) -> bool {
    *value == Value::Null
}

/// Returns the task of a node.
pub(crate) fn resolve(node: &Node, environment: &Environment, grace: Duration, ewoks: &EwoksOptions) -> Arc<dyn Task> {
    let settings = Settings {
        task_type: node.task_type.as_str().to_owned(),
        task_identifier: node.task_identifier.as_deref().unwrap_or_default().to_owned(),
        task_generator: node.task_generator.as_ref().map(|name| name.to_string()),
        label: node.label().to_string(),
        python: environment.interpreter().path().to_string_lossy().into_owned(),
        grace,
        ewoks: ewoks.clone(),
    };
    Arc::new(PythonTask { settings, home: environment.home() })
}

impl PythonTask {
    pub(super) fn new(settings: Settings, home: Home) -> PythonTask {
        PythonTask { settings, home }
    }
}

impl Task for PythonTask {
    fn run(&self, inputs: &Payload, ctx: &Context<'_>) -> Outcome {
        nested::run(Arc::new(self.clone()), &self.home, inputs, self.settings.grace, ctx)
    }

    fn recipe(&self) -> Option<Recipe> {
        let settings = to_value(&self.settings).expect("texts and a duration are values");
        Some(Recipe { kind: KIND.into(), settings })
    }

    /// There, one is another error than an input that never came.
    fn takes_missing(&self) -> bool {
        true
    }

    fn home(&self) -> Option<&Home> {
        Some(&self.home)
    }
}

/// The name under which worker processes make it again.
const KIND: &str = "pushflow-tasks python";

register_task_kind!(KIND, |settings: &Value| {
    let settings: Settings = from_value_ref(settings)?;
    let interpreter = Interpreter::choose(Some(settings.python.as_ref()))?;
    Ok(Arc::new(PythonTask { settings, home: Environment::new(interpreter).home() }))
});
