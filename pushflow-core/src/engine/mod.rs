//! The engine: a network of actors, compiled once and run many times.
//!
//! # Theory of operation
//!
//! A [`Network`] is immutable and shared; all that changes lives in a run. A run consists of triggers in flight: each is
//! an [`Execution`](crate::pool::Execution) that holds one reference to the run. When the last reference goes, whatever
//! happened to its holder, the run has ended: the count of triggers in flight *is* the reference count, so it cannot be
//! forgotten, and a run cannot hang on a lost worker.
//!
//! Whoever completes an execution carries its outputs on: through forks, routers, conditions, mappers and merges, which
//! take no time, up to the next tasks. Those are handed back as ready, the first for the same worker. Nothing recurses.
//!
//! States of a run: *running*, *stopping* (nothing starts any more), *ended*. Without a pool the same carrying goes on in
//! the calling thread, until nothing is left.

mod bell;
mod build;
mod carry;
mod compile;
mod counters;
mod delayed;
mod gate;
mod in_place;
mod lanes;
mod later;
mod network;
mod options;
mod report;
mod run;
mod start;
mod stopper;
mod trigger;

pub use build::{BuildError, NetworkBuilder, PartId};
pub use compile::{CompileError, TaskResolver, compile};
pub use in_place::InPlaceRun;
pub use network::{ActorId, Network, Order};
pub use options::{Keep, RunOptions};
pub use report::{Failure, Report, Status};
pub use start::RunHandle;
pub use stopper::Stopper;
