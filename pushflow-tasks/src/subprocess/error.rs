//! Why a command gave no outputs.

use std::io;

use pushflow_core::interrupt::Cause;
use pushflow_core::{ErrorKind, TaskError, Value};

/// Why a command gave no outputs.
///
/// Semantics: type names and messages of the task error that it becomes are those of Python's `subprocess`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubprocessError {
    /// The command could not be started.
    #[error("{}: {}", os_message(source), quoted(program))]
    Start {
        /// The program, or the file or directory that kept it from starting.
        program: String,
        /// The system's answer.
        source: io::Error,
    },
    /// An argument, a variable or a path has a NUL byte, which no system call takes.
    #[error("embedded null byte in {what}")]
    Nul {
        /// Which one.
        what: String,
    },
    /// The command ended with another exit code than 0.
    #[error("command `{command}` {}{}", how_ended(*return_code), tail(stderr))]
    Failed {
        /// The program and its arguments.
        command: String,
        /// Exit code; negative: the number of the signal that ended it.
        return_code: i32,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// An input that the task does not know, or of the wrong type.
    #[error("{message}")]
    Input {
        /// Which input, what was expected, and what was found.
        message: String,
    },
    /// It was broken off.
    #[error("command `{command}` was broken off")]
    BrokenOff {
        /// The program and its arguments.
        command: String,
        /// Why.
        cause: Cause,
    },
    /// Its end could not be awaited, or its output not be read.
    #[error("cannot wait for `{command}`: {source}")]
    Wait {
        /// The program and its arguments.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
}

impl SubprocessError {
    /// Turns it into the error of a task.
    #[must_use]
    pub fn into_task_error(self) -> TaskError {
        let type_name = match &self {
            SubprocessError::Start { source, .. } | SubprocessError::Wait { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "FileNotFoundError",
                io::ErrorKind::PermissionDenied => "PermissionError",
                io::ErrorKind::NotADirectory => "NotADirectoryError",
                _ => "OSError",
            },
            SubprocessError::Nul { .. } => "ValueError",
            SubprocessError::Failed { .. } => "CalledProcessError",
            SubprocessError::Input { .. } => "TypeError",
            SubprocessError::BrokenOff { cause: Cause::TimedOut, .. } => {
                return TaskError::new(ErrorKind::TimedOut, "TimeoutError", self.to_string());
            }
            SubprocessError::BrokenOff { .. } => return TaskError::interrupted(),
        };
        TaskError::new(ErrorKind::Raised, type_name, self.to_string())
    }
}

/// What Python's `OSError` says: `[Errno 2] No such file or directory`.
fn os_message(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => {
            let text = error.to_string();
            let text = text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text);
            format!("[Errno {code}] {text}")
        }
        None => error.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).python_repr()
}

fn how_ended(return_code: i32) -> String {
    if return_code < 0 {
        format!("was ended by signal {}", return_code.unsigned_abs())
    } else {
        format!("ended with exit code {return_code}")
    }
}

fn tail(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}
