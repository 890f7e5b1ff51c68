//! Networks built by hand: on the pool of threads and in place.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use pushflow_core::actor::{
    Attempts, ErrorHandler, ForkActor, JoinActor, PythonActor, RequestStatus, RouterActor, StartActor, StopActor,
    Submodel, TaskActor,
};
use pushflow_core::engine::{Failure, Network, NetworkBuilder, Report, RunOptions, Status, Stopper};
use pushflow_core::error::ErrorKind;
use pushflow_core::{Context, Payload, TaskError, Value};
use pushflow_pools::ThreadPool;

use crate::suite::LONG;

/// Runs a network in place and on a pool.
pub(crate) fn both(network: Network, options: impl Fn() -> RunOptions) -> [Report; 2] {
    let network = Arc::new(network);
    let in_place = network.run_in_place(options());
    let pool = Arc::new(ThreadPool::builder().workers(2).build().unwrap());
    [in_place, network.run(pool, options())]
}

fn add(name: &'static str, step: i64) -> TaskActor {
    TaskActor::new(move |inputs: &Payload, _: &Context<'_>| Ok(Payload::single(name, int(inputs, name) + step)))
}

fn failing(message: &'static str) -> TaskActor {
    TaskActor::new(move |_: &Payload, _: &Context<'_>| Err(TaskError::message(message)))
}

pub(crate) fn int(payload: &Payload, name: &str) -> i64 {
    payload.get(name).and_then(Value::as_int).unwrap_or(0)
}

fn with(data: impl Into<Payload>) -> RunOptions {
    RunOptions::default().data(data.into())
}

/// `start -> a -> b -> stop`
#[test]
fn outputs_update_the_data() {
    let mut network = NetworkBuilder::new("chain");
    let start = network.add("start", StartActor);
    let (a, b) = (network.add("a", add("x", 1)), network.add("b", add("x", 10)));
    let stop = network.add("stop", StopActor);
    network.connect(start, a);
    network.connect(a, b);
    network.connect(b, stop);
    for report in both(network.build().unwrap(), || with([("x", 1), ("other", 7)])) {
        assert_eq!(report.output, Some(Payload::from([("x", 12), ("other", 7)])));
        assert_eq!((report.status, report.started, report.failed), (Status::Finished, 2, 0));
    }
}

/// ```text
/// start -> fork -> l -> join -> stop
///              \-> r ->/
/// ```
#[test]
fn a_join_waits_for_all() {
    let mut network = NetworkBuilder::new("join");
    let start = network.add("start", StartActor);
    let fork = network.add("fork", ForkActor);
    let (l, r) = (network.add("l", add("l", 1)), network.add("r", add("r", 2)));
    let join = network.add("join", JoinActor);
    let stop = network.add("stop", StopActor);
    network.connect(start, fork);
    for branch in [l, r] {
        network.connect(fork, branch);
        network.connect(branch, join);
    }
    network.connect(join, stop);
    let network = network.build().unwrap();
    for report in both(network, || with([("x", 5)])) {
        assert_eq!(report.output, Some(Payload::from([("x", 5), ("l", 1), ("r", 2)])));
    }
}

/// A counter that goes round until a router lets it out.
pub(crate) fn counting_loop(iterations: i64) -> Network {
    let mut network = NetworkBuilder::new("loop");
    let start = network.add("start", StartActor);
    let count = network.add(
        "count",
        TaskActor::new(move |inputs: &Payload, _: &Context<'_>| {
            let n = int(inputs, "n") + 1;
            Ok(Payload::from([("n", Value::Int(n)), ("again", Value::Bool(n < iterations))]))
        }),
    );
    let router = network.add("router", RouterActor::new("again", ["true", "false"]));
    let stop = network.add("stop", StopActor);
    network.connect(start, count);
    network.connect(count, router);
    network.connect_port(router, "true", count).unwrap();
    network.connect_port(router, "false", stop).unwrap();
    network.build().unwrap()
}

#[test]
fn a_loop_without_end_ends_at_its_timeout() {
    let timeout = Duration::from_millis(100);
    let begin = Instant::now();
    for report in both(counting_loop(i64::MAX), || RunOptions::default().timeout(Some(timeout))) {
        assert_eq!((report.status, report.output, report.failures.len()), (Status::TimedOut, None, 0));
        assert!(report.started > 0);
    }
    assert!(begin.elapsed() >= 2 * timeout && begin.elapsed() < LONG);
}

#[test]
fn a_loop_without_end_does_not_starve_others() {
    let pool = Arc::new(ThreadPool::builder().workers(1).build().unwrap());
    let endless = Arc::new(counting_loop(i64::MAX)).start(Arc::clone(&pool) as _, RunOptions::default());
    let report = Arc::new(counting_loop(1000)).run(pool, RunOptions::default());
    assert_eq!(report.status, Status::Finished);
    endless.stop("enough");
    let report = endless.wait();
    assert_eq!((report.status, report.failures.len()), (Status::Stopped, 1));
    assert_eq!((report.failures[0].kind, report.failures[0].message.as_str()), (ErrorKind::Stopped, "enough"));
}

/// `a` fails; its error goes to the handler, whose answer is the result.
#[test]
fn a_connected_handler_gets_inputs_and_error() {
    let mut network = NetworkBuilder::new("handled");
    let start = network.add("start", StartActor);
    let a = network.add("a", failing("the message"));
    let (handler, stop) = (network.add("handler", ErrorHandler), network.add("stop", StopActor));
    network.connect(start, a);
    network.connect(a, stop);
    network.connect_on_error(a, handler);
    network.connect(handler, stop);
    for report in both(network.build().unwrap(), || with([("other", 1)])) {
        assert_eq!(report.failures, []);
        assert_eq!(report.status_text.as_deref(), Some("error"));
        let output = report.output.unwrap();
        assert_eq!(int(&output, "other"), 1);
        let error = output.get("WorkflowException").and_then(Value::as_map).unwrap();
        assert_eq!(error["errorMessage"], Value::from("the message"));
    }
}

#[test]
fn an_error_with_nobody_connected_is_reported() {
    let mut network = NetworkBuilder::new("lost");
    let start = network.add("start", StartActor);
    let (a, stop) = (network.add("a", failing("no")), network.add("stop", StopActor));
    network.connect(start, a);
    network.connect(a, stop);
    for report in both(network.build().unwrap(), RunOptions::default) {
        assert_eq!((report.output, report.status), (None, Status::Failed));
        assert_eq!(report.failures.len(), 1);
        assert_eq!((report.failures[0].node.as_str(), report.failures[0].message.as_str()), ("a", "no"));
    }
}

/// A router without a port fails the task that triggered it, also through actors in between; what that task would have
/// triggered after it is not triggered.
#[test]
fn what_an_actor_cannot_pass_on_fails_its_source() {
    let mut network = NetworkBuilder::new("router");
    let start = network.add("start", StartActor);
    let a = network.add("a", add("x", 1));
    let fork = network.add("fork", ForkActor);
    let router = network.add("router", RouterActor::new("x", ["other"]));
    let never = network.add("never", add("never", 1));
    let (handler, stop) = (network.add("handler", ErrorHandler), network.add("stop", StopActor));
    network.connect(start, a);
    network.connect(a, fork);
    network.connect(fork, router);
    network.connect(fork, never);
    network.connect_on_error(a, handler);
    network.connect(handler, stop);
    network.connect(never, stop);
    for report in both(network.build().unwrap(), RunOptions::default) {
        assert_eq!(report.started, 1);
        let output = report.output.unwrap();
        let error = output.get("WorkflowException").and_then(Value::as_map).unwrap();
        assert_eq!(error["errorMessage"], Value::from("No 'other' port for router actor 'router'"));
    }
}

/// Without a task that has triggered it, nothing can handle that: it is the start that fails, and what comes after is not
/// triggered.
#[test]
fn what_an_actor_cannot_pass_on_fails_the_start() {
    let mut network = NetworkBuilder::new("router");
    let start = network.add("start", StartActor);
    let router = network.add("router", RouterActor::new("x", ["other"]));
    let (never, stop) = (network.add("never", add("never", 1)), network.add("stop", StopActor));
    network.connect(start, router);
    network.connect(start, never);
    network.connect(never, stop);
    for report in both(network.build().unwrap(), RunOptions::default) {
        assert_eq!((report.started, report.status, report.failures.len()), (0, Status::Failed, 1));
        let error = report.start_error.unwrap();
        assert_eq!((error.type_name.as_str(), error.kind), ("RuntimeError", ErrorKind::Delivery));
        assert_eq!(report.error, Some(error));
    }
}

/// Errors in a sub-model go to its own connections for errors, then to those of the workflow around it.
#[test]
fn errors_leave_submodels_outwards() {
    let mut network = NetworkBuilder::new("outer");
    let workflow = network.workflow();
    let inner = network.submodel(Submodel::new("inner"), Some(workflow));
    let start = network.add("start", StartActor);
    let (way_in, way_out) = (network.port(inner, "In").unwrap(), network.port(inner, "Out").unwrap());
    let a = network.add_to(inner, "a", failing("inside"));
    let seen = Arc::new(AtomicI64::new(0));
    let watcher = |weight: i64| {
        let seen = Arc::clone(&seen);
        TaskActor::new(move |_: &Payload, _: &Context<'_>| {
            seen.fetch_add(weight, Ordering::Relaxed);
            Ok(Payload::new())
        })
    };
    let (near, far) = (network.add("near", watcher(1)), network.add("far", watcher(10)));
    let status = network.add("status", RequestStatus::new("looked after"));
    let stop = network.add("stop", StopActor);
    network.connect(start, way_in);
    network.connect(way_in, a);
    network.connect(a, way_out);
    network.connect(way_out, stop);
    network.connect_part_on_error(inner, near);
    network.connect_part_on_error(workflow, far);
    network.connect(far, status);
    network.connect(status, stop);
    assert!(network.port(inner, "Side").is_err());
    for report in both(network.build().unwrap(), RunOptions::default) {
        assert_eq!(report.failures, []);
        assert_eq!(report.status_text.as_deref(), Some("looked after"));
    }
    assert_eq!(seen.load(Ordering::Relaxed), 22);
}

