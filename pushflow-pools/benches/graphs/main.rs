//! Time per task of five graphs with a payload on every link: pushflow in place and on its threads, beside the same graph
//! on crossbeam's deques by hand, on rayon and on tokio.
//!
//! All sides do the same work for a task: one look-up in the payload that arrived, one insertion into a copy of it; a node
//! with several links merges what they bring. The peers get the graph as vectors of successors and nothing else: no names,
//! no failures, no conditions, no counters.
//!
//! `cargo bench -p pushflow-pools --bench graphs`; `PUSHFLOW_BENCH_NODES` sets the number of nodes (100,000). The time
//! that criterion prints is for the whole graph, the throughput in tasks.

mod peers;
mod shapes;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pushflow_core::engine::{Network, RunOptions, Status, compile};
use pushflow_core::graph::{Format, LoadOptions, Node, load_text};
use pushflow_core::{Context, Outcome, Payload, Pool, Task, TaskError};
use pushflow_pools::ThreadPool;

use shapes::Shape;

const THREADS: usize = 2;

/// The task of every node.
fn work(inputs: &Payload) -> Payload {
    let count = inputs.get("count").and_then(pushflow_core::Value::as_int).unwrap_or(0);
    let mut outputs = inputs.clone();
    outputs.insert("count", count + 1);
    outputs
}

fn nodes() -> usize {
    std::env::var("PUSHFLOW_BENCH_NODES").ok().and_then(|nodes| nodes.parse().ok()).unwrap_or(100_000)
}

fn network(shape: &Shape) -> Arc<Network> {
    let graph = load_text(&shape.document(), Format::Json, &LoadOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let task: Arc<dyn Task> = Arc::new(|inputs: &Payload, _: &Context<'_>| -> Outcome { Ok(work(inputs)) });
    let check: Arc<dyn Task> = Arc::new(shape.check());
    let resolve = |node: &Node| -> Result<Arc<dyn Task>, TaskError> {
        Ok(if node.task_identifier.as_deref() == Some("check") { Arc::clone(&check) } else { Arc::clone(&task) })
    };
    Arc::new(compile(&graph, &resolve).unwrap_or_else(|e| panic!("{e}")))
}

fn graphs(criterion: &mut Criterion) {
    let n = nodes();
    for shape in [Shape::chain(n), Shape::fan(n), Shape::layered(n), Shape::tree(n), Shape::cycle(n)] {
        let tasks = shape.tasks() as u64;
        let network = network(&shape);
        let plain = shape.plain();
        let mut group = criterion.benchmark_group(shape.name());
        group.throughput(Throughput::Elements(tasks));
        group.sample_size(15).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));

        let assert = |report: pushflow_core::engine::Report| {
            assert_eq!((report.status, report.started), (Status::Finished, tasks));
            black_box(report);
        };
        group.bench_function("pushflow in place", |b| b.iter(|| assert(network.run_in_place(RunOptions::default()))));
        let pool: Arc<dyn Pool> = Arc::new(ThreadPool::builder().workers(THREADS).build().expect("threads start"));
        group.bench_function("pushflow threads", |b| {
            b.iter(|| assert(network.run(Arc::clone(&pool), RunOptions::default())));
        });
        drop(pool);
        let crossbeam = peers::Deques::start(THREADS);
        group.bench_function("crossbeam by hand", |b| b.iter(|| assert_eq!(crossbeam.run(&plain), tasks)));
        drop(crossbeam);
        let rayon = peers::Rayon::start(THREADS);
        group.bench_function("rayon", |b| b.iter(|| assert_eq!(rayon.run(&plain), tasks)));
        drop(rayon);
        let tokio = peers::Tokio::start(THREADS);
        group.bench_function("tokio", |b| b.iter(|| assert_eq!(tokio.run(&plain), tasks)));
        drop(tokio);
        group.finish();
    }
}

criterion_group!(benches, graphs);
criterion_main!(benches);
