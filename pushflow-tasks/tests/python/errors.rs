//! What becomes of a Python task that gives no result.

use std::sync::{Arc, Mutex};

use pushflow_core::ErrorKind;
use pushflow_core::engine::{Failure, RunOptions};
use pushflow_core::event::{Event, Stream};

use pushflow_tasks::Tasks;

use super::{Case, Setup, link, node};

pub(crate) const CASES: &[Case] = &[
    ("an_exception_is_told_in_full", an_exception_is_told_in_full),
    ("a_dictionary_has_no_positions", a_dictionary_has_no_positions),
    ("a_handler_gets_the_exception_itself", a_handler_gets_the_exception_itself),
    ("what_cannot_be_imported_is_an_error", what_cannot_be_imported_is_an_error),
    ("leaving_is_an_error_and_the_worker_stays", leaving_is_an_error_and_the_worker_stays),
    ("a_worker_that_vanishes_is_an_error_of_its_task", a_worker_that_vanishes_is_an_error_of_its_task),
    ("a_crash_says_where_it_was", a_crash_says_where_it_was),
    ("a_result_that_cannot_be_pickled_is_an_error", a_result_that_cannot_be_pickled_is_an_error),
    ("what_is_printed_is_told", what_is_printed_is_told),
    ("a_copy_of_a_worker_says_nothing", a_copy_of_a_worker_says_nothing),
    ("daemonic_workers_have_no_children", daemonic_workers_have_no_children),
    ("losses_cost_only_their_own_tasks", losses_cost_only_their_own_tasks),
    ("a_fork_server_that_is_killed_is_replaced", a_fork_server_that_is_killed_is_replaced),
];

fn failure(setup: Setup, function: &str, inputs: &str) -> Failure {
    let mut report = setup.run(&node("a", "method", function, inputs), "");
    assert_eq!(report.failures.len(), 1, "{function}");
    report.failures.remove(0)
}

fn explained(message: &str, function: &str) -> String {
    format!("Execution failed for ewoks task 'a' (id: 'a', task: 'tasks.{function}'): {message}")
}

