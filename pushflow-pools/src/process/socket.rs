//! [`Socket`]: the streams between a pool and a worker of the same machine that is another program.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pushflow_signals::Link;

use super::ledger::Ledger;

/// The parent's end.
#[derive(Debug)]
pub(super) struct Socket {
    link: Link,
    /// The same end, for a poller that is to watch it twice.
    room: OwnedFd,
    ledger: Ledger,
    /// What has come and belongs to frames that are still to be read.
    descriptors: Mutex<Vec<OwnedFd>>,
}

impl Socket {
    pub(super) fn new(link: Link, ledger: Ledger) -> io::Result<Socket> {
        let room = link.as_fd().try_clone_to_owned()?;
        Ok(Socket { link, room, ledger, descriptors: Mutex::default() })
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(super) fn read_now(&self, into: &mut [u8]) -> io::Result<usize> {
        self.link.receive_now(into, &mut self.descriptors())
    }

    pub(super) fn write(&self, bytes: &[u8], beside: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.link.send(bytes, beside)
    }

    /// Takes descriptors that came with what was read.
    pub(super) fn take_descriptors(&self, count: usize) -> io::Result<Vec<OwnedFd>> {
        let mut descriptors = self.descriptors();
        if descriptors.len() < count {
            return Err(io::Error::other("descriptors are announced that have not come"));
        }
        Ok(descriptors.drain(..count).collect())
    }

    /// What to wait for to write.
    pub(super) fn room(&self) -> BorrowedFd<'_> {
        self.room.as_fd()
    }

    fn descriptors(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.descriptors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}
