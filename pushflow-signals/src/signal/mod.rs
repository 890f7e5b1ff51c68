//! Signals that come to this program.

mod stop;
mod vocabulary;
mod watch;

pub use stop::{Stage, StopStages, end_by_signal};
pub use vocabulary::Signal;
pub use watch::Watch;
pub(crate) use watch::{disposition_before, forked, keep_handler};
