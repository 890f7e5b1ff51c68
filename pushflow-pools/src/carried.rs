//! [`carry`]: a pool has another run an execution for it.

use std::borrow::Cow;
use std::sync::Arc;

use pushflow_core::event::RunId;
use pushflow_core::pool::{Done, Origin, Ready, Subject};
use pushflow_core::{Execution, Payload, TaskError};

/// Returns an execution for the other pool. When it is completed, so is the one that it carries, and `then` gets what this
/// has made ready: that is for the pool that carries, and not for the one that ran it.
///
/// One that the other pool refuses is given back as it is: completing it completes what it carries.
pub(crate) fn carry(execution: Execution, then: impl FnOnce(Ready) + Send + Sync + 'static) -> Execution {
    let (slot, attempt) = (execution.slot(), execution.attempt());
    Execution::new(Arc::new(Carried { execution, then }), slot, attempt, Payload::new())
}

struct Carried<F> {
    execution: Execution,
    then: F,
}

impl<F: FnOnce(Ready) + Send + Sync + 'static> Origin for Carried<F> {
    fn subject(&self, _slot: u32) -> Subject<'_> {
        self.execution.subject()
    }

    fn prepare<'a>(&'a self, _slot: u32, _attempt: u32, _data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        self.execution.prepare()
    }

    fn run(&self, _slot: u32) -> RunId {
        self.execution.run_id()
    }

    fn complete(self: Arc<Self>, done: Done, _ready: &mut Ready) {
        // The execution that has just ended held the only reference.
        let Some(Carried { execution, then }) = Arc::into_inner(self) else { return };
        let mut ready = Ready::default();
        execution.complete(done.outcome, &mut ready);
        then(ready);
    }
}
