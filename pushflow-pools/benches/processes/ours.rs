//! The pools of this crate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pushflow_core::Pool;
use pushflow_core::value::Buffer;
use pushflow_pools::process::ProcessPoolBuilder;
use pushflow_pools::typed::Calls;
use pushflow_pools::{ScalingPool, ThreadPool, billiard, concurrent_futures, multiprocessing, task};
use pushflow_signals::StartMethod;

use crate::CALLS;
use crate::bench::{Bench, times};
use crate::gate::{Gate, stay};
use crate::table::{Row, Side};

task! {
    fn no_op(x: i64) -> i64 { x }
    fn same(data: Buffer) -> Buffer { data }
    fn stay_at(path: String) -> std::io::Result<()> { stay(&path) }
}

/// The sizes of payloads, and one for those that are fast enough.
pub(crate) const SIZES: [(&str, usize); 4] =
    [("64 B", 64), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20), ("100 MiB", 100 << 20)];
pub(crate) const LARGEST: (&str, usize) = ("1 GiB", 1 << 30);

pub(crate) const METHODS: [StartMethod; 3] = [StartMethod::Forkserver, StartMethod::Fork, StartMethod::Spawn];

pub(crate) type Builder = fn() -> ProcessPoolBuilder;
/// The types of pools whose workers start differently.
pub(crate) const TYPES: [(&str, Builder); 3] = [
    ("process", concurrent_futures::process),
    ("multiprocessing", multiprocessing::multiprocessing),
    ("billiard", billiard::billiard),
];

type Make = fn(usize) -> Arc<dyn Pool>;
const POOLS: [(&str, Make); 5] = [
    ("process", |workers| pool(TYPES[0].1, workers, StartMethod::default())),
    ("multiprocessing", |workers| pool(TYPES[1].1, workers, StartMethod::default())),
    ("billiard", |workers| pool(TYPES[2].1, workers, StartMethod::default())),
    ("scaling over process", |workers| scaling(workers, StartMethod::default())),
    ("thread", |workers| Arc::new(ThreadPool::builder().workers(workers).build().unwrap())),
];

fn pool(builder: Builder, workers: usize, method: StartMethod) -> Arc<dyn Pool> {
    Arc::new(builder().workers(workers).start_method(method).build().unwrap())
}

fn scaling(workers: usize, method: StartMethod) -> Arc<dyn Pool> {
    let make = move || -> Result<Arc<dyn Pool>, _> {
        let builder = concurrent_futures::process().workers(1).start_method(method);
        Ok(Arc::new(builder.wait_on_exit(false).build()?))
    };
    Arc::new(ScalingPool::builder().max_workers(Some(workers)).keep(workers).over(make).unwrap())
}

fn call(pool: &dyn Pool, x: i64) -> i64 {
    Calls::on(pool).submit(no_op::call(x)).unwrap().wait().unwrap()
}

/// Has every worker run something.
pub(crate) fn warm_up(pool: &dyn Pool) {
    assert_eq!(Calls::on(pool).map(no_op, 0..1000).unwrap().filter(Result::is_ok).count(), 1000);
}

pub(crate) fn round_trip(bench: &mut Bench) {
    for workers in [1, 2] {
        for (name, make) in POOLS {
            bench.time(Row::new("round_trip", format!("workers: {workers}"), name, Side::Ours), 1, move || {
                let pool = make(workers);
                warm_up(&*pool);
                move |count| times(count, || assert_eq!(call(&*pool, 7), 7))
            });
        }
    }
}

pub(crate) fn throughput(bench: &mut Bench) {
    for (case, chunk) in [("one by one", 1), ("chunks of 100", 100), ("chunks of 1000", 1000)] {
        for (name, make) in POOLS {
            bench.time(Row::new("throughput", case, name, Side::Ours), CALLS, move || {
                let pool = make(2);
                warm_up(&*pool);
                move |count| times(count, || map_all(&*pool, chunk))
            });
        }
    }
}

