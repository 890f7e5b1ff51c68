//! [`Stepped`]: a pool that runs one execution when it is told to, so that any order can be gone through, and repeated.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pushflow_core::engine::{Network, Report, RunOptions};
use pushflow_core::pool::{Execution, Ready, Rejected};
use pushflow_core::{Pool, PoolError};

/// Runs nothing by itself.
#[derive(Default)]
pub(crate) struct Stepped {
    pub(crate) waiting: Mutex<Vec<Execution>>,
    closed: Mutex<bool>,
}

impl Pool for Stepped {
    fn submit(&self, execution: Execution) -> Result<(), Rejected> {
        if *self.closed.lock().unwrap() {
            return Err(Rejected { execution, reason: PoolError::Closed });
        }
        self.waiting.lock().unwrap().push(execution);
        Ok(())
    }

    fn close(&self) {
        *self.closed.lock().unwrap() = true;
    }

    fn join(&self, _: Option<Duration>) -> Result<(), PoolError> {
        Ok(())
    }
}

impl Stepped {
    /// Runs one of what waits, which is chosen from so many; returns whether there was something.
    pub(crate) fn step(&self, choose: impl FnOnce(usize) -> usize) -> bool {
        let mut waiting = self.waiting.lock().unwrap();
        if waiting.is_empty() {
            return false;
        }
        let index = choose(waiting.len());
        let execution = waiting.remove(index);
        drop(waiting);
        let mut ready = Ready::default();
        execution.run(None, &mut ready);
        let mut waiting = self.waiting.lock().unwrap();
        while let Some(next) = ready.pop() {
            waiting.push(next);
        }
        true
    }
}

impl fmt::Debug for Stepped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepped").finish_non_exhaustive()
    }
}

/// Steps through a run; whenever several wait, one of them is chosen.
pub(crate) fn step_through(
    network: &Arc<Network>,
    options: RunOptions,
    mut choose: impl FnMut(usize) -> usize,
) -> Report {
    let pool = Arc::new(Stepped::default());
    let run = network.start(Arc::clone(&pool) as Arc<dyn Pool>, options);
    while pool.step(&mut choose) {}
    assert!(run.is_ended(), "nothing waits, so nothing is left");
    run.wait()
}

/// Steps through a run in the order of a seed.
pub(crate) fn simulate(network: &Arc<Network>, seed: u64, options: RunOptions) -> Report {
    let mut random = fastrand::Rng::with_seed(seed);
    step_through(network, options, |count| random.usize(..count))
}
