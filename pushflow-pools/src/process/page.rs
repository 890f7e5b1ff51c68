//! [`Page`]: the memory that a worker shares with its parent: slots, two rings, and who sleeps.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use pushflow_signals::memory::SharedWords;

use super::ring::{Ring, Sleeper};
use super::slots::SLOTS;

/// A cache line, which belongs to one writer.
const LINE: usize = 8;
/// Words of a ring: 64 KiB.
const RING: usize = 8192;

const WORKER_SLEEPS: usize = SLOTS;
const PARENT_SLEEPS: usize = WORKER_SLEEPS + LINE;
const PARENT_WANTS_ROOM: usize = PARENT_SLEEPS + LINE;
const CALLS_HEAD: usize = PARENT_WANTS_ROOM + LINE;
const CALLS_TAIL: usize = CALLS_HEAD + LINE;
const REPLIES_HEAD: usize = CALLS_TAIL + LINE;
const REPLIES_TAIL: usize = REPLIES_HEAD + LINE;
const CALLS: usize = REPLIES_TAIL + LINE;
const REPLIES: usize = CALLS + RING;
const WORDS: usize = REPLIES + RING;

/// Which of two one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Parent,
    Worker,
}

/// Memory that both sides see.
#[derive(Debug)]
pub(super) struct Page(SharedWords);

impl Page {
    pub(super) fn new() -> io::Result<Page> {
        SharedWords::create(WORDS).map(Page)
    }

    pub(super) fn from_fd(descriptor: OwnedFd) -> io::Result<Page> {
        SharedWords::from_fd(descriptor, WORDS).map(Page)
    }

    pub(super) fn slots(&self) -> &[AtomicU64] {
        &self.0.words()[..SLOTS]
    }

    /// What a side reads.
    pub(super) fn incoming(&self, side: Side) -> Ring<'_, AtomicU64> {
        match side {
            Side::Parent => self.ring(REPLIES_HEAD, REPLIES_TAIL, REPLIES),
            Side::Worker => self.ring(CALLS_HEAD, CALLS_TAIL, CALLS),
        }
    }

    /// What a side writes.
    pub(super) fn outgoing(&self, side: Side) -> Ring<'_, AtomicU64> {
        match side {
            Side::Parent => self.incoming(Side::Worker),
            Side::Worker => self.incoming(Side::Parent),
        }
    }

    fn ring(&self, head: usize, tail: usize, data: usize) -> Ring<'_, AtomicU64> {
        let words = self.0.words();
        Ring { head: &words[head], tail: &words[tail], data: &words[data..data + RING] }
    }

    /// Raised by a side that sleeps until there is something to read.
    pub(super) fn sleeps(&self, side: Side) -> Sleeper<'_, AtomicU64> {
        let at = if side == Side::Parent { PARENT_SLEEPS } else { WORKER_SLEEPS };
        Sleeper(&self.0.words()[at])
    }

    /// Raised by a parent that has more to write than there was room for.
    pub(super) fn parent_wants_room(&self) -> Sleeper<'_, AtomicU64> {
        Sleeper(&self.0.words()[PARENT_WANTS_ROOM])
    }
}

impl Side {
    pub(super) fn other(self) -> Side {
        match self {
            Side::Parent => Side::Worker,
            Side::Worker => Side::Parent,
        }
    }
}

impl AsFd for Page {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
