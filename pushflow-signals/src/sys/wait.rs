//! Looking at a child that has ended, without reaping it.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::process::{WaitId, WaitIdOptions, waitid};

/// Waits until a child has ended and leaves it unreaped, so that its id stays its own. waitid(2), `WNOWAIT`.
pub(crate) fn wait_ended(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).map(drop).map_err(io::Error::from)
}
