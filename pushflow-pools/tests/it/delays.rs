//! Tries that wait before they are made: a run keeps the delay by itself, whoever waits for it.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context as Poller, Poll};
use std::time::{Duration, Instant};

use pushflow_core::actor::{Attempts, Backoff, StartActor, StopActor, TaskActor};
use pushflow_core::engine::{Network, NetworkBuilder, Report, RunHandle, RunOptions, Status};
use pushflow_core::event::Event;
use pushflow_core::{Context, Outcome, Payload, Pool, TaskError, wait};
use pushflow_pools::ThreadPool;

use crate::suite::LONG;

fn pool(workers: usize) -> Arc<dyn Pool> {
    Arc::new(ThreadPool::builder().workers(workers).build().unwrap())
}

/// A node that fails twice, with a delay before each further try.
fn flaky(delay: Duration) -> Arc<Network> {
    let mut network = NetworkBuilder::new("flaky");
    let start = network.add("start", StartActor);
    let task = TaskActor::new(|_: &Payload, ctx: &Context<'_>| {
        if ctx.attempt() < 3 { Err(TaskError::message("not yet")) } else { Ok(Payload::single("try", 3)) }
    });
    let attempts = Attempts { retries: 2, backoff: Backoff::doubling(delay), ..Attempts::default() };
    let node = network.add("n", task.trying(attempts));
    let stop = network.add("stop", StopActor);
    network.connect(start, node);
    network.connect(node, stop);
    Arc::new(network.build().unwrap())
}

#[test]
fn who_waits_keeps_the_delay_between_tries() {
    let begin = Instant::now();
    let report = flaky(Duration::from_millis(20)).run(pool(1), RunOptions::default());
    assert!(begin.elapsed() >= Duration::from_millis(60));
    assert_eq!((report.status, report.output), (Status::Finished, Some(Payload::single("try", 3))));
}

/// Says how executions ended, in a run that nobody waits for.
fn told() -> (RunOptions, mpsc::Receiver<&'static str>) {
    let (told, events) = mpsc::channel();
    let listener = move |event: &Event<'_>| {
        let name = match event {
            Event::Finished { .. } => "finished",
            Event::Failed { error, .. } => error.kind().name(),
            Event::Retrying { .. } => "retrying",
            _ => return,
        };
        // The test may have ended.
        let _ = told.send(name);
    };
    (RunOptions::default().listener(Arc::new(listener)), events)
}

#[test]
fn a_run_goes_on_by_itself_after_a_delay() {
    let (pool, delay) = (pool(1), Duration::from_millis(20));
    let (options, events) = told();
    let begin = Instant::now();
    drop(flaky(delay).start(Arc::clone(&pool), options));
    let events: Vec<&str> = (0..3).map(|_| events.recv_timeout(LONG).unwrap()).collect();
    assert_eq!(events, ["retrying", "retrying", "finished"]);
    assert!(begin.elapsed() >= Duration::from_millis(60), "20 ms and 40 ms");

    let run = flaky(delay).start(Arc::clone(&pool), RunOptions::default());
    while !run.is_ended() {
        std::thread::yield_now();
    }
    assert_eq!(run.wait().status, Status::Finished);

    let begin = Instant::now();
    let report = awaited(flaky(delay).start(pool, RunOptions::default()));
    assert_eq!(report.status, Status::Finished);
    assert!(begin.elapsed() >= Duration::from_millis(60));
}

/// Awaits a run as an async runtime does: polls it after wakes alone.
fn awaited(run: RunHandle) -> Report {
    let mut run = pin!(run);
    let report =
        wait::block(Some(Instant::now() + LONG), |waker| match run.as_mut().poll(&mut Poller::from_waker(waker)) {
            Poll::Ready(report) => Some(report),
            Poll::Pending => None,
        });
    report.expect("it is woken")
}

#[test]
fn the_time_of_a_run_that_is_awaited_ends_a_task_that_does_not_look() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let mut network = NetworkBuilder::new("deaf");
    let start = network.add("start", StartActor);
    let task = network.add(
        "n",
        TaskActor::new(move |_: &Payload, _: &Context<'_>| {
            let _ = released.lock().unwrap().recv();
            Ok(Payload::new())
        }),
    );
    network.connect(start, task);
    let options = RunOptions::default().timeout(Some(Duration::from_millis(20)));
    // The last one to go waits for the task.
    let pool = pool(1);
    let report = awaited(Arc::new(network.build().unwrap()).start(Arc::clone(&pool), options));
    drop(release);
    assert_eq!(
        (report.status, &*report.failures[0].message),
        (Status::TimedOut, "still running when the time was over")
    );
}

