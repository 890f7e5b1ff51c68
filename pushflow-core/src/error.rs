//! Why a task gave no result, and why a pool refused.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use crate::value::Opaque;

/// What kind of failure ended an execution. Recovery differs for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The task itself reported an error.
    Raised,
    /// The task panicked.
    Panicked,
    /// Required inputs were absent.
    Inputs,
    /// The task could not be found or loaded.
    Unavailable,
    /// The task gave a result, which could not be delivered along a link.
    Delivery,
    /// The worker ended, or the pool was dropped, before there was an outcome.
    Lost,
    /// The execution was broken off on request.
    Interrupted,
    /// A time limit passed.
    TimedOut,
    /// It was not started: the run stops.
    Stopped,
    /// It was not started: the pool takes no more work.
    Closed,
    /// It was not started: its node has been executed as often as the run allows.
    Limit,
}

/// All kinds, in the order of the enum.
const KINDS: [ErrorKind; 11] = [
    ErrorKind::Raised,
    ErrorKind::Panicked,
    ErrorKind::Inputs,
    ErrorKind::Unavailable,
    ErrorKind::Delivery,
    ErrorKind::Lost,
    ErrorKind::Interrupted,
    ErrorKind::TimedOut,
    ErrorKind::Stopped,
    ErrorKind::Closed,
    ErrorKind::Limit,
];

impl ErrorKind {
    /// Returns the place in the list of kinds.
    ///
    /// For exchange between processes of one build: kinds that come may move the others.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Returns the kind of a [`number`](ErrorKind::number); `None` when no kind has it.
    pub fn from_number(number: u8) -> Option<ErrorKind> {
        KINDS.get(usize::from(number)).copied()
    }

    /// Returns the kind of a [name](Self::name).
    pub fn from_name(name: &str) -> Option<ErrorKind> {
        KINDS.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the name used in reports, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Raised => "raised",
            ErrorKind::Panicked => "panicked",
            ErrorKind::Inputs => "inputs",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Delivery => "delivery",
            ErrorKind::Lost => "lost",
            ErrorKind::Interrupted => "interrupted",
            ErrorKind::TimedOut => "timed_out",
            ErrorKind::Stopped => "stopped",
            ErrorKind::Closed => "closed",
            ErrorKind::Limit => "limit",
        }
    }

    /// Whether it says something about the task; otherwise the run or the pool ended, and no error handler is asked.
    pub fn is_of_task(self) -> bool {
        !matches!(self, ErrorKind::Stopped | ErrorKind::Closed | ErrorKind::Limit)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an execution gave no result.
///
/// Any error converts to it with `?`, which is why it is not itself a [`std::error::Error`]; it converts with `?` to a
/// `Box<dyn Error>`, and [`into_error`](TaskError::into_error) gives one that is.
#[derive(Clone)]
pub struct TaskError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    type_name: SmolStr,
    message: String,
    traceback: Vec<String>,
    lost: Option<LostWorker>,
    instance: Option<Arc<Opaque>>,
    explained: bool,
}

/// How a worker ended that was running a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostWorker {
    /// Its process id.
    pub pid: Option<u32>,
    /// Its exit code, when it exited.
    pub exit_code: Option<i32>,
    /// The number of the signal that ended it.
    pub signal: Option<i32>,
    /// The most memory that it had resident.
    pub peak_memory_bytes: Option<u64>,
    /// Whether the kernel killed it because memory was exhausted.
    pub out_of_memory: bool,
    /// The last lines that it printed to its standard error.
    pub stderr: Vec<String>,
}

impl TaskError {
    /// Creates an error of a kind, with the name of its type and a message, both as users search for them.
    pub fn new(kind: ErrorKind, type_name: impl Into<SmolStr>, message: impl Into<String>) -> TaskError {
        TaskError(Box::new(Inner {
            kind,
            type_name: type_name.into(),
            message: message.into(),
            traceback: Vec::new(),
            lost: None,
            instance: None,
            explained: false,
        }))
    }

    /// Creates the error of a task that fails with a message; its type is `RuntimeError`.
    pub fn message(message: impl Into<String>) -> TaskError {
        TaskError::new(ErrorKind::Raised, "RuntimeError", message)
    }

    /// Creates the error of a task that was broken off.
    pub fn interrupted() -> TaskError {
        TaskError::new(ErrorKind::Interrupted, "StopPypushflowTask", "the task was interrupted")
    }

    /// Creates the error of a panic from what it carried, as [`catch_unwind`](std::panic::catch_unwind) gives it.
    pub fn panicked(payload: &(dyn std::any::Any + Send)) -> TaskError {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        TaskError::new(ErrorKind::Panicked, "PanicException", text.unwrap_or("the task panicked"))
    }

    /// Adds lines that say where the error came from.
    #[must_use]
    pub fn with_traceback(mut self, lines: impl IntoIterator<Item = String>) -> TaskError {
        self.0.traceback.extend(lines);
        self
    }

    /// Puts the error under another type with another message, and keeps kind and traceback.
    #[must_use]
    pub fn renamed(mut self, type_name: impl Into<SmolStr>, message: impl Into<String>) -> TaskError {
        self.0.type_name = type_name.into();
        self.0.message = message.into();
        self
    }

    /// Puts the error under another type, and keeps the rest.
    #[must_use]
    pub fn renamed_type(mut self, type_name: impl Into<SmolStr>) -> TaskError {
        self.0.type_name = type_name.into();
        self
    }