fn map_all(pool: &dyn Pool, chunk: usize) {
    let results = Calls::on(pool).map_chunked(no_op, 0..CALLS.cast_signed(), chunk).unwrap();
    for (x, result) in (0..).zip(results) {
        assert_eq!(result.unwrap(), x);
    }
}

pub(crate) fn start(bench: &mut Bench) {
    for method in METHODS {
        for (name, builder) in TYPES {
            bench.time(Row::new("start", method.name(), name, Side::Ours), 1, move || {
                move |count| times(count, || start_and_stop(pool(builder, 2, method)))
            });
        }
        bench.time(Row::new("start", method.name(), "scaling over process", Side::Ours), 1, move || {
            move |count| times(count, || start_and_stop(scaling(2, method)))
        });
    }
    bench.time(Row::new("start", "threads", "thread", Side::Ours), 1, move || {
        move |count| times(count, || start_and_stop(POOLS[4].1(2)))
    });
}

fn start_and_stop(pool: Arc<dyn Pool>) {
    let results = [1, 2].map(|x| Calls::on(&*pool).submit(no_op::call(x)).unwrap());
    assert_eq!(results.map(|result| result.wait().unwrap()), [1, 2]);
    pool.close();
    pool.join(None).unwrap();
}

pub(crate) fn payload(bench: &mut Bench) {
    let there = |make: Make, bytes| {
        let (pool, data) = (make(1), Buffer::from(vec![7; bytes]));
        move |count| times(count, || drop(there_and_back(&*pool, data.clone())))
    };
    let on = |make: Make, bytes| {
        let pool = make(1);
        let mut data = there_and_back(&*pool, Buffer::from(vec![7; bytes]));
        move |count| times(count, || data = there_and_back(&*pool, data.clone()))
    };
    for (name, make) in [POOLS[0], POOLS[4]] {
        let row = |size, way| Row::new("payload", format!("{size} {way}"), name, Side::Ours);
        for (size, bytes) in SIZES {
            bench.time(row(size, "there and back"), 1, move || there(make, bytes));
            bench.time(row(size, "handed on"), 1, move || on(make, bytes));
        }
        let (size, bytes) = LARGEST;
        let like = row("100 MiB", "there and back");
        bench.time_largest(row(size, "there and back"), &like, move || there(make, bytes));
        // It is the same whatever the size, if all is well.
        bench.time_largest(row(size, "handed on"), &row("100 MiB", "handed on"), move || on(make, bytes));
    }
}

fn there_and_back(pool: &dyn Pool, data: Buffer) -> Buffer {
    let length = data.as_bytes().len();
    let result = Calls::on(pool).submit(same::call(data)).unwrap().wait().unwrap();
    assert_eq!((result.as_bytes().len(), result.as_bytes().last()), (length, Some(&7)));
    result
}

pub(crate) fn lost(bench: &mut Bench) {
    for (case, replaced) in [("reported", false), ("replaced", true)] {
        for (name, builder) in TYPES {
            for method in METHODS {
                bench.time(Row::new("lost", case, format!("{name}, {method}"), Side::Ours), 1, move || {
                    let (pool, gate) = (pool(builder, 1, method), Gate::new());
                    move |count| (0..count).map(|_| lose(&*pool, &gate, replaced)).sum()
                });
            }
        }
    }
}

/// Kills the worker; returns how long it took until that was told, or until another one had a result.
fn lose(pool: &dyn Pool, gate: &Gate, replaced: bool) -> Duration {
    let pending = Calls::on(pool).submit(stay_at::call(gate.path())).unwrap();
    let held = gate.accept();
    let begin = Instant::now();
    held.kill();
    let outcome = pending.wait();
    let reported = begin.elapsed();
    assert!(outcome.is_err());
    assert_eq!(call(pool, 7), 7);
    if replaced { begin.elapsed() } else { reported }
}
