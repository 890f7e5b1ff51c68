//! [`Pending`]: the result of a call that a pool has taken.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pushflow_core::handle::Handle;
use pushflow_core::{Pool, PoolError, TaskError};
use serde::de::DeserializeOwned;

use super::function::Call;
use super::result::result;

/// Waits for the result of one call: from a thread with [`wait`](Self::wait), or awaited in any async runtime.
///
/// Dropping it lets the call go on.
pub struct Pending<R> {
    handle: Handle,
    name: &'static str,
    result: PhantomData<fn() -> R>,
}

impl<R> Pending<R> {
    pub(super) fn submit(pool: &dyn Pool, call: Call<R>) -> Result<Pending<R>, PoolError> {
        let name = call.name;
        let handle = match call.inputs {
            Ok(inputs) => Handle::submit(pool, Arc::clone(call.task), inputs)?,
            Err(error) => Handle::completed(Arc::clone(call.task), Err(error)),
        };
        Ok(Pending { handle, name, result: PhantomData })
    }

    pub(super) fn try_submit(pool: &dyn Pool, call: Call<R>) -> Result<Pending<R>, PoolError> {
        let name = call.name;
        let handle = match call.inputs {
            Ok(inputs) => Handle::try_submit(pool, Arc::clone(call.task), inputs)?,
            Err(error) => Handle::completed(Arc::clone(call.task), Err(error)),
        };
        Ok(Pending { handle, name, result: PhantomData })
    }

    /// Whether there is an outcome.
    pub fn is_done(&self) -> bool {
        self.handle.is_done()
    }

    /// Asks the function to end; see [`Context::is_interrupted`](pushflow_core::Context::is_interrupted).
    pub fn interrupt(&self) {
        self.handle.interrupt();
    }
}

impl<R: DeserializeOwned> Pending<R> {
    /// Waits for the result. Blocks the calling thread.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn wait(self) -> Result<R, TaskError> {
        result(self.name, self.handle.wait())
    }

    /// Waits for the result, at most for `timeout` from the call; gives itself back when there is none yet.
    ///
    /// # Errors
    ///
    /// Itself, for another try.
    pub fn wait_timeout(self, timeout: Duration) -> Result<Result<R, TaskError>, Pending<R>> {
        let Pending { name, result: kind, handle } = self;
        match handle.wait_timeout(timeout) {
            Ok(outcome) => Ok(result(name, outcome)),
            Err(handle) => Err(Pending { handle, name, result: kind }),
        }
    }
}

impl<R: DeserializeOwned> Future for Pending<R> {
    type Output = Result<R, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R, TaskError>> {
        let name = self.name;
        Pin::new(&mut self.handle).poll(cx).map(|outcome| result(name, outcome))
    }
}

impl<R> fmt::Debug for Pending<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("name", &self.name).field("done", &self.is_done()).finish_non_exhaustive()
    }
}
