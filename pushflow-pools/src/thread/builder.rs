//! [`ThreadPoolBuilder`]: the settings of a pool of threads.

use std::time::Duration;

use pushflow_core::PoolError;

use super::pool::ThreadPool;
use crate::elsewhere::Elsewhere;
use crate::ending::OnExit;

/// Settings of a [`ThreadPool`].
#[derive(Clone, Debug)]
pub struct ThreadPoolBuilder {
    pub(super) workers: Option<usize>,
    pub(super) name: String,
    pub(super) stack_bytes: Option<usize>,
    pub(super) max_pending: Option<usize>,
    pub(super) on_exit: OnExit,
    pub(super) elsewhere: Option<Elsewhere>,
}

/// More threads than that are a mistake.
const MOST_WORKERS: usize = 4096;

impl ThreadPoolBuilder {
    pub(super) fn new() -> ThreadPoolBuilder {
        ThreadPoolBuilder {
            workers: None,
            name: "pushflow".to_owned(),
            stack_bytes: None,
            max_pending: None,
            on_exit: OnExit::DEFAULT,
            elsewhere: None,
        }
    }

    /// Sets the number of threads, 1 to 4096; by default one for each processor that this process may use.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> ThreadPoolBuilder {
        self.workers = Some(workers);
        self
    }

    /// Sets the name of the threads, to which their number is added; `pushflow` by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> ThreadPoolBuilder {
        self.name = name.into();
        self
    }

    /// Sets the size of each thread's stack in bytes; by default that of Rust threads, 2 MiB.
    #[must_use]
    pub fn stack_bytes(mut self, stack_bytes: usize) -> ThreadPoolBuilder {
        self.stack_bytes = Some(stack_bytes);
        self
    }

    /// Bounds how many submitted executions wait to be started, at least 1; without bound by default.
    ///
    /// While there are as many, [`submit`](pushflow_core::Pool::submit) waits for room, unless a worker of the pool calls
    /// it, and [`try_submit`](pushflow_core::Pool::try_submit) refuses. What a finished execution makes ready does not
    /// count: it never waits for room.
    #[must_use]
    pub fn max_pending(mut self, most: Option<usize>) -> ThreadPoolBuilder {
        self.max_pending = most;
        self
    }

    /// Sets who takes what executions make ready, and is for other pools.
    #[must_use]
    pub(crate) fn elsewhere(mut self, elsewhere: Elsewhere) -> ThreadPoolBuilder {
        self.elsewhere = Some(elsewhere);
        self
    }

    /// Sets whether dropping the pool waits for its executions; it does by default.
    #[must_use]
    pub fn wait_on_exit(mut self, wait: bool) -> ThreadPoolBuilder {
        self.on_exit.wait = wait;
        self
    }

    /// Bounds that wait; without bound by default.
    #[must_use]
    pub fn wait_on_exit_timeout(mut self, timeout: Option<Duration>) -> ThreadPoolBuilder {
        self.on_exit.timeout = timeout;
        self
    }

    /// Sets whether dropping the pool interrupts what is running; it does not by default.
    #[must_use]
    pub fn interrupt_on_exit(mut self, interrupt: bool) -> ThreadPoolBuilder {
        self.on_exit.interrupt = interrupt;
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`PoolError::Workers`] for an unusable number, [`PoolError::System`] when the system refuses a thread.
    pub fn build(self) -> Result<ThreadPool, PoolError> {
        let workers = match self.workers {
            Some(workers) => workers,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        if workers == 0 || workers > MOST_WORKERS {
            return Err(PoolError::Workers { found: workers, limit: MOST_WORKERS });
        }
        ThreadPool::start(&self, workers)
    }
}
