//! What bounds and orders a run in place: priorities, delays between tries, the first failure, the number of iterations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pushflow_core::engine::{RunOptions, Status};
use pushflow_core::event::Event;
use pushflow_core::{Payload, Value};

use crate::workflow::{ALL, ON_ERROR, execute, join, link, network, node};

fn with(settings: &str) -> String {
    format!(r#", "pushflow": {{{settings}}}"#)
}

/// `s` starts first, since nothing waits then; `a`, `b`, `c` are ready after it.
#[test]
fn the_highest_priority_goes_first() {
    let nodes = join(&[
        node("s", "say", ""),
        node("a", "say", ""),
        node("b", "say", &with(r#""priority": 2"#)),
        node("c", "say", &with(r#""priority": -1"#)),
        node("d", "say", &with(r#""priority": 2"#)),
    ]);
    let links = join(&["a", "b", "c", "d"].map(|target| link("s", target, "")));
    let (report, trace) = execute(&nodes, &links, RunOptions::default());
    assert_eq!(trace, ["s()", "b()", "d()", "a()", "c()"]);
    assert_eq!(report.status, Status::Finished);
}

#[test]
fn tries_wait_longer_each_time() {
    let settings = with(r#""retries": {"count": 2, "delay": 0.02, "factor": 3}"#);
    let begin = Instant::now();
    let nodes = join(&[node("a", "third", &settings), node("b", "say", "")]);
    let (report, trace) = execute(&nodes, "", RunOptions::default());
    assert!(begin.elapsed() >= Duration::from_millis(80), "20 ms and 60 ms");
    assert_eq!(trace, ["a()", "b()", "a()", "a()"], "others are run in the meantime");
    assert_eq!((report.status, report.output), (Status::Finished, Some(Payload::single("attempt", 3))));
}

#[test]
fn the_time_of_the_run_ends_a_wait_between_tries() {
    let nodes = node("a", "fail", &with(r#""retries": {"count": 1, "delay": 3600}"#));
    let options = RunOptions::default().timeout(Some(Duration::from_millis(30)));
    let (report, trace) = execute(&nodes, "", options);
    assert_eq!((report.status, trace.len()), (Status::TimedOut, 1));
}

#[test]
fn a_stop_ends_a_wait_between_tries() {
    let (network, _) = network(&node("a", "fail", &with(r#""retries": {"count": 1, "delay": 3600}"#)), "");
    let (told, retrying) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let run = network.in_place(RunOptions::default().listener(Arc::new(move |event| {
        if matches!(event, Event::Retrying { .. }) {
            told.lock().unwrap().send(()).unwrap();
        }
    })));
    let stopper = run.stopper();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| run.run());
        retrying.recv().unwrap();
        stopper.stop("enough");
        let report = run.join().unwrap();
        assert_eq!((report.status, report.failures[0].kind.name()), (Status::Stopped, "stopped"));
    });
}

/// `a -> a` without end: the way back is conditional, and its condition always holds.
#[test]
fn a_node_is_executed_as_often_as_the_run_allows() {
    let nodes = join(&[node("a", "count", r#", "force_start_node": true"#), node("b", "say", "")]);
    let back = r#", "map_all_data": true, "conditions": [{"source_output": "n", "value": null}]"#;
    let links = join(&[link("a", "a", back), link("a", "b", r#", "required": false, "map_all_data": true"#)]);
    let (report, trace) = execute(&nodes, &links, RunOptions::default().max_iterations(Some(5)));
    assert_eq!(trace.iter().filter(|execution| execution.starts_with('a')).count(), 5);
    assert_eq!((report.status, report.failures.len()), (Status::Failed, 1));
    let failure = &report.failures[0];
    assert_eq!((failure.node.as_str(), failure.kind.name()), ("a", "limit"));
    assert_eq!(failure.message, "node 'a' was to be executed more than 5 times, which is all that this run allows");
    assert_eq!(report.output.unwrap().get("got"), Some(&Value::from("n=5")), "what was there is the result");
}

/// A limit is no failure of the task: its handler could lead back into the loop.
#[test]
fn no_link_handles_a_limit() {
    let nodes = join(&[node("a", "count", r#", "force_start_node": true"#), node("h", "say", "")]);
    let back = r#", "map_all_data": true, "conditions": [{"source_output": "n", "value": null}]"#;
    let links = join(&[link("a", "a", back), link("a", "h", ON_ERROR)]);
    let (report, trace) = execute(&nodes, &links, RunOptions::default().max_iterations(Some(2)));
    assert_eq!((trace.len(), report.failures.len()), (2, 1));
}

#[test]
fn nothing_starts_after_the_first_failure() {
    let nodes = join(&[node("a", "fail", ""), node("b", "say", ""), node("c", "say", "")]);
    let (report, trace) = execute(&nodes, &link("b", "c", ""), RunOptions::default().fail_fast(true));
    assert_eq!(trace, ["a()"]);
    assert_eq!(report.status, Status::Failed);
    let kinds: Vec<&str> = report.failures.iter().map(|failure| failure.kind.name()).collect();
    assert_eq!(kinds, ["raised", "stopped"], "what was ready and did not start is told, too");
    assert_eq!(report.error.unwrap().node, "a");
    let (report, trace) = execute(&nodes, &link("b", "c", ""), RunOptions::default());
    assert_eq!((report.failures.len(), trace.len()), (1, 3));
}

#[test]
fn a_handled_failure_is_none_to_end_at() {
    let nodes = join(&[node("a", "fail", ""), node("h", "say", ""), node("b", "say", "")]);
    let links = join(&[link("a", "h", ON_ERROR), link("h", "b", ALL)]);
    let (report, trace) = execute(&nodes, &links, RunOptions::default().fail_fast(true));
    assert_eq!((report.status, trace.len()), (Status::Finished, 3));
}
