//! Results of functions: in the worker into outputs of the task, and out of them for who waits.

use pushflow_core::error::ErrorKind;
use pushflow_core::value::{ConvertError, from_value_ref, to_value};
use pushflow_core::{Outcome, Payload, TaskError, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Name of the only output of a function.
///
/// Semantics: what a task of the kind `method` gives in an ewoks workflow.
pub(super) const RETURN_VALUE: &str = "return_value";

/// Makes the outputs of what a function returned.
///
/// # Errors
///
/// When that has no value.
#[doc(hidden)]
pub fn outputs<R: Serialize>(function: &str, result: &R) -> Outcome {
    match to_value(result) {
        Ok(value) => Ok(Payload::single(RETURN_VALUE, value)),
        Err(error) => Err(undeliverable(format!("the result of `{function}` has no value: {error}"))),
    }
}

/// Makes the result of the outputs.
pub(super) fn result<R: DeserializeOwned>(function: &str, outcome: Outcome) -> Result<R, TaskError> {
    let outputs = outcome?;
    match outputs.get(RETURN_VALUE) {
        Some(value) => read(function, value),
        None => Err(missing(function)),
    }
}

/// Makes the result of its value.
pub(super) fn read<R: DeserializeOwned>(function: &str, value: &Value) -> Result<R, TaskError> {
    from_value_ref(value).map_err(|error: ConvertError| undeliverable(format!("the result of `{function}`: {error}")))
}

/// The error of outputs without a result.
pub(super) fn missing(function: &str) -> TaskError {
    undeliverable(format!("`{function}` gave no `{RETURN_VALUE}`"))
}

/// The error of a result that cannot get to who waits for it.
pub(super) fn undeliverable(message: String) -> TaskError {
    TaskError::new(ErrorKind::Delivery, "TypeError", message)
}