/// In place, actors run one after the other, each with all that follows from it.
#[test]
fn in_place_goes_depth_first() {
    let mut network = NetworkBuilder::new("order");
    let start = network.add("start", StartActor);
    let fork = network.add("fork", ForkActor);
    let stop = network.add("stop", StopActor);
    network.connect(start, fork);
    let [a, b, c] = ["a", "b", "c"].map(|name| {
        network.add(name, PythonActor::new(move |_: &Payload, _: &Context<'_>| Ok(Payload::single("last", name))))
    });
    network.connect(fork, a);
    network.connect(a, b);
    network.connect(b, stop);
    network.connect(fork, c);
    network.connect(c, stop);
    let report = network.build().unwrap().run_in_place(RunOptions::default());
    assert_eq!(report.output, Some(Payload::single("last", "c")));
}

/// `start -> first -> second -> stop`, where the first task stops the run.
#[test]
fn a_run_in_place_can_be_stopped() {
    for breaks_off in [false, true] {
        let stopper = Arc::new(OnceLock::<Stopper>::new());
        let known = Arc::clone(&stopper);
        let first = TaskActor::new(move |_: &Payload, ctx: &Context<'_>| {
            let stopper = known.get().unwrap();
            std::thread::scope(|scope| {
                let stop = || if breaks_off { stopper.interrupt("enough") } else { stopper.stop("enough") };
                scope.spawn(stop).join().unwrap();
            });
            assert_eq!(ctx.is_interrupted(), breaks_off);
            Ok(Payload::single("first", 1))
        });
        let network = chain_of([first, add("second", 1)]);
        let run = network.in_place(RunOptions::default());
        stopper.set(run.stopper()).unwrap();
        let report = run.run();
        assert_eq!((report.status, report.started, report.failures.len()), (Status::Stopped, 1, 1));
        let Failure { node, kind, message, .. } = &report.failures[0];
        assert_eq!((node.as_str(), *kind, message.as_str()), ("1", ErrorKind::Stopped, "enough"));
    }
}

/// What cooperates but comes too late is no result, in place neither.
#[test]
fn outputs_after_the_deadline_do_not_count() {
    let late = || {
        TaskActor::new(|_: &Payload, ctx: &Context<'_>| {
            assert!(!ctx.sleep(LONG));
            Ok(Payload::single("x", 1))
        })
    };
    let options = || RunOptions::default().timeout(Some(Duration::from_millis(50)));
    for report in both(chain_of([late()]), options) {
        assert_eq!((report.status, report.output), (Status::TimedOut, None));
    }
}

