//! The unsafe code of the crate: thin wrappers of one system call each.

mod descriptor;
mod environment;
mod execute;
mod exit;
mod fork;
mod leak;
pub(crate) mod mapping;
pub(crate) mod signal;
mod spawn;
mod stack;
mod wait;

pub(crate) use descriptor::{replace, take_standard_input};
pub(crate) use environment::set_variable;
pub(crate) use execute::{Leads, execute_again};
pub(crate) use exit::at_exit;
pub(crate) use fork::{Side, exit_now, fork, fork_sibling};
pub(crate) use leak::{free, leaked};
pub(crate) use spawn::spawn_with_parent;
pub(crate) use stack::{lighten_guard, tell_overflow};
pub(crate) use wait::{reap, wait_ended};
