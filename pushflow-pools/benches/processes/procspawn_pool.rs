//! The pool of `procspawn`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use procspawn::Pool;
use pushflow_core::value::Buffer;

use crate::CALLS;
use crate::bench::{Bench, times};
use crate::gate::{Gate, stay};
use crate::ours::{LARGEST, SIZES};
use crate::table::{Row, Side};

/// Each call that waits has four descriptors open, of the 1024 that are usual.
const QUEUED: u64 = 200;

fn row(group: &'static str, case: impl Into<String>) -> Row {
    Row::new(group, case, "procspawn", Side::Peer)
}

pub(crate) fn no_op(x: i64) -> i64 {
    x
}

/// Bytes as such: a vector would be taken apart.
fn same(data: Buffer) -> Buffer {
    data
}

fn stay_at(path: String) {
    stay(&path).unwrap();
}

fn call(pool: &Pool) {
    assert_eq!(pool.spawn(7, no_op).join().unwrap(), 7);
}

pub(crate) fn round_trip(bench: &mut Bench) {
    for workers in [1, 2] {
        bench.time(row("round_trip", format!("workers: {workers}")), 1, move || {
            let pool = Pool::new(workers).unwrap();
            move |count| times(count, || call(&pool))
        });
    }
}

pub(crate) fn throughput(bench: &mut Bench) {
    bench.time(row("throughput", "one by one"), CALLS, move || {
        let pool = Pool::new(2).unwrap();
        move |count| {
            times(count * CALLS / QUEUED, || {
                let handles: Vec<_> = (0..QUEUED).map(|x| pool.spawn(x.cast_signed(), no_op)).collect();
                for (x, handle) in (0..).zip(handles) {
                    assert_eq!(handle.join().unwrap(), x);
                }
            })
        }
    });
}

pub(crate) fn start(bench: &mut Bench) {
    bench.time(row("start", "spawn"), 1, move || {
        |count| {
            times(count, || {
                let pool = Pool::new(2).unwrap();
                let handles = [1, 2].map(|x| pool.spawn(x, no_op));
                assert_eq!(handles.map(|handle| handle.join().unwrap()), [1, 2]);
                pool.shutdown();
            })
        }
    });
}

pub(crate) fn payload(bench: &mut Bench) {
    for way in ["there and back", "handed on"] {
        let set_up = move |bytes| {
            let (pool, mut data) = (Pool::new(1).unwrap(), Buffer::from(vec![7; bytes]));
            move |count| {
                times(count, || {
                    let result = pool.spawn(data.clone(), same).join().unwrap();
                    assert_eq!((result.as_bytes().len(), result.as_bytes().last()), (bytes, Some(&7)));
                    if way == "handed on" {
                        data = result;
                    }
                })
            }
        };
        for (size, bytes) in SIZES {
            bench.time(row("payload", format!("{size} {way}")), 1, move || set_up(bytes));
        }
        let of = row("payload", format!("100 MiB {way}"));
        bench.time_largest(row("payload", format!("{} {way}", LARGEST.0)), &of, move || set_up(LARGEST.1));
    }
}

pub(crate) fn lost(bench: &mut Bench) {
    for (case, replaced) in [("reported", false), ("replaced", true)] {
        bench.time(row("lost", case), 1, move || {
            let (pool, gate) = (Pool::new(1).unwrap(), Gate::new());
            move |count| (0..count).map(|_| lose(&pool, &gate, replaced)).sum()
        });
    }
}

fn lose(pool: &Pool, gate: &Gate, replaced: bool) -> Duration {
    let pending = pool.spawn(gate.path(), stay_at);
    let held = gate.accept();
    let begin = Instant::now();
    held.kill();
    let outcome = pending.join();
    let reported = begin.elapsed();
    assert!(outcome.is_err());
    call(pool);
    if replaced { begin.elapsed() } else { reported }
}

/// The process ids of the workers that have answered.
pub(crate) fn workers(pool: &Pool) -> BTreeSet<u32> {
    let handles: Vec<_> = (0..QUEUED).map(|_| pool.spawn((), |()| std::process::id())).collect();
    handles.into_iter().map(|handle| handle.join().unwrap()).collect()
}
