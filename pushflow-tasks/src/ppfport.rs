//! `ppfport` nodes: the ends of sub-workflows, which pass the carried dictionary on.

use std::sync::Arc;

use pushflow_core::payload::Key;
use pushflow_core::task::Recipe;
use pushflow_core::value::Map;
use pushflow_core::{Context, ErrorKind, Outcome, Payload, Task, TaskError, Value, register_task_kind};

/// Name of the input and of the output that carry the dictionary.
const CARRIED: &str = "_ppfdict";

/// Passes on its inputs, updated with the carried dictionary.
///
/// Semantics: `ppfport` of ewoks: carried values overwrite the node's own inputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct PpfPort;

impl Task for PpfPort {
    fn run(&self, inputs: &Payload, _ctx: &Context<'_>) -> Outcome {
        let mut all = Map::new();
        for (key, value) in inputs.iter() {
            match key {
                Key::Name(name) if name == CARRIED => {}
                Key::Name(name) => {
                    all.insert(name.clone(), value.clone());
                }
                // A dictionary of ours has texts for keys.
                Key::Position(position) => {
                    all.insert(position.to_string().into(), value.clone());
                }
            }
        }
        match inputs.get(CARRIED) {
            None | Some(Value::Missing) => {}
            Some(Value::Map(carried)) => all.extend(carried.iter().map(|(name, value)| (name.clone(), value.clone()))),
            Some(other) => {
                let message = format!("`{CARRIED}` must be an object, found {}", other.type_name());
                return Err(TaskError::new(ErrorKind::Raised, "TypeError", message));
            }
        }
        Ok(Payload::single(CARRIED, all))
    }

    fn recipe(&self) -> Option<Recipe> {
        Some(Recipe { kind: KIND.into(), settings: Value::Null })
    }
}

/// The name under which worker processes make it again.
const KIND: &str = "pushflow-tasks ppfport";

register_task_kind!(KIND, |_| Ok(Arc::new(PpfPort)));
