//! [`ProcessPool`]: the pool, as its owner holds it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pushflow_core::interrupt::Cause;
use pushflow_core::pool::{Help, Rejected, Stats};
use pushflow_core::{Execution, Pool, PoolError};

use super::builder::ProcessPoolBuilder;
use super::completing;
use super::shared::Shared;
use super::state::Phase;
use super::supervise::Supervisor;
use crate::ending::wait_for_end;
use crate::when_full::WhenFull;

/// A pool of processes of this program, of one of five types. Tasks have to be registered, so that workers find them.
///
/// Dropping it closes it and, unless told otherwise, waits for what it has accepted.
pub struct ProcessPool {
    shared: Arc<Shared>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl ProcessPool {
    /// Starts with the default settings of the pool type `process`; for the others see
    /// [`multiprocessing`](crate::multiprocessing) and [`billiard`](crate::billiard).
    pub fn builder() -> ProcessPoolBuilder {
        crate::concurrent_futures::process()
    }

    /// Returns the name of the pool type.
    pub fn type_name(&self) -> &'static str {
        self.shared.settings.policy.name
    }

    /// Returns how many workers the pool has at most.
    pub fn workers(&self) -> usize {
        self.shared.workers
    }

    /// Returns the process ids of the workers that live; those that somebody else has started have none here.
    pub fn worker_ids(&self) -> Vec<u32> {
        if self.shared.is_here() {
            self.shared.lanes().iter().filter_map(|lane| lane.pid).collect()
        } else {
            Vec::new()
        }
    }

    pub(super) fn start(settings: ProcessPoolBuilder, workers: usize) -> Result<ProcessPool, PoolError> {
        let shared = Arc::new(Shared::new(settings, workers)?);
        let mut supervisor = Supervisor::new(Arc::clone(&shared));
        // A launcher may take its time, which who makes the pool need not wait for.
        if shared.settings.launcher.is_none() {
            supervisor.start_workers()?;
        }
        let thread = supervisor.start().map_err(PoolError::system("start the thread of a pool"))?;
        Ok(ProcessPool { shared, supervisor: Mutex::new(Some(thread)) })
    }
}

impl Pool for ProcessPool {
    fn submit(&self, execution: Execution) -> Result<(), Rejected> {
        // Who completes executions must not wait for room that completions make.
        let when_full = if completing::is_within(&self.shared) { WhenFull::Take } else { WhenFull::Wait };
        self.shared.submit(execution, when_full)
    }

    fn try_submit(&self, execution: Execution) -> Result<(), Rejected> {
        self.shared.submit(execution, WhenFull::Refuse)
    }

    fn close(&self) {
        if self.shared.is_here() {
            self.shared.close();
        }
    }

    fn join(&self, timeout: Option<Duration>) -> Result<(), PoolError> {
        if !self.shared.is_here() {
            return Err(PoolError::Closed);
        }
        if completing::is_within(&self.shared) {
            return Err(PoolError::JoinFromTask);
        }
        if self.shared.phase() == Phase::Open {
            return Err(PoolError::NotClosed);
        }
        wait_for_end(timeout, |waker| self.shared.poll_ended(waker), || self.shared.unfinished())?;
        // It has left its loop: what remains of it is the end of its thread.
        let thread = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the supervisor of a pool panicked");
        }
        Ok(())
    }

    fn interrupt(&self) {
        if !self.shared.is_here() {
            return;
        }
        // Now, and not when the supervisor comes to it: what begins later is not interrupted.
        for lane in self.shared.lanes() {
            lane.claim_running(Cause::Interrupted);
        }
        self.shared.marks_changed();
        if self.shared.phase() != Phase::Open {
            self.shared.hurry();
        }
    }

    fn helper(&self) -> Option<Arc<dyn Help>> {
        Some(Arc::clone(&self.shared) as Arc<dyn Help>)
    }

    fn stats(&self) -> Stats {
        if self.shared.is_here() { self.shared.stats() } else { Stats::default() }
    }
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        // In a process forked from the one that has made the pool there is nothing to end.
        if !self.shared.is_here() {
            return;
        }
        self.shared.settings.on_exit.end(self, completing::is_within(&self.shared));
    }
}

impl fmt::Debug for ProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ProcessPool");
        debug.field("type", &self.type_name()).field("workers", &self.shared.workers).finish_non_exhaustive()
    }
}
