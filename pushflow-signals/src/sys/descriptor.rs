//! Descriptors by number.

use std::os::fd::{OwnedFd, RawFd};

/// Closes a descriptor that nobody owns any more: in a process just forked, for descriptors of its parent's threads.
pub(crate) fn close(number: RawFd) {
    // SAFETY: closing a number that is not open is an error without effect; the caller says that nobody owns it.
    unsafe { libc::close(number) };
}

/// Takes over the standard input of a process that was executed with something else in its place.
pub(crate) fn take_standard_input() -> std::io::Result<OwnedFd> {
    let input = std::io::stdin();
    let copy = rustix::io::fcntl_dupfd_cloexec(&input, 3)?;
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(null)?;
    Ok(copy)
}
