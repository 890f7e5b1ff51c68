//! What the pools of processes promise, seen from outside.
//!
//! The harness is our own, for `init` has to be the first line of `main`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tasks print, and parts say what they are")]
#![expect(clippy::disallowed_methods, reason = "tests execute themselves again, and wait in threads")]

/// The trials of a file: each is a function without arguments.
macro_rules! trials {
    ($($case:ident),* $(,)?) => { vec![$(crate::trial(module_path!(), stringify!($case), $case)),*] };
}

mod backends;
mod completions;
#[cfg(feature = "coroutine")]
mod coroutines;
mod dying;
mod gates;
mod large;
mod leaving;
mod limits;
mod names;
mod nesting;
mod origins;
mod out_of_memory;
mod output;
mod prefetching;
mod remote;
mod starting;
mod storm;
mod suite;
mod tasks;
mod workflows;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

/// Names the part of a test that is played by this program itself.
const PART: &str = "PUSHFLOW_POOLS_TEST_PART";
/// Only a deadlock reaches it.
const LONG: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let part = std::env::var(PART).unwrap_or_default();
    if part != starting::PART {
        pushflow_signals::init();
    }
    match part.as_str() {
        #[cfg(feature = "coroutine")]
        coroutines::COMMAND => coroutines::be_command(),
        #[cfg(feature = "coroutine")]
        coroutines::ENVIRONMENT => coroutines::be_in_environment(),
        #[cfg(feature = "coroutine")]
        coroutines::INTERRUPTED => coroutines::be_interrupted(),
        #[cfg(feature = "coroutine")]
        coroutines::OVERFLOWING => coroutines::overflow(),
        dying::PARENT => dying::be_killed(),
        large::FEW => large::have_few_descriptors(),
        large::SEALED => large::hold_sealed(),
        limits::PART => limits::play(),
        nesting::PART => nesting::play(),
        out_of_memory::PART => out_of_memory::play(),
        output::FLOODED => output::flood(),
        output::FORWARDING => output::forward(),
        output::INHERITING => output::inherit(),
        output::LOGGING => output::log(),
        output::STUCK => output::be_stuck(),
        remote::PART => remote::play(),
        starting::PART => starting::play(),
        storm::PART => storm::play(),
        workflows::PART => workflows::play(),
        _ => test(),
    }
}

fn test() -> ExitCode {
    let trials: Vec<Trial> = [
        suite::trials(),
        completions::trials(),
        #[cfg(feature = "coroutine")]
        coroutines::trials(),
        dying::trials(),
        large::trials(),
        leaving::trials(),
        limits::trials(),
        names::trials(),
        nesting::trials(),
        out_of_memory::trials(),
        output::trials(),
        prefetching::trials(),
        remote::trials(),
        starting::trials(),
        storm::trials(),
        workflows::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(module: &str, case: &str, body: fn()) -> Trial {
    let file = module.rsplit("::").next().unwrap_or(module);
    Trial::test(format!("{file}::{case}"), move || {
        body();
        Ok(())
    })
}

/// This program, to play a part.
fn program(part: &str) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.env(PART, part);
    command
}
