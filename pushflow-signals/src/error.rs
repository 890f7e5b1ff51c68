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
            Error::Nul { .. } => None,
        }
    }

    pub(crate) fn system(action: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::System { action, source }
    }
}
