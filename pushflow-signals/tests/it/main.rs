//! What the crate promises, seen from outside.
//!
//! The harness is our own, for `init` has to be the first line of `main`, and some tests execute this program again as a
//! parent whose end they look at.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "the parts that children play say what they are")]
#![expect(clippy::disallowed_methods, reason = "tests execute themselves again, and wait in threads")]

mod coroutines;
mod daemonic;
mod ending;
mod exits;
mod fork_storm;
mod interrupting;
mod kill_storm;
mod leaks;
mod leftovers;
mod links;
mod memory;
mod parts;
mod processes;
mod relatives;
mod signals;
mod stages;
mod starting;
mod streams;
mod uninitialized;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};

/// Only a deadlock reaches it.
const LONG: Duration = Duration::from_secs(60);
/// Names the part of a test that is played by this program itself.
const PART: &str = "PUSHFLOW_SIGNALS_TEST_PART";

/// A test with its name.
type Test = (&'static str, fn());

/// Lists the tests of a module.
macro_rules! tests {
    ($($test:ident),* $(,)?) => { &[$((concat!(module_path!(), "::", stringify!($test)), $test as fn()),)*] };
}
use tests;

fn main() -> ExitCode {
    let part = std::env::var(PART).unwrap_or_default();
    if part == uninitialized::PART {
        return uninitialized::play();
    }
    pushflow_signals::init();
    match part.as_str() {
        relatives::PART => relatives::play(),
        kill_storm::PART => kill_storm::play(),
        streams::PART => streams::play(),
        _ => test(),
    }
}

fn test() -> ExitCode {
    let all = [
        coroutines::TESTS,
        daemonic::TESTS,
        ending::TESTS,
        exits::TESTS,
        fork_storm::TESTS,
        interrupting::TESTS,
        kill_storm::TESTS,
        leaks::TESTS,
        leftovers::TESTS,
        links::TESTS,
        memory::TESTS,
        processes::TESTS,
        signals::TESTS,
        stages::TESTS,
        starting::TESTS,
        streams::TESTS,
        uninitialized::TESTS,
    ];
    let trials = all.concat().into_iter().map(|(name, test)| {
        let name = name.strip_prefix("it::").unwrap_or(name);
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Executes this program again, for one test, as the part of a child.
fn again(test: &str) -> std::process::Command {
    let mut command = program(test);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command
}

/// This program, to play a part.
fn program(part: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.env(PART, part);
    command
}

/// Whether this process plays the part of a test's child.
fn is_child(test: &str) -> bool {
    std::env::var(PART).is_ok_and(|part| part == test)
}

/// Waits for something that is bound to happen soon, and is nobody's to signal.
#[track_caller]
fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let limit = Instant::now() + LONG;
    while !happened() {
        assert!(Instant::now() < limit, "waited in vain: {what}");
        // Whatever it is, it has nothing that could be waited for.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a process lives; a zombie does not.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !matches!(stat.rsplit(')').next().unwrap_or("").trim_start().chars().next(), Some('Z' | 'X')))
}

fn limit() -> Option<Instant> {
    Instant::now().checked_add(LONG)
}
