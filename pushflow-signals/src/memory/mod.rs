//! Memory that processes share by its descriptor.

mod sealed;
mod shared_words;

pub use sealed::{Draft, Sealed};
pub use shared_words::SharedWords;
