//! [`ErrorHandler`] and the data that errors travel in.

use std::sync::Arc;

use crate::error::TaskError;
use crate::payload::Payload;
use crate::value::{Opaque, Value};

/// Key of an error in a payload: an object with `errorMessage` and `traceBack`.
pub const ERROR_KEY: &str = "WorkflowException";

/// Key of the error itself in a payload: an object with `type`, `message`, `kind` and `node`; for tasks of the kind of the one
/// that has failed, its own error.
pub const ERROR_INSTANCE: &str = "WorkflowExceptionInstance";

/// Sets the status of the run to `error` and passes data on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorHandler;

/// Returns what the error links of a node carry: the data of the failed execution, and the error.
///
/// Semantics: the payload of pypushflow's error handlers.
pub fn error_payload(data: &Payload, node: &str, error: &TaskError) -> Payload {
    let traceback = Value::list(error.traceback().iter().cloned());
    let exception = Value::map([("errorMessage", Value::from(error.text())), ("traceBack", traceback)]);
    let described = Value::map([
        ("type", Value::Str(error.type_name().clone())),
        ("message", Value::from(error.text())),
        ("kind", Value::from(error.kind().name())),
        ("node", Value::from(node)),
    ]);
    let instance = match error.instance() {
        Some(opaque) => Value::Opaque(Arc::new(Opaque { shown: Some(described), ..Opaque::clone(opaque) })),
        None => described,
    };
    data.merge(&Payload::from([(ERROR_KEY, exception), (ERROR_INSTANCE, instance)]))
}
