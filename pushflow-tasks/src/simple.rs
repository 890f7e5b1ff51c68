//! `simple` nodes: functions of this program, found by the name they are registered under.

use std::sync::Arc;

use pushflow_core::graph::Node;
use pushflow_core::{ErrorKind, Task, TaskError, registry};

/// Returns the task that is registered under the node's `task_identifier`.
///
/// # Errors
///
/// When there is none of that name, or more than one.
pub fn resolve(node: &Node) -> Result<Arc<dyn Task>, TaskError> {
    let name = node.task_identifier.as_deref().unwrap_or_default();
    match registry::find(name) {
        Ok(task) => Ok(Arc::new(task)),
        Err(error) => Err(TaskError::new(ErrorKind::Unavailable, "RegistryError", error.to_string())),
    }
}