    /// Adds how the worker ended.
    #[must_use]
    pub fn with_lost_worker(mut self, lost: LostWorker) -> TaskError {
        self.0.lost = Some(lost);
        self
    }

    /// Says that type and message are what users are to see: nothing is added about the node.
    #[must_use]
    pub fn explained(mut self) -> TaskError {
        self.0.explained = true;
        self
    }

    /// Whether nothing is to be added to type and message.
    pub fn is_explained(&self) -> bool {
        self.0.explained
    }

    /// Adds the error itself, as tasks of its kind have it: error handlers of the same kind get that.
    #[must_use]
    pub fn with_instance(mut self, instance: Arc<Opaque>) -> TaskError {
        self.0.instance = Some(instance);
        self
    }

    /// Returns the error itself, for tasks of its kind.
    pub fn instance(&self) -> Option<&Arc<Opaque>> {
        self.0.instance.as_ref()
    }

    /// Returns how the worker ended, when that is why there is no result.
    pub fn lost_worker(&self) -> Option<&LostWorker> {
        self.0.lost.as_ref()
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the name of the error's type: that of the Rust error, or the one users of the predecessor know.
    pub fn type_name(&self) -> &SmolStr {
        &self.0.type_name
    }

    /// Returns the message.
    pub fn text(&self) -> &str {
        &self.0.message
    }

    /// Returns the lines that say where the error came from; for a Rust error its chain of causes.
    pub fn traceback(&self) -> &[String] {
        &self.0.traceback
    }
}

impl TaskError {
    /// Returns a [`std::error::Error`] with the same text.
    pub fn into_error(self) -> impl Error + Send + Sync + 'static {
        Standard(self)
    }
}

/// A [`TaskError`] as the standard library wants it.
struct Standard(TaskError);

impl Error for Standard {}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<TaskError> for Box<dyn Error + Send + Sync> {
    fn from(error: TaskError) -> Self {
        Box::new(Standard(error))
    }
}

impl From<TaskError> for Box<dyn Error> {
    fn from(error: TaskError) -> Self {
        Box::new(Standard(error))
    }
}

impl<E: Error> From<E> for TaskError {
    fn from(error: E) -> TaskError {
        let full = std::any::type_name::<E>();
        let path = full.split('<').next().unwrap_or(full);
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(inner) = cause {
            causes.push(format!("caused by: {inner}"));
            cause = inner.source();
        }
        let type_name = path.rsplit("::").next().unwrap_or(path);
        TaskError::new(ErrorKind::Raised, type_name, error.to_string()).with_traceback(causes)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.0.type_name, self.0.kind, self.0.message)?;
        self.0.traceback.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// Why a pool refused, or did not end in time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The pool takes no more work.
    #[error("the pool is closed")]
    Closed,
    /// As many executions are waiting as the pool was told to take.
    #[error("{pending} executions are waiting, which is the limit")]
    Full {
        /// Number of executions that wait.
        pending: usize,
    },
    /// `join` was called on a pool that still takes work.
    #[error("the pool is still open")]
    NotClosed,
    /// A setting cannot be obeyed.
    #[error("the setting `{setting}` {problem}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A process could not be started: the rule about children forbids it, or the system.
    #[error("{source}")]
    Start {
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Executions were still running when the time was over.
    #[error("{running} executions still run after {waited:?}")]
    Timeout {
        /// Number of executions that still run.
        running: usize,
        /// How long was waited.
        waited: Duration,
    },
    /// A pool cannot wait for itself from one of its own tasks.
    #[error("a task of the pool cannot wait for the pool's end")]
    JoinFromTask,
    /// The number of workers is not usable.
    #[error("a pool needs at least one worker, at most {limit}: {found}")]
    Workers {
        /// The number that was asked for.
        found: usize,
        /// The largest number accepted.
        limit: usize,
    },
    /// No pool has this name.
    #[error("unknown pool type `{name}`, expected one of: {known}")]
    UnknownType {
        /// The name that was asked for.
        name: String,
        /// The names of this build.
        known: String,
    },
    /// The system refused what the pool needs.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl PoolError {
    /// Says what was tried when the system refused; for `map_err`.
    pub fn system(action: &'static str) -> impl FnOnce(std::io::Error) -> PoolError {
        move |source| PoolError::System { action, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names() {
        assert!(KINDS.into_iter().all(|kind| ErrorKind::from_name(kind.name()) == Some(kind)));
        assert_eq!(ErrorKind::from_name("other"), None);
    }

    #[test]
    fn numbers_are_those_of_the_kinds() {
        for (index, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(usize::from(kind.number()), index);
            assert_eq!(ErrorKind::from_number(kind.number()), Some(kind));
        }
        assert_eq!(ErrorKind::Limit.number() as usize + 1, KINDS.len());
        assert_eq!(ErrorKind::from_number(KINDS.len() as u8), None);
    }

    #[test]
    fn any_error_converts() {
        fn task() -> Result<i64, TaskError> {
            Ok("x".parse::<i64>()?)
        }
        let error = task().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Raised);
        assert_eq!(error.type_name(), "ParseIntError");
        assert_eq!(error.to_string(), "invalid digit found in string");
    }

    #[test]
    fn causes_are_kept() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::fmt::Error);
        let error = TaskError::from(Outer(std::fmt::Error));
        assert_eq!(error.type_name(), "Outer");
        assert_eq!(error.traceback().len(), 1);
    }
}
