//! Workers that are another program, which speaks the same wire: started by whoever knows that program.

use std::fmt;
use std::time::Duration;

use pushflow_core::PoolError;
use pushflow_signals::{Children, Link, Process, StartMethod};

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
    pub process: Process,
}

impl fmt::Debug for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launched").field("process", &self.process).finish_non_exhaustive()
    }
}
