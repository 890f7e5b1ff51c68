//! How a pool is left: what dropping it waits for, in the process that has made it and in others.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::{Payload, Pool, PoolError};
use pushflow_pools::ScalingPool;
use pushflow_signals::Process;

use crate::LONG;
use crate::backends::{BACKENDS, Setup, WORKERS};
use crate::gates::{Gate, Held, named, start};
use crate::suite::wait;

/// A wait that is to end by itself.
const SOON: Duration = Duration::from_millis(50);

pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_pool_that_was_closed_before_its_last_outcome_ends,
        dropping_does_not_wait_when_told_so,
        dropping_waits_for_no_longer_than_told,
        dropping_interrupts_when_told_so,
        scaling_pools_are_left_as_told,
        submitting_races_with_dropping,
        an_initializer_without_end_is_not_waited_for,
        a_forked_child_cannot_use_the_pool,
    ]
}

fn all() -> impl Iterator<Item = Setup> {
    Setup::all().filter(|setup| !setup.scaling)
}

/// Who waits for the last outcome may be the one that reads it: the workers have to exit all the same.
fn a_pool_that_was_closed_before_its_last_outcome_ends() {
    for setup in all() {
        for _ in 0..20 {
            let pool = setup.make();
            assert!(wait(start(&pool, "echo", Payload::new())).is_ok());
            let last = start(&pool, "echo", Payload::new());
            pool.close();
            assert!(wait(last).is_ok());
            assert!(pool.join(Some(LONG)).is_ok(), "{}", setup.name());
        }
    }
}

fn dropping_does_not_wait_when_told_so() {
    for setup in all() {
        let pool = setup.with(|builder| builder.wait_on_exit(false).interrupt_on_exit(false)).unwrap();
        let gate = Gate::new();
        let (busy, held) = gate.occupy(&pool, "gate", WORKERS);
        let waiting: Vec<Handle> = (0..20).map(|_| start(&pool, "echo", Payload::new())).collect();
        drop(pool);
        assert!(busy.iter().chain(&waiting).all(|handle| !handle.is_done()), "{}", setup.name());
        // What was accepted is run all the same.
        drop(held);
        busy.into_iter().chain(waiting).for_each(|handle| assert!(wait(handle).is_ok(), "{}", setup.name()));
    }
}

fn dropping_waits_for_no_longer_than_told() {
    for setup in all() {
        let pool = setup.with(|builder| builder.wait_on_exit_timeout(Some(SOON))).unwrap();
        let gate = Gate::new();
        let (busy, held) = gate.occupy(&pool, "gate", WORKERS);
        let begin = Instant::now();
        drop(pool);
        assert!((SOON..LONG).contains(&begin.elapsed()), "{}: {:?}", setup.name(), begin.elapsed());
        drop(held);
        busy.into_iter().for_each(|handle| assert!(wait(handle).is_ok(), "{}", setup.name()));
    }
}

fn dropping_interrupts_when_told_so() {
    for setup in all() {
        for task in ["cooperate", "gate"] {
            let pool = setup.with(|builder| builder.interrupt_on_exit(true)).unwrap();
            let gate = Gate::new();
            let (busy, _held) = gate.occupy(&pool, task, WORKERS);
            let waiting: Vec<Handle> = (0..20).map(|_| start(&pool, "echo", Payload::new())).collect();
            drop(pool);
            for handle in busy {
                assert!(handle.is_done(), "{task} by {}", setup.name());
                let error = wait(handle).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Interrupted, "{task} by {}: {error:?}", setup.name());
            }
            // What waits is not running.
            waiting.into_iter().for_each(|handle| assert!(handle.is_done() && handle.wait().is_ok()));
        }
    }
}