/// Nobody waits, and nothing is left of the run.
#[test]
fn whatever_ends_a_run_ends_its_delays_without_anybody_waiting() {
    let hour = Duration::from_secs(3600);
    let pool = pool(1);
    // A stop, early or late.
    for early in [true, false] {
        let (options, events) = told();
        let run = flaky(hour).start(Arc::clone(&pool), options);
        let stopper = run.stopper();
        drop(run);
        if early {
            stopper.stop("enough");
        }
        let mut seen = vec![events.recv_timeout(LONG).unwrap()];
        stopper.interrupt("enough");
        seen.extend(events.iter());
        // A stop during the first try keeps it from being the first of several.
        assert!(matches!(seen[..], ["stopped" | "raised"] | ["retrying", "stopped"]), "{seen:?}");
    }
    // The end of its time.
    let (options, events) = told();
    drop(flaky(hour).start(Arc::clone(&pool), options.timeout(Some(Duration::from_millis(20)))));
    assert_eq!(events.iter().collect::<Vec<_>>(), ["retrying"], "and the run has let its listener go");
    // Another failure.
    let mut network = NetworkBuilder::new("two");
    let start = network.add("start", StartActor);
    let fails = |_: &Payload, _: &Context<'_>| -> Outcome { Err(TaskError::message("no")) };
    let attempts = Attempts { retries: 2, backoff: Backoff::doubling(hour), ..Attempts::default() };
    for task in [TaskActor::new(fails).trying(attempts), TaskActor::new(fails)] {
        let node = network.add("n", task);
        network.connect(start, node);
    }
    let (options, events) = told();
    drop(Arc::new(network.build().unwrap()).start(Arc::clone(&pool), options.fail_fast(true)));
    assert_eq!(events.iter().collect::<Vec<_>>(), ["retrying", "raised", "stopped"]);
}

/// A worker closes the pool, or drops it, just before it puts the try off.
#[test]
fn a_pool_that_is_gone_when_a_try_is_due_ends_the_run() {
    for closes in [true, false] {
        let pool = pool(1);
        let held = Arc::new(Mutex::new(Some(Arc::clone(&pool))));
        let (dropped, is_dropped) = mpsc::channel::<()>();
        let (told, events) = mpsc::channel();
        let is_dropped = Mutex::new(is_dropped);
        let listener = move |event: &Event<'_>| match event {
            // The other owners of the pool have gone by then.
            Event::Retrying { .. } => {
                assert!(is_dropped.lock().unwrap().recv().is_err());
                let pool = held.lock().unwrap().take().unwrap();
                pool.close();
                *held.lock().unwrap() = Some(pool).filter(|_| closes);
            }
            Event::Failed { error, .. } => told.send(error.to_string()).unwrap(),
            _ => {}
        };
        let options = RunOptions::default().listener(Arc::new(listener));
        drop(flaky(Duration::from_millis(20)).start(pool, options));
        drop(dropped);
        let why = if closes { "the pool is closed" } else { "the pool was dropped before the task was run" };
        assert_eq!(events.iter().collect::<Vec<_>>(), [why]);
    }
}

/// Tries of one run that are due at the same time, more of them than any pool has workers.
#[test]
fn thousands_of_tries_wait_at_once() {
    let mut network = NetworkBuilder::new("many");
    let start = network.add("start", StartActor);
    for _ in 0..3000 {
        let task =
            TaskActor::new(
                |_: &Payload, ctx: &Context<'_>| {
                    if ctx.attempt() < 3 { Err(TaskError::message("not yet")) } else { Ok(Payload::new()) }
                },
            );
        let backoff = Backoff::doubling(Duration::from_millis(2));
        let node = network.add("n", task.trying(Attempts { retries: 2, backoff, ..Attempts::default() }));
        network.connect(start, node);
    }
    let report = Arc::new(network.build().unwrap()).run(pool(2), RunOptions::default());
    assert_eq!((report.status, report.started, report.failed), (Status::Finished, 9000, 6000));
}

#[test]
fn a_stop_or_the_end_of_the_time_ends_a_delay() {
    let hour = Duration::from_secs(3600);
    let (told, retrying) = mpsc::channel();
    let told = Mutex::new(told);
    let listener = Arc::new(move |event: &Event<'_>| {
        if matches!(event, Event::Retrying { .. }) {
            told.lock().unwrap().send(()).unwrap();
        }
    });
    let run = flaky(hour).start(pool(1), RunOptions::default().listener(listener));
    let stopper = run.stopper();
    std::thread::scope(|scope| {
        let report = scope.spawn(|| run.wait());
        retrying.recv().unwrap();
        stopper.stop("enough");
        assert_eq!(report.join().unwrap().status, Status::Stopped);
    });
    let report = flaky(hour).run(pool(1), RunOptions::default().timeout(Some(Duration::from_millis(30))));
    assert_eq!(report.status, Status::TimedOut);
}
