//! Why a command could not be started, or not be dealt with.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Why a command could not be started, or not be dealt with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such program, or for a name without `/` none on the search path.
    #[error("no such program: {}", program.display())]
    NotFound {
        /// The program.
        program: OsString,
        /// The system's answer.
        source: io::Error,
    },
    /// The program is there but may not be executed: a directory, a file without permission or of no known format.
    #[error("cannot execute {}", program.display())]
    NotExecutable {
        /// The program.
        program: OsString,
        /// The system's answer.
        source: io::Error,
    },
    /// The working directory is not there, or is none.
    #[error("cannot work in {}", directory.display())]
    WorkingDirectory {
        /// The directory.
        directory: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A program, argument or variable has a NUL byte, which the system takes for its end.
    #[error("a NUL byte in {}", argument.display())]
    Nul {
        /// The program, argument or variable.
        argument: OsString,
    },
    /// A daemonic process wants to start a process.
    ///
    /// Semantics: the words are those of Python's `multiprocessing`.
    #[error("daemonic processes are not allowed to have children")]
    DaemonicChildren,
    /// `init` was not called, so that the program, executed again, would not become a process of this crate.
    #[error("pushflow_signals::init() has to be called first in main, before processes are started by {method}")]
    NotInitialized {
        /// The start method that needs it.
        method: crate::StartMethod,
    },
    /// No function is registered under the name, or more than one.
    #[error("{found} functions are registered as the process `{name}`, expected one; this program has: {known}")]
    UnknownProcess {
        /// The name.
        name: String,
        /// How many functions have it.
        found: usize,
        /// The names there are, in order.
        known: String,
    },
    /// A closure cannot be found in a program that is executed again.
    #[error("a closure can be started by fork only, not by {method}")]
    ClosureNeedsFork {
        /// The start method that was asked for.
        method: crate::StartMethod,
    },
    /// This process is ending and starts nothing more.
    #[error("this process is ending")]
    Ending,
    /// The program ignores SIGCHLD, so that nobody would learn how its children end.
    #[error("SIGCHLD is ignored, so that the ends of processes would be lost")]
    ChildrenIgnored,
    /// The system refused what is needed.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// Returns the number of the system's error, as in errno(3); `None` when there is none.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Error::NotFound { source, .. }
            | Error::NotExecutable { source, .. }
            | Error::WorkingDirectory { source, .. }
            | Error::System { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    pub(crate) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::System { action, source }
    }
}
