//! Scripts of Python actors: modules with a function `run`.

use std::sync::Arc;

use pushflow_core::{Context, ErrorKind, Key, Outcome, Payload, Task, TaskError};
use pushflow_tasks::subprocess::{Output, Subprocess};
use serde::Deserialize;

/// Makes tasks of the modules that Python actors name.
pub(crate) trait ScriptRunner {
    /// Returns the task that calls `run` of a module. That the module is not there shows when the task is run.
    fn task(&self, module: &str) -> Arc<dyn Task>;
}

/// Calls `run` in a Python interpreter of its own, with arguments and result as JSON.
pub(crate) struct PythonModules;

/// Called with the name of the module; reads the data, writes `{"result":}` or `{"error":}`.
const DRIVER: &str = r#"
import importlib, json, os, sys, traceback
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.path.insert(0, os.getcwd())
try:
    data = dict(json.load(sys.stdin))
    positions = {int(key): data.pop(key) for key in list(data) if key.isdigit()}
    arguments = [positions.get(index) for index in range(max(positions, default=-1) + 1)]
    result = {"result": dict(importlib.import_module(sys.argv[1]).run(*arguments, **data))}
except BaseException as error:
    lines = traceback.format_exception(error)
    result = {"error": {"type": type(error).__name__, "message": str(error), "traceback": lines}}
json.dump(result, answer)
answer.close()
"#;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Result(serde_json::Map<String, serde_json::Value>),
    Error { r#type: String, message: String, traceback: Vec<String> },
}

struct Module(String);

impl ScriptRunner for PythonModules {
    fn task(&self, module: &str) -> Arc<dyn Task> {
        Arc::new(Module(module.to_owned()))
    }
}

impl Task for Module {
    fn run(&self, inputs: &Payload, ctx: &Context<'_>) -> Outcome {
        // The error itself means nothing to a script: it has the message.
        let known = inputs.iter().filter(|(key, _)| key.to_string() != pushflow_core::actor::ERROR_INSTANCE);
        let data: serde_json::Map<_, _> = known
            .map(|(key, value)| Ok((key.to_string(), serde_json::to_value(value)?)))
            .collect::<Result<_, serde_json::Error>>()?;
        let command = Subprocess::new("python3").args(["-c", DRIVER, &self.0]);
        let command = command.stdin(serde_json::to_vec(&data)?).output(Output::Capture);
        let completed = command.execute(ctx)?;
        match serde_json::from_slice(&completed.out.unwrap_or_default())? {
            Answer::Result(outputs) => {
                let named = |(name, value): (String, serde_json::Value)| {
                    Ok((Key::from(name), pushflow_core::value::to_value(&value)?))
                };
                outputs.into_iter().map(named).collect::<Result<Payload, TaskError>>()
            }
            Answer::Error { r#type, message, traceback } => {
                Err(TaskError::new(ErrorKind::Raised, r#type, message).with_traceback(traceback))
            }
        }
    }
}
