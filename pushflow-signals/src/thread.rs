//! The threads of this crate: the one place where they start.

use std::io;
use std::thread::Builder;

/// As that of the main thread: the child of a fork goes on with that of the custodian.
const STACK_BYTES: usize = 8 << 20;

/// Starts a thread that bears the name of its work. It does not keep the process from ending.
pub(crate) fn start(work: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    Builder::new().name(format!("pushflow-{work}")).stack_size(STACK_BYTES).spawn(body).map(drop)
}
