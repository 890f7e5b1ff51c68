#![doc = include_str!("README.md")]

mod builder;
mod pool;
mod shared;
mod sleep;
mod worker;

pub use builder::ThreadPoolBuilder;
pub use pool::ThreadPool;
