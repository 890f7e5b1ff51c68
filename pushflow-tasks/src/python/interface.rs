//! What a class requires, asked of an interpreter that imports the class.

use std::time::{Duration, Instant};

use pushflow_core::payload::Key;
use pushflow_core::{Payload, Value};

use super::environment::Environment;
use super::errand::Errand;

/// How long the import may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the inputs that a class requires; `None` when it cannot be imported, which its execution would tell.
pub(crate) fn required_inputs(environment: &Environment, class: &str, grace: Duration) -> Option<Vec<Key>> {
    let errand = Errand::new("pushflow interface", environment, grace);
    let outputs = errand.run(&Payload::single("name", class), Instant::now().checked_add(PATIENCE)).ok()?;
    let key = |name: &Value| match name {
        Value::Int(position) => u64::try_from(*position).ok().map(Key::Position),
        name => name.as_str().map(Key::from),
    };
    outputs.get("required")?.as_list()?.iter().map(key).collect()
}
