//! [`Kin`]: a direct child of this process, a command or not, between its start and its reaping.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, pidfd_send_signal, waitid,
};

use crate::ending::Ending;
use crate::fork_local::{PrivateFd, no_fork};
use crate::sys;
use crate::wait;

/// A direct child, which leads a process group of its own.
///
/// Its id is its own until it is reaped, and signals go out under the same lock as the reaping: none ever reaches a process
/// that has got the id since.
#[derive(Debug)]
pub(crate) struct Kin {
    pid: Pid,
    pidfd: PrivateFd,
    /// How it ended, once it is reaped.
    reaped: Mutex<Option<Ending>>,
    generation: u64,
    /// The number of the SIGINT that was passed on last; at first of the last one that is not for it.
    passed_on: AtomicU64,
    /// Whether nothing is lost with it.
    expendable: AtomicBool,
}

impl Kin {
    /// Takes charge of a child that nobody else reaps. `no_fork` is not to be held.
    pub(crate) fn new(pid: Pid) -> io::Result<Kin> {
        let _gate = no_fork();
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => PrivateFd::new(pidfd),
            Err(errno) => {
                // One that cannot be watched is not left behind.
                let _ = kill_process_group(pid, Signal::KILL);
                let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
                return Err(errno.into());
            }
        };
        Ok(Kin {
            pid,
            pidfd,
            reaped: Mutex::default(),
            generation: crate::fork_local::generation(),
            passed_on: AtomicU64::new(crate::interrupt::before()),
            expendable: AtomicBool::new(false),
        })
    }

    /// Says that it is to live as long as this process.
    pub(crate) fn resident(mut self) -> Kin {
        self.pidfd = self.pidfd.resident();
        self
    }

    pub(crate) fn set_expendable(&self, expendable: bool) {
        self.expendable.store(expendable, Ordering::SeqCst);
    }

    pub(crate) fn is_expendable(&self) -> bool {
        self.expendable.load(Ordering::SeqCst)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Readable when the child has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Signals the child with its group, if it has not been reaped.
    pub(crate) fn signal(&self, signal: Signal) {
        // Whose it is comes first: in the child of a fork another thread may have held the lock for ever.
        if !self.is_ours() {
            return;
        }
        let reaped = self.lock();
        if reaped.is_none() {
            // One that has not got its group yet is signalled alone. It fails when nobody is left to hear it.
            // One that is killed may have left its group.
            if kill_process_group(self.pid, signal).is_err() || signal == Signal::KILL {
                let _ = pidfd_send_signal(&self.pidfd, signal);
            }
        }
    }

    /// Signals the child without its group, if it has not been reaped.
    pub(crate) fn signal_alone(&self, signal: Signal) {
        if self.is_ours() && self.lock().is_none() {
            // It fails when nobody is left to hear it.
            let _ = pidfd_send_signal(&self.pidfd, signal);
        }
    }

    /// Passes SIGINT on, the one with this number among those that this process has received: once.
    pub(crate) fn pass_on(&self, number: u64) {
        if self.passed_on.fetch_max(number, Ordering::SeqCst) < number {
            self.signal(Signal::INT);
        }
    }

    /// Waits until the child has ended, without reaping it; returns whether it has.
    pub(crate) fn wait_until(&self, until: Option<Instant>) -> bool {
        if !self.is_ours() || self.lock().is_some() {
            return true;
        }
        loop {
            let is_late = until.is_some_and(|until| Instant::now() >= until);
            match wait::ready(&[(self.pidfd.as_fd(), PollFlags::IN)], until) {
                Ok(0) if is_late => return false,
                Ok(0) => {}
                Ok(_) | Err(_) => return true,
            }
        }
    }

    /// Waits for the end of the child, kills what is left of its group if asked to, and reaps it. Any number of times.
    pub(crate) fn reap(&self, with_group: bool) -> io::Result<Ending> {
        if !self.is_ours() {
            return Err(Errno::CHILD.into());
        }
        self.wait_until(None);
        let mut reaped = self.lock();
        if let Some(ending) = *reaped {
            return Ok(ending);
        }
        sys::wait_ended(self.pidfd.as_fd())?;
        if with_group {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
        let ending = sys::reap(self.pidfd.as_fd())?;
        *reaped = Some(ending);
        Ok(ending)
    }

    /// Whether the child is one of this process, and not of the one that has forked it.
    fn is_ours(&self) -> bool {
        self.generation == crate::fork_local::generation()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Ending>> {
        self.reaped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
