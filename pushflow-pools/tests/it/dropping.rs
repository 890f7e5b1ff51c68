//! What dropping a pool of threads does, as it was told.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::pool::Shutdown;
use pushflow_core::{Context, Payload, Pool, PoolError, Task};
use pushflow_pools::ThreadPool;
use pushflow_pools::thread::ThreadPoolBuilder;

use crate::suite::LONG;

/// A pool of one whose worker is busy until the sender is dropped, or the task is interrupted if it cooperates.
fn busy(builder: ThreadPoolBuilder, cooperates: bool) -> (ThreadPool, Handle, mpsc::Sender<()>) {
    let pool = builder.workers(1).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    let channels = Mutex::new((released, started));
    let task: Arc<dyn Task> = Arc::new(move |_: &Payload, ctx: &Context<'_>| {
        let channels = channels.lock().unwrap();
        channels.1.send(()).unwrap();
        if cooperates {
            ctx.sleep(LONG);
            ctx.check()?;
        }
        let _ = channels.0.recv();
        Ok(Payload::new())
    });
    let handle = Handle::submit(&pool, task, Payload::new()).unwrap();
    has_started.recv_timeout(LONG).unwrap();
    (pool, handle, release)
}

#[test]
fn without_wait_on_exit_it_returns_at_once() {
    let (pool, handle, release) = busy(ThreadPool::builder().wait_on_exit(false), false);
    let begin = Instant::now();
    drop(pool);
    assert!(begin.elapsed() < LONG && !handle.is_done());
    drop(release);
    assert!(handle.wait().is_ok());
}

#[test]
fn wait_on_exit_timeout_bounds_the_wait() {
    let timeout = Duration::from_millis(20);
    let (pool, handle, release) = busy(ThreadPool::builder().wait_on_exit_timeout(Some(timeout)), false);
    let begin = Instant::now();
    drop(pool);
    assert!(begin.elapsed() >= timeout && begin.elapsed() < LONG && !handle.is_done());
    drop(release);
    assert!(handle.wait().is_ok());
}

#[test]
fn interrupt_on_exit_breaks_off_what_runs() {
    let (pool, handle, _release) = busy(ThreadPool::builder().interrupt_on_exit(true), true);
    drop(pool);
    assert!(handle.is_done());
    assert_eq!(handle.wait().unwrap_err().kind(), ErrorKind::Interrupted);
}

#[test]
fn shutdown_does_what_it_is_told() {
    let (pool, handle, release) = busy(ThreadPool::builder(), false);
    let timeout = Some(Duration::from_millis(10));
    let waited = pool.shutdown(Shutdown { wait: true, timeout, interrupt: true });
    assert!(matches!(waited, Err(PoolError::Timeout { running: 1, .. })), "{waited:?}");
    assert!(pool.shutdown(Shutdown::default()).is_ok());
    drop(release);
    assert!(pool.shutdown(Shutdown { wait: true, ..Shutdown::default() }).is_ok());
    assert!(handle.is_done());
}
