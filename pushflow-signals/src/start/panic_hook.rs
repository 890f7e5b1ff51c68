//! How a forked process reports a panic.
//!
//! The hook of `std` takes a lock for the whole of its message, and so may any hook of the user's. Another thread may have
//! held it when this process was forked: the hook would wait for ever.

use std::fmt::Write;
use std::panic::{PanicHookInfo, set_hook, take_hook};

use crate::fork_local::{ForkLocal, generation};

/// Puts a hook before the one that is there, which keeps it from being called in processes that are forked from here.
///
/// Once in each process: a hook that the user has set since is seen to at the first fork only.
pub(super) fn shield() {
    static SHIELDED: ForkLocal<std::sync::Once> = ForkLocal::new(std::sync::Once::new);
    // While this thread panics the hook cannot be changed.
    if std::thread::panicking() {
        return;
    }
    SHIELDED.get().call_once(|| {
        let made_in = generation();
        let before = take_hook();
        set_hook(Box::new(move |info| if generation() == made_in { before(info) } else { report(info) }));
    });
}

/// Writes the message at once, past the locks of `std`.
fn report(info: &PanicHookInfo<'_>) {
    let mut text = format!("\nprocess {} panicked", std::process::id());
    if let Some(place) = info.location() {
        let _ = write!(text, " at {place}");
    }
    let _ = writeln!(text, ":\n{}", info.payload_as_str().unwrap_or("a value that is no text"));
    let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
}
