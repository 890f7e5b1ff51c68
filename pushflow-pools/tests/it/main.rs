//! What the pools promise, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![cfg(feature = "thread")]

mod bounded;
mod delays;
mod dropping;
mod engine;
#[cfg(feature = "coroutine")]
mod environment;
mod example;
mod gate;
mod hostile;
mod lanes;
mod large;
mod scaling;
mod simulation;
mod suite;
mod typed;

suite::pool_suite!(thread, 2, || std::sync::Arc::new(
    pushflow_pools::ThreadPool::builder().workers(2).build().unwrap()
));
suite::pool_suite!(thread_of_one, 1, || std::sync::Arc::new(
    pushflow_pools::ThreadPool::builder().workers(1).build().unwrap()
));
#[cfg(feature = "coroutine")]
suite::pool_suite!(gevent, 2, || std::sync::Arc::new(
    pushflow_pools::CoroutinePool::builder().workers(2).build().unwrap()
));
#[cfg(feature = "coroutine")]
suite::pool_suite!(gevent_of_one, 1, || std::sync::Arc::new(
    pushflow_pools::CoroutinePool::builder().workers(1).build().unwrap()
));
// Without a bound there are as many workers as executions that run.
#[cfg(feature = "coroutine")]
suite::pool_suite!(gevent_unbounded, 7, || std::sync::Arc::new(
    pushflow_pools::CoroutinePool::builder().build().unwrap()
));
