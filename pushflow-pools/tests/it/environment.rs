//! The coroutine environment: everything here works in it as well.

#![expect(clippy::disallowed_methods, reason = "it executes this program again")]

use std::process::Command;

#[test]
fn the_suites_pass_in_the_coroutine_environment() {
    let mut suites = Command::new(std::env::current_exe().unwrap());
    // What runs millions of executions does so elsewhere.
    suites.args(["--skip", "coroutine_environment", "--skip", "large::"]).env("PUSHFLOW_COROUTINES", "1");
    let output = suites.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("gevent_unbounded::random_outcomes_arrive ... ok"), "{said}");
}
