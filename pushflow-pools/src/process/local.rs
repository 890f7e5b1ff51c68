//! [`Local`]: the streams between a pool and a worker of the same machine: rings in shared memory, and a socket that is rung
//! when the other side sleeps, carries descriptors, and tells the end.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pushflow_signals::Link;

use super::page::{Page, Side};
use super::ring::Ring;

/// One side of the streams.
#[derive(Debug)]
pub(super) struct Local {
    link: Link,
    page: Arc<Page>,
    side: Side,
    /// What has come and belongs to frames that are still to be read.
    descriptors: Mutex<Vec<OwnedFd>>,
}

/// How long a worker looks for its next call before it sleeps. In that time others may run.
const PATIENCE: Duration = Duration::from_micros(50);
/// How long a worker that finds no room sleeps until it looks again: not on the socket, where another of its threads may be
/// waiting for the bell.
const NO_ROOM: Duration = Duration::from_micros(50);
/// Looks between two glances at the clock.
const LOOKS: u32 = 64;

/// The byte that wakes, and that brings descriptors. It says nothing: only that there is something to look at.
const BELL: &[u8] = &[0];

impl Local {
    pub(super) fn new(link: Link, page: Arc<Page>, side: Side) -> Local {
        Local { link, page, side, descriptors: Mutex::default() }
    }

    pub(super) fn page(&self) -> &Page {
        &self.page
    }

    /// Writes what there is room for, after the descriptors that belong to its first byte.
    ///
    /// A parent that finds no room is rung when there may be; a worker waits for it.
    ///
    /// # Errors
    ///
    /// `WouldBlock` in a parent that finds no room; when the other side has ended.
    pub(super) fn write(&self, bytes: &[u8], beside: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let ring = self.page.outgoing(self.side);
        if !ring.has_room() {
            match self.side {
                Side::Parent => self.want_room(&ring)?,
                Side::Worker => self.wait_for_room(&ring)?,
            }
        }
        if !beside.is_empty() {
            self.send_descriptors(beside)?;
        }
        let count = ring.write(bytes);
        if self.page.sleeps(self.side.other()).take() {
            self.ring_bell()?;
        }
        Ok(count)
    }

    fn send_descriptors(&self, beside: &[BorrowedFd<'_>]) -> io::Result<()> {
        match self.link.send(BELL, beside) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // A socket that is full is emptied by one who rings afterwards, if this says so.
                self.page.parent_wants_room().raise();
                self.link.send(BELL, beside).map(drop)
            }
            sent => sent.map(drop),
        }
    }

    fn want_room(&self, ring: &Ring<'_, AtomicU64>) -> io::Result<()> {
        let wants = self.page.parent_wants_room();
        wants.raise();
        if !ring.has_room() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        wants.lower();
        Ok(())
    }

    fn wait_for_room(&self, ring: &Ring<'_, AtomicU64>) -> io::Result<()> {
        for _ in 0..LOOKS {
            if ring.has_room() {
                return Ok(());
            }
            std::thread::yield_now();
        }
        while !ring.has_room() {
            if self.link.is_shut() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            std::thread::sleep(NO_ROOM);
        }
        Ok(())
    }

    /// Reads what is there; `None` when nothing is.
    fn read_ring(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let count = self.page.incoming(self.side).read(into).map_err(io::Error::other)?;
        if count == 0 {
            return Ok(None);
        }
        self.tell_room()?;
        Ok(Some(count))
    }

    /// In a worker: rings if the parent waits for room, or for the socket to have some.
    fn tell_room(&self) -> io::Result<()> {
        if self.side == Side::Worker && self.page.parent_wants_room().take() { self.ring_bell() } else { Ok(()) }
    }

    /// Reads once, without waiting. 0 at the end, when all that was written before it has been read.
    pub(super) fn read_now(&self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(count) = self.read_ring(into)? {
                return Ok(count);
            }
            if self.link.receive_now(&mut [0; 64], &mut self.descriptors())? == 0 {
                return self.read_ring(into).map(Option::unwrap_or_default);
            }
        }
    }

    /// Waits until something can be read, and reads once. For a worker: 0 when the parent has ended.
    pub(super) fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(count) = self.await_ring(into)? {
                return Ok(count);
            }
            let sleeps = self.page.sleeps(self.side);
            sleeps.raise();
            if self.is_empty() {
                let mut came = Vec::new();
                let count = self.link.receive(&mut [0; 64], &mut came);
                sleeps.lower();
                self.descriptors().append(&mut came);
                if count? == 0 {
                    return Ok(0);
                }
                self.tell_room()?;
            } else {
                sleeps.lower();
            }
        }
    }

    /// For a worker that has more to do: whether its parent still lives.
    pub(super) fn parent_lives(&self) -> bool {
        !self.link.is_shut()
    }

    /// For the parent: says that it sleeps unless there is something to read; returns whether there is.
    pub(super) fn falls_asleep(&self) -> bool {
        self.page.sleeps(self.side).raise();
        !self.is_empty()
    }

    /// For the parent: says that it looks by itself.
    pub(super) fn wakes_up(&self) {
        self.page.sleeps(self.side).lower();
    }

    /// Looks for a while, for the next call is often on its way.
    fn await_ring(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let mut begin = None;
        loop {
            for _ in 0..LOOKS {
                if let Some(count) = self.read_ring(into)? {
                    return Ok(Some(count));
                }
                std::hint::spin_loop();
            }
            if begin.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return Ok(None);
            }
            std::thread::yield_now();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.page.incoming(self.side).is_empty()
    }

    /// Takes descriptors that were sent before what was just read.
    pub(super) fn take_descriptors(&self, count: usize) -> io::Result<Vec<OwnedFd>> {
        let mut descriptors = self.descriptors();
        while descriptors.len() < count {
            if self.link.receive_now(&mut [0; 1], &mut descriptors)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(descriptors.drain(..count).collect())
    }

    fn descriptors(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.descriptors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the other side. One that has many bells already is being woken.
    fn ring_bell(&self) -> io::Result<()> {
        match self.link.send(BELL, &[]) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

impl AsFd for Local {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}
