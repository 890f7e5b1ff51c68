//! The suite that every pool passes: one line per backend in `main.rs`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::pool::Shutdown;
use pushflow_core::{Context, Outcome, Payload, Pool, PoolError, Task, TaskError};

use crate::gate::{Gate, Opens};

/// Only a deadlock reaches it.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Runs the suite for a pool: its name, its number of workers, and how to make one.
macro_rules! pool_suite {
    ($name:ident, $workers:expr, $make:expr) => {
        mod $name {
            use super::suite;

            const WORKERS: usize = $workers;

            fn make() -> std::sync::Arc<dyn pushflow_core::Pool> {
                let make = $make;
                make()
            }

            $crate::suite::cases! {
                every_execution_has_one_outcome,
                a_panic_is_an_outcome,
                an_error_is_an_outcome,
                a_closed_pool_refuses_and_finishes,
                join_needs_close_and_is_bounded,
                interrupt_ends_what_cooperates,
                what_starts_after_an_interrupt_is_not_interrupted,
                dropping_the_pool_completes_what_it_accepted,
                closing_races_with_submitting,
                joining_from_a_task_is_refused,
                the_last_reference_may_go_in_a_task,
                a_handle_can_be_awaited,
                stats_name_what_is_running,
                random_outcomes_arrive,
            }
        }
    };
}

macro_rules! cases {
    ($($case:ident,)*) => {
        $(#[test]
        fn $case() {
            suite::$case(make, WORKERS);
        })*
    };
}

pub(crate) use {cases, pool_suite};

type Make = fn() -> Arc<dyn Pool>;

fn task(run: impl Fn(&Payload, &Context<'_>) -> Outcome + Send + Sync + 'static) -> Arc<dyn Task> {
    Arc::new(run)
}

fn echo() -> Arc<dyn Task> {
    task(|inputs, _| Ok(inputs.clone()))
}

fn start(pool: &Arc<dyn Pool>, task: Arc<dyn Task>) -> Handle {
    Handle::submit(&**pool, task, Payload::new()).unwrap()
}

/// Occupies all workers until what is returned is dropped.
fn occupy(pool: &Arc<dyn Pool>, workers: usize) -> (Vec<Handle>, Opens) {
    let gate = Gate::default();
    let handles = (0..workers)
        .map(|_| {
            let gate = gate.clone();
            start(
                pool,
                task(move |_, _| {
                    gate.pass();
                    Ok(Payload::new())
                }),
            )
        })
        .collect();
    gate.wait_arrived(workers);
    (handles, Opens(gate))
}

pub(crate) fn every_execution_has_one_outcome(make: Make, _workers: usize) {
    let pool = make();
    let runs = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..10_000_i64)
        .map(|n| {
            let runs = Arc::clone(&runs);
            let count = task(move |inputs, _| {
                runs.fetch_add(1, Ordering::Relaxed);
                Ok(inputs.clone())
            });
            Handle::submit(&*pool, count, Payload::single("n", n)).unwrap()
        })
        .collect();
    for (n, handle) in (0_i64..).zip(handles) {
        assert_eq!(handle.wait().unwrap(), Payload::single("n", n));
    }
    assert_eq!(runs.load(Ordering::Relaxed), 10_000);
}

pub(crate) fn a_panic_is_an_outcome(make: Make, workers: usize) {
    let pool = make();
    for _ in 0..workers + 1 {
        let error = start(&pool, task(|_, _| panic!("as expected"))).wait().unwrap_err();
        assert_eq!((error.kind(), error.text()), (ErrorKind::Panicked, "as expected"));
    }
    assert!(start(&pool, echo()).wait().is_ok(), "the pool is still usable");
}

pub(crate) fn an_error_is_an_outcome(make: Make, _workers: usize) {
    let pool = make();
    let error = start(&pool, task(|_, _| Err(TaskError::message("no")))).wait().unwrap_err();
    assert_eq!((error.kind(), error.text()), (ErrorKind::Raised, "no"));
}

pub(crate) fn a_closed_pool_refuses_and_finishes(make: Make, workers: usize) {
    let pool = make();
    let (busy, release) = occupy(&pool, workers);
    let waiting: Vec<_> = (0..100).map(|_| start(&pool, echo())).collect();
    pool.close();
    pool.close();
    let refused = Handle::submit(&*pool, echo(), Payload::new());
    assert!(matches!(refused, Err(PoolError::Closed)));
    drop(release);
    pool.join(Some(LONG)).unwrap();
    pool.join(Some(LONG)).unwrap();
    assert!(busy.into_iter().chain(waiting).all(|handle| handle.wait().is_ok()));
    assert_eq!(pool.stats().workers, 0);
}

pub(crate) fn join_needs_close_and_is_bounded(make: Make, workers: usize) {
    let pool = make();
    assert!(matches!(pool.join(None), Err(PoolError::NotClosed)));
    let (_busy, release) = occupy(&pool, workers);
    pool.close();
    let begin = Instant::now();
    let Err(PoolError::Timeout { running, .. }) = pool.join(Some(Duration::from_millis(20))) else {
        panic!("join did not time out")
    };
    assert_eq!(running, workers);
    assert!(begin.elapsed() < LONG);
    drop(release);
    pool.join(Some(LONG)).unwrap();
}

