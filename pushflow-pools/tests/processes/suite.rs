//! The suite that every pool of processes passes, by every start method, with and without scaling.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use pushflow_core::error::ErrorKind;
use pushflow_core::handle::Handle;
use pushflow_core::pool::Shutdown;
use pushflow_core::{Context, Payload, Pool, PoolError, Value};

use crate::LONG;
use crate::backends::{Setup, WORKERS};
use crate::gates::{Gate, named, start};

type Case = (&'static str, fn(Setup));

macro_rules! cases {
    ($($case:ident),* $(,)?) => { &[$((stringify!($case), $case as fn(Setup)),)*] };
}

const CASES: &[Case] = cases![
    every_execution_has_one_outcome,
    streams_that_are_full_go_on,
    a_panic_and_an_error_are_outcomes,
    a_closed_pool_refuses_and_finishes,
    join_needs_close_and_is_bounded,
    interrupt_ends_what_waits_and_what_looks,
    interrupt_ends_what_does_not_cooperate,
    one_handle_is_interrupted_and_not_its_neighbour,
    what_starts_after_an_interrupt_is_not_interrupted,
    dropping_the_pool_completes_what_it_accepted,
    closing_races_with_submitting,
    joining_from_a_completion_is_refused,
    a_handle_can_be_awaited,
    stats_name_what_is_running,
    a_killed_worker_costs_one_execution,
    exit_abort_overflow_and_signals_are_outcomes,
    a_closed_channel_and_garbage_are_outcomes,
    a_copy_that_returns_is_not_heard,
    what_blocks_signals_is_killed,
    what_cannot_be_sent_is_an_outcome,
    a_task_without_a_name_is_an_outcome,
    nested_pools_work_or_are_refused,
];

pub(crate) fn trials() -> Vec<Trial> {
    let of = |setup: Setup| {
        CASES.iter().map(move |(name, case)| {
            Trial::test(format!("suite::{}::{name}", setup.name()), move || {
                case(setup);
                Ok(())
            })
        })
    };
    Setup::all().flat_map(of).collect()
}

pub(crate) fn wait(handle: Handle) -> pushflow_core::pool::Outcome {
    match handle.wait_timeout(LONG) {
        Ok(outcome) => outcome,
        Err(handle) => panic!("no outcome: {handle:?}"),
    }
}

#[track_caller]
pub(crate) fn is_usable(pool: &Arc<dyn Pool>) {
    let inputs = Payload::single("x", 1);
    for _ in 0..2 * WORKERS {
        assert_eq!(wait(start(pool, "echo", inputs.clone())).unwrap(), inputs, "the pool is not usable");
    }
}

fn every_execution_has_one_outcome(setup: Setup) {
    let pool = setup.make();
    let handles: Vec<Handle> = (0..2000_i64).map(|n| start(&pool, "echo", Payload::single("n", n))).collect();
    for (n, handle) in (0_i64..).zip(handles) {
        assert_eq!(wait(handle).unwrap(), Payload::single("n", n));
    }
}

/// Calls and replies of many times the size of what shared memory holds of them.
fn streams_that_are_full_go_on(setup: Setup) {
    let pool = setup.make();
    for bytes in [9_000, 60_000, 300_000] {
        let text = Payload::single("text", "x".repeat(bytes));
        let handles: Vec<Handle> = (0..3_000_000 / bytes).map(|_| start(&pool, "echo", text.clone())).collect();
        for handle in handles {
            assert!(wait(handle).unwrap() == text);
        }
    }
}

fn a_panic_and_an_error_are_outcomes(setup: Setup) {
    let pool = setup.make();
    for _ in 0..WORKERS + 1 {
        let error = wait(start(&pool, "panic", Payload::new())).unwrap_err();
        assert_eq!((error.kind(), error.text()), (ErrorKind::Panicked, "as expected"));
        let error = wait(start(&pool, "raise", Payload::new())).unwrap_err();
        assert_eq!((error.kind(), error.text()), (ErrorKind::Raised, "no"));
    }
    is_usable(&pool);
}

fn a_closed_pool_refuses_and_finishes(setup: Setup) {
    let pool = setup.make();
    let gate = Gate::new();
    let (busy, held) = gate.occupy(&pool, "gate", WORKERS);
    let waiting: Vec<Handle> = (0..20).map(|_| start(&pool, "echo", Payload::new())).collect();
    pool.close();
    pool.close();
    let refused = Handle::submit(&*pool, named("echo"), Payload::new());
    assert!(matches!(refused, Err(PoolError::Closed)));
    drop(held);
    pool.join(Some(LONG)).unwrap();
    pool.join(Some(LONG)).unwrap();
    assert!(busy.into_iter().chain(waiting).all(|handle| handle.is_done() && handle.wait().is_ok()));
    assert_eq!(pool.stats().workers, 0);
}

fn join_needs_close_and_is_bounded(setup: Setup) {
    let pool = setup.make();
    assert!(matches!(pool.join(None), Err(PoolError::NotClosed)));
    let gate = Gate::new();
    let (_busy, held) = gate.occupy(&pool, "gate", WORKERS);
    pool.close();
    let begin = Instant::now();
    let Err(PoolError::Timeout { running, .. }) = pool.join(Some(Duration::from_millis(20))) else {
        panic!("join did not time out")
    };
    assert_eq!(running, WORKERS);
    assert!(begin.elapsed() < LONG);
    drop(held);
    pool.join(Some(LONG)).unwrap();
}

fn interrupt_ends_what_waits_and_what_looks(setup: Setup) {
    // Time enough on any machine: killing them is another test.
    let pool = setup.with(|builder| builder.grace(LONG)).unwrap();
    let gate = Gate::new();
    for task in ["cooperate", "spin"] {
        let (busy, held) = gate.occupy(&pool, task, WORKERS);
        pool.interrupt();
        for handle in busy {
            let error = wait(handle).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{task}: {error:?}");
            assert!(error.lost_worker().is_none(), "{task} had to be killed");
        }
        drop(held);
    }
    is_usable(&pool);
}

fn interrupt_ends_what_does_not_cooperate(setup: Setup) {
    let pool = setup.make();
    let gate = Gate::new();
    let (busy, held) = gate.occupy(&pool, "gate", WORKERS);
    pool.interrupt();
    for handle in busy {
        let error = wait(handle).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{error:?}");
        assert!(error.lost_worker().is_some(), "{error:?}");
    }
    drop(held);
    is_usable(&pool);
}

fn one_handle_is_interrupted_and_not_its_neighbour(setup: Setup) {
    let pool = setup.make();
    let gate = Gate::new();
    let (mut busy, held) = gate.occupy(&pool, "cooperate", WORKERS);
    let waiting = start(&pool, "echo", Payload::new());
    let first = busy.remove(0);
    first.interrupt();
    assert_eq!(wait(first).unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(wait(waiting).is_ok());
    assert!(busy.iter().all(|handle| !handle.is_done()));
    busy.iter().for_each(Handle::interrupt);
    busy.into_iter().for_each(|handle| assert_eq!(wait(handle).unwrap_err().kind(), ErrorKind::Interrupted));
    drop(held);
}

fn what_starts_after_an_interrupt_is_not_interrupted(setup: Setup) {
    let pool = setup.make();
    for _ in 0..20 {
        let before = start(&pool, "echo", Payload::new());
        pool.interrupt();
        let later = start(&pool, "is_interrupted", Payload::new());
        assert!(wait(later).is_ok());
        let before = wait(before);
        assert!(before.is_ok(), "{before:?}");
    }
}

fn dropping_the_pool_completes_what_it_accepted(setup: Setup) {
    let pool = setup.make();
    let gate = Gate::new();
    let (busy, held) = gate.occupy(&pool, "gate", WORKERS);
    let waiting: Vec<Handle> = (0..200).map(|_| start(&pool, "echo", Payload::new())).collect();
    drop(held);
    drop(pool);
    assert!(busy.into_iter().chain(waiting).all(|handle| handle.is_done() && handle.wait().is_ok()));
}

fn closing_races_with_submitting(setup: Setup) {
    for _ in 0..5 {
        let pool = setup.make();
        let submit = || -> Vec<Handle> {
            std::iter::from_fn(|| Handle::submit(&*pool, named("echo"), Payload::new()).ok()).take(1000).collect()
        };
        let handles = thread::scope(|scope| {
            let (first, second) = (scope.spawn(submit), scope.spawn(submit));
            pool.close();
            let mut handles = first.join().unwrap();
            handles.extend(second.join().unwrap());
            handles
        });
        pool.join(Some(LONG)).unwrap();
        for handle in handles {
            assert!(handle.is_done(), "an accepted execution has no outcome");
            assert!(handle.wait().is_ok());
        }
    }
}

fn joining_from_a_completion_is_refused(setup: Setup) {
    let pool = setup.make();
    let (tell, told) = mpsc::channel();
    let own = Arc::clone(&pool);
    let gate = Gate::new();
    let (mut busy, held) = gate.occupy(&pool, "gate", 1);
    let mut handle = Box::pin(busy.remove(0));
    // A waker is called from inside of the completion.
    let waker = futures_waker(move || {
        own.interrupt();
        own.close();
        let how = Shutdown { wait: true, timeout: Some(LONG), interrupt: true };
        let _ = tell.send(own.shutdown(how));
    });
    let mut context = std::task::Context::from_waker(&waker);
    assert!(handle.as_mut().poll(&mut context).is_pending());
    drop(held);
    let answer = told.recv_timeout(LONG).unwrap();
    assert!(matches!(answer, Err(PoolError::JoinFromTask)), "{answer:?}");
    drop(waker);
    pool.join(Some(LONG)).unwrap();
}

fn futures_waker(body: impl Fn() + Send + Sync + 'static) -> std::task::Waker {
    struct Call<F>(F);
    impl<F: Fn() + Send + Sync> std::task::Wake for Call<F> {
        fn wake(self: Arc<Self>) {
            (self.0)();
        }
    }
    Arc::new(Call(body)).into()
}

fn a_handle_can_be_awaited(setup: Setup) {
    let pool = setup.make();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let outcome = runtime.block_on(start(&pool, "echo", Payload::single("x", 1)));
    assert_eq!(outcome.unwrap(), Payload::single("x", 1));
}

fn stats_name_what_is_running(setup: Setup) {
    let pool = setup.make();
    let gate = Gate::new();
    let (busy, held) = gate.occupy(&pool, "gate", WORKERS);
    let stats = pool.stats();
    assert_eq!((stats.running.len(), stats.workers), (WORKERS, WORKERS));
    drop(held);
    busy.into_iter().for_each(|handle| assert!(wait(handle).is_ok()));
}

fn a_killed_worker_costs_one_execution(setup: Setup) {
    let pool = setup.make();
    let gate = Gate::new();
    let (mut busy, mut held) = gate.occupy(&pool, "gate", WORKERS);
    let waiting: Vec<Handle> = (0..100_i64).map(|n| start(&pool, "echo", Payload::single("n", n))).collect();
    let victim = held.pop().unwrap();
    let pid = victim.pid;
    victim.kill();
    for (n, handle) in (0_i64..).zip(waiting) {
        assert_eq!(wait(handle).unwrap(), Payload::single("n", n));
    }
    drop(held);
    let lost: Vec<_> = busy.drain(..).filter_map(|handle| wait(handle).err()).collect();
    let [error] = &lost[..] else { panic!("{} executions were lost", lost.len()) };
    let worker = error.lost_worker().unwrap();
    assert_eq!(
        (error.kind(), worker.pid, worker.signal, worker.exit_code),
        (ErrorKind::Lost, Some(pid), Some(9), None)
    );
    assert!(worker.peak_memory_bytes.is_some_and(|bytes| bytes > 0) && !worker.out_of_memory, "{worker:?}");
}

fn exit_abort_overflow_and_signals_are_outcomes(setup: Setup) {
    let pool = setup.make();
    let lost = |task: &str, inputs: Payload| {
        let error = wait(start(&pool, task, inputs)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lost, "{task}: {error:?}");
        let worker = error.lost_worker().unwrap().clone();
        (worker.exit_code, worker.signal, worker.stderr)
    };
    assert_eq!(lost("exit", Payload::single("code", 3)), (Some(3), None, vec![]));
    assert_eq!(lost("exit", Payload::single("code", 0)), (Some(0), None, vec![]));
    assert_eq!(lost("abort", Payload::new()).1, Some(6));
    let (_, signal, stderr) = lost("overflow", Payload::new());
    assert!(matches!(signal, Some(6 | 11)), "{signal:?}");
    assert!(signal == Some(11) || stderr.iter().any(|line| line.contains("overflow")), "{stderr:?}");
    assert_eq!(lost("kill", Payload::single("signal", 8)), (None, Some(8), vec!["about to be killed".to_owned()]));
    assert_eq!(lost("kill", Payload::single("signal", 9)), (None, Some(9), vec!["about to be killed".to_owned()]));
    is_usable(&pool);
}

fn a_closed_channel_and_garbage_are_outcomes(setup: Setup) {
    let pool = setup.make();
    for _ in 0..WORKERS + 1 {
        // The reply is in memory that both share; the worker ends afterwards.
        match wait(start(&pool, "close_channel", Payload::new())) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::Lost, "{error:?}"),
        }
        is_usable(&pool);
        // On the socket there are only bells: one more does no harm.
        assert!(wait(start(&pool, "write_garbage", Payload::new())).is_ok());
        is_usable(&pool);
    }
}

