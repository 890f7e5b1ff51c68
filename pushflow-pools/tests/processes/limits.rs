//! Limits: of time, of executions and memory of one worker, of what may wait.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::{Payload, Pool, PoolError, Value};
use pushflow_pools::process::{ProcessPool, ProcessPoolBuilder};

use crate::LONG;
use crate::backends::{BACKENDS, Backend, WORKERS};
use crate::gates::{Gate, named, start};
use crate::origins::Single;
use crate::suite::{is_usable, wait};

/// Names the part that counts its own descriptors, which the other tests would change.
pub(crate) const PART: &str = "limits";
/// A limit of time that is soon reached.
const SOON: Duration = Duration::from_millis(50);
/// A limit of time that a short execution does not reach.
const LATER: Duration = Duration::from_millis(1500);

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_soft_limit_ends_what_looks,
        a_soft_limit_ends_what_does_not_look,
        what_succeeds_after_its_soft_limit_has_timed_out,
        a_hard_limit_kills,
        a_hard_limit_ends_what_outlasts_the_soft_one,
        the_timeout_of_an_execution_is_obeyed,
        the_time_of_an_execution_begins_with_it,
        the_time_of_an_execution_does_not_begin_while_its_worker_starts,
        a_worker_runs_no_more_than_it_may,
        replaced_workers_do_not_add_up,
        a_worker_that_has_grown_is_replaced,
        a_full_pool_refuses,
        a_full_pool_is_never_fuller,
        who_submits_to_a_full_pool_waits,
        a_long_queue_takes_no_descriptors,
    ]
}

fn build(backend: Backend, settings: impl FnOnce(ProcessPoolBuilder) -> ProcessPoolBuilder) -> Arc<ProcessPool> {
    Arc::new(settings(backend.builder().workers(WORKERS)).build().unwrap())
}

/// A pool of each type.
fn each(settings: impl Fn(ProcessPoolBuilder) -> ProcessPoolBuilder) -> impl Iterator<Item = Arc<ProcessPool>> {
    BACKENDS.into_iter().map(move |backend| build(backend, &settings))
}

fn as_pool(pool: &Arc<ProcessPool>) -> Arc<dyn Pool> {
    Arc::clone(pool) as Arc<dyn Pool>
}

fn a_soft_limit_ends_what_looks() {
    for pool in each(|builder| builder.soft_time_limit(Some(SOON)).grace(LONG)) {
        for task in ["cooperate", "spin"] {
            let gate = Gate::new();
            let handle = start(&as_pool(&pool), task, gate.inputs());
            let held = gate.wait();
            let error = wait(handle).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{task} in {pool:?}: {error:?}");
            assert!(error.lost_worker().is_none(), "{task} had to be killed: {error:?}");
            assert!(pool.worker_ids().contains(&held.pid), "the worker was replaced");
        }
    }
}

fn a_soft_limit_ends_what_does_not_look() {
    for pool in each(|builder| builder.soft_time_limit(Some(SOON)).grace(SOON)) {
        let gate = Gate::new();
        let begin = Instant::now();
        let handle = start(&as_pool(&pool), "gate", gate.inputs());
        let _held = gate.wait();
        let error = wait(handle).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{pool:?}: {error:?}");
        assert!(error.lost_worker().is_some(), "{error:?}");
        assert!(begin.elapsed() >= SOON * 2, "the grace period was not granted: {:?}", begin.elapsed());
        pool.close();
        pool.join(Some(LONG)).unwrap();
    }
}

/// As in a pool of threads.
fn what_succeeds_after_its_soft_limit_has_timed_out() {
    for pool in each(|builder| builder.soft_time_limit(Some(SOON)).grace(LONG)) {
        let outcome = wait(start(&as_pool(&pool), "sleep", Payload::single("ms", 300)));
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::TimedOut, "{pool:?}");
    }
}

fn a_hard_limit_kills() {
    let kills = |pool: Arc<ProcessPool>| {
        let gate = Gate::new();
        let (busy, held) = gate.occupy(&as_pool(&pool), "gate", WORKERS);
        for handle in busy {
            let error = wait(handle).unwrap_err();
            let signal = error.lost_worker().and_then(|worker| worker.signal);
            assert_eq!((error.kind(), signal), (ErrorKind::TimedOut, Some(9)), "{pool:?}: {error:?}");
        }
        drop(held);
        is_usable(&as_pool(&pool));
    };
    std::thread::scope(|scope| {
        // Not so soon that the short ones would reach it.
        let pools = each(|builder| builder.hard_time_limit(Some(LATER)).grace(LONG));
        pools.for_each(|pool| drop(scope.spawn(move || kills(pool))));
    });
}

