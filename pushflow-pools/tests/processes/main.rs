//! What the pools of processes promise, seen from outside.
//!
//! The harness is our own, for `init` has to be the first line of `main`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tasks print, and parts say what they are")]
#![expect(clippy::disallowed_methods, reason = "tests execute themselves again, and wait in threads")]

mod backends;
mod gates;
mod suite;
mod tasks;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

/// Only a deadlock reaches it.
const LONG: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    pushflow_signals::init();
    let trials: Vec<Trial> = suite::trials();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
