//! [`CoroutinePoolBuilder`]: the settings of a pool of coroutines.

use std::time::Duration;

use pushflow_core::PoolError;

use super::pool::CoroutinePool;
use crate::elsewhere::Elsewhere;
use crate::ending::OnExit;

/// The size of a coroutine's stack unless set otherwise, in bytes.
///
/// Seven times what a task takes that makes a nested pool of processes, submits to it and waits: 36 KB in a build without optimizations, as `may`
/// tells for stacks with an odd number of words. What is not used takes no memory.
pub const DEFAULT_STACK_BYTES: usize = 256 << 10;

/// Sizes of stacks that can be used, in bytes.
const STACK_BYTES: std::ops::RangeInclusive<usize> = (16 << 10)..=(1 << 30);

/// Settings of a [`CoroutinePool`].
#[derive(Clone, Debug)]
pub struct CoroutinePoolBuilder {
    pub(super) workers: Option<usize>,
    pub(super) name: String,
    pub(super) stack_bytes: usize,
    pub(super) max_pending: Option<usize>,
    pub(super) on_exit: OnExit,
    pub(super) elsewhere: Option<Elsewhere>,
}

impl CoroutinePoolBuilder {
    pub(super) fn new() -> CoroutinePoolBuilder {
        CoroutinePoolBuilder {
            workers: None,
            name: "pushflow".to_owned(),
            stack_bytes: DEFAULT_STACK_BYTES,
            max_pending: None,
            on_exit: OnExit::DEFAULT,
            elsewhere: None,
        }
    }

    /// Bounds the number of coroutines, and so of executions that run or wait within at the same time, at least 1; without bound by default.
    #[must_use]
    pub fn workers(mut self, most: usize) -> CoroutinePoolBuilder {
        self.workers = Some(most);
        self
    }

    /// Sets the name of the coroutines, to which their number is added; `pushflow` by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> CoroutinePoolBuilder {
        self.name = name.into();
        self
    }

    /// Sets the size of each coroutine's stack in bytes, 16 KiB to 1 GiB, rounded up to whole pages; [`DEFAULT_STACK_BYTES`] by default.
    #[must_use]
    pub fn stack_bytes(mut self, stack_bytes: usize) -> CoroutinePoolBuilder {
        self.stack_bytes = stack_bytes;
        self
    }

    /// Bounds how many submitted executions wait to be started, at least 1; without bound by default.
    ///
    /// As [`ThreadPoolBuilder::max_pending`](crate::thread::ThreadPoolBuilder::max_pending).
    #[must_use]
    pub fn max_pending(mut self, most: Option<usize>) -> CoroutinePoolBuilder {
        self.max_pending = most;
        self
    }

    /// Sets who takes what executions make ready, and is for other pools.
    #[must_use]
    pub(crate) fn elsewhere(mut self, elsewhere: Elsewhere) -> CoroutinePoolBuilder {
        self.elsewhere = Some(elsewhere);
        self
    }

    /// Sets whether dropping the pool waits for its executions; it does by default.
    #[must_use]
    pub fn wait_on_exit(mut self, wait: bool) -> CoroutinePoolBuilder {
        self.on_exit.wait = wait;
        self
    }

    /// Bounds that wait; without bound by default.
    #[must_use]
    pub fn wait_on_exit_timeout(mut self, timeout: Option<Duration>) -> CoroutinePoolBuilder {
        self.on_exit.timeout = timeout;
        self
    }

    /// Sets whether dropping the pool interrupts what is running; it does not by default.
    #[must_use]
    pub fn interrupt_on_exit(mut self, interrupt: bool) -> CoroutinePoolBuilder {
        self.on_exit.interrupt = interrupt;
        self
    }

    /// Creates the pool. Coroutines start with the first executions.
    ///
    /// # Errors
    ///
    /// [`PoolError::Workers`] and [`PoolError::Setting`] for what is unusable; [`PoolError::System`] in a process that was
    /// forked from one that has coroutines.
    pub fn build(mut self) -> Result<CoroutinePool, PoolError> {
        if self.workers == Some(0) {
            return Err(PoolError::Workers { found: 0, limit: usize::MAX });
        }
        if !STACK_BYTES.contains(&self.stack_bytes) {
            let (least, most) = (STACK_BYTES.start(), STACK_BYTES.end());
            let problem = format!("is from {least} to {most} bytes, found: {}", self.stack_bytes);
            return Err(PoolError::Setting { setting: "stack_bytes", problem });
        }
        self.stack_bytes = pushflow_signals::stack::whole_pages(self.stack_bytes);
        CoroutinePool::start(self)
    }
}
