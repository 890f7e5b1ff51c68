//! Pools that run tasks.
//!
//! Each backend is a cargo feature named like its module; [`factory`] makes a pool by its name. A pool takes
//! [`Execution`](pushflow_core::Execution)s, of a workflow or of a single task:
//!
//! ```
//! # #[cfg(feature = "thread")] {
//! use std::sync::Arc;
//!
//! use pushflow_core::handle::Handle;
//! use pushflow_core::{Context, Payload};
//! use pushflow_pools::ThreadPool;
//!
//! let pool = ThreadPool::builder().workers(2).build()?;
//! let double = |inputs: &Payload, _: &Context<'_>| {
//!     let x = inputs.get("x").and_then(|x| x.as_int()).unwrap_or(0);
//!     Ok(Payload::single("x", 2 * x))
//! };
//! let outputs = Handle::submit(&pool, Arc::new(double), Payload::single("x", 21))?.wait();
//! assert_eq!(outputs.unwrap(), Payload::single("x", 42));
//! # }
//! # Ok::<(), pushflow_core::PoolError>(())
//! ```
//!
//! # Features
//!
//! `thread` (default): the pool of work-stealing threads.

#![deny(unsafe_code)]

#[cfg(feature = "process")]
pub mod billiard;
#[cfg(feature = "process")]
pub mod concurrent_futures;
pub mod factory;
#[cfg(feature = "process")]
pub mod multiprocessing;
#[cfg(feature = "process")]
pub mod process;
pub mod scaling;
#[cfg(feature = "thread")]
pub mod thread;

#[cfg(feature = "process")]
pub use process::ProcessPool;
pub use scaling::ScalingPool;
#[cfg(feature = "thread")]
pub use thread::ThreadPool;

#[cfg(all(doctest, feature = "thread"))]
#[doc = include_str!("../../README.md")]
struct Readme;
