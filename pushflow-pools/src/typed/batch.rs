//! [`Batch`]: the origin of all executions of one map.
//!
//! One for all of them, so that an item costs no more than its payload.

use std::borrow::Cow;
use std::sync::Arc;

use pushflow_core::interrupt::{Cause, Interruption};
use pushflow_core::pool::{Done, Origin, Ready, Rejected, Subject};
use pushflow_core::{Execution, Outcome, Payload, Pool, Task, TaskError};

/// Where a batch keeps its outcomes, and who waits for them.
pub(super) trait Keeper: Send + Sync {
    /// Keeps the outcome of a slot, and wakes who waits for it, holding no lock.
    fn keep(&self, slot: u32, outcome: Outcome);
}

pub(super) struct Batch<K> {
    task: Arc<dyn Task>,
    interruption: Interruption,
    pub(super) outcomes: K,
}

impl<K: Keeper + 'static> Batch<K> {
    pub(super) fn new(task: Arc<dyn Task>, outcomes: K) -> Arc<Batch<K>> {
        Arc::new(Batch { task, interruption: Interruption::new(), outcomes })
    }

    /// Submits an execution, waiting for room. Without inputs there is an outcome already.
    pub(super) fn submit(
        self: &Arc<Self>,
        pool: &dyn Pool,
        slot: u32,
        inputs: Result<Payload, TaskError>,
    ) -> Result<(), Rejected> {
        match inputs {
            Ok(inputs) => pool.submit(Execution::new(Arc::clone(self) as Arc<dyn Origin>, slot, 1, inputs)),
            Err(error) => {
                self.outcomes.keep(slot, Err(error));
                Ok(())
            }
        }
    }

    pub(super) fn interrupt(&self) {
        self.interruption.interrupt(Cause::Interrupted);
    }
}

impl<K: Keeper> Origin for Batch<K> {
    fn subject(&self, _slot: u32) -> Subject<'_> {
        Subject::alone(&self.task, &self.interruption)
    }

    fn prepare<'a>(&'a self, _slot: u32, _attempt: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        if self.interruption.is_interrupted() { Err(TaskError::interrupted()) } else { Ok(Cow::Borrowed(data)) }
    }

    fn complete(self: Arc<Self>, done: Done, _ready: &mut Ready) {
        self.outcomes.keep(done.slot, done.outcome);
    }
}