fn a_copy_that_returns_is_not_heard(setup: Setup) {
    let pool = setup.make();
    for _ in 0..5 {
        let outputs = wait(start(&pool, "fork_and_return", Payload::new())).unwrap();
        assert_eq!(outputs.get("copy"), Some(&Value::Bool(false)));
    }
    is_usable(&pool);
}

fn what_blocks_signals_is_killed(setup: Setup) {
    let pool = setup.make();
    let gate = Gate::new();
    let (mut busy, held) = gate.occupy(&pool, "block_sigterm", 1);
    pool.interrupt();
    let error = wait(busy.remove(0)).unwrap_err();
    let signal = error.lost_worker().and_then(|worker| worker.signal);
    assert_eq!(error.kind(), ErrorKind::Interrupted, "{error:?}");
    // Blocked in one thread, SIGTERM is taken by another one, where there is one.
    assert!(signal == Some(9) || (signal == Some(15) && !setup.backend.daemonic), "{error:?}");
    drop(held);
    is_usable(&pool);
}

fn what_cannot_be_sent_is_an_outcome(setup: Setup) {
    let pool = setup.make();
    let error = wait(start(&pool, "deep", Payload::new())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Delivery, "{error:?}");
    let deep = (0..2000).fold(Value::Null, |value, _| Value::list([value]));
    let error = wait(start(&pool, "echo", Payload::single("deep", deep))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Delivery, "{error:?}");
    is_usable(&pool);
}

fn a_task_without_a_name_is_an_outcome(setup: Setup) {
    let pool = setup.make();
    let unnamed = Arc::new(|_: &Payload, _: &Context<'_>| Ok(Payload::new()));
    let error = wait(Handle::submit(&*pool, unnamed, Payload::new()).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.text().contains("register_task!"), "{error}");
    is_usable(&pool);
}

fn nested_pools_work_or_are_refused(setup: Setup) {
    let pool = setup.make();
    for inner in ["process", "multiprocessing", "billiard"] {
        let inputs = Payload::from([("depth", Value::from(1)), ("method", Value::from(setup.method.to_string()))]);
        let outcome = wait(start(&pool, "nest", inputs.with("pool", inner)));
        if setup.backend.may_nest || inner == "billiard" {
            assert!(outcome.is_ok(), "{inner}: {outcome:?}");
        } else {
            let error = outcome.unwrap_err();
            assert_eq!(error.text(), "daemonic processes are not allowed to have children", "{inner}");
        }
    }
    is_usable(&pool);
}
