//! Memory that processes share by its descriptor, and what the kernel does when there is too little.

mod oom;
mod sealed;
mod shared_words;

pub use oom::oom_kills;
pub use sealed::{Draft, Sealed};
pub use shared_words::SharedWords;