fn a_hard_limit_ends_what_outlasts_the_soft_one() {
    let limits = |builder: ProcessPoolBuilder| builder.soft_time_limit(Some(SOON)).hard_time_limit(Some(SOON * 4));
    for pool in each(|builder| limits(builder).grace(LONG)) {
        let gate = Gate::new();
        let handle = start(&as_pool(&pool), "gate", gate.inputs());
        let _held = gate.wait();
        let error = wait(handle).unwrap_err();
        let signal = error.lost_worker().and_then(|worker| worker.signal);
        assert_eq!((error.kind(), signal), (ErrorKind::TimedOut, Some(9)), "{pool:?}: {error:?}");
    }
}

fn the_timeout_of_an_execution_is_obeyed() {
    for pool in each(|builder| builder.grace(LONG)) {
        for task in ["cooperate", "spin"] {
            let gate = Gate::new();
            let pending = Single::new(task).timeout(SOON).start(&*pool, gate.inputs());
            let _held = gate.wait();
            let error = pending.wait().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{task} in {pool:?}: {error:?}");
            assert!(error.lost_worker().is_none(), "{task} had to be killed: {error:?}");
        }
        is_usable(&as_pool(&pool));
    }
}

fn the_time_of_an_execution_begins_with_it() {
    for limit in [None, Some(LATER)] {
        let pool = build(BACKENDS[0], |builder| builder.workers(1).soft_time_limit(limit).hard_time_limit(limit));
        let gate = Gate::new();
        // Lasts for longer than the others may, and is over before its own time is.
        let shared = as_pool(&pool);
        let early = start(&shared, "sleep", Payload::single("ms", 1000));
        let later = start(&shared, "sleep", Payload::single("ms", 1000));
        let inputs = gate.inputs();
        let waiting: Vec<_> =
            (0..20).map(|_| Single::new("echo").timeout(LATER).start(&*pool, inputs.clone())).collect();
        assert!(wait(early).is_ok() && wait(later).is_ok(), "limit {limit:?}");
        waiting.iter().for_each(|pending| assert_eq!(pending.wait().unwrap(), inputs));
    }
}

fn the_time_of_an_execution_does_not_begin_while_its_worker_starts() {
    let slow = |builder: ProcessPoolBuilder| builder.workers(1).initializer("sleep", Payload::single("ms", 2000));
    let by_pool = |builder: ProcessPoolBuilder| slow(builder).soft_time_limit(Some(LATER));
    let killing = |builder: ProcessPoolBuilder| slow(builder).hard_time_limit(Some(LATER));
    std::thread::scope(|scope| {
        for backend in [BACKENDS[0], BACKENDS[2]] {
            for (settings, timeout) in
                [(&slow as &(dyn Fn(_) -> _ + Sync), Some(LATER)), (&by_pool, None), (&killing, None)]
            {
                scope.spawn(move || {
                    let pool = build(backend, settings);
                    let single = Single { timeout, ..Single::new("echo") };
                    let outcome = single.start(&*pool, Payload::single("x", 1)).wait();
                    assert_eq!(outcome.unwrap(), Payload::single("x", 1));
                });
            }
        }
    });
}

fn a_worker_runs_no_more_than_it_may() {
    for most in [1, 3] {
        for backend in BACKENDS {
            let pool = build(backend, |builder| builder.max_tasks_per_child(Some(most)));
            let shared = as_pool(&pool);
            let handles: Vec<Handle> = (0..30).map(|_| start(&shared, "pid", Payload::new())).collect();
            let mut ran: HashMap<i64, u64> = HashMap::new();
            for handle in handles {
                *ran.entry(wait(handle).unwrap().get("pid").and_then(Value::as_int).unwrap()).or_default() += 1;
            }
            assert!(ran.values().all(|count| *count <= most), "{pool:?}, {most} each: {ran:?}");
            is_usable(&shared);
            pool.close();
            pool.join(Some(LONG)).unwrap();
        }
    }
}

/// The replacement of a worker that may run nothing more is started at once, but runs nothing before that has ended.
fn replaced_workers_do_not_add_up() {
    for most in [1, 3] {
        for backend in BACKENDS {
            let pool = build(backend, |builder| builder.max_tasks_per_child(Some(most)));
            let gate = Gate::new();
            let shared = as_pool(&pool);
            let handles: Vec<Handle> = (0..8).map(|_| start(&shared, "gate", gate.inputs())).collect();
            // Long enough for any number of workers to start.
            let at_once = gate.crowd(handles.len(), Duration::from_millis(50));
            assert_eq!(at_once, WORKERS, "{pool:?}, {most} each");
            handles.into_iter().for_each(|handle| assert!(wait(handle).is_ok()));
        }
    }
}