/// `start -> 0 -> 1 -> .. -> stop`
fn chain_of<const N: usize>(tasks: [TaskActor; N]) -> Network {
    let mut network = NetworkBuilder::new("chain");
    let mut last = network.add("start", StartActor);
    for (number, task) in tasks.into_iter().enumerate() {
        let task = network.add(number.to_string(), task);
        network.connect(last, task);
        last = task;
    }
    let stop = network.add("stop", StopActor);
    network.connect(last, stop);
    network.build().unwrap()
}

#[test]
fn undeclared_ports_are_refused() {
    let mut network = NetworkBuilder::new("ports");
    let router = network.add("router", RouterActor::new("x", ["a"]));
    let stop = network.add("stop", StopActor);
    let error = network.connect_port(router, "b", stop).unwrap_err();
    assert_eq!(error.to_string(), "port 'b' not defined for router actor router");
    assert!(network.connect_port(stop, "b", router).is_err());
    network.connect_port(router, "other", stop).unwrap();
}

/// Many runs of one network at a time do not see each other.
#[test]
fn runs_keep_their_state_apart() {
    let pool: Arc<ThreadPool> = Arc::new(ThreadPool::builder().workers(2).build().unwrap());
    let network = Arc::new(counting_loop(200));
    let runs: Vec<_> = (0..50).map(|_| network.start(Arc::clone(&pool) as _, RunOptions::default())).collect();
    for run in runs {
        assert_eq!(int(&run.wait().output.unwrap(), "n"), 200);
    }
}

