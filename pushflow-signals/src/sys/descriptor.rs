//! Descriptors by number.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Puts something else in the place of a descriptor that is not to be used any more, or nothing: in a process just forked,
/// for descriptors of its parent's threads. dup3(2), close(2).
pub(crate) fn replace(number: RawFd, by: Option<BorrowedFd<'_>>) {
    let answer = match by {
        // SAFETY: both are plain numbers; the caller says that what the second refers to is not used any more.
        Some(by) => unsafe { libc::dup3(by.as_raw_fd(), number, libc::O_CLOEXEC) },
        None => -1,
    };
    if answer == -1 {
        // SAFETY: closing a number that is not open is an error without effect; for the rest as above.
        unsafe { libc::close(number) };
    }
}

/// Takes over the standard input of a process that was executed with something else in its place.
pub(crate) fn take_standard_input() -> std::io::Result<OwnedFd> {
    let input = std::io::stdin();
    let copy = rustix::io::fcntl_dupfd_cloexec(&input, 3)?;
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(null)?;
    Ok(copy)
}
