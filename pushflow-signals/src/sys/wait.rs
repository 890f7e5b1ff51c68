//! Children that have ended: looking at one, and reaping it.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::ending::Ending;

/// Waits until a child has ended and leaves it unreaped, so that its id stays its own. waitid(2), `WNOWAIT`.
pub(crate) fn wait_ended(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).map(drop).map_err(io::Error::from)
}

/// Waits until a child has ended, reaps it and tells what it has used. waitid(2).
///
/// The system call and not the function of the C library, which does not have its last argument.
pub(crate) fn reap(pidfd: BorrowedFd<'_>) -> io::Result<Ending> {
    let mut about = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let (kind, number) = (libc::c_long::from(libc::P_PIDFD), libc::c_long::from(pidfd.as_raw_fd()));
    let options = libc::c_long::from(libc::WEXITED);
    loop {
        // SAFETY: the kernel fills the two structures, which are whole ones of the types that it expects.
        let answer =
            unsafe { libc::syscall(libc::SYS_waitid, kind, number, about.as_mut_ptr(), options, usage.as_mut_ptr()) };
        if answer == 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: numbers, for which zeros are valid, and what the kernel has written.
    let about = unsafe { about.assume_init() };
    // SAFETY: as above.
    let usage = unsafe { usage.assume_init() };
    // SAFETY: the call tells of a child, whose status this member is.
    let status = unsafe { about.si_status() };
    // KiB.
    let peak = u64::try_from(usage.ru_maxrss).ok().filter(|peak| *peak > 0);
    Ok(Ending { status: exit_status(about.si_code, status), peak_memory_bytes: peak.map(|peak| peak * 1024) })
}

/// From what waitid(2) tells to what wait(2) does.
fn exit_status(code: i32, status: i32) -> ExitStatus {
    const CORE: i32 = 0x80;
    ExitStatus::from_raw(match code {
        libc::CLD_EXITED => (status & 0xFF) << 8,
        libc::CLD_DUMPED => status | CORE,
        _ => status,
    })
}
