//! The unsafe code of the crate: thin wrappers of one system call each.

mod descriptor;
mod environment;
mod exit;
mod fork;
mod leak;
pub(crate) mod signal;
mod spawn;
mod wait;

pub(crate) use descriptor::{close, take_standard_input};
pub(crate) use environment::set_variable;
pub(crate) use exit::at_exit;
pub(crate) use fork::{Side, exit_now, fork, fork_sibling};
pub(crate) use leak::{free, leaked};
pub(crate) use spawn::spawn_with_parent;
pub(crate) use wait::wait_ended;
