//! What the crate promises, seen from outside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "the parts that children play say what they are")]
#![expect(clippy::disallowed_methods, reason = "tests execute themselves again, and wait in threads")]

mod ending;
mod leftovers;
mod stages;
mod starting;

use std::time::Duration;

/// Only a deadlock reaches it.
const LONG: Duration = Duration::from_secs(60);
/// Names the part of a test that is played by the test binary itself.
const PART: &str = "PUSHFLOW_SIGNALS_TEST_PART";

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
