//! [`Mark`]: how the executions of a pool are interrupted all at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use pushflow_core::interrupt::{Cause, Interruption};

/// The mark that what starts now runs under.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    current: Mutex<Interruption>,
    /// Raised when the mark is replaced, so that workers need not lock it for each execution.
    generation: AtomicU64,
}

impl Mark {
    /// Interrupts what is running; what starts later gets a new mark.
    pub(crate) fn interrupt(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *current);
        self.generation.fetch_add(1, Ordering::Release);
        drop(current);
        old.interrupt(Cause::Interrupted);
    }

    /// Returns the mark for a worker to keep.
    pub(crate) fn get(&self) -> KnownMark {
        // Read first: a mark that is newer than its generation is only fetched once more.
        let generation = self.generation.load(Ordering::Acquire);
        let mark = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        KnownMark { mark, generation }
    }
}

/// The mark as a worker knows it.
pub(crate) struct KnownMark {
    mark: Interruption,
    generation: u64,
}

impl KnownMark {
    /// Returns the mark for an execution that starts now.
    pub(crate) fn renewed(&mut self, mark: &Mark) -> &Interruption {
        if mark.generation.load(Ordering::Acquire) != self.generation {
            *self = mark.get();
        }
        &self.mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_reaches_what_runs_and_not_what_starts_later() {
        let mark = Mark::default();
        let mut known = mark.get();
        let running = known.renewed(&mark).clone();
        mark.interrupt();
        assert!(running.cause().is_some());
        assert!(known.renewed(&mark).cause().is_none());
        let later = known.renewed(&mark).clone();
        mark.interrupt();
        assert!(later.cause().is_some());
    }
}
