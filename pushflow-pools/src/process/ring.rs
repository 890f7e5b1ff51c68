//! [`Ring`]: a stream of bytes in memory that two processes share, with one who writes and one who reads.
//!
//! Positions count bytes from the beginning of the stream; the one who reads moves `head`, the other one `tail`. The memory
//! may be changed by the other process at any time: nothing in it is believed without a look.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::slots::Word;

/// A word of a ring.
pub(super) trait Cell: Word {
    /// Reads data, which `observe` of a position has made visible.
    fn get(&self) -> u64;
    /// Writes data, which `publish` of a position makes visible.
    fn set(&self, value: u64);
    /// Reads a position.
    fn observe(&self) -> u64;
    /// Writes a position.
    fn publish(&self, value: u64);
    /// Nothing after it happens before anything before it, to all.
    fn fence();
}

impl Cell for AtomicU64 {
    fn get(&self) -> u64 {
        AtomicU64::load(self, Ordering::Relaxed)
    }

    fn set(&self, value: u64) {
        AtomicU64::store(self, value, Ordering::Relaxed);
    }

    fn observe(&self) -> u64 {
        AtomicU64::load(self, Ordering::Acquire)
    }

    fn publish(&self, value: u64) {
        AtomicU64::store(self, value, Ordering::Release);
    }

    fn fence() {
        fence(Ordering::SeqCst);
    }
}

/// One direction.
#[derive(Debug)]
pub(super) struct Ring<'a, C> {
    pub(super) head: &'a C,
    pub(super) tail: &'a C,
    pub(super) data: &'a [C],
}

const WORD: usize = size_of::<u64>();

/// The other side has written positions that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the positions in the shared memory are not those of a ring")]
pub(super) struct Corrupt;

impl<C: Cell> Ring<'_, C> {
    fn capacity(&self) -> u64 {
        (self.data.len() * WORD) as u64
    }

    /// Whether there is nothing to read.
    pub(super) fn is_empty(&self) -> bool {
        self.head.observe() == self.tail.observe()
    }

    /// Whether there is room to write.
    pub(super) fn has_room(&self) -> bool {
        self.tail.observe().wrapping_sub(self.head.observe()) < self.capacity()
    }

    /// Writes what there is room for; returns how many bytes.
    pub(super) fn write(&self, bytes: &[u8]) -> usize {
        let tail = self.tail.observe();
        let room = self.capacity().saturating_sub(tail.wrapping_sub(self.head.observe()));
        let count = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut rest = &bytes[..count];
        let mut at = tail;
        while !rest.is_empty() {
            let (cell, offset) = self.place(at);
            let taken = rest.len().min(WORD - offset);
            let mut word = if taken == WORD { [0; WORD] } else { cell.get().to_le_bytes() };
            word[offset..offset + taken].copy_from_slice(&rest[..taken]);
            cell.set(u64::from_le_bytes(word));
            rest = &rest[taken..];
            at = at.wrapping_add(taken as u64);
        }
        if count > 0 {
            self.tail.publish(at);
        }
        count
    }

    /// Reads what there is, as far as it fits; returns how many bytes.
    ///
    /// # Errors
    ///
    /// When there is said to be more than fits into the ring.
    pub(super) fn read(&self, into: &mut [u8]) -> Result<usize, Corrupt> {
        let head = self.head.observe();
        let there = self.tail.observe().wrapping_sub(head);
        if there > self.capacity() {
            return Err(Corrupt);
        }
        let count = into.len().min(usize::try_from(there).unwrap_or(0));
        let mut rest = &mut into[..count];
        let mut at = head;
        while !rest.is_empty() {
            let (cell, offset) = self.place(at);
            let taken = rest.len().min(WORD - offset);
            rest[..taken].copy_from_slice(&cell.get().to_le_bytes()[offset..offset + taken]);
            rest = &mut rest[taken..];
            at = at.wrapping_add(taken as u64);
        }
        if count > 0 {
            self.head.publish(at);
        }
        Ok(count)
    }

    fn place(&self, at: u64) -> (&C, usize) {
        let at = usize::try_from(at % self.capacity()).unwrap_or(0);
        (&self.data[at / WORD], at % WORD)
    }
}

/// The flag of a side that is about to sleep until the other one has done something.
///
/// Who sleeps: raises it, looks once more, then sleeps. Who has done something: takes it, and rings if it was raised. Between
/// its own two steps each has a fence, so that one of them sees what the other has done.
#[derive(Debug)]
pub(super) struct Sleeper<'a, C>(pub(super) &'a C);