fn scaling_pools_are_left_as_told() {
    for setup in all() {
        let make = move || -> Result<Arc<dyn Pool>, PoolError> {
            Ok(Arc::new(setup.builder().workers(1).wait_on_exit(false).build()?))
        };
        let builder = ScalingPool::builder().max_workers(Some(WORKERS));
        for (builder, interrupts) in [
            (builder.wait_on_exit(false), false),
            (builder.wait_on_exit_timeout(Some(SOON)), false),
            (builder.interrupt_on_exit(true), true),
        ] {
            let pool: Arc<dyn Pool> = Arc::new(builder.over(make).unwrap());
            let gate = Gate::new();
            let (busy, held) = gate.occupy(&pool, "cooperate", WORKERS);
            let waiting: Vec<Handle> = (0..5).map(|_| start(&pool, "echo", Payload::new())).collect();
            drop(pool);
            assert!(busy.iter().all(|handle| handle.is_done() == interrupts), "{}", setup.name());
            busy.iter().for_each(Handle::interrupt);
            busy.into_iter().for_each(|handle| assert!(wait(handle).is_err(), "{}", setup.name()));
            waiting.into_iter().for_each(|handle| assert!(wait(handle).is_ok(), "{}", setup.name()));
            drop(held);
        }
    }
}

fn an_initializer_without_end_is_not_waited_for() {
    // The others start no worker before there is something to run.
    for setup in all().filter(|setup| !["process", "ndprocess"].contains(&setup.backend.name)) {
        let gate = Gate::new();
        let inputs = gate.inputs();
        let pool = setup.with(move |builder| builder.initializer("gate", inputs.clone())).unwrap();
        let _held: Vec<Held> = (0..WORKERS).map(|_| gate.wait()).collect();
        pool.close();
        pool.join(Some(LONG)).unwrap_or_else(|error| panic!("{}: {error}", setup.name()));
    }
}

fn submitting_races_with_dropping() {
    for setup in Setup::all() {
        let pool = setup.make();
        let handles: Vec<Handle> = std::thread::scope(|scope| {
            let submit = |pool: Arc<dyn Pool>| {
                let taken = std::iter::from_fn(move || Handle::submit(&*pool, named("echo"), Payload::new()).ok());
                taken.take(500).collect::<Vec<Handle>>()
            };
            let threads = [Arc::clone(&pool), Arc::clone(&pool)].map(|pool| scope.spawn(move || submit(pool)));
            // The last of the three to let go ends it, wherever that is.
            pool.close();
            drop(pool);
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        handles.into_iter().for_each(|handle| assert!(handle.is_done() && handle.wait().is_ok(), "{}", setup.name()));
    }
}

/// What a forked child finds of a pool that is running.
fn a_forked_child_cannot_use_the_pool() {
    for backend in BACKENDS {
        for setup in Setup::all().filter(|setup| setup.backend.name == backend.name) {
            let pool = setup.make();
            let gate = Gate::new();
            let (busy, held) = gate.occupy(&pool, "gate", WORKERS);
            let inherited = Arc::clone(&pool);
            let child = Process::closure(move |_| {
                let (tell, told) = mpsc::channel();
                // Uses it and drops it, in a thread whose end can be waited for with a limit.
                let uses = move || {
                    let submitted = Handle::submit(&*inherited, named("echo"), Payload::new());
                    let refused = matches!(submitted, Err(PoolError::Closed));
                    inherited.interrupt();
                    let stats = inherited.stats();
                    inherited.close();
                    let joined = matches!(inherited.join(None), Err(PoolError::Closed));
                    drop(inherited);
                    let _ = tell.send((refused, joined, stats.workers));
                };
                std::thread::spawn(uses);
                let answer = told.recv_timeout(LONG / 2);
                if answer == Ok((true, true, 0)) { Ok(Vec::new()) } else { Err(format!("{answer:?}").into()) }
            });
            let end = child.start().unwrap().wait(Instant::now().checked_add(LONG)).unwrap();
            assert_eq!(end.returned, Ok(Vec::new()), "{}", setup.name());
            drop(held);
            busy.into_iter().for_each(|handle| assert!(wait(handle).is_ok(), "{}", setup.name()));
        }
    }
}
