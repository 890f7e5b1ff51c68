//! Processes that another program forks for this one: [`Forker`] is that program, [`Adopted`] what it has forked.
//!
//! The program is a process of ours. A request on its link is one byte with two descriptors beside it: the new process's end
//! of its own link, and a socket on which the program tells what becomes of it: first its process id with its pidfd, in the
//! end its status. The program reaps; this process signals by the pidfd alone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::ending::Ending;
use crate::error::Error;
use crate::fork_local::{PrivateFd, no_fork};
use crate::link::Link;
use crate::process::Process;
use crate::signal::Signal;
use crate::{family, sys};

/// The request.
const FORK: &[u8] = b"F";
/// Answers: a word, then the process id, both little-endian.
const FORKED: u32 = 1;
const REFUSED: u32 = 2;
const ANSWER_BYTES: usize = 8;
/// The end: the status as wait(2) tells it, four bytes without meaning, and the peak of memory in KiB.
const END_BYTES: usize = 16;
/// How long the end of a process may take that was killed because its forker has gone.
const DYING: Duration = Duration::from_secs(1);

/// Another program that forks processes for this one.
#[derive(Debug)]
pub struct Forker {
    link: Link,
    process: Process,
}

/// A process that a [`Forker`] has forked.
///
/// Dropping it kills one that is to end with this process.
#[derive(Debug)]
pub struct Adopted {
    pid: u32,
    pidfd: PrivateFd,
    status: Link,
    daemonic: bool,
    ended: Option<Ending>,
}

impl Forker {
    /// Takes charge of a program that was started for this.
    ///
    /// # Errors
    ///
    /// When its link was taken.
    pub fn new(mut process: Process) -> Result<Forker, Error> {
        let taken = || Error::System { action: "talk to a forker", source: io::ErrorKind::NotConnected.into() };
        let link = process.take_link().ok_or_else(taken)?;
        Ok(Forker { link, process })
    }

    /// Returns the link with the program, to say first what it is to be.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Has one more process forked; returns its link and itself; `None` when the program says that it cannot fork.
    ///
    /// Blocks the calling thread, for as long as the program takes to answer.
    ///
    /// # Errors
    ///
    /// When the program has ended, does not answer in time, or answers with something else.
    pub fn one_more(&self, timeout: Duration) -> Result<Option<(Link, Adopted)>, Error> {
        let failed = Error::system("have a process forked");
        self.ask(Instant::now() + timeout).map_err(failed)
    }

    fn ask(&self, deadline: Instant) -> io::Result<Option<(Link, Adopted)>> {
        let ((link, theirs), (status, tells)) = (Link::pair()?, Link::pair()?);
        self.link.send(FORK, &[theirs.as_fd(), tells.as_fd()])?;
        drop((theirs, tells));
        let mut answer = [0; ANSWER_BYTES];
        let mut descriptors = Vec::new();
        let mut filled = 0;
        while filled < ANSWER_BYTES {
            if !wait_readable(status.as_fd(), deadline)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match status.receive(&mut answer[filled..], &mut descriptors)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        let [word @ .., p0, p1, p2, p3] = answer;
        let pid = u32::from_le_bytes([p0, p1, p2, p3]);
        match (u32::from_le_bytes(word), descriptors.pop()) {
            (REFUSED, _) => Ok(None),
            (FORKED, Some(pidfd)) => {
                status.set_nonblocking(true)?;
                family::shut_at_end(&link);
                let daemonic = self.process.is_daemonic();
                Ok(Some((link, Adopted { pid, pidfd: private(pidfd), status, daemonic, ended: None })))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Adopted {
    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns what becomes readable when the process has ended and its forker has reaped it, or the forker has ended.
    pub fn end(&self) -> BorrowedFd<'_> {
        self.status.as_fd()
    }

    /// Sends a signal to the process and its group, where the system can do that by a pidfd, else to it alone.
    pub fn signal(&self, signal: Signal) {
        // It fails when it has ended.
        let _ = sys::signal::signal_group(self.pidfd.as_fd(), signal.number());
        if signal == Signal::KILL {
            // It may have left its group.
            self.signal_alone(signal);
        }
    }

    /// Sends a signal to the process, without its group.
    pub fn signal_alone(&self, signal: Signal) {
        // It fails when it has ended.
        let _ = sys::signal::signal_process(self.pidfd.as_fd(), signal.number());
    }

    /// Tells how the process has ended, if it has. Tells the same again later.
    ///
    /// One whose forker has ended is killed: nobody else would ever tell.
    ///
    /// # Errors
    ///
    /// When what the forker says is something else.
    pub fn try_end(&mut self) -> io::Result<Option<Ending>> {
        if self.ended.is_some() {
            return Ok(self.ended);
        }
        let mut told = [0; END_BYTES];
        let count = match self.status.receive_now(&mut told, &mut Vec::new()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            other => other?,
        };
        self.ended = match (count, told) {
            (END_BYTES, [s0, s1, s2, s3, _, _, _, _, kib @ ..]) => {
                let status = ExitStatus::from_raw(i32::from_le_bytes([s0, s1, s2, s3]));
                let kib = Some(u64::from_le_bytes(kib)).filter(|kib| *kib > 0);
                Some(Ending { status, peak_memory_bytes: kib.map(|kib| kib * 1024) })
            }
            (0, _) => {
                self.signal(Signal::KILL);
                wait_readable(self.pidfd.as_fd(), Instant::now() + DYING)?;
                Some(Ending { status: ExitStatus::from_raw(Signal::KILL.number()), peak_memory_bytes: None })
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        Ok(self.ended)
    }
}

impl Drop for Adopted {
    fn drop(&mut self) {
        if self.daemonic && self.ended.is_none() {
            self.signal(Signal::KILL);
        }
    }
}

fn private(descriptor: OwnedFd) -> PrivateFd {
    let _gate = no_fork();
    PrivateFd::new(descriptor)
}

fn wait_readable(descriptor: BorrowedFd<'_>, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
    }
}
