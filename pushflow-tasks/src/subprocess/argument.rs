//! Values as arguments of commands.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use pushflow_core::Value;
use pushflow_core::value::PythonText;

/// Returns the text of a value, as Python's `str()` has it.
pub(crate) fn python_text(value: &Value) -> String {
    PythonText(value).to_string()
}

/// Returns the argument that a text, a number, a truth value or bytes stand for; `None` for anything else.
pub(super) fn argument(value: &Value) -> Option<OsString> {
    match value {
        Value::Bytes(bytes) => Some(OsString::from_vec(bytes.as_bytes().to_vec())),
        Value::Str(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Bool(_) => {
            Some(python_text(value).into())
        }
        _ => None,
    }
}
