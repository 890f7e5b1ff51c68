//! [`Trigger`]: a task that is to be run, and [`Sink`]: who takes it.

use std::time::Duration;

use crate::payload::Payload;

/// A task that is to be run for a try, numbered from 1.
pub(super) struct Trigger {
    pub(super) slot: u32,
    pub(super) attempt: u32,
    pub(super) data: Payload,
}

/// Takes the tasks that carrying arrives at.
pub(super) trait Sink {
    /// Takes a task to be run.
    fn task(&mut self, trigger: Trigger);

    /// Takes a task to be run after a while.
    fn later(&mut self, delay: Duration, trigger: Trigger);
}
