//! Pools that run tasks.
//!
//! Each backend is a cargo feature named like its module; [`factory`] makes a pool by its name.
//!
//! Functions are defined with [`task!`], and called and mapped on a pool with their own types; see [`typed`]:
//!
//! ```
//! # #[cfg(feature = "thread")] {
//! use pushflow_pools::{ThreadPool, task};
//!
//! task! {
//!     fn add(a: i64, b: i64) -> i64 { a + b }
//!     fn square(x: i64) -> i64 { x * x }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let pool = ThreadPool::builder().workers(2).build()?;
//!     let sum: i64 = pool.submit(add::call(1, 2))?.wait()?;
//!     assert_eq!(sum, 3);
//!
//!     // All at once, in the order of the items; several of them in one execution, when each takes little time.
//!     let all: Vec<i64> = pool.map(square, 0..1000)?.collect::<Result<_, _>>()?;
//!     let same: Vec<i64> = pool.map_chunked(square, 0..1000, 50)?.collect::<Result<_, _>>()?;
//!     assert_eq!(all, same);
//!     let sums: Vec<i64> = pool.starmap(add, [(1, 2), (3, 4)])?.collect::<Result<_, _>>()?;
//!     assert_eq!(sums, [3, 7]);
//!
//!     // Only a little ahead, of items without end.
//!     for (x, result) in (0..10).zip(pool.imap(square, 0..)?) {
//!         assert_eq!(result?, x * x);
//!     }
//!     for (index, result) in pool.imap_unordered(square, 10..20)? {
//!         println!("item {index}: {}", result?);
//!     }
//!     Ok(())
//! }
//! # main().unwrap();
//! # }
//! ```
//!
//! Below that, a pool takes [`Execution`](pushflow_core::Execution)s, of a workflow or of a single task:
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
//! All by default. `thread`: the pool of work-stealing threads. `process`: the pools of processes. `coroutine`: the pool `gevent`,
//! and the coroutine environment.

#![deny(unsafe_code)]

#[cfg(feature = "process")]
pub mod billiard;
mod carried;
#[cfg(any(feature = "thread", feature = "process", feature = "coroutine"))]
mod clock;
#[cfg(feature = "process")]
pub mod concurrent_futures;
#[cfg(feature = "coroutine")]
pub mod coroutine;
#[cfg(any(feature = "thread", feature = "coroutine"))]
mod current;
mod elsewhere;
mod ending;
pub mod factory;
#[cfg(any(feature = "thread", feature = "coroutine"))]
mod mark;
#[cfg(feature = "process")]
pub mod multiprocessing;
#[cfg(feature = "process")]
pub mod process;
#[cfg(any(feature = "thread", feature = "coroutine"))]
mod room;
#[cfg(feature = "process")]
pub mod routing;
pub mod scaling;
#[cfg(feature = "thread")]
pub mod thread;
pub mod typed;
#[cfg(any(feature = "thread", feature = "coroutine"))]
mod waiters;
#[cfg(any(feature = "thread", feature = "coroutine", feature = "process"))]
mod when_full;

#[cfg(feature = "coroutine")]
pub use coroutine::CoroutinePool;
#[cfg(feature = "process")]
pub use process::ProcessPool;
#[cfg(feature = "process")]
pub use routing::RoutingPool;
pub use scaling::ScalingPool;
#[cfg(feature = "thread")]
pub use thread::ThreadPool;

/// Values that belong to who calls, a coroutine or a thread: `local! { static NAME: Type = value }`.
#[cfg(all(feature = "process", feature = "coroutine"))]
use coroutine::coroutine_local as local;
#[cfg(all(feature = "process", not(feature = "coroutine")))]
use std::thread_local as local;

#[cfg(all(doctest, feature = "thread"))]
#[doc = include_str!("../../README.md")]
struct Readme;