fn an_exception_is_told_in_full(setup: Setup) {
    let found = failure(setup, "fail", r#""message": "too bad""#);
    assert_eq!((found.kind, found.type_name.as_str()), (ErrorKind::Raised, "TaskExecutionError"));
    assert_eq!(found.message, explained("too bad", "fail"));
    let text = found.traceback.join("\n");
    assert!(text.contains("KeyError: 'inner'") && text.contains("direct cause"), "{text}");
    assert!(text.ends_with("ValueError: too bad") && text.contains("tasks.py\", line "), "{text}");
    assert!(!text.contains("<pushflow>"), "{text}");
    let missing = failure(setup, "add", "");
    assert!(missing.message.contains("missing 1 required positional argument: 'a'"), "{}", missing.message);
}

/// A carried dictionary has names only, and digits are a position.
fn a_dictionary_has_no_positions(setup: Setup) {
    let report = setup.run(&node("a", "ppfmethod", "carry", r#""0": 1"#), "");
    // Older interpreters name the function.
    let message = report.failures[0].message.replace("carry() keywords", "keywords");
    assert_eq!(message, explained("keywords must be strings", "carry"));
}

fn a_handler_gets_the_exception_itself(setup: Setup) {
    let nodes = [node("a", "method", "fail", ""), node("b", "method", "handle", "")].join(",");
    let report = setup.run(&nodes, &link("a", "b", r#", "on_error": true, "map_all_data": true"#));
    assert_eq!(report.failures, []);
    let text = serde_json::to_string(&report.output.unwrap()).unwrap();
    assert_eq!(text, format!(r#"{{"return_value":["TaskExecutionError","{}"]}}"#, explained("bad", "fail")));
}

fn what_cannot_be_imported_is_an_error(setup: Setup) {
    let found = failure(setup, "nothing", "");
    assert_eq!(found.message, explained("Cannot import nothing from tasks", "nothing"));
    let found = failure(setup, "not_callable", "");
    assert_eq!(found.message, explained("'tasks.not_callable' is not callable (got <class 'int'>)", "not_callable"));
    let nodes = node("a", "method", "x", "").replace("tasks.x", "no_such_module.x");
    let report = setup.run(&nodes, "");
    assert!(report.failures[0].message.ends_with(": No module named 'no_such_module'"), "{:?}", report.failures);
}

fn leaving_is_an_error_and_the_worker_stays(setup: Setup) {
    let found = failure(setup, "leave", r#""code": 3"#);
    assert_eq!(found.message, explained("the task has exited: SystemExit: 3", "leave"));
}

fn a_worker_that_vanishes_is_an_error_of_its_task(setup: Setup) {
    let nodes = [node("a", "method", "vanish", ""), node("b", "method", "add", r#""a": 1"#)].join(",");
    let report = setup.run(&nodes, "");
    let [found] = report.failures.as_slice() else { panic!("{:?}", report.failures) };
    assert_eq!((found.node.as_str(), found.kind), ("a", ErrorKind::Lost));
    assert!(found.message.contains("exited with code 3"), "{}", found.message);
    assert!(report.output.is_some(), "the other one is not affected");
}

fn a_crash_says_where_it_was(setup: Setup) {
    let found = failure(setup, "crash", r#""depth": 60"#);
    assert!(found.message.contains("was killed by SIGSEGV"), "{}", found.message);
    let text = found.traceback.join("\n");
    // From the innermost frame, which is told first.
    assert!(text.contains("Segmentation fault"), "{text}");
    assert_eq!(text.matches(" in crash\n").count(), 61, "{text}");
}

fn a_result_that_cannot_be_pickled_is_an_error(setup: Setup) {
    let found = failure(setup, "unpicklable", "");
    assert_eq!(found.kind, ErrorKind::Delivery);
    assert!(found.message.contains("unpicklable.<locals>.<lambda>"), "{}", found.message);
}

fn what_is_printed_is_told(setup: Setup) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&told);
    let options = RunOptions::default().listener(Arc::new(move |event: &Event<'_>| {
        if let Event::Output { node, attempt, stream, text, .. } = event {
            into.lock().unwrap().push(format!("{node} {attempt} {stream:?} {text}"));
        }
    }));
    setup.run_with(&node("a", "method", "talk", r#""word": "hello""#), "", options);
    let mut told = std::mem::take(&mut *told.lock().unwrap());
    told.sort();
    let of = |stream: Stream, text: &str| format!("a 1 {stream:?} {text}");
    assert_eq!(told, [of(Stream::Stderr, "err hello\n"), of(Stream::Stdout, "out hello\nsub hello\n")]);
}

fn a_copy_of_a_worker_says_nothing(setup: Setup) {
    assert_eq!(setup.returned("copy_itself", "").as_str(), Some("original"));
}

fn losses_cost_only_their_own_tasks(setup: Setup) {
    let function = |number: u32| ["add", "vanish", "add", "crash", "add", "leave"][number as usize % 6];
    let inputs = |number: u32| ["\"a\": 1", "", "\"a\": 2", "", "\"a\": 3", "\"code\": 1"][number as usize % 6];
    let nodes: Vec<String> =
        (0..36).map(|number| node(&number.to_string(), "method", function(number), inputs(number))).collect();
    let report = setup.run(&nodes.join(","), "");
    let mut failed: Vec<u32> = report.failures.iter().map(|failure| failure.node.parse().unwrap()).collect();
    failed.sort_unstable();
    let wanted: Vec<u32> = (0..36).filter(|number| number % 2 == 1).collect();
    assert_eq!(failed, wanted, "{:?}", report.failures);
}

/// What it has forked may be lost with it; the next one is forked by another server.
fn a_fork_server_that_is_killed_is_replaced(setup: Setup) {
    if !setup.is_forked() {
        return;
    }
    // Another worker dies with the server, and may have begun with it by then.
    let again = node("b", "method", "add", r#""a": 1"#);
    let again = again.replacen('{', r#"{"pushflow": {"retries": 2, "retry_on": ["lost"]}, "#, 1);
    let nodes = [node("a", "method", "kill_parent", ""), again].join(",");
    // One of its own, that no other setup has either: what others have forked would be lost with it.
    let place = crate::setups().iter().position(|other| other.name() == setup.name()).unwrap();
    let tasks = Tasks::new().pre_import(vec!["colorsys".to_owned(); place + 1]);
    for _ in 0..3 {
        let report = setup.run_by(&tasks, &nodes, &link("a", "b", r#", "on_error": true"#), RunOptions::default());
        assert_eq!(report.failures, vec![]);
        assert!(report.failed >= 1 && report.output.is_some(), "{} failed", report.failed);
    }
}

fn daemonic_workers_have_no_children(setup: Setup) {
    if setup.is_daemonic() {
        let found = failure(setup, "start_child", "");
        assert_eq!(found.message, explained("daemonic processes are not allowed to have children", "start_child"));
    } else {
        assert_eq!(setup.returned("start_child", "").as_int(), Some(0));
    }
}
