//! What pools of processes cost, beside pools of other programs: in Rust `procspawn`, in Python `concurrent.futures`,
//! `multiprocessing`, `billiard` and `loky`; and beside mere transports, a socket and `ipc-channel`.
//!
//! ```sh
//! cargo bench -p pushflow-pools --bench processes                 # all of it, about five minutes
//! cargo bench -p pushflow-pools --bench processes -- round_trip   # one group; also throughput, start, payload, lost
//! PUSHFLOW_BENCH_PYTHON=no cargo bench -p pushflow-pools --bench processes
//! ```
//!
//! The peers of Python run in an environment that `venv.sh` makes under `target/tmp` with pip, once; without network those
//! that Python brings along are measured, without `python3` none. All sides run in turn. The last lines are a table: each
//! figure as a multiple of that of the best other pool, and of the best transport; below 1 is better than it. The
//! last table is of memory, which is measured only when no group is chosen.
//!
//! | group | a figure is |
//! | --- | --- |
//! | `round_trip` | one call of a function that does nothing, submitted and waited for |
//! | `throughput` | one of 20,000 such calls, submitted all at once, one by one or in chunks |
//! | `start` | a pool of two workers made, a result of each, the pool shut down; by start method |
//! | `payload` | bytes sent to a worker and back; or the result of one call made the argument of the next |
//! | `lost` | from SIGKILL of the only worker until its call is told lost; or until a call after that has a result |
//!
//! Who would take more than five seconds for 1 GiB, by the figure for 100 MiB, is not asked to. What is stuck for twenty
//! seconds has no figure, which the table shows as `never`, and the rest goes on.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "peers are started by hand, and read from threads")]
#![expect(clippy::print_stdout, reason = "tables are its result")]

mod bench;
mod gate;
mod memory;
mod ours;
mod procspawn_pool;
mod python;
mod table;
mod transports;

use bench::Bench;

/// Calls of one measurement of throughput.
const CALLS: u64 = 20_000;

fn main() {
    pushflow_signals::init();
    // It does not return in a process that procspawn has started, which for the line above is a program like any other.
    // The workers of the pools come no further than to the line above.
    procspawn::init();

    let mut bench = Bench::new();
    for group in ["round_trip", "throughput", "start", "payload", "lost"] {
        measure(&mut bench, group);
    }
    let all = bench.measures_all();
    bench.finish();
    if all {
        memory::print();
    }
}

fn measure(bench: &mut Bench, group: &'static str) {
    match group {
        "round_trip" => {
            ours::round_trip(bench);
            transports::round_trip(bench);
            procspawn_pool::round_trip(bench);
        }
        "throughput" => {
            ours::throughput(bench);
            transports::throughput(bench);
            procspawn_pool::throughput(bench);
        }
        "start" => {
            ours::start(bench);
            procspawn_pool::start(bench);
        }
        "payload" => {
            ours::payload(bench);
            transports::payload(bench);
            procspawn_pool::payload(bench);
        }
        _ => {
            ours::lost(bench);
            procspawn_pool::lost(bench);
        }
    }
    python::measure(bench, group);
}
