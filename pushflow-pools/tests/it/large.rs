//! Long loops, long chains, wide fans: constant stack, bounded memory, shared data.

use std::process::Command;

use pushflow_core::actor::{ForkActor, JoinActor, StartActor, StopActor, TaskActor};
use pushflow_core::engine::{Network, NetworkBuilder, RunOptions, Status};
use pushflow_core::{Context, Payload, Value};

use crate::engine::{both, counting_loop, int};

const WIDE: i64 = 100_000;

/// Set in the process that measures its own memory.
const ALONE: &str = "PUSHFLOW_POOLS_TEST_ALONE";

#[test]
fn a_loop_of_a_million_iterations_runs_in_flat_memory() {
    // In a process of its own: the other tests of this one need memory too.
    if std::env::var_os(ALONE).is_none() {
        let test = "large::a_loop_of_a_million_iterations_runs_in_flat_memory";
        #[expect(clippy::disallowed_methods, reason = "the test executes itself again")]
        let mut alone = Command::new(std::env::current_exe().unwrap());
        assert!(alone.args(["--exact", test]).env(ALONE, "1").status().unwrap().success());
        return;
    }
    both(counting_loop(1_000), RunOptions::default);
    let before = peak_kib();
    for report in both(counting_loop(1_000_000), RunOptions::default) {
        assert_eq!(int(&report.output.unwrap(), "n"), 1_000_000);
        assert_eq!(report.started, 1_000_000);
    }
    // One word kept for each iteration would be 8 MB.
    let grown = peak_kib() - before;
    assert!(grown < 4_096, "grew by {grown} KiB");
}

fn count() -> TaskActor {
    TaskActor::new(|inputs: &Payload, _: &Context<'_>| Ok(Payload::single("n", int(inputs, "n") + 1)))
}

/// `start -> 1 -> 2 -> ... -> stop`
#[test]
fn a_chain_of_100_000_actors() {
    let mut network = NetworkBuilder::new("chain");
    let mut last = network.add("start", StartActor);
    for node in 0..WIDE {
        let next = network.add(node.to_string(), count());
        network.connect(last, next);
        last = next;
    }
    let stop = network.add("stop", StopActor);
    network.connect(last, stop);
    for report in both(network.build().unwrap(), RunOptions::default) {
        assert_eq!((report.status, report.started), (Status::Finished, WIDE as u64));
        assert_eq!(report.output, Some(Payload::single("n", WIDE)));
    }
}

/// ```text
///             /-> 1 ->\
/// start -> fork -> 2 -> join -> stop
///             \-> . ->/
/// ```
fn fan(width: i64, task: impl Fn() -> TaskActor) -> Network {
    let mut network = NetworkBuilder::new("fan");
    let (start, fork, join) =
        (network.add("start", StartActor), network.add("fork", ForkActor), network.add("join", JoinActor));
    let stop = network.add("stop", StopActor);
    network.connect(start, fork);
    for node in 0..width {
        let branch = network.add(node.to_string(), task());
        network.connect(fork, branch);
        network.connect(branch, join);
    }
    network.connect(join, stop);
    network.build().unwrap()
}

#[test]
fn a_fan_of_100_000_actors() {
    for report in both(fan(WIDE, count), RunOptions::default) {
        assert_eq!((report.status, report.started), (Status::Finished, WIDE as u64));
        assert_eq!(report.output, Some(Payload::single("n", 1)));
    }
}

#[test]
fn a_fork_to_a_thousand_actors_copies_nothing() {
    let data = Payload::from([("buffer", Value::Bytes(vec![7_u8; 1 << 20].into())), ("n", Value::Int(0))]);
    let address = address_of(&data);
    let same = move |inputs: &Payload, _: &Context<'_>| {
        assert_eq!(address_of(inputs), address);
        Ok(Payload::single("seen", true))
    };
    for report in both(fan(1000, || TaskActor::new(same)), || RunOptions::default().data(data.clone())) {
        assert_eq!((report.status, report.failures.len()), (Status::Finished, 0), "{:?}", report.failures.first());
        assert_eq!(address_of(&report.output.unwrap()), address);
    }
}

fn address_of(payload: &Payload) -> usize {
    match payload.get("buffer") {
        Some(Value::Bytes(buffer)) => buffer.as_bytes().as_ptr().addr(),
        other => panic!("no buffer but {other:?}"),
    }
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
