//! [`Subprocess`]: a command and how it is run.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pushflow_core::graph::Node;
use pushflow_core::task::Recipe;
use pushflow_core::value::Buffer;
use pushflow_core::{Context, Outcome, Payload, Task, TaskError, Value};
use serde::{Deserialize, Serialize};

use super::error::SubprocessError;
use super::{inputs, process, recipe};
use crate::resolve::DEFAULT_GRACE;

/// A command as a task.
///
/// # Examples
///
/// ```
/// use pushflow_core::event::RunId;
/// use pushflow_core::{Context, Payload, Task};
/// use pushflow_tasks::Subprocess;
///
/// let task = Subprocess::new("tr").args(["a-z", "A-Z"]).stdin("hello");
/// let outputs = task.run(&Payload::new(), &Context::new("", RunId(0), 1)).unwrap();
/// assert_eq!(outputs.get("out").and_then(|out| out.as_str()), Some("HELLO"));
/// ```
#[derive(Clone, Debug)]
pub struct Subprocess {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    /// Variables that are set, or removed.
    pub(super) env: Vec<(OsString, Option<OsString>)>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) stdin: Option<Buffer>,
    pub(super) output: Output,
    pub(super) merge_stderr: bool,
    pub(super) check: bool,
    pub(super) grace: Duration,
}

/// Where the output of a command goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// It is kept, and becomes the outputs `out` and `err`.
    #[default]
    Capture,
    /// Its lines are told to whoever watches the run, as they come.
    Stream,
    /// Both.
    CaptureAndStream,
    /// To where that of this process goes.
    Inherit,
    /// Nowhere.
    Null,
}

/// A command that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// Exit code; negative: the number of the signal that ended it.
    pub return_code: i32,
    /// Its standard output, if kept.
    pub out: Option<Vec<u8>>,
    /// Its standard error, if kept, and not merged into the output.
    pub err: Option<Vec<u8>>,
}

