//! How a pool ends: [`OnExit`] when its owner drops it, [`wait_for_end`] when somebody joins it.

use std::task::Waker;
use std::time::{Duration, Instant};

use pushflow_core::{Pool, PoolError, wait};

/// What dropping a pool does after closing it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnExit {
    /// Whether it waits for the executions.
    pub(crate) wait: bool,
    /// How long at most.
    pub(crate) timeout: Option<Duration>,
    /// Whether it interrupts what is running.
    pub(crate) interrupt: bool,
}

impl OnExit {
    pub(crate) const DEFAULT: OnExit = OnExit { wait: true, timeout: None, interrupt: false };

    /// Ends the pool that is being dropped. `within`: whether a worker of it does that, who cannot wait for himself.
    pub(crate) fn end(self, pool: &dyn Pool, within: bool) {
        pool.close();
        if self.interrupt {
            pool.interrupt();
        }
        if self.wait
            && !within
            && let Err(error) = pool.join(self.timeout)
            && !matches!(error, PoolError::JoinFromTask)
        {
            tracing::warn!(%error, "the pool was dropped while executions were running");
        }
    }
}

/// Waits until a closed pool has ended: `poll_ended` tells that, or registers who is to look again.
///
/// # Errors
///
/// [`PoolError::Timeout`] with what `running` tells, the number of executions without an outcome.
pub(crate) fn wait_for_end(
    timeout: Option<Duration>,
    poll_ended: impl Fn(&Waker) -> bool,
    running: impl FnOnce() -> usize,
) -> Result<(), PoolError> {
    let begin = Instant::now();
    let deadline = timeout.and_then(|timeout| begin.checked_add(timeout));
    if wait::block(deadline, |waker| poll_ended(waker).then_some(())).is_some() {
        return Ok(());
    }
    Err(PoolError::Timeout { running: running(), waited: begin.elapsed() })
}
