//! Workers that are another program, which speaks the same wire: started by whoever knows that program.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use pushflow_core::PoolError;
use pushflow_signals::{Adopted, Children, Ending, Link, Process, Signal, StartMethod};

/// Starts workers that are another program.
///
/// Called on the thread that looks after the workers of a pool, which waits for it.
pub trait Launcher: Send + Sync {
    /// Starts one more worker. What it is told first, and everything after that, comes over its link.
    ///
    /// # Errors
    ///
    /// Why it cannot be started.
    fn launch(&self, wanted: &Wanted) -> Result<Launched, PoolError>;
}

/// As what a worker is to live.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Wanted {
    /// Whether it ends with this process.
    pub daemonic: bool,
    /// Whether it may start processes.
    pub children: Children,
    /// Whether it may be started in a daemonic process.
    pub exempt: bool,
    /// How it is started.
    pub method: StartMethod,
    /// How long it may take to end before a harder signal.
    pub grace: Duration,
}

/// A worker that was started.
pub struct Launched {
    /// The parent's end of the socket.
    pub link: Link,
    /// Its process.
    pub process: Attended,
}

/// The process of a worker, as this process has it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Attended {
    /// Its child.
    Own(Process),
    /// One that was forked for it.
    Adopted(Adopted),
}

impl Attended {
    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        match self {
            Attended::Own(process) => process.pid(),
            Attended::Adopted(adopted) => adopted.pid(),
        }
    }

    /// What becomes readable at its end.
    pub(super) fn end(&self) -> BorrowedFd<'_> {
        match self {
            Attended::Own(process) => process.pidfd(),
            Attended::Adopted(adopted) => adopted.end(),
        }
    }

    pub(super) fn interrupt_now(&self) {
        match self {
            Attended::Own(process) => process.interrupt_now(),
            Attended::Adopted(adopted) => adopted.signal(Signal::INTERRUPT),
        }
    }

    /// Without its group.
    pub(super) fn interrupt_alone(&self) {
        match self {
            Attended::Own(process) => process.interrupt_alone(),
            Attended::Adopted(adopted) => adopted.signal_alone(Signal::INTERRUPT),
        }
    }

    pub(super) fn terminate(&self) {
        match self {
            Attended::Own(process) => process.terminate(),
            Attended::Adopted(adopted) => adopted.signal(Signal::TERMINATE),
        }
    }

    pub(super) fn kill(&self) {
        match self {
            Attended::Own(process) => process.kill(),
            Attended::Adopted(adopted) => adopted.signal(Signal::KILL),
        }
    }

    /// Tells how it has ended, if it has.
    pub(super) fn try_end(&mut self) -> Result<Option<Ending>, PoolError> {
        match self {
            Attended::Own(process) => process.try_end().map_err(|error| PoolError::Start { source: error.into() }),
            Attended::Adopted(adopted) => adopted.try_end().map_err(PoolError::system("learn how a worker has ended")),
        }
    }
}

impl fmt::Debug for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launched").field("process", &self.process).finish_non_exhaustive()
    }
}
