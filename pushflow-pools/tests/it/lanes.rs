//! Which pool a task goes to, what goes first, what waits: on pools of threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use pushflow_core::actor::{Placement, StartActor, StopActor, TaskActor};
use pushflow_core::engine::{Network, NetworkBuilder, RunOptions, Status};
use pushflow_core::{Context, Payload, Pool};
use pushflow_pools::ThreadPool;

fn pool(name: &str, workers: usize) -> Arc<dyn Pool> {
    Arc::new(ThreadPool::builder().name(name).workers(workers).build().unwrap())
}

/// Notes on which thread each node is run, in the order of their starts.
type Trace = Arc<Mutex<Vec<(String, String)>>>;

fn traced(trace: &Trace) -> TaskActor {
    let trace = Arc::clone(trace);
    TaskActor::new(move |_: &Payload, ctx: &Context<'_>| {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let pool = thread.rsplit_once('-').map_or("", |(pool, _)| pool).to_owned();
        trace.lock().unwrap().push((ctx.node().to_owned(), pool));
        Ok(Payload::new())
    })
}

fn placed(pool: &str) -> Placement {
    Placement { pool: Some(pool.into()), ..Placement::default() }
}

/// `start -> a (left) -> b (right) -> c (left), d (no pool of its own)`
fn across(trace: &Trace) -> Arc<Network> {
    let mut network = NetworkBuilder::new("across");
    let start = network.add("start", StartActor);
    let a = network.add("a", traced(trace).placed(placed("left")));
    let b = network.add("b", traced(trace).placed(placed("right")));
    let c = network.add("c", traced(trace).placed(placed("left")));
    let d = network.add("d", traced(trace));
    [(start, a), (a, b), (b, c), (b, d)].into_iter().for_each(|(from, to)| network.connect(from, to));
    Arc::new(network.build().unwrap())
}

#[test]
fn each_task_runs_in_the_pool_that_it_asks_for() {
    let trace = Trace::default();
    let network = across(&trace);
    assert_eq!(network.pools(), ["left", "right"]);
    let options = RunOptions::default().pool("left", pool("left", 2)).pool("right", pool("right", 1));
    let report = network.run(pool("default", 2), options);
    assert_eq!((report.status, report.started), (Status::Finished, 4));
    let mut seen = trace.lock().unwrap().clone();
    seen.sort();
    let expected = [("a", "left"), ("b", "right"), ("c", "left"), ("d", "default")];
    assert_eq!(seen, expected.map(|(node, pool)| (node.to_owned(), pool.to_owned())));
}

#[test]
fn a_pool_that_the_run_does_not_have_fails_its_tasks() {
    let trace = Trace::default();
    let report = across(&trace).run(pool("default", 1), RunOptions::default().pool("left", pool("left", 1)));
    assert_eq!((report.status, report.failures.len()), (Status::Failed, 1));
    let failure = &report.failures[0];
    assert_eq!((failure.node.as_str(), failure.type_name.as_str()), ("b", "KeyError"));
    assert_eq!(failure.message, "the run has no pool `right`, which the node asks for");
}

/// A hundred thousand that are refused end in constant stack.
#[test]
fn a_pool_that_closes_fails_what_was_to_go_there() {
    let trace = Trace::default();
    let mut network = NetworkBuilder::new("fan");
    let start = network.add("start", StartActor);
    for _ in 0..100_000 {
        let node = network.add("n", traced(&trace).placed(Placement { priority: 1, ..placed("closed") }));
        network.connect(start, node);
    }
    let closed = pool("closed", 1);
    closed.close();
    let network = Arc::new(network.build().unwrap());
    let report = network.run(pool("default", 1), RunOptions::default().pool("closed", closed));
    assert_eq!((report.failures.len(), report.started), (100_000, 0));
    assert_eq!(report.failures[0].kind.name(), "closed");
}

/// One worker: what waits is taken by priority, whatever the order in which it came.
#[test]
fn priorities_order_what_waits() {
    let trace = Trace::default();
    let mut network = NetworkBuilder::new("priorities");
    let start = network.add("start", StartActor);
    let first = network.add("first", traced(&trace));
    network.connect(start, first);
    for priority in [0, 3, -2, 7, 3] {
        let placement = Placement { priority, ..Placement::default() };
        let node = network.add(format!("{priority}"), traced(&trace).placed(placement));
        network.connect(first, node);
    }
    let report = Arc::new(network.build().unwrap()).run(pool("one", 1), RunOptions::default());
    assert_eq!(report.status, Status::Finished);
    let order: Vec<String> = trace.lock().unwrap().iter().map(|(node, _)| node.clone()).collect();
    assert_eq!(order, ["first", "7", "3", "3", "0", "-2"]);
}

#[test]
fn resources_bound_what_runs_at_the_same_time() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut network = NetworkBuilder::new("resources");
    let start = network.add("start", StartActor);
    let stop = network.add("stop", StopActor);
    for index in 0..50 {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        let task = TaskActor::new(move |_: &Payload, _: &Context<'_>| {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            std::thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(Payload::new())
        });
        let placement = Placement { resources: [("gpu".into(), 1.0)].into(), ..Placement::default() };
        let node = network.add(format!("{index}"), task.placed(placement));
        network.connect(start, node);
        network.connect(node, stop);
    }
    let network = Arc::new(network.build().unwrap());
    let report = network.run(pool("four", 4), RunOptions::default().resource("gpu", 2.0));
    assert_eq!((report.started, report.status), (50, Status::Finished));
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    // Without a limit all four workers may meet.
    let barrier = Arc::new(Barrier::new(4));
    let mut network = NetworkBuilder::new("free");
    let start = network.add("start", StartActor);
    for _ in 0..4 {
        let barrier = Arc::clone(&barrier);
        let task = TaskActor::new(move |_: &Payload, _: &Context<'_>| {
            barrier.wait();
            Ok(Payload::new())
        });
        let placement = Placement { resources: [("gpu".into(), 1.0)].into(), ..Placement::default() };
        let node = network.add("n", task.placed(placement));
        network.connect(start, node);
    }
    let report = Arc::new(network.build().unwrap()).run(pool("four", 4), RunOptions::default());
    assert_eq!(report.started, 4);
}
