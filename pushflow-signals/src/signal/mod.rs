//! Signals that ask this program to end.

mod stop;
mod vocabulary;

pub use stop::{Stage, StopStages, end_by_signal};
pub use vocabulary::Signal;
