//! Waits of this crate: on the thread that calls, or, where something else than a thread calls, by what that waits with.
//!
//! A coroutine must not block the thread that it happens to run on. Who has coroutines says so once, with
//! [`set_blocking`]; then the waits of [`Child`](crate::Child) and [`Process`](crate::Process), and of what starts them, leave
//! their descriptors to a thread of this crate, and block by those means.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::Error;
use crate::reactor::{self, Group};

pub use crate::reactor::Alarm;

/// Knows what else than threads waits.
#[derive(Clone, Copy, Debug)]
pub struct Blocking {
    /// Whether the caller is something else than a thread, and may wait as such just now.
    pub is_called: fn() -> bool,
    /// Waits until the function returns true, or until the deadline. It is called at once, and again after each wake of the waker.
    pub block: Block,
}

/// A wait; see [`Blocking::block`].
pub type Block = fn(Option<Instant>, &mut dyn FnMut(&Waker) -> bool);

static BLOCKING: OnceLock<Blocking> = OnceLock::new();

/// Sets how something else than a thread waits; returns whether it was the first to be set, which stays.
pub fn set_blocking(blocking: Blocking) -> bool {
    BLOCKING.set(blocking).is_ok()
}

/// Wakes at a time, on a thread of this crate, unless the alarm is dropped before.
///
/// # Errors
///
/// When the system refuses the thread or its descriptors.
pub fn wake_at(time: Instant, waker: Waker) -> Result<Alarm, Error> {
    Alarm::set(time, waker)
}

fn elsewhere() -> Option<Block> {
    BLOCKING.get().filter(|blocking| (blocking.is_called)()).map(|blocking| blocking.block)
}

/// Waits until one of the descriptors is ready, or until the deadline, or for less: when a signal came. Returns which are ready, a bit
/// for each.
pub(crate) fn ready(descriptors: &[(BorrowedFd<'_>, PollFlags)], until: Option<Instant>) -> io::Result<u64> {
    let Some(block) = elsewhere() else { return look(descriptors, left(until)) };
    let found = look(descriptors, Some(Duration::ZERO))?;
    if found != 0 || left(until) == Some(Duration::ZERO) {
        return Ok(found);
    }
    let group = Group::new(descriptors)?;
    let watched = reactor::watch(&group)?;
    let mut outcome = Ok(0);
    block(until, &mut |waker| {
        // In this order: what happens after the look wakes.
        outcome = watched.arm(waker).and_then(|()| look(descriptors, Some(Duration::ZERO)));
        !matches!(outcome, Ok(0))
    });
    outcome
}

/// Waits for the answer of another thread, which comes soon.
pub(crate) fn answer<T>(answered: &Receiver<T>, wakes: &Wakes) -> Option<T> {
    let Some(block) = elsewhere() else { return answered.recv().ok() };
    let mut answer = None;
    block(None, &mut |waker| {
        wakes.set(waker);
        match answered.try_recv() {
            Ok(found) => answer = Some(found),
            Err(TryRecvError::Disconnected) => {}
            Err(TryRecvError::Empty) => return false,
        }
        true
    });
    answer
}

/// Whom to wake when an answer is there.
#[derive(Debug, Default)]
pub(crate) struct Wakes(Mutex<Option<Waker>>);

impl Wakes {
    fn set(&self, waker: &Waker) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    pub(crate) fn wake(&self) {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn left(until: Option<Instant>) -> Option<Duration> {
    until.map(|until| until.saturating_duration_since(Instant::now()))
}

/// poll(2), for at most a time.
fn look(descriptors: &[(BorrowedFd<'_>, PollFlags)], timeout: Option<Duration>) -> io::Result<u64> {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let mut fds: Vec<PollFd<'_>> =
        descriptors.iter().map(|(descriptor, flags)| PollFd::from_borrowed_fd(*descriptor, *flags)).collect();
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(0),
        Err(errno) => return Err(errno.into()),
    }
    let bits = fds.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty());
    Ok(bits.fold(0, |found, (index, _)| found | 1 << index))
}
