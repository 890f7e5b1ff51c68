//! What is done when the process ends in order.

use std::io;
use std::sync::OnceLock;

static AT_EXIT: OnceLock<fn()> = OnceLock::new();

/// Has a function called when the process ends by returning from `main`, or by `exit`. atexit(3). Only the first counts.
pub(crate) fn at_exit(function: fn()) -> io::Result<()> {
    if AT_EXIT.set(function).is_err() {
        return Ok(());
    }
    // SAFETY: the handler is a plain function that does not unwind.
    let answer = unsafe { libc::atexit(on_exit) };
    if answer == 0 { Ok(()) } else { Err(io::ErrorKind::OutOfMemory.into()) }
}

extern "C" fn on_exit() {
    if let Some(function) = AT_EXIT.get() {
        // Nothing may unwind into the C library.
        let _ = std::panic::catch_unwind(function);
    }
}
