//! Pools that bound how many executions wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use pushflow_core::handle::Handle;
use pushflow_core::{Context, Payload, Pool, PoolError, Task, TaskError};
use pushflow_pools::ThreadPool;

use crate::suite::LONG;

fn bounded(workers: usize, most: usize) -> Arc<ThreadPool> {
    Arc::new(ThreadPool::builder().workers(workers).max_pending(Some(most)).build().unwrap())
}

fn nothing() -> Arc<dyn Task> {
    Arc::new(|_: &Payload, _: &Context<'_>| Ok(Payload::new()))
}

/// Occupies the only worker until the sender is dropped.
fn occupy(pool: &ThreadPool) -> (Handle, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    let both = Mutex::new((released, started));
    let task = move |_: &Payload, _: &Context<'_>| {
        let both = both.lock().unwrap();
        both.1.send(()).unwrap();
        let _ = both.0.recv();
        Ok(Payload::new())
    };
    let handle = Handle::submit(pool, Arc::new(task), Payload::new()).unwrap();
    has_started.recv_timeout(LONG).unwrap();
    (handle, release)
}

#[test]
fn a_full_pool_refuses_who_does_not_wait() {
    let pool = bounded(1, 2);
    let (busy, release) = occupy(&pool);
    let waiting: Vec<Handle> = (0..2).map(|_| Handle::try_submit(&*pool, nothing(), Payload::new()).unwrap()).collect();
    let refused = Handle::try_submit(&*pool, nothing(), Payload::new());
    assert!(matches!(refused, Err(PoolError::Full { pending: 2 })), "{refused:?}");
    drop(release);
    assert!(busy.wait().is_ok());
    waiting.into_iter().for_each(|handle| assert!(handle.wait().is_ok()));
    assert!(Handle::try_submit(&*pool, nothing(), Payload::new()).unwrap().wait().is_ok());
}

#[test]
fn submitting_to_a_full_pool_waits_for_room() {
    let pool = bounded(2, 1);
    let most = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let handles: Vec<Handle> =
                    (0..500).map(|_| Handle::submit(&*pool, nothing(), Payload::new()).unwrap()).collect();
                most.fetch_add(handles.into_iter().filter_map(|handle| handle.wait().ok()).count(), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(most.load(Ordering::Relaxed), 2000);
}

#[test]
fn closing_ends_the_wait_for_room() {
    let pool = bounded(1, 1);
    let (busy, release) = occupy(&pool);
    let waiting = Handle::submit(&*pool, nothing(), Payload::new()).unwrap();
    std::thread::scope(|scope| {
        let submitter = scope.spawn(|| Handle::submit(&*pool, nothing(), Payload::new()).map(|_| ()));
        pool.close();
        assert!(matches!(submitter.join().unwrap(), Err(PoolError::Closed)));
    });
    drop(release);
    assert!(busy.wait().is_ok() && waiting.wait().is_ok());
}

#[test]
fn a_task_may_submit_to_its_own_full_pool() {
    let pool = bounded(1, 1);
    let own = Arc::clone(&pool);
    let task = move |_: &Payload, _: &Context<'_>| {
        // Its worker is the one that would make room: it must not wait.
        (0..3).try_for_each(|_| Handle::submit(&*own, nothing(), Payload::new()).map(drop)).map_err(TaskError::from)?;
        Ok(Payload::new())
    };
    let Ok(outcome) = Handle::submit(&*pool, Arc::new(task), Payload::new()).unwrap().wait_timeout(LONG) else {
        panic!("the task hangs")
    };
    assert!(outcome.is_ok());
}
