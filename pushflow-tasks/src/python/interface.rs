//! What a class requires, asked of the interpreter that would run it: that imports the class.

use std::time::{Duration, Instant};

use pushflow_core::payload::Key;
use pushflow_signals::{Command, Output};

use super::interpreter::Interpreter;

const SCRIPT: &str = include_str!("../../python/interface.py");
/// How long the import may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the inputs that a class requires; `None` when it cannot be imported, which its execution would tell.
pub(crate) fn required_inputs(interpreter: &Interpreter, class: &str) -> Option<Vec<Key>> {
    let command = Command::new(interpreter.path()).args(["-c", SCRIPT, class]);
    let child = command.stdout(Output::Capture).stderr(Output::Null).start().ok()?;
    let finished = child.wait(Instant::now().checked_add(PATIENCE)).ok()?;
    let names: Vec<serde_json::Value> = serde_json::from_slice(&finished.stdout?).ok()?;
    let key = |name: serde_json::Value| match name.as_u64() {
        Some(position) => Some(Key::Position(position)),
        None => name.as_str().map(Key::from),
    };
    names.into_iter().map(key).collect()
}
