//! [`Announced`]: the events of a run as a whole, for the handlers that `execinfo` names.

use std::time::Duration;

use pushflow_core::{Payload, TaskError, Value};

use super::environment::Environment;
use super::errand::Errand;

/// A run whose start was announced. Its end is to be, too: at the latest when this is dropped, as one that was broken off.
#[derive(Debug)]
pub struct Announced {
    errand: Errand,
    execinfo: Value,
    has_ended: bool,
}

/// Why a run has given no result, as events tell it.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'a> {
    /// The message of the error.
    pub message: &'a str,
    /// The lines of its traceback.
    pub traceback: &'a [String],
}

impl Announced {
    /// Sends the events that a job and its workflow start. Waits for an interpreter to do so.
    ///
    /// # Errors
    ///
    /// When there is no `ewokscore`, a handler cannot be made, or a handler fails.
    pub(crate) fn start(
        environment: &Environment,
        execinfo: &Value,
        workflow: &str,
        grace: Duration,
    ) -> Result<Announced, TaskError> {
        let errand = Errand::new("pushflow events", environment, grace);
        let inputs = Payload::single("event", "start").with("execinfo", execinfo.clone());
        let inputs = inputs.with("workflow", workflow).with("process_id", i64::from(std::process::id()));
        let mut announced = Announced { errand, execinfo: Value::Null, has_ended: true };
        announced.execinfo = announced.tell(&inputs)?;
        announced.has_ended = false;
        Ok(announced)
    }

    /// Returns what the tasks of the run are to tell with their own events.
    pub fn execinfo(&self) -> &Value {
        &self.execinfo
    }

    /// Sends the events that the workflow and its job have ended; with the reason when there is no result. Waits for an interpreter
    /// to do so.
    ///
    /// # Errors
    ///
    /// When a handler fails.
    pub fn end(mut self, reason: Option<Reason<'_>>) -> Result<(), TaskError> {
        self.say_end(reason)
    }

    fn say_end(&mut self, reason: Option<Reason<'_>>) -> Result<(), TaskError> {
        self.has_ended = true;
        let mut inputs = Payload::single("event", "end").with("execinfo", self.execinfo.clone());
        if let Some(Reason { message, traceback }) = reason {
            inputs.insert("error", true);
            inputs.insert("error_message", message);
            inputs.insert("error_traceback", traceback.join("\n"));
        }
        self.tell(&inputs).map(drop)
    }

    fn tell(&self, inputs: &Payload) -> Result<Value, TaskError> {
        Ok(self.errand.run(inputs, None)?.get("execinfo").cloned().unwrap_or_default())
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if !self.has_ended
            && let Err(error) = self.say_end(Some(Reason { message: "the run was broken off", traceback: &[] }))
        {
            tracing::warn!(%error, "the end of a run cannot be announced");
        }
    }
}
