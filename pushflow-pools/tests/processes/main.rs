//! What the pools of processes promise, seen from outside.
//!
//! The harness is our own, for `init` has to be the first line of `main`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tasks print, and parts say what they are")]
#![expect(clippy::disallowed_methods, reason = "tests execute themselves again, and wait in threads")]

mod backends;
mod gates;
mod nesting;
mod out_of_memory;
mod storm;
mod suite;
mod tasks;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

/// Names the part of a test that is played by this program itself.
const PART: &str = "PUSHFLOW_POOLS_TEST_PART";
/// Only a deadlock reaches it.
const LONG: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    pushflow_signals::init();
    match std::env::var(PART).unwrap_or_default().as_str() {
        nesting::PART => nesting::play(),
        out_of_memory::PART => out_of_memory::play(),
        storm::PART => storm::play(),
        _ => test(),
    }
}

fn test() -> ExitCode {
    let trials: Vec<Trial> =
        [suite::trials(), nesting::trials(), out_of_memory::trials(), storm::trials()].into_iter().flatten().collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// This program, to play a part.
fn program(part: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.env(PART, part);
    command
}
