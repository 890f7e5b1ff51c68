//! [`ThreadPool`]: the pool, as its owner holds it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_deque::Worker as Deque;
use crossbeam_utils::sync::Parker;
use pushflow_core::pool::{Rejected, Stats};
use pushflow_core::{Execution, Pool, PoolError};

use super::builder::ThreadPoolBuilder;
use super::shared::Shared;
use super::sleep::Sleep;
use super::worker::{Worker, is_worker_of};
use crate::ending::{OnExit, wait_for_end};
use crate::when_full::WhenFull;

/// A pool of work-stealing threads, which start eagerly. The workers see one address space: data is shared.
///
/// Dropping it closes it and, unless told otherwise, waits for what it has accepted.
///
/// Semantics: the pool type `thread` of pypushflow, with a bounded `timeout` and interruption by cooperation.
pub struct ThreadPool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    on_exit: OnExit,
}

impl ThreadPool {
    /// Starts with the default settings.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::new()
    }

    pub(super) fn start(settings: &ThreadPoolBuilder, workers: usize) -> Result<ThreadPool, PoolError> {
        let deques: Vec<Deque<Execution>> = (0..workers).map(|_| Deque::new_fifo()).collect();
        let parkers: Vec<Parker> = (0..workers).map(|_| Parker::new()).collect();
        let sleep = Sleep::new(parkers.iter().map(|parker| parker.unparker().clone()).collect());
        let shared = Arc::new(Shared::new(deques.iter().map(Deque::stealer).collect(), sleep, settings));
        let mut threads = Vec::with_capacity(workers);
        for (index, (deque, parker)) in deques.into_iter().zip(parkers).enumerate() {
            let worker = Worker { index, deque, parker, shared: Arc::clone(&shared) };
            let mut builder = Builder::new().name(format!("{}-{index}", settings.name));
            if let Some(stack_bytes) = settings.stack_bytes {
                builder = builder.stack_size(stack_bytes);
            }
            match builder.spawn(move || worker.work()) {
                Ok(thread) => threads.push(thread),
                Err(source) => {
                    // The workers that did start end; the others count as ended.
                    (index..workers).for_each(|_| shared.worker_ended());
                    shared.close();
                    threads.into_iter().for_each(join_thread);
                    return Err(PoolError::System { action: "start a worker thread", source });
                }
            }
        }
        Ok(ThreadPool { shared, threads: Mutex::new(threads), on_exit: settings.on_exit })
    }
}

impl Pool for ThreadPool {
    fn submit(&self, execution: Execution) -> Result<(), Rejected> {
        // A worker that waited for room could be the one that has to make it.
        let when_full = if is_worker_of(&self.shared) { WhenFull::Take } else { WhenFull::Wait };
        self.shared.submit(execution, when_full)
    }

    fn try_submit(&self, execution: Execution) -> Result<(), Rejected> {
        self.shared.submit(execution, WhenFull::Refuse)
    }

    fn close(&self) {
        self.shared.close();
    }

    fn join(&self, timeout: Option<Duration>) -> Result<(), PoolError> {
        if is_worker_of(&self.shared) {
            return Err(PoolError::JoinFromTask);
        }
        if !self.shared.is_closed() {
            return Err(PoolError::NotClosed);
        }
        wait_for_end(timeout, |waker| self.shared.poll_ended(waker), || self.shared.stats().running.len())?;
        // All have left their loop: what remains of them is the end of their threads.
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        threads.into_iter().for_each(join_thread);
        Ok(())
    }

    fn interrupt(&self) {
        self.shared.mark.interrupt();
    }

    fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

fn join_thread(thread: JoinHandle<()>) {
    // A worker that panicked outside of any task has dropped its executions, which completes them.
    if thread.join().is_err() {
        tracing::error!("a worker thread panicked");
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.on_exit.end(self, is_worker_of(&self.shared));
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { workers, running, .. } = self.stats();
        f.debug_struct("ThreadPool").field("workers", &workers).field("running", &running.len()).finish_non_exhaustive()
    }
}
