//! [`Ledger`]: what a worker that is another program shares with its parent: which call it has begun, and which one it is to
//! end, and whether it has heard that.
//!
//! Such a worker may have no atomic operations but plain reads and writes of a word. So each word has one writer, and nothing
//! is sent ahead that would have to be taken back.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;

use pushflow_core::interrupt::Cause;
use pushflow_signals::memory::SharedWords;

/// The number of the call that was begun last. Written by the worker.
const BEGUN: usize = 0;
/// The number of the call that was broken off last: its signal need not be sent again. Written by the worker, which takes it
/// back when what it raised was lost on the way.
const HEARD: usize = 1;
/// Twice the number of the call that is to end, and one more when its time is over. Written by the parent. A cache line apart.
const ENDING: usize = 8;
const WORDS: usize = 16;

/// Words that both sides see.
#[derive(Debug)]
pub(super) struct Ledger(SharedWords);

impl Ledger {
    pub(super) fn new() -> io::Result<Ledger> {
        SharedWords::create(WORDS).map(Ledger)
    }

    /// Whether the worker has begun a call.
    pub(super) fn has_begun(&self, call: u64) -> bool {
        self.0.words()[BEGUN].load(Ordering::SeqCst) >= call
    }

    /// Whether the worker has broken a call off.
    pub(super) fn has_heard(&self, call: u64) -> bool {
        self.0.words()[HEARD].load(Ordering::SeqCst) == call
    }

    /// Says that a call is to end, before SIGINT tells the worker to look. One that has not begun it ends it then.
    pub(super) fn end(&self, call: u64, cause: Cause) {
        let late = u64::from(cause == Cause::TimedOut);
        self.0.words()[ENDING].store(call << 1 | late, Ordering::SeqCst);
    }
}

impl AsFd for Ledger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_reads_what_the_other_writes() {
        let ledger = Ledger::new().unwrap();
        assert!(!ledger.has_begun(1));
        ledger.0.words()[BEGUN].store(2, Ordering::SeqCst);
        assert_eq!([1, 2, 3].map(|call| ledger.has_begun(call)), [true, true, false]);
        assert!(!ledger.has_heard(2));
        ledger.0.words()[HEARD].store(2, Ordering::SeqCst);
        assert_eq!([1, 2, 3].map(|call| ledger.has_heard(call)), [false, true, false]);
        let told = |call, cause| {
            ledger.end(call, cause);
            ledger.0.words()[ENDING].load(Ordering::SeqCst)
        };
        assert_eq!((told(3, Cause::Interrupted), told(3, Cause::TimedOut)), (6, 7));
    }
}