/// A task that does not look at its interruption is reported, and does not hold up the end of the run.
#[test]
fn a_task_that_does_not_cooperate_is_reported_at_the_timeout() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let mut network = NetworkBuilder::new("stubborn");
    let start = network.add("start", StartActor);
    let stubborn = network.add(
        "stubborn",
        TaskActor::new(move |_: &Payload, _: &Context<'_>| {
            let _ = released.lock().unwrap().recv();
            Ok(Payload::new())
        }),
    );
    network.connect(start, stubborn);
    let pool = Arc::new(ThreadPool::builder().workers(1).build().unwrap());
    let options = RunOptions::default().timeout(Some(Duration::from_millis(20)));
    // The pool outlives the run: dropping a pool waits for what it has accepted.
    let report = Arc::new(network.build().unwrap()).run(Arc::clone(&pool) as _, options);
    assert_eq!(report.status, Status::TimedOut);
    assert_eq!((report.failures[0].node.as_str(), report.failures[0].kind), ("stubborn", ErrorKind::TimedOut));
    drop(release);
}

#[test]
fn a_pool_that_closes_under_a_run_ends_it() {
    let pool = Arc::new(ThreadPool::builder().workers(2).build().unwrap());
    let run = Arc::new(counting_loop(i64::MAX)).start(Arc::clone(&pool) as _, RunOptions::default());
    pushflow_core::Pool::close(&*pool);
    let report = run.wait();
    assert_eq!((report.status, report.failures[0].kind), (Status::Failed, ErrorKind::Closed));
    let refused = Arc::new(counting_loop(1)).run(pool, RunOptions::default());
    assert_eq!((refused.status, refused.failures[0].kind), (Status::Failed, ErrorKind::Closed));
}

#[test]
fn a_result_after_the_timeout_of_the_task_is_none() {
    let tries = Arc::new(AtomicI64::new(0));
    let mut network = NetworkBuilder::new("late");
    let start = network.add("start", StartActor);
    let counted = Arc::clone(&tries);
    let late = TaskActor::new(move |_: &Payload, ctx: &Context<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
        // The second try ends early, the others when they look: too late.
        if ctx.attempt() == 2 {
            return Err(TaskError::message("other"));
        }
        assert!(!ctx.sleep(LONG));
        Ok(Payload::single("x", 1))
    });
    let timeout = Some(Duration::from_millis(5));
    let late = network.add("late", late.trying(Attempts { retries: 2, timeout, ..Attempts::default() }));
    network.connect(start, late);
    for report in both(network.build().unwrap(), RunOptions::default) {
        assert_eq!((report.status, report.started, report.failed), (Status::Failed, 3, 3));
        let Failure { attempt, kind, message, .. } = &report.failures[0];
        assert_eq!((*attempt, *kind), (3, ErrorKind::TimedOut));
        assert_eq!(message, "the task took longer than its timeout of 0.005 s");
    }
    assert_eq!(tries.load(Ordering::Relaxed), 6);
}
