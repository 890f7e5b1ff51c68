//! The unsafe code of the crate: thin wrappers of one system call each.

mod spawn;
mod wait;

pub(crate) use spawn::spawn_with_parent;
pub(crate) use wait::wait_ended;
