//! Pools of processes: one engine under five policies.
//!
#![doc = include_str!("README.md")]

mod builder;
mod call;
mod codec;
mod completing;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod hello;
mod helping;
mod keeper;
mod lane;
mod launcher;
mod ledger;
mod local;
mod log;
mod lost;
mod mouth;
mod page;
mod part;
mod policy;
mod pool;
mod prints;
mod receive;
mod remote;
mod ring;
mod shared;
mod slots;
mod socket;
mod state;
mod supervise;
mod wire;
mod worker;

pub use builder::{Output, ProcessPoolBuilder};
pub use launcher::{Attended, Launched, Launcher, Wanted};
pub(crate) use policy::{Policy, Start};
pub use pool::ProcessPool;
pub use remote::{Connect, Connection, serve, serve_standard_streams};
