//! [`Stopper`]: ends a run from elsewhere.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::bell::Bell;
use crate::error::{ErrorKind, TaskError};
use crate::event::RunId;
use crate::interrupt::{Cause, Interruption};

/// Stops a run from elsewhere: a signal watch, another thread.
///
/// Keeps nothing of the run alive but its marks; after the end of the run it does nothing.
#[derive(Clone)]
pub struct Stopper {
    run: RunId,
    /// Why nothing starts any more.
    why: Arc<OnceLock<TaskError>>,
    interruption: Interruption,
    bell: Arc<Bell>,
}

impl Stopper {
    pub(super) fn new(
        run: RunId,
        why: Arc<OnceLock<TaskError>>,
        interruption: Interruption,
        bell: Arc<Bell>,
    ) -> Stopper {
        Stopper { run, why, interruption, bell }
    }

    /// Stops the run: what runs may finish, what would start fails. From any thread, any number of times.
    ///
    /// `reason` is the message of those failures, `stop workflow due to signal 15` for instance. Only the first counts.
    pub fn stop(&self, reason: &str) {
        // A second reason changes nothing.
        let _ = self.why.set(TaskError::new(ErrorKind::Stopped, "StopPypushflowWorkflow", reason));
        self.bell.ring();
    }

    /// Stops the run and interrupts what runs.
    pub fn interrupt(&self, reason: &str) {
        self.stop(reason);
        self.interruption.interrupt(Cause::Interrupted);
        self.bell.ring();
    }
}

impl fmt::Debug for Stopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stopper").field(&self.run).finish()
    }
}
