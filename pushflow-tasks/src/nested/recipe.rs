//! A [`Nested`] on its way to a worker process.

use std::sync::Arc;

use pushflow_core::task::Recipe;
use pushflow_core::value::{from_value_ref, to_value};
use pushflow_core::{ErrorKind, Task, TaskError, Value, register_task_kind, registry};
use serde::{Deserialize, Serialize};

use super::{Kind, Nested, Settings};

const NAME: &str = "pushflow-tasks nested";

register_task_kind!(NAME, make);

/// What a worker needs to know.
#[derive(Serialize, Deserialize)]
struct Told {
    kind: String,
    settings: Settings,
    /// The recipe of the body.
    body_kind: String,
    body_settings: Value,
}

/// Returns from what [`make`] makes the task again; `None` when its body cannot be.
pub(super) fn recipe(task: &Nested) -> Option<Recipe> {
    let body = task.body.recipe()?;
    let told = Told {
        kind: task.kind.name.to_owned(),
        settings: task.settings.clone(),
        body_kind: body.kind.to_string(),
        body_settings: body.settings,
    };
    // Only a body whose settings are too deep for a value is none.
    let settings = to_value(&told).ok()?;
    Some(Recipe { kind: NAME.into(), settings })
}

fn make(settings: &Value) -> Result<Arc<dyn Task>, TaskError> {
    let Told { kind, settings, body_kind, body_settings } = from_value_ref(settings)?;
    let kind = Kind::find(&kind).ok_or_else(|| {
        TaskError::new(ErrorKind::Unavailable, "ValueError", format!("this build has no tasks of the kind '{kind}'"))
    })?;
    let body = registry::make(&body_kind, &body_settings)?;
    Ok(Arc::new(Nested { body, kind, settings }))
}
