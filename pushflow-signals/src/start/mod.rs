//! How processes come to be, and what each does first and last.

pub(crate) mod fork;
pub(crate) mod forkserver;
mod live;
mod method;
mod panic_hook;
pub(crate) mod program;
pub(crate) mod spawn;

pub use forkserver::warm_up;
pub(crate) use live::{Role, live};
pub use live::{init, is_initialized, leave_copy};
pub use method::{StartMethod, UnknownStartMethod};
