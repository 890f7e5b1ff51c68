//! [`CoroutinePool`]: the pool, as its owner holds it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pushflow_core::pool::{Rejected, Stats};
use pushflow_core::{Execution, Pool, PoolError};

use super::builder::CoroutinePoolBuilder;
use super::may;
use super::runner::is_runner_of;
use super::shared::Shared;
use crate::ending::{OnExit, wait_for_end};
use crate::when_full::WhenFull;

/// A pool of coroutines, which start with the executions: as many at the same time as there are, unless bounded.
///
/// Coroutines that wait take no thread: they may be hundreds of thousands. One that computes, or that blocks its thread by other means than those
/// of pushflow, holds up others. Dropping the pool closes it and, unless told otherwise, waits for what it has accepted.
///
/// Semantics: the pool type `gevent` of pypushflow, which needs no patched interpreter here.
pub struct CoroutinePool {
    shared: Arc<Shared>,
    on_exit: OnExit,
}

impl CoroutinePool {
    /// Starts with the default settings.
    pub fn builder() -> CoroutinePoolBuilder {
        CoroutinePoolBuilder::new()
    }

    pub(super) fn start(settings: CoroutinePoolBuilder) -> Result<CoroutinePool, PoolError> {
        may::start()?;
        Ok(CoroutinePool { shared: Arc::new(Shared::new(&settings)), on_exit: settings.on_exit })
    }
}

impl Pool for CoroutinePool {
    fn submit(&self, execution: Execution) -> Result<(), Rejected> {
        // A runner that waited for room could be the one that has to make it.
        let when_full = if is_runner_of(&self.shared) { WhenFull::Take } else { WhenFull::Wait };
        self.shared.submit(execution, when_full)
    }

    fn try_submit(&self, execution: Execution) -> Result<(), Rejected> {
        self.shared.submit(execution, WhenFull::Refuse)
    }

    fn close(&self) {
        self.shared.close();
    }

    fn join(&self, timeout: Option<Duration>) -> Result<(), PoolError> {
        if is_runner_of(&self.shared) {
            return Err(PoolError::JoinFromTask);
        }
        if !self.shared.is_closed() {
            return Err(PoolError::NotClosed);
        }
        wait_for_end(timeout, |waker| self.shared.poll_ended(waker), || self.shared.stats().running.len())
    }

    fn interrupt(&self) {
        self.shared.mark.interrupt();
    }

    fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl Drop for CoroutinePool {
    fn drop(&mut self) {
        self.on_exit.end(self, is_runner_of(&self.shared));
    }
}

impl fmt::Debug for CoroutinePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { workers, running, .. } = self.stats();
        f.debug_struct("CoroutinePool")
            .field("workers", &workers)
            .field("running", &running.len())
            .finish_non_exhaustive()
    }
}
