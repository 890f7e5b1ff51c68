//! How what runs is ended: one signal after the other, each a grace period after the one before.

use std::time::{Duration, Instant};

use rustix::process::Signal;

/// Whether something was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// It was not.
    ByItself,
    /// It was interrupted.
    Interrupted,
    /// Its time was over.
    TimedOut,
}

/// The signals that are still to be sent, and when the next one is due.
pub(crate) struct Escalation {
    pub(crate) ended: Ended,
    due: Option<Instant>,
    rest: &'static [Signal],
    grace: Duration,
}

impl Escalation {
    /// At the deadline SIGTERM, then SIGKILL.
    pub(crate) fn new(deadline: Option<Instant>, grace: Duration) -> Escalation {
        Escalation { ended: Ended::ByItself, due: deadline, rest: &[Signal::TERM, Signal::KILL], grace }
    }

    /// Now SIGINT, then SIGTERM, then SIGKILL; unless something has begun already.
    pub(crate) fn interrupt(&mut self) {
        if self.ended == Ended::ByItself {
            self.ended = Ended::Interrupted;
            self.due = Some(Instant::now());
            self.rest = &[Signal::INT, Signal::TERM, Signal::KILL];
        }
    }

    /// When the next signal is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns the next signal if it is due.
    pub(crate) fn next(&mut self) -> Option<Signal> {
        let now = Instant::now();
        let (signal, rest) = self.rest.split_first()?;
        if self.due.is_none_or(|due| now < due) {
            return None;
        }
        if self.ended == Ended::ByItself {
            self.ended = Ended::TimedOut;
        }
        self.rest = rest;
        self.due = if rest.is_empty() { None } else { now.checked_add(self.grace) };
        Some(*signal)
    }
}
