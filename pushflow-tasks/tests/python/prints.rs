//! Where goes what a Python worker prints.

use std::process::{Command, ExitCode};
use std::sync::Arc;

use pushflow_core::engine::RunOptions;
use pushflow_pools::factory::{self, PoolSettings};
use pushflow_pools::process::Output;

use super::{Case, GRACE, LONG, Setup, network, node, setups};

pub(crate) const CASES: &[Case] =
    &[("what_is_not_captured_goes_where_it_would", what_is_not_captured_goes_where_it_would)];

/// Says that this program is the parent whose outputs are heard, executed again.
pub(crate) const PART: &str = "PUSHFLOW_TEST_PRINTS";

/// What tasks print to standard output goes to that of the parent. What an interpreter prints as it starts does not: it is
/// no result of any task.
fn what_is_not_captured_goes_where_it_would(setup: Setup) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("sitecustomize.py"), "print('as it starts')").unwrap();
    let heard = Command::new(std::env::current_exe().unwrap())
        .env(PART, setup.name())
        .env("PYTHONPATH", directory.path())
        .output()
        .unwrap();
    let [out, err] = [heard.stdout, heard.stderr].map(|heard| String::from_utf8(heard).unwrap());
    assert_eq!(out, "out word\nsub word\n", "{err}");
    assert!(err.contains("as it starts") && err.contains("err word"), "{err}");
    assert!(err.contains("ValueError: on exit"), "{err}");
}

/// Plays the parent.
pub(crate) fn play(name: &str) -> ExitCode {
    let setup = setups().into_iter().find(|setup| setup.name() == name).unwrap();
    let output = Output::Forward;
    let (workers, grace) = (Some(1), Some(GRACE));
    let settings = PoolSettings { workers, start_method: setup.method, grace, output, ..PoolSettings::default() };
    let pool = factory::create(setup.pool, &settings).unwrap();
    let said = Arc::new(network(&node("a", "method", "talk", r#""word": "word""#), ""));
    let report = said.start(pool, RunOptions::default()).wait();
    assert_eq!(report.failures, []);
    // What is said after the last execution is of none, and is not lost.
    let settings = PoolSettings { output: Output::Capture, ..settings };
    let pool = factory::create(setup.pool, &settings).unwrap();
    let inputs = r#""what": "function that fails", "path": "/dev/null""#;
    let network = Arc::new(network(&node("a", "method", "leave_for_the_end", inputs), ""));
    let report = network.start(Arc::clone(&pool), RunOptions::default()).wait();
    assert_eq!(report.failures, []);
    pool.close();
    pool.join(Some(LONG)).unwrap();
    ExitCode::SUCCESS
}
