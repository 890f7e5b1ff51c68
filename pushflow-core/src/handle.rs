//! [`Handle`]: one task on a pool, without any workflow.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::error::{PoolError, TaskError};
use crate::interrupt::{Cause, Interruption};
use crate::payload::Payload;
use crate::pool::{Done, Execution, Help, Origin, Outcome, Pool, Ready, Rejected, Subject};
use crate::task::Task;
use crate::wait;

/// Waits for the outcome of one execution: from a thread with [`wait`](Self::wait), or awaited in any async runtime.
///
/// Dropping the handle lets the execution go on.
pub struct Handle {
    single: Arc<Single>,
    /// Whose work a thread can do while it waits.
    pool: Option<Weak<dyn Help>>,
}

struct Single {
    task: Arc<dyn Task>,
    interruption: Interruption,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    taken: bool,
    waker: Option<Waker>,
}

impl Handle {
    /// Submits one task with its inputs to a pool; waits for room in one that is full.
    ///
    /// # Errors
    ///
    /// Why the pool refused it.
    pub fn submit(pool: &dyn Pool, task: Arc<dyn Task>, inputs: Payload) -> Result<Handle, PoolError> {
        Handle::of(pool, task, inputs, |execution| pool.submit(execution))
    }

    /// Submits one task with its inputs to a pool if that has room for it; never waits.
    ///
    /// # Errors
    ///
    /// Why the pool refused it; [`PoolError::Full`] when it has no room.
    pub fn try_submit(pool: &dyn Pool, task: Arc<dyn Task>, inputs: Payload) -> Result<Handle, PoolError> {
        Handle::of(pool, task, inputs, |execution| pool.try_submit(execution))
    }

    /// Creates the handle of an execution that never was: its outcome is there already.
    pub fn completed(task: Arc<dyn Task>, outcome: Outcome) -> Handle {
        let state = Mutex::new(State { outcome: Some(outcome), ..State::default() });
        let single = Arc::new(Single { task, interruption: Interruption::new(), state });
        Handle { single, pool: None }
    }

    fn of(
        pool: &dyn Pool,
        task: Arc<dyn Task>,
        inputs: Payload,
        submit: impl FnOnce(Execution) -> Result<(), Rejected>,
    ) -> Result<Handle, PoolError> {
        let single = Arc::new(Single { task, interruption: Interruption::new(), state: Mutex::default() });
        match submit(Execution::new(Arc::clone(&single) as Arc<dyn Origin>, 0, 1, inputs)) {
            Ok(()) => Ok(Handle { single, pool: pool.helper().map(|helper| Arc::downgrade(&helper)) }),
            Err(rejected) => {
                let reason = rejected.reason;
                // Completed with nobody to hear it: the caller gets the reason.
                rejected.execution.complete(Ok(Payload::new()), &mut Ready::default());
                Err(reason)
            }
        }
    }

    /// Waits for the outcome. Blocks the calling thread.
    ///
    /// # Errors
    ///
    /// Why the task gave no result.
    pub fn wait(self) -> Outcome {
        self.help(None);
        wait::block(None, |waker| self.poll_outcome(waker)).expect("a wait without deadline ends with the event")
    }

    /// Waits for the outcome for a while; gives the handle back when there is none yet.
    ///
    /// # Errors
    ///
    /// The handle, for another try.
    pub fn wait_timeout(self, timeout: Duration) -> Result<Outcome, Handle> {
        let deadline = Instant::now().checked_add(timeout);
        self.help(deadline);
        wait::block(deadline, |waker| self.poll_outcome(waker)).ok_or(self)
    }

    /// Does the pool's work for a while: often that is all that the outcome needs.
    fn help(&self, deadline: Option<Instant>) {
        if let Some(pool) = self.pool.as_ref().and_then(Weak::upgrade) {
            pool.help(&|| self.is_done(), deadline);
        }
    }

    /// Whether the outcome is there.
    pub fn is_done(&self) -> bool {
        self.lock().outcome.is_some()
    }

    /// Asks the task to end; see [`Context::is_interrupted`](crate::Context::is_interrupted).
    pub fn interrupt(&self) {
        self.single.interruption.interrupt(Cause::Interrupted);
    }

    fn poll_outcome(&self, waker: &Waker) -> Option<Outcome> {
        let mut state = self.lock();
        if let Some(outcome) = state.outcome.take() {
            state.taken = true;
            return Some(outcome);
        }
        if state.taken {
            return Some(Err(TaskError::message("the outcome was taken before")));
        }
        state.waker = Some(waker.clone());
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.single.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Handle {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Outcome> {
        self.poll_outcome(cx.waker()).map_or(Poll::Pending, Poll::Ready)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("done", &self.is_done()).finish_non_exhaustive()
    }
}

impl Origin for Single {
    fn subject(&self, _slot: u32) -> Subject<'_> {
        Subject::alone(&self.task, &self.interruption)
    }

    fn prepare<'a>(&'a self, _slot: u32, _attempt: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        if self.interruption.is_interrupted() { Err(TaskError::interrupted()) } else { Ok(Cow::Borrowed(data)) }
    }

    fn complete(self: Arc<Self>, done: Done, _ready: &mut Ready) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.outcome = Some(done.outcome);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
