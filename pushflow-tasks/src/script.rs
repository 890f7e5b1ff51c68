//! `script` nodes: commands and script files, with the conventions of ewoks.
//!
//! A `task_identifier` that is a file is executed: directly when it begins with `#!`, by the interpreter of
//! Python tasks when its name ends with `.py`, else by `bash`. Anything else is a command, split at single spaces; there is no shell and no quoting. Named
//! inputs become `-x value` or `--name value`, without a value when it is empty; positional inputs follow. Inputs that
//! begin with `_` and are known change how it is run: `_capture_output`, `_merge_err`, `_raise_on_error`.
//!
//! Outputs: `return_code`, `out`, `err`; the last two are null unless `_capture_output` is true. Output that is not
//! captured is told to whoever watches the run, line by line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pushflow_core::graph::Node;
use pushflow_core::payload::Key;
use pushflow_core::task::Recipe;
use pushflow_core::value::{from_value_ref, to_value};
use pushflow_core::{Context, ErrorKind, Outcome, Payload, Task, TaskError, Value, register_task_kind};

use pushflow_signals::Signal;

use crate::subprocess::{Completed, Output, Subprocess, SubprocessError, position, python_text};

/// A command or a script file as a task.
///
/// Semantics: task type `script` of ewoks.
#[derive(Clone, Debug)]
pub struct Script {
    identifier: String,
    grace: Duration,
    python: Option<String>,
}

/// Returns the task of a `script` node.
///
/// # Errors
///
/// None today: whether the command exists shows when it is executed.
pub fn resolve(node: &Node, grace: Duration, python: Option<String>) -> Result<Arc<dyn Task>, TaskError> {
    let identifier = node.task_identifier.as_deref().unwrap_or_default();
    Ok(Arc::new(Script { python, ..Script::new(identifier).grace(grace) }))
}

impl Script {
    /// Creates a script task from a file name or a command.
    pub fn new(identifier: impl Into<String>) -> Script {
        Script { identifier: identifier.into(), grace: crate::resolve::DEFAULT_GRACE, python: None }
    }

    /// Sets how long it may take to end after it was told to, before it is killed; 2 seconds by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Script {
        self.grace = grace;
        self
    }

    /// Sets the interpreter of scripts in Python, by its path; by default it is `python`, or `python3` where there is only
    /// that.
    #[must_use]
    pub fn python(mut self, interpreter: impl Into<String>) -> Script {
        self.python = Some(interpreter.into());
        self
    }

    /// The program and its first arguments.
    fn words(&self) -> Vec<OsString> {
        let path = Path::new(&self.identifier);
        if !path.is_file() {
            return self.identifier.split(' ').map(OsString::from).collect();
        }
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).into_os_string();
        if begins_with_interpreter(path) {
            vec![absolute]
        } else if self.identifier.ends_with(".py") {
            vec![self.python.as_deref().map_or_else(|| python().into(), OsString::from), absolute]
        } else {
            vec!["bash".into(), absolute]
        }
    }
}

impl Task for Script {
    fn run(&self, inputs: &Payload, ctx: &Context<'_>) -> Outcome {
        let settings = Settings::read(inputs);
        let mut words = self.words();
        words.extend(arguments(inputs).into_iter().map(OsString::from));
        let mut rest = words.iter().cloned();
        let mut command = Subprocess::new(rest.next().unwrap_or_default())
            .args(rest)
            .accept_any_exit_code()
            .grace(self.grace)
            .output(if settings.capture { Output::Capture } else { Output::Stream });
        if settings.merge_err {
            command = command.merge_stderr();
        }
        let completed = command.execute(ctx).map_err(SubprocessError::into_task_error)?;
        if settings.raise_on_error && completed.return_code != 0 {
            return Err(called_process_error(&words, &completed));
        }
        let text =
            |bytes: Option<Vec<u8>>| Value::from(bytes.map(|bytes| Value::from(&*String::from_utf8_lossy(&bytes))));
        Ok(Payload::from([
            ("return_code", Value::from(completed.return_code)),
            ("out", text(completed.out)),
            ("err", text(completed.err)),
        ]))
    }

    fn recipe(&self) -> Option<Recipe> {
        let settings =
            to_value(&(&self.identifier, self.grace, &self.python)).expect("texts and a duration are values");
        Some(Recipe { kind: KIND.into(), settings })
    }
}

/// The name under which worker processes make it again.
const KIND: &str = "pushflow-tasks script";

register_task_kind!(KIND, |settings| {
    let (identifier, grace, python) = from_value_ref(settings)?;
    Ok(Arc::new(Script { identifier, grace, python }))
});

/// As which the command itself is an input in ewoks.
const SCRIPT: &str = "_script";
const CAPTURE: &str = "_capture_output";
const MERGE_ERR: &str = "_merge_err";
const RAISE: &str = "_raise_on_error";

struct Settings {
    capture: bool,
    merge_err: bool,
    raise_on_error: bool,
}

impl Settings {
    fn read(inputs: &Payload) -> Settings {
        let is_set = |name: &str| inputs.get(name).is_some_and(is_true);
        Settings { capture: is_set(CAPTURE), merge_err: is_set(MERGE_ERR), raise_on_error: is_set(RAISE) }
    }
}

/// Semantics: the truth value of Python objects.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Missing => false,
        Value::Bool(truth) => *truth,
        Value::Int(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Str(text) => !text.is_empty(),
        Value::Bytes(bytes) => !bytes.as_bytes().is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(map) => !map.is_empty(),
        _ => true,
    }
}

fn arguments(inputs: &Payload) -> Vec<String> {
    let mut positional: BTreeMap<u64, &Value> = BTreeMap::new();
    let mut arguments = Vec::new();
    for (key, value) in inputs.iter().filter(|(_, value)| !value.is_missing()) {
        if let Some(position) = position(key) {
            positional.insert(position, value);
            continue;
        }
        let Key::Name(name) = key else { continue };
        if matches!(name.as_str(), SCRIPT | CAPTURE | MERGE_ERR | RAISE) {
            continue;
        }
        arguments.push(if name.chars().count() == 1 { format!("-{name}") } else { format!("--{name}") });
        let text = python_text(value);
        if !text.is_empty() {
            arguments.push(text);
        }
    }
    arguments.extend(positional.into_values().map(python_text));
    arguments
}

fn begins_with_interpreter(path: &Path) -> bool {
    let mut start = [0; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!"
}

/// `python`, or `python3` where there is only that.
fn python() -> &'static str {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join("python").is_file());
    if found { "python" } else { "python3" }
}

/// Semantics: `str()` of Python's `CalledProcessError`.
fn called_process_error(words: &[OsString], completed: &Completed) -> TaskError {
    let command = Value::list(words.iter().map(|word| Value::from(&*word.to_string_lossy()))).python_repr();
    let code = completed.return_code;
    let message = if code < 0 {
        match Signal::from_number(-code) {
            signal if signal.is_known() => {
                format!("Command '{command}' died with <Signals.{signal}: {}>.", signal.number())
            }
            signal => format!("Command '{command}' died with unknown signal {}.", signal.number()),
        }
    } else {
        format!("Command '{command}' returned non-zero exit status {code}.")
    };
    TaskError::new(ErrorKind::Raised, "CalledProcessError", message)
}