pub(crate) fn interrupt_ends_what_cooperates(make: Make, _workers: usize) {
    let pool = make();
    let gate = Gate::default();
    let arrives = gate.clone();
    let sleeper = start(
        &pool,
        task(move |_, ctx| {
            arrives.knock();
            ctx.sleep(LONG);
            ctx.check().map(|()| Payload::new())
        }),
    );
    gate.wait_arrived(1);
    pool.interrupt();
    assert_eq!(sleeper.wait().unwrap_err().kind(), ErrorKind::Interrupted);
    let own = start(
        &pool,
        task(|_, ctx| {
            while !ctx.is_interrupted() {
                thread::yield_now();
            }
            Err(TaskError::interrupted())
        }),
    );
    own.interrupt();
    assert_eq!(own.wait().unwrap_err().kind(), ErrorKind::Interrupted);
}

pub(crate) fn what_starts_after_an_interrupt_is_not_interrupted(make: Make, _workers: usize) {
    let pool = make();
    pool.interrupt();
    let later = start(&pool, task(|_, ctx| ctx.check().map(|()| Payload::new())));
    assert!(later.wait().is_ok());
}

pub(crate) fn dropping_the_pool_completes_what_it_accepted(make: Make, workers: usize) {
    let pool = make();
    let (busy, release) = occupy(&pool, workers);
    let waiting: Vec<_> = (0..1000).map(|_| start(&pool, echo())).collect();
    drop(release);
    drop(pool);
    assert!(busy.into_iter().chain(waiting).all(|handle| handle.is_done()));
}

pub(crate) fn closing_races_with_submitting(make: Make, _workers: usize) {
    for _ in 0..200 {
        let pool = make();
        let handles = thread::scope(|scope| {
            let submit = || -> Vec<Handle> {
                std::iter::from_fn(|| Handle::submit(&*pool, echo(), Payload::new()).ok()).collect()
            };
            let (first, second) = (scope.spawn(submit), scope.spawn(submit));
            pool.close();
            let mut handles = first.join().unwrap();
            handles.extend(second.join().unwrap());
            handles
        });
        pool.join(Some(LONG)).unwrap();
        for handle in handles {
            let Ok(outcome) = handle.wait_timeout(LONG) else { panic!("an accepted execution has no outcome") };
            assert!(outcome.is_ok() || outcome.unwrap_err().kind() == ErrorKind::Closed);
        }
    }
}

pub(crate) fn joining_from_a_task_is_refused(make: Make, _workers: usize) {
    let pool = make();
    let own = Arc::clone(&pool);
    let handle = start(
        &pool,
        task(move |_, _| {
            let how = Shutdown { wait: true, ..Shutdown::default() };
            match own.shutdown(how) {
                Err(PoolError::JoinFromTask) => Ok(Payload::new()),
                other => Err(TaskError::message(format!("{other:?}"))),
            }
        }),
    );
    assert!(handle.wait().is_ok());
}

pub(crate) fn the_last_reference_may_go_in_a_task(make: Make, _workers: usize) {
    let pool = make();
    let own = Mutex::new(Some(Arc::clone(&pool)));
    let gate = Gate::default();
    let waits = gate.clone();
    let handle = start(
        &pool,
        task(move |_, _| {
            waits.pass();
            drop(own.lock().unwrap().take());
            Ok(Payload::new())
        }),
    );
    drop(pool);
    gate.open();
    let Ok(outcome) = handle.wait_timeout(LONG) else { panic!("the task hangs") };
    assert!(outcome.is_ok());
}

pub(crate) fn a_handle_can_be_awaited(make: Make, _workers: usize) {
    let pool = make();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let outcome = runtime.block_on(async { Handle::submit(&*pool, echo(), Payload::single("x", 1)).unwrap().await });
    assert_eq!(outcome.unwrap(), Payload::single("x", 1));
}

pub(crate) fn stats_name_what_is_running(make: Make, workers: usize) {
    let pool = make();
    let (busy, release) = occupy(&pool, workers);
    assert_eq!(pool.stats().running.len(), workers);
    // One without a bound may have one to spare.
    assert!(pool.stats().workers >= workers);
    drop(release);
    busy.into_iter().for_each(|handle| assert!(handle.wait().is_ok()));
}

/// A closed pool gives as many outcomes as it took executions, each the right one.
pub(crate) fn random_outcomes_arrive(make: Make, _workers: usize) {
    proptest!(ProptestConfig::with_cases(20), |(kinds in prop::collection::vec(0_u8..3, 0..200))| {
        let pool = make();
        let handles: Vec<_> = kinds.iter().map(|kind| {
            let kind = *kind;
            start(&pool, task(move |_, _| match kind {
                0 => Ok(Payload::single("x", 1)),
                1 => Err(TaskError::message("one")),
                _ => panic!("two"),
            }))
        }).collect();
        pool.close();
        pool.join(Some(LONG)).unwrap();
        for (kind, handle) in kinds.iter().zip(handles) {
            let found = handle.wait().map_err(|error| error.kind());
            let wanted = match kind {
                0 => Ok(Payload::single("x", 1)),
                1 => Err(ErrorKind::Raised),
                _ => Err(ErrorKind::Panicked),
            };
            prop_assert_eq!(found, wanted);
        }
    });
}
