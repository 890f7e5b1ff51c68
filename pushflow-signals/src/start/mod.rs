//! How processes come to be, and what each does first and last.

pub(crate) mod fork;
pub(crate) mod forkserver;
mod live;
mod method;
pub(crate) mod spawn;

pub use live::init;
pub(crate) use live::{Role, is_initialized, live};
pub use method::{StartMethod, UnknownStartMethod};
