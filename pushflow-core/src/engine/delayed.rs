//! [`Delayed`]: tries that are to be made later.

use std::collections::BTreeMap;
use std::time::Instant;

/// Tries by the time when they are due; of one time, the first that came goes first.
#[derive(Debug)]
pub(super) struct Delayed<T> {
    entries: BTreeMap<(Instant, u64), T>,
    next: u64,
}

impl<T> Default for Delayed<T> {
    fn default() -> Delayed<T> {
        Delayed { entries: BTreeMap::new(), next: 0 }
    }
}

impl<T> Delayed<T> {
    pub(super) fn add(&mut self, due: Instant, entry: T) {
        self.entries.insert((due, self.next), entry);
        self.next += 1;
    }

    /// Returns when the first one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes those that are due by a time.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<T> {
        let mut due = Vec::new();
        while self.next_due().is_some_and(|next| next <= now) {
            due.extend(self.entries.pop_first().map(|(_, entry)| entry));
        }
        due
    }

    /// Takes all.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        std::mem::take(&mut self.entries).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_due_comes_in_order() {
        let now = Instant::now();
        let mut delayed = Delayed::default();
        for (seconds, name) in [(3, "late"), (1, "b"), (1, "c"), (0, "a")] {
            delayed.add(now + Duration::from_secs(seconds), name);
        }
        assert_eq!(delayed.next_due(), Some(now));
        assert_eq!(delayed.take_due(now + Duration::from_secs(2)), ["a", "b", "c"]);
        assert_eq!((delayed.take_all(), delayed.next_due()), (vec!["late"], None));
    }
}
