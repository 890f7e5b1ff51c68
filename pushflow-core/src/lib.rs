//! Values, tasks, the pool contract, and the engine of push-flow workflows.
//!
//! A *workflow* is a graph of *nodes* and *links*, cyclic or acyclic. A finished task pushes its outputs along the links
//! and so triggers what is downstream. Tasks run on a [`Pool`], or in place, without any.
//!
//! This crate starts no thread and no process, and does no I/O beyond reading workflow documents.
//!
//! # Theory of operation
//!
//! [`graph`] reads a document and resolves it: sub-workflows expanded, required links known, start and end nodes found.
//! [`engine`] compiles that into a [`Network`](engine::Network) of [actors](actor); the same network can be built by
//! hand. A run carries *triggers* from actor to actor. Triggers that reach a task become an [`Execution`]
//! on the pool; whoever completes it carries its outputs on, so there is no scheduler thread. Nothing recurses: what is
//! ready is handed to the caller in a queue.
//!
//! # Features
//!
//! `workflow` (default): documents, actors, engine. Without it, only the contracts between tasks and pools.

#![forbid(unsafe_code)]

pub mod clock;
pub mod error;
pub mod event;
pub mod handle;
pub mod interrupt;
pub mod payload;
pub mod pool;
pub mod registry;
pub mod task;
pub mod value;
pub mod wait;

#[cfg(feature = "workflow")]
pub mod actor;
#[cfg(feature = "workflow")]
pub mod engine;
#[cfg(feature = "workflow")]
pub mod graph;

pub use error::{ErrorKind, PoolError, TaskError};
pub use payload::{Key, Payload};
pub use pool::{Execution, Pool};
pub use task::{Context, Outcome, Task};
pub use value::Value;

#[doc(hidden)]
pub use inventory;