impl<C: Cell> Sleeper<'_, C> {
    /// Says that this side sleeps unless there is something, which is to be looked at now.
    pub(super) fn raise(&self) {
        self.0.set(1);
        C::fence();
    }

    /// Says that this side is awake.
    pub(super) fn lower(&self) {
        self.0.set(0);
    }

    /// Whether the other side is to be woken; the first to ask is told so.
    pub(super) fn take(&self) -> bool {
        C::fence();
        self.0.get() != 0 && self.0.replace(1, 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::slots::Modelled;
    use super::*;

    fn cells(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    proptest! {
        /// However it is cut, what is written is what is read, in its order.
        #[test]
        fn a_ring_is_a_stream(
            words in 1_usize..5,
            start in prop_oneof![Just(0_u64), Just(u64::MAX - 15)],
            steps in prop::collection::vec((any::<bool>(), 0_usize..40), 0..200),
        ) {
            // Positions wrap around at a multiple of the capacity only for powers of two.
            let words = words.next_power_of_two();
            let (head, tail, data) = (AtomicU64::new(start), AtomicU64::new(start), cells(words));
            let ring = Ring { head: &head, tail: &tail, data: &data };
            let (mut written, mut read) = (Vec::new(), Vec::new());
            let mut next = 0_u8;
            for (writes, count) in steps {
                if writes {
                    let bytes: Vec<u8> = (0..count).map(|n| next.wrapping_add(u8::try_from(n).unwrap())).collect();
                    let taken = ring.write(&bytes);
                    prop_assert!(taken == count || !ring.has_room());
                    next = next.wrapping_add(u8::try_from(taken).unwrap());
                    written.extend_from_slice(&bytes[..taken]);
                } else {
                    let mut bytes = vec![0; count];
                    let taken = ring.read(&mut bytes).unwrap();
                    prop_assert!(taken == count || ring.is_empty());
                    read.extend_from_slice(&bytes[..taken]);
                }
            }
            let mut rest = vec![0; words * WORD];
            let taken = ring.read(&mut rest).unwrap();
            read.extend_from_slice(&rest[..taken]);
            prop_assert_eq!(written, read);
        }

        /// Whatever the other side writes, reading ends, and reads no more than there can be.
        #[test]
        fn a_hostile_ring_does_no_harm(head in any::<u64>(), tail in any::<u64>()) {
            let (head, tail, data) = (AtomicU64::new(head), AtomicU64::new(tail), cells(4));
            let ring = Ring { head: &head, tail: &tail, data: &data };
            let mut bytes = [0; 100];
            if let Ok(count) = ring.read(&mut bytes) {
                prop_assert!(count <= 32);
            }
            prop_assert!(ring.write(&bytes) <= 32);
        }
    }

    impl Cell for Modelled {
        fn get(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
        fn set(&self, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }
        fn observe(&self) -> u64 {
            self.0.load(Ordering::Acquire)
        }
        fn publish(&self, value: u64) {
            self.0.store(value, Ordering::Release);
        }
        fn fence() {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
    }

    #[derive(Default)]
    struct Both {
        head: Modelled,
        tail: Modelled,
        data: [Modelled; 2],
        sleeps: Modelled,
    }

    impl Both {
        fn new() -> loom::sync::Arc<Both> {
            loom::sync::Arc::new(Both::default())
        }

        fn ring(&self) -> Ring<'_, Modelled> {
            Ring { head: &self.head, tail: &self.tail, data: &self.data }
        }
    }

    #[test]
    fn what_is_published_is_whole() {
        loom::model(|| {
            let both = Both::new();
            let writer = loom::sync::Arc::clone(&both);
            let thread = loom::thread::spawn(move || {
                assert_eq!(writer.ring().write(b"0123456789"), 10);
                // Into the word whose beginning may just be read.
                assert_eq!(writer.ring().write(b"ab"), 2);
            });
            let mut read = Vec::new();
            let mut bytes = [0; 16];
            for _ in 0..2 {
                let count = both.ring().read(&mut bytes).unwrap();
                read.extend_from_slice(&bytes[..count]);
            }
            thread.join().unwrap();
            let count = both.ring().read(&mut bytes).unwrap();
            read.extend_from_slice(&bytes[..count]);
            assert_eq!(read, b"0123456789ab");
        });
    }

    #[test]
    fn no_wake_up_is_lost() {
        loom::model(|| {
            let both = Both::new();
            let writer = loom::sync::Arc::clone(&both);
            let thread = loom::thread::spawn(move || {
                writer.ring().write(b"x");
                Sleeper(&writer.sleeps).take()
            });
            Sleeper(&both.sleeps).raise();
            let sleeps = both.ring().is_empty();
            let rings = thread.join().unwrap();
            assert!(!sleeps || rings, "it sleeps, and nobody rings");
        });
    }
}
