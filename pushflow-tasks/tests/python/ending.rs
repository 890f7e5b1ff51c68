//! Breaking off a Python task.

use std::path::{Path, PathBuf};
use std::process::Command;

use pushflow_core::ErrorKind;
use pushflow_core::engine::{Failure, RunOptions};

use pushflow_pools::{concurrent_futures, multiprocessing};
use pushflow_signals::StartMethod;
use pushflow_tasks::Tasks;
use pushflow_tasks::python::{Environment, Interpreter};

use super::{Case, GRACE, LONG, Setup, network, network_by, node};

pub(crate) const CASES: &[Case] = &[
    ("an_interruption_is_raised", an_interruption_is_raised),
    ("a_timeout_is_raised", a_timeout_is_raised),
    ("what_does_not_end_is_ended", what_does_not_end_is_ended),
    ("what_is_left_for_the_end_is_done", what_is_left_for_the_end_is_done),
    ("an_interpreter_that_never_answers_is_given_up", an_interpreter_that_never_answers_is_given_up),
];

/// A named pipe from which a task is heard.
pub(crate) fn pipe(directory: &Path) -> PathBuf {
    let path = directory.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Runs a task that waits for ever, and interrupts the run once it has begun.
fn interrupted(setup: Setup, function: &str, more: &str) -> (Vec<Failure>, Option<String>) {
    let directory = tempfile::tempdir().unwrap();
    let pipe = pipe(directory.path());
    let path = serde_json::to_string(&pipe).unwrap();
    let network = std::sync::Arc::new(network(&node("a", "method", function, &format!(r#""path": {path}{more}"#)), ""));
    let options = RunOptions::default();
    let report = if let Some(pool) = setup.make() {
        let run = network.start(pool, options);
        let pid = std::fs::read_to_string(&pipe).unwrap();
        assert!(pid.parse::<u32>().is_ok(), "{pid:?}");
        run.stopper().interrupt("as the test wants");
        run.wait()
    } else {
        let run = network.in_place(options);
        let stopper = run.stopper();
        let waiter = std::thread::spawn(move || {
            std::fs::read_to_string(&pipe).unwrap();
            stopper.interrupt("as the test wants");
        });
        let report = run.run();
        waiter.join().unwrap();
        report
    };
    let output = report.output.and_then(|output| output.get("return_value")?.as_str().map(str::to_owned));
    (report.failures, output)
}

fn an_interruption_is_raised(setup: Setup) {
    let (failures, _) = interrupted(setup, "wait_for", "");
    assert_eq!(failures[0].kind, ErrorKind::Interrupted, "{failures:?}");
    let text = failures[0].traceback.join("\n");
    assert!(text.contains("KeyboardInterrupt") && text.contains("in wait_for"), "{text}");
    let (failures, output) = interrupted(setup, "wait_for", r#", "catch": "KeyboardInterrupt""#);
    assert_eq!((failures.len(), output.as_deref()), (0, Some("KeyboardInterrupt")), "{failures:?}");
}

fn a_timeout_is_raised(setup: Setup) {
    let nodes = node("a", "method", "wait_for", r#""path": "/dev/null""#);
    let nodes = nodes.replacen('{', r#"{"pushflow": {"timeout": 0.2}, "#, 1);
    let report = setup.run_with(&nodes, "", RunOptions::default().timeout(Some(LONG)));
    let found = &report.failures[0];
    assert_eq!((found.kind, found.type_name.as_str()), (ErrorKind::TimedOut, "TimeoutError"), "{found:?}");
    let text = found.traceback.join("\n");
    // Elsewhere the time may be over before there is an interpreter.
    let has_begun = text.contains("SoftTimeLimitExceeded") && text.contains("in wait_for");
    assert!(setup.pool == "in_place" || has_begun, "{found:?}");
}

/// By a worker that is told to exit, whether it has imported the module or a fork server has.
fn what_is_left_for_the_end_is_done(setup: Setup) {
    let tasks = Tasks::new().grace(GRACE);
    let imported = tasks.clone().pre_import(vec!["tasks".to_owned()]);
    let functions = ["function", "function that fails", "function that leaves a file"];
    let kinds = [&["file", "file of C", "zipfile", "thread"], &functions[..]].concat();
    for (what, tasks) in kinds.iter().flat_map(|what| [(what, &tasks), (what, &imported)]) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("written");
        let inputs = format!(r#""what": "{what}", "path": {}"#, serde_json::to_string(&path).unwrap());
        let network = std::sync::Arc::new(network_by(tasks, &node("a", "method", "leave_for_the_end", &inputs), ""));
        let pool = setup.make_with(1, LONG).unwrap();
        let report = network.start(std::sync::Arc::clone(&pool), RunOptions::default()).wait();
        assert_eq!(report.failures, [], "{what}");
        pool.close();
        pool.join(Some(LONG)).unwrap();
        assert!(std::fs::metadata(&path).is_ok_and(|found| found.len() > 0), "{what}");
    }
}

/// SIGTERM ends it, and tells where it was.
fn what_does_not_end_is_ended(setup: Setup) {
    let (failures, _) = interrupted(setup, "stubborn", "");
    let found = &failures[0];
    assert_eq!(found.kind, ErrorKind::Interrupted, "{found:?}");
    let text = found.traceback.join("\n");
    assert!(text.contains("in stubborn"), "{text}");
}

/// The name by which this program is one that says nothing.
pub(crate) const SILENT: &str = "silent_python";

/// It may be any program, such as one that waits for something else.
fn an_interpreter_that_never_answers_is_given_up(setup: Setup) {
    if setup.method != Some(StartMethod::Spawn) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let python = directory.path().join(SILENT);
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &python).unwrap();
    let environment = Environment::new(Interpreter::choose(Some(python.as_os_str())).unwrap());
    let builder = if setup.is_daemonic() { multiprocessing::multiprocessing() } else { concurrent_futures::process() };
    let builder = builder.workers(1).start_method(StartMethod::Spawn).launcher(std::sync::Arc::new(environment));
    let pool = std::sync::Arc::new(builder.connect_timeout(GRACE).build().unwrap());
    let network = std::sync::Arc::new(network(&node("a", "method", "add", r#""a": 1"#), ""));
    let report = network.start(pool, RunOptions::default()).wait();
    let message = &report.failures[0].message;
    assert!(message.contains("silent for 300ms"), "{message}");
}
