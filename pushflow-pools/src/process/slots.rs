//! Slots: who owns a call that was sent ahead, settled by one compare-and-swap on a word that both processes see.
//!
//! The states and their arrows are in the module's README.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many calls a worker has at most.
pub(super) const SLOTS: usize = 64;

const QUEUED: u64 = 1;
const STARTED: u64 = 2;
const RECALLED: u64 = 3;
const INTERRUPTING: u64 = 4;
const DONE: u64 = 5;
const STATE_BITS: u32 = 3;

/// A word that both sides may change at any time.
pub(super) trait Word {
    fn load(&self) -> u64;
    fn store(&self, value: u64);
    /// Replaces a value, if it is still there; returns whether it was.
    fn replace(&self, old: u64, new: u64) -> bool;
}

impl Word for AtomicU64 {
    fn load(&self) -> u64 {
        AtomicU64::load(self, Ordering::SeqCst)
    }

    fn store(&self, value: u64) {
        AtomicU64::store(self, value, Ordering::SeqCst);
    }

    fn replace(&self, old: u64, new: u64) -> bool {
        self.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

/// The slot of one call.
#[derive(Debug)]
pub(super) struct Slot<'a, W> {
    word: &'a W,
    call: u64,
}

/// Returns the first number from `next` on whose slot belongs to none of the calls that are under way, oldest first and
/// fewer than there are slots.
///
/// Those that were recalled have used up numbers, so that the oldest may be further back than there are slots.
pub(super) fn free(next: u64, under_way: impl Iterator<Item = u64> + Clone) -> u64 {
    let slots = SLOTS as u64;
    let is_near = under_way.clone().next().is_none_or(|oldest| next - oldest < slots);
    let is_taken = |call: u64| !is_near && under_way.clone().any(|known| known % slots == call % slots);
    (next..).find(|call| !is_taken(*call)).unwrap_or(next)
}

/// What became of a call in a worker that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody has begun it.
    Waiting,
    /// It was begun.
    Begun,
}

impl<'a, W: Word> Slot<'a, W> {
    /// Returns the slot of a call among all.
    pub(super) fn of(words: &'a [W], call: u64) -> Slot<'a, W> {
        let index = usize::try_from(call % SLOTS as u64).expect("a slot's index is small");
        Slot { word: &words[index], call }
    }

    /// The parent: before it sends the call.
    pub(super) fn queue(&self) {
        self.word.store(self.value(QUEUED));
    }

    /// The worker: begins the call; `false` when it was recalled.
    pub(super) fn begin(&self) -> bool {
        self.word.replace(self.value(QUEUED), self.value(STARTED))
    }

    /// The worker: ends the call; `false` when a signal for it is on its way.
    pub(super) fn end(&self) -> bool {
        self.word.replace(self.value(STARTED), self.value(DONE))
    }

    /// The parent: takes a call back; `false` when it was begun.
    pub(super) fn recall(&self) -> bool {
        self.word.replace(self.value(QUEUED), self.value(RECALLED))
    }

    /// The parent: before it sends a signal for the call; `false` when that must not be sent, for the call does not run.
    pub(super) fn interrupt(&self) -> bool {
        self.word.replace(self.value(STARTED), self.value(INTERRUPTING))
    }

    /// The parent: whether a signal may still be for this call.
    pub(super) fn is_running(&self) -> bool {
        let found = self.word.load();
        found == self.value(STARTED) || found == self.value(INTERRUPTING)
    }

    /// The parent: what became of the call, when the worker has ended.
    pub(super) fn fate(&self) -> Fate {
        if self.word.load() == self.value(QUEUED) { Fate::Waiting } else { Fate::Begun }
    }

    fn value(&self, state: u64) -> u64 {
        self.call << STATE_BITS | state
    }
}

/// A word of the model checker.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Modelled(pub(super) loom::sync::atomic::AtomicU64);

#[cfg(test)]
impl Word for Modelled {
    fn load(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn store(&self, value: u64) {
        self.0.store(value, Ordering::SeqCst);
    }

    fn replace(&self, old: u64, new: u64) -> bool {
        self.0.compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> loom::sync::Arc<Vec<Modelled>> {
        loom::sync::Arc::new((0..SLOTS).map(|_| Modelled::default()).collect())
    }

    proptest! {
        /// Calls are sent, ended and recalled in any order: no two that are under way have one slot.
        #[test]
        fn no_two_calls_share_a_slot(steps in prop::collection::vec((0_u8..4, any::<prop::sample::Index>()), 0..600)) {
            let (mut next, mut under_way) = (1, std::collections::VecDeque::new());
            for (step, which) in steps {
                match step {
                    0 | 1 if under_way.len() < SLOTS => {
                        let call = free(next, under_way.iter().copied());
                        prop_assert!(call >= next && under_way.iter().all(|known| known % 64 != call % 64));
                        next = call + 1;
                        under_way.push_back(call);
                    }
                    // The latest is recalled; any may end, as one that is taken back alone does.
                    2 => drop(under_way.pop_back()),
                    _ if !under_way.is_empty() => drop(under_way.remove(which.index(under_way.len()))),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_call_is_begun_or_recalled_and_never_both() {
        loom::model(|| {
            let words = words();
            Slot::of(&words, 7).queue();
            let workers = loom::sync::Arc::clone(&words);
            let worker = loom::thread::spawn(move || Slot::of(&workers, 7).begin());
            let recalled = Slot::of(&words, 7).recall();
            assert_ne!(worker.join().unwrap(), recalled);
        });
    }

    #[test]
    fn a_signal_is_sent_exactly_when_the_worker_waits_for_it() {
        loom::model(|| {
            let words = words();
            Slot::of(&words, 7).queue();
            let workers = loom::sync::Arc::clone(&words);
            let worker = loom::thread::spawn(move || {
                let slot = Slot::of(&workers, 7);
                assert!(slot.begin());
                slot.end()
            });
            let sends = Slot::of(&words, 7).interrupt();
            let waits = !worker.join().unwrap();
            assert_eq!(sends, waits);
        });
    }

    #[test]
    fn a_slot_that_is_used_again_is_not_mistaken() {
        loom::model(|| {
            let words = words();
            Slot::of(&words, 1).queue();
            let workers = loom::sync::Arc::clone(&words);
            // The worker has not reached the first call yet when the slot is given to another.
            let worker = loom::thread::spawn(move || {
                let first = Slot::of(&workers, 1).begin();
                (first, Slot::of(&workers, 1 + SLOTS as u64).begin())
            });
            if Slot::of(&words, 1).recall() {
                Slot::of(&words, 1 + SLOTS as u64).queue();
                let (first, _) = worker.join().unwrap();
                assert!(!first);
            } else {
                assert_eq!(worker.join().unwrap(), (true, false));
            }
        });
    }

    #[test]
    fn a_dead_worker_has_begun_what_it_has_begun() {
        let words: Vec<AtomicU64> = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        for call in 0..3 {
            Slot::of(&words, call).queue();
        }
        assert!(Slot::of(&words, 0).begin() && Slot::of(&words, 1).begin());
        assert!(Slot::of(&words, 0).end() && !Slot::of(&words, 0).is_running() && Slot::of(&words, 1).is_running());
        let fates: Vec<Fate> = (0..3).map(|call| Slot::of(&words, call).fate()).collect();
        assert_eq!(fates, [Fate::Begun, Fate::Begun, Fate::Waiting]);
    }
}
