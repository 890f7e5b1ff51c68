//! Exit codes of the command. Ended by SIGINT or SIGTERM, it ends by that signal: 130 or 143 in a shell.

/// All went well.
pub(crate) const OK: u8 = 0;
/// A mistake in pushflow itself, or the system refused something.
pub(crate) const INTERNAL: u8 = 1;
/// The arguments, or the file with inputs, cannot be used.
pub(crate) const USAGE: u8 = 2;
/// The workflow is not valid: nothing was executed.
pub(crate) const INVALID: u8 = 3;
/// A task failed, no link handled it, and there is no result.
pub(crate) const FAILED: u8 = 10;
/// There is a result, although a task failed and no link handled it.
pub(crate) const PARTIAL: u8 = 11;
/// The time was over.
pub(crate) const TIMED_OUT: u8 = 12;
/// It was stopped on request, in order.
pub(crate) const STOPPED: u8 = 13;
/// A worker was lost, and there is no result.
pub(crate) const WORKER_LOST: u8 = 14;
