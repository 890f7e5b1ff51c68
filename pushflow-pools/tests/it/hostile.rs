//! What breaks other pools.

use std::sync::Arc;

use pushflow_core::handle::Handle;
use pushflow_core::{Context, Payload, PoolError};
use pushflow_pools::ThreadPool;

#[test]
fn unusable_numbers_of_workers_are_refused() {
    for workers in [0, 5000] {
        let error = ThreadPool::builder().workers(workers).build().unwrap_err();
        assert!(matches!(error, PoolError::Workers { found, limit: 4096 } if found == workers), "{error}");
    }
}

#[test]
fn a_stack_that_the_system_refuses_is_an_error_and_leaves_no_thread() {
    let error = ThreadPool::builder().workers(3).name("refused").stack_bytes(usize::MAX / 2).build().unwrap_err();
    assert!(matches!(error, PoolError::System { action: "start a worker thread", .. }), "{error}");
    // Other tests come and go, but none of theirs has this name.
    assert!(threads().iter().filter(|name| name.starts_with("refused")).count() == 0);
}

#[test]
fn threads_bear_the_name_and_end_with_the_pool() {
    let pool = ThreadPool::builder().workers(2).name("named").build().unwrap();
    let named =
        |_: &Payload, _: &Context<'_>| Ok(Payload::single("name", std::thread::current().name().unwrap_or_default()));
    let outputs = Handle::submit(&pool, Arc::new(named), Payload::new()).unwrap().wait().unwrap();
    assert!(outputs.get("name").and_then(|name| name.as_str()).unwrap().starts_with("named-"));
    drop(pool);
    // A thread that was joined stays in the table of the kernel for a moment.
    let limit = std::time::Instant::now() + crate::suite::LONG;
    while threads().iter().any(|name| name.starts_with("named-")) {
        assert!(std::time::Instant::now() < limit);
        std::thread::yield_now();
    }
}

#[test]
fn a_million_waiting_executions_are_taken() {
    let pool = ThreadPool::builder().workers(2).build().unwrap();
    let nothing: Arc<dyn pushflow_core::Task> = Arc::new(|inputs: &Payload, _: &Context<'_>| Ok(inputs.clone()));
    for _ in 0..1_000_000 {
        drop(Handle::submit(&pool, Arc::clone(&nothing), Payload::new()).unwrap());
    }
    assert!(Handle::submit(&pool, nothing, Payload::new()).unwrap().wait().is_ok());
}

fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok()).collect()
}
