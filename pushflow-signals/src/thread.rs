//! The threads of this crate: the one place where they start.

use std::io;
use std::sync::mpsc::channel;
use std::thread::Builder;
use std::time::Duration;

/// As that of the main thread: the child of a fork goes on with that of the custodian.
const STACK_BYTES: usize = 8 << 20;

/// Starts a thread that bears the name of its work. It does not keep the process from ending.
pub(crate) fn start(work: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    Builder::new().name(format!("pushflow-{work}")).stack_size(STACK_BYTES).spawn(body).map(drop)
}

/// Whether a thread begins within a time, and ends. Refused by the system is not the same: it may be granted later.
pub(crate) fn can_begin(patience: Duration) -> bool {
    let (says, said) = channel();
    let thread = Builder::new().stack_size(1 << 16).spawn(move || {
        // It fails when nobody waits any more.
        let _ = says.send(());
    });
    let Ok(thread) = thread else { return true };
    said.recv_timeout(patience).is_ok() && thread.join().is_ok()
}