impl Subprocess {
    /// Creates a command without arguments; its output is captured, and an exit code other than 0 is an error.
    ///
    /// A program without a slash is looked for in `PATH`.
    pub fn new(program: impl Into<OsString>) -> Subprocess {
        Subprocess {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: None,
            stdin: None,
            output: Output::Capture,
            merge_stderr: false,
            check: true,
            grace: DEFAULT_GRACE,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Subprocess {
        self.args.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Subprocess {
        self.args.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Subprocess {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Removes an environment variable.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Subprocess {
        self.env.push((name.into(), None));
        self
    }

    /// Sets the working directory; that of this process by default.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Subprocess {
        self.cwd = Some(directory.into());
        self
    }

    /// Sets what the command reads from its standard input; nothing by default.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Subprocess {
        self.stdin = Some(bytes.into().into());
        self
    }

    /// Sets where its output goes.
    #[must_use]
    pub fn output(mut self, output: Output) -> Subprocess {
        self.output = output;
        self
    }

    /// Puts its standard error into its standard output.
    #[must_use]
    pub fn merge_stderr(mut self) -> Subprocess {
        self.merge_stderr = true;
        self
    }

    /// Accepts any exit code.
    #[must_use]
    pub fn accept_any_exit_code(mut self) -> Subprocess {
        self.check = false;
        self
    }

    /// Sets how long it may take to end after it was told to, before it is killed; 2 seconds by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Subprocess {
        self.grace = grace;
        self
    }

    /// Runs the command and waits for its end. Ends it when the task is interrupted or its time is over.
    ///
    /// # Errors
    ///
    /// When it cannot be started, is broken off, or ends with an exit code that is not accepted.
    pub fn execute(&self, ctx: &Context<'_>) -> Result<Completed, SubprocessError> {
        self.refuse_nul()?;
        let completed = process::run(self, ctx)?;
        if self.check && completed.return_code != 0 {
            let stderr = completed.err.as_deref().or(completed.out.as_deref()).unwrap_or_default();
            return Err(SubprocessError::Failed {
                command: self.display(),
                return_code: completed.return_code,
                stderr: last_lines(stderr),
            });
        }
        Ok(completed)
    }

    /// Returns the program and its arguments, for messages; long ones are cut.
    pub(super) fn display(&self) -> String {
        const LONGEST: usize = 200;
        let mut text = self.program.to_string_lossy().into_owned();
        for argument in &self.args {
            if text.len() > LONGEST {
                break;
            }
            text.push(' ');
            text.push_str(&argument.to_string_lossy());
        }
        if text.chars().count() > LONGEST {
            text = text.chars().take(LONGEST).chain("...".chars()).collect();
        }
        text
    }

    fn refuse_nul(&self) -> Result<(), SubprocessError> {
        let has_nul = |text: &OsStr| text.as_encoded_bytes().contains(&0);
        let fail = |what: String| Err(SubprocessError::Nul { what });
        if has_nul(&self.program) {
            return fail("the name of the program".to_owned());
        }
        if let Some(index) = self.args.iter().position(|argument| has_nul(argument)) {
            return fail(format!("argument {}", index + 1));
        }
        if self.cwd.as_ref().is_some_and(|directory| has_nul(directory.as_os_str())) {
            return fail("the working directory".to_owned());
        }
        for (name, value) in &self.env {
            if has_nul(name) || value.as_deref().is_some_and(has_nul) {
                return fail(format!("variable {}", Value::from(&*name.to_string_lossy()).python_repr()));
            }
            if name.is_empty() || name.as_encoded_bytes().contains(&b'=') {
                let message =
                    format!("illegal name of a variable: {}", Value::from(&*name.to_string_lossy()).python_repr());
                return Err(SubprocessError::Input { message });
            }
        }
        Ok(())
    }
}

impl Task for Subprocess {
    fn run(&self, inputs: &Payload, ctx: &Context<'_>) -> Outcome {
        let overwritten;
        let command = if inputs.is_empty() {
            self
        } else {
            overwritten = inputs::apply(self, inputs).map_err(SubprocessError::into_task_error)?;
            &overwritten
        };
        let completed = command.execute(ctx).map_err(SubprocessError::into_task_error)?;
        Ok(Payload::from([
            ("return_code", Value::from(completed.return_code)),
            ("out", completed.out.map(text_or_bytes).into()),
            ("err", completed.err.map(text_or_bytes).into()),
        ]))
    }

    fn recipe(&self) -> Option<Recipe> {
        recipe::recipe(self)
    }
}

/// Returns the task of a `subprocess` node.
///
/// # Errors
///
/// When the node names no program.
pub fn resolve(node: &Node, grace: Duration) -> Result<Arc<dyn Task>, TaskError> {
    let program = node.task_identifier.as_deref().unwrap_or_default();
    if program.is_empty() {
        let message = format!("node '{}' needs a program as its 'task_identifier'", node.label());
        return Err(TaskError::new(pushflow_core::ErrorKind::Unavailable, "ValueError", message));
    }
    Ok(Arc::new(Subprocess::new(program).grace(grace)))
}

fn text_or_bytes(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(error) => Value::Bytes(error.into_bytes().into()),
    }
}

/// The last lines of an output, for a message.
fn last_lines(bytes: &[u8]) -> String {
    const LINES: usize = 5;
    const LONGEST: usize = 2000;
    let from = bytes.len().saturating_sub(LONGEST);
    let text = String::from_utf8_lossy(&bytes[from..]);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_last_lines_only() {
        let text: String = (0..100).map(|line| format!("line {line}\n")).collect();
        assert_eq!(last_lines(text.as_bytes()), "line 95\nline 96\nline 97\nline 98\nline 99");
        assert!(last_lines(&[b'x'; 1_000_000]).len() <= 2000);
    }

    #[test]
    fn long_commands_are_cut_in_messages() {
        let command = Subprocess::new("echo").args(vec!["é".repeat(50); 1000]);
        assert!(command.display().chars().count() <= 203);
    }
}