fn a_worker_that_has_grown_is_replaced() {
    for backend in BACKENDS {
        let pool = build(backend, |builder| builder.workers(1).max_memory_per_child(Some(200 << 20)));
        let shared = as_pool(&pool);
        let allocate = |bytes: i64| {
            wait(start(&shared, "allocate", Payload::single("bytes", bytes))).unwrap().get("pid").cloned().unwrap()
        };
        let first = allocate(1 << 20);
        assert_eq!(allocate(1 << 20), first, "{pool:?}");
        assert_eq!(allocate(250 << 20), first, "{pool:?}");
        let deadline = Instant::now() + LONG;
        // The old one serves until the new one is ready.
        while allocate(0) == first {
            assert!(Instant::now() < deadline, "the worker was not replaced");
        }
        pool.close();
        pool.join(Some(LONG)).unwrap();
    }
}

fn a_full_pool_refuses() {
    for backend in BACKENDS {
        let pool = build(backend, |builder| builder.max_pending(Some(3)));
        let gate = Gate::new();
        let (busy, held) = gate.occupy(&as_pool(&pool), "gate", WORKERS);
        let submit = || Handle::try_submit(&*pool, named("echo"), Payload::new());
        let waiting: Vec<Handle> = (0..3).map(|_| submit().unwrap()).collect();
        for _ in 0..2 {
            let refused = submit();
            assert!(matches!(refused, Err(PoolError::Full { pending: 3 })), "{pool:?}: {refused:?}");
        }
        drop(held);
        busy.into_iter().chain(waiting).for_each(|handle| assert!(wait(handle).is_ok()));
        assert!(wait(submit().unwrap()).is_ok());
    }
}

fn a_full_pool_is_never_fuller() {
    let pool = build(BACKENDS[0], |builder| builder.workers(1).max_pending(Some(1)));
    for _ in 0..50 {
        let gate = Gate::new();
        let (busy, held) = gate.occupy(&as_pool(&pool), "gate", 1);
        let all = Barrier::new(8);
        let submit = || {
            all.wait();
            Handle::try_submit(&*pool, named("echo"), Payload::new()).ok()
        };
        let taken: Vec<Handle> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(submit)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(taken.len(), 1);
        drop(held);
        busy.into_iter().chain(taken).for_each(|handle| assert!(wait(handle).is_ok()));
    }
}

fn who_submits_to_a_full_pool_waits() {
    for backend in BACKENDS {
        let pool = build(backend, |builder| builder.max_pending(Some(2)));
        let gate = Gate::new();
        let (busy, held) = gate.occupy(&as_pool(&pool), "gate", WORKERS);
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (pool, tell) = (&pool, tell.clone());
                scope.spawn(move || {
                    for n in 0..50 {
                        tell.send(Handle::submit(&**pool, named("echo"), Payload::single("n", n)).unwrap()).unwrap();
                    }
                });
            }
            let mut handles: Vec<Handle> = (0..2).map(|_| told.recv_timeout(LONG).unwrap()).collect();
            let more = told.recv_timeout(Duration::from_millis(50));
            assert!(more.is_err(), "{pool:?} took more than it may");
            drop(held);
            handles.extend((0..198).map(|_| told.recv_timeout(LONG).unwrap()));
            busy.into_iter().chain(handles).for_each(|handle| assert!(wait(handle).is_ok()));
        });
        // Who waits for room in a pool that is closed is told so.
        let (busy, held) = gate.occupy(&as_pool(&pool), "gate", WORKERS);
        let waiting: Vec<Handle> = (0..2).map(|_| start(&as_pool(&pool), "echo", Payload::new())).collect();
        std::thread::scope(|scope| {
            let refused = scope.spawn(|| Handle::submit(&*pool, named("echo"), Payload::new()));
            pool.close();
            assert!(matches!(refused.join().unwrap(), Err(PoolError::Closed)));
        });
        drop(held);
        busy.into_iter().chain(waiting).for_each(|handle| assert!(wait(handle).is_ok()));
    }
}

fn a_long_queue_takes_no_descriptors() {
    assert!(crate::program(PART).status().unwrap().success(), "see above");
}

pub(crate) fn play() -> ExitCode {
    const EXECUTIONS: i64 = 20_000;
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let pool = build(BACKENDS[0], |builder| builder.workers(1));
    assert!(wait(start(&as_pool(&pool), "echo", Payload::new())).is_ok());
    let before = count();
    let shared = as_pool(&pool);
    let handles: Vec<Handle> = (0..EXECUTIONS).map(|n| start(&shared, "echo", Payload::single("n", n))).collect();
    let while_queued = count();
    for (n, handle) in (0..).zip(handles) {
        assert_eq!(wait(handle).unwrap(), Payload::single("n", n));
    }
    assert_eq!((while_queued, count()), (before, before));
    ExitCode::SUCCESS
}
