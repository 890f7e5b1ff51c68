#![doc = include_str!("README.md")]

mod builder;
mod environment;
mod may;
mod pool;
mod runner;
mod shared;

pub use builder::{CoroutinePoolBuilder, DEFAULT_STACK_BYTES};
pub use environment::{coroutine_environment, is_coroutine_environment, run};
pub use pool::CoroutinePool;

#[cfg(any(feature = "process", feature = "thread"))]
pub(crate) use self::may::coroutine_local;
#[cfg(feature = "process")]
pub(crate) use environment::tell;
