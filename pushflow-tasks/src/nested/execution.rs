//! [`Single`]: the nested execution, as its pool sees it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use pushflow_core::event::{Listener, RunId};
use pushflow_core::interrupt::Interruption;
use pushflow_core::pool::{Done, Origin, Ready, Subject};
use pushflow_core::{Context, Outcome, Payload, Task, TaskError, wait};

/// One execution of a body, which speaks in the name of the outer one.
pub(super) struct Single {
    body: Arc<dyn Task>,
    node: String,
    run: RunId,
    listener: Option<Listener>,
    mark: Interruption,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

impl Single {
    pub(super) fn new(body: &Arc<dyn Task>, ctx: &Context<'_>) -> Arc<Single> {
        Arc::new(Single {
            body: Arc::clone(body),
            node: ctx.node().to_owned(),
            run: ctx.run(),
            listener: ctx.listener().cloned(),
            mark: Interruption::with_deadline(ctx.deadline()),
            state: Mutex::default(),
        })
    }

    /// What breaks it off.
    pub(super) fn mark(&self) -> Interruption {
        self.mark.clone()
    }

    pub(super) fn is_done(&self) -> bool {
        self.lock().outcome.is_some()
    }

    /// Waits for the outcome.
    pub(super) fn wait(&self) -> Outcome {
        let outcome = wait::block(None, |waker| {
            let mut state = self.lock();
            let outcome = state.outcome.take();
            if outcome.is_none() {
                state.waker = Some(waker.clone());
            }
            outcome
        });
        outcome.expect("a wait without deadline ends with the event")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Origin for Single {
    fn subject(&self, _slot: u32) -> Subject<'_> {
        Subject {
            node: &self.node,
            run: self.run,
            listener: self.listener.as_ref(),
            ..Subject::alone(&self.body, &self.mark)
        }
    }

    fn prepare<'a>(&'a self, _slot: u32, _attempt: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        if self.mark.is_interrupted() { Err(TaskError::interrupted()) } else { Ok(Cow::Borrowed(data)) }
    }

    fn complete(self: Arc<Self>, done: Done, _ready: &mut Ready) {
        let mut state = self.lock();
        state.outcome = Some(done.outcome);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
