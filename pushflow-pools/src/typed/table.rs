//! [`Table`]: outcomes by their slots, taken by one who waits for one slot at a time.

use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use pushflow_core::Outcome;

use super::batch::Keeper;

type Slot = Mutex<Option<Outcome>>;

/// A table that grows by segments, each as large as all before it, so that no outcome moves while others are kept.
///
/// Whoever keeps an outcome looks at the one word that says which slot is awaited, and touches what all share only if it
/// is this one. Both sides write, pass a fence, and then read what the other wrote: one of them sees the other.
pub(super) struct Table {
    /// Length of the first segment.
    first: u32,
    segments: [OnceLock<Box<[Slot]>>; SEGMENTS],
    awaited: AtomicU32,
    waker: Mutex<Option<Waker>>,
}

/// Enough to double the smallest table to 32 bits.
const SEGMENTS: usize = 33;
const NONE: u32 = u32::MAX;
/// An iterator that announces more items may be wrong: the table grows when they come.
const MOST_RESERVED: usize = 1 << 20;

impl Table {
    /// Creates a table, with room at first for as many slots.
    pub(super) fn new(expected: usize) -> Table {
        let first = u32::try_from(expected.clamp(1, MOST_RESERVED)).unwrap_or(1);
        Table {
            first,
            segments: [const { OnceLock::new() }; SEGMENTS],
            awaited: AtomicU32::new(NONE),
            waker: Mutex::default(),
        }
    }

    /// Makes sure that there is room for a slot; before its execution is submitted.
    pub(super) fn reserve(&self, slot: u32) {
        self.slot(slot);
    }

    /// Takes the outcome of a slot, or registers who waits for it.
    pub(super) fn poll_take(&self, slot: u32, waker: &Waker) -> Option<Outcome> {
        if let Some(outcome) = self.take(slot) {
            return Some(outcome);
        }
        *self.waker() = Some(waker.clone());
        self.awaited.store(slot, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.take(slot)
    }

    /// Takes the outcome of a slot if it is there.
    pub(super) fn take(&self, slot: u32) -> Option<Outcome> {
        lock(self.slot(slot)).take()
    }

    fn slot(&self, slot: u32) -> &Slot {
        let (segment, index) = self.locate(slot);
        let length = if segment == 0 { u64::from(self.first) } else { u64::from(self.first) << (segment - 1) };
        let slots = self.segments[segment].get_or_init(|| (0..length).map(|_| Slot::default()).collect());
        &slots[index]
    }

    fn locate(&self, slot: u32) -> (usize, usize) {
        if slot < self.first {
            return (0, slot as usize);
        }
        let doublings = (slot / self.first).ilog2();
        (doublings as usize + 1, (u64::from(slot) - (u64::from(self.first) << doublings)) as usize)
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        lock(&self.waker)
    }
}

impl Keeper for Table {
    fn keep(&self, slot: u32, outcome: Outcome) {
        *lock(self.slot(slot)) = Some(outcome);
        fence(Ordering::SeqCst);
        if self.awaited.load(Ordering::Relaxed) == slot {
            let waker = self.waker().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_slot_has_its_place() {
        for first in [1, 2, 3, 7, 64] {
            let table = Table::new(first as usize);
            let mut next = (0, 0);
            for slot in 0..1000 {
                let place = table.locate(slot);
                if place.1 == 0 && slot > 0 {
                    next = (next.0 + 1, 0);
                }
                assert_eq!(place, next);
                next.1 += 1;
            }
            let places: HashSet<_> = (0..1000).map(|slot| table.locate(slot)).collect();
            assert_eq!(places.len(), 1000);
        }
        assert!(Table::new(1).locate(u32::MAX).0 < SEGMENTS);
    }
}
