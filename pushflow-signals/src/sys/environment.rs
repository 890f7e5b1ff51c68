//! The environment of a process that has just begun and has a single thread.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;

/// Sets a variable, or removes it. setenv(3), unsetenv(3).
///
/// For processes with a single thread. The C library's functions and not those of `std`: the lock of these may have been
/// held by another thread when this process was forked.
pub(crate) fn set_variable(name: &str, value: Option<&OsStr>) {
    let Ok(name) = CString::new(name) else { return };
    match value.map(|value| CString::new(value.as_bytes())) {
        // SAFETY: both are C strings, and no other thread reads the environment.
        Some(Ok(value)) => drop(unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) }),
        // SAFETY: as above.
        None => drop(unsafe { libc::unsetenv(name.as_ptr()) }),
        Some(Err(_)) => {}
    }
}
