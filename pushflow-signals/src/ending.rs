//! How what runs is ended: one signal after the other, each a grace period after the one before.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::interrupt;
use crate::kin::Kin;

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

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ending {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// The most memory that it had at once, or that one of the children that it had waited for had.
    ///
    /// Semantics: `ru_maxrss` of getrusage(2). What it shares with others counts in full. That is a lot at first: one that
    /// was forked begins with the memory of its parent, and so does one that was spawned, in the eyes of the system.
    pub peak_memory_bytes: Option<u64>,
}

/// Who interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// An [`Interrupter`](crate::Interrupter).
    Request,
    /// The mark of this process: a SIGINT that the family may have passed on already.
    Mark,
}

/// The signals that are still to be sent, and when the next one is due.
pub(crate) struct Escalation {
    pub(crate) ended: Ended,
    by: By,
    due: Option<Instant>,
    rest: &'static [Signal],
    grace: Duration,
}

impl Escalation {
    /// At the deadline SIGTERM, then SIGKILL.
    pub(crate) fn new(deadline: Option<Instant>, grace: Duration) -> Escalation {
        let rest = &[Signal::TERM, Signal::KILL];
        Escalation { ended: Ended::ByItself, by: By::Request, due: deadline, rest, grace }
    }

    /// Now SIGINT, then SIGTERM, then SIGKILL; unless something has begun already.
    fn interrupt(&mut self, by: By) {
        if self.ended == Ended::ByItself {
            self.ended = Ended::Interrupted;
            self.by = by;
            self.due = Some(Instant::now());
            self.rest = &[Signal::INT, Signal::TERM, Signal::KILL];
        }
    }

    /// When the next signal is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it was interrupted, or its time was over.
    pub(crate) fn has_begun(&self) -> bool {
        self.ended != Ended::ByItself
    }

    /// Sends the next signal if it is due, or has become so: `requested` by an [`Interrupter`](crate::Interrupter), or by
    /// the mark of this process.
    pub(crate) fn advance(&mut self, kin: &Kin, requested: bool) {
        if requested {
            self.interrupt(By::Request);
        } else if interrupt::is_interrupted() {
            self.interrupt(By::Mark);
        }
        let now = Instant::now();
        let Some((signal, rest)) = self.rest.split_first() else { return };
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        if self.ended == Ended::ByItself {
            self.ended = Ended::TimedOut;
        }
        self.rest = rest;
        self.due = if rest.is_empty() { None } else { now.checked_add(self.grace) };
        if *signal == Signal::INT && self.by == By::Mark {
            kin.pass_on(interrupt::latest());
        } else {
            kin.signal(*signal);
        }
    }
}
