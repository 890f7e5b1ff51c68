//! What the crate promises, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "the parts that children play say what they are")]
#![expect(clippy::disallowed_methods, reason = "tests execute themselves again, and wait in threads")]

mod daemonic;
mod ending;
mod exits;
mod fork_storm;
mod interrupting;
mod kill_storm;
mod leftovers;
mod parts;
mod processes;
mod signals;
mod stages;
mod starting;

use std::time::{Duration, Instant};

/// Only a deadlock reaches it.
const LONG: Duration = Duration::from_secs(60);
/// Names the part of a test that is played by the test binary itself.
const PART: &str = "PUSHFLOW_SIGNALS_TEST_PART";

/// Before the test harness, as `init` stands first in `main`.
#[ctor::ctor]
fn init() {
    pushflow_signals::init();
}

/// Executes this test binary again, for one test, as the part of a child.
fn again(test: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(PART, test);
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
