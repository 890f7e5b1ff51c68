//! Tasks that do what tasks had better not do: it harms nobody but themselves.

use std::path::Path;
use std::sync::{Arc, Mutex};

use pushflow_core::ErrorKind;
use pushflow_core::engine::{Failure, Report, RunOptions};
use pushflow_core::event::Event;
use pushflow_core::{Pool, Value};

use super::ending::pipe;
use super::{Case, GRACE, Setup, VALUE, link, network, node};

pub(crate) const CASES: &[Case] = &[
    ("all_that_runs_can_be_interrupted", all_that_runs_can_be_interrupted),
    ("what_a_task_leaves_is_of_no_harm_to_the_next", what_a_task_leaves_is_of_no_harm_to_the_next),
    ("descriptors_do_not_grow", descriptors_do_not_grow),
    ("odd_objects_are_told_as_far_as_they_can_be", odd_objects_are_told_as_far_as_they_can_be),
    ("one_that_leaves_its_group_is_ended", one_that_leaves_its_group_is_ended),
];

fn task(id: &str, function: &str, inputs: &str) -> String {
    node(id, "method", function, inputs).replace("tasks.", "hostile.")
}

/// Runs nodes, and interrupts the run when one of them has said that it is there.
fn interrupted(setup: Setup, nodes: impl Fn(&str) -> String, links: &str, options: RunOptions) -> Vec<Failure> {
    let directory = tempfile::tempdir().unwrap();
    let pipe = pipe(directory.path());
    let path = serde_json::to_string(&pipe).unwrap();
    let network = Arc::new(network(&nodes(&path), links));
    let run = network.start(setup.make_with(1, GRACE).unwrap(), options);
    std::fs::read_to_string(&pipe).unwrap();
    run.stopper().interrupt("as the test wants");
    run.wait().failures
}

fn all_that_runs_can_be_interrupted(setup: Setup) {
    let one = |function: &'static str| {
        interrupted(setup, |path| task("a", function, &format!(r#""path": {path}"#)), "", RunOptions::default())
    };
    let opened = |path: &str| {
        let maker = task("a", "SlowToOpen", &format!(r#""path": {path}"#));
        [maker, node("b", "method", "same", "")].join(",")
    };
    let while_opened = interrupted(setup, opened, &link("a", "b", VALUE), RunOptions::default());
    let cases = [
        ("exec_module", one("import_slowly")),
        ("__reduce__", one("SlowToPickle")),
        ("in wait", while_opened),
        ("in swallow", one("swallow")),
    ];
    for (place, failures) in cases {
        let [found] = failures.as_slice() else { panic!("{place}: {failures:?}") };
        assert_eq!(found.kind, ErrorKind::Interrupted, "{place}: {found:?}");
        let text = found.traceback.join("\n");
        assert!(text.contains("KeyboardInterrupt") && text.contains(place), "{place}: {text}");
    }
}

fn what_a_task_leaves_is_of_no_harm_to_the_next(setup: Setup) {
    let told = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&told);
    let options = RunOptions::default().listener(Arc::new(move |event: &Event<'_>| {
        if let Event::Output { node: "b", text, .. } = event {
            into.lock().unwrap().push_str(text);
        }
    }));
    let nodes = |path: &str| {
        [task("a", "leave_traces", ""), task("b", "wait_without_traces", &format!(r#""path": {path}"#))].join(",")
    };
    let failures = interrupted(setup, nodes, &link("a", "b", VALUE), options);
    let [found] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!((found.node.as_str(), found.kind), ("b", ErrorKind::Interrupted), "{found:?}");
    let text = found.traceback.join("\n");
    assert!(text.contains("KeyboardInterrupt") && text.contains("in wait"), "{text}");
    let told = told.lock().unwrap();
    assert!(told.contains("printed by"), "{told:?}");
    assert!(*told == "printed by the same\n", "{told:?}");
}

fn descriptors_do_not_grow(setup: Setup) {
    let pool = setup.make_with(1, GRACE).unwrap();
    let run = |nodes: &[String], links: &str| run_on(&pool, nodes, links);
    let count = || run(&[task("a", "count_descriptors", "")], "").output.unwrap().get("return_value").cloned();
    let before = count();
    assert!(before.as_ref().and_then(Value::as_int).is_some());
    let to = |source: &str, name: &str| {
        link(
            source,
            "d",
            &format!(r#", "data_mapping": [{{"source_output": "return_value", "target_input": "{name}"}}]"#),
        )
    };
    let large = |id: &str| {
        task(id, "fail_while_sending", "")
            .replace("hostile.fail_while_sending", "builtins.bytes")
            .replace(r#""default_inputs": []"#, r#""default_inputs": [{"name": 0, "value": 100000}]"#)
    };
    for _ in 0..5 {
        // Two large inputs are beside one that cannot be opened.
        let nodes = [large("a"), task("b", "Unopenable", ""), large("c"), task("d", "take", "")];
        let report = run(&nodes, &[to("a", "x"), to("b", "y"), to("c", "z")].join(","));
        assert!(report.failures[0].message.contains("no number"), "{:?}", report.failures);
        let report = run(&[task("a", "fail_while_sending", "")], "");
        assert_eq!(report.failures[0].kind, ErrorKind::Delivery, "{:?}", report.failures);
    }
    assert_eq!(count(), before);
}

fn run_on(pool: &Arc<dyn Pool>, nodes: &[String], links: &str) -> Report {
    Arc::new(network(&nodes.join(","), links)).start(Arc::clone(pool), RunOptions::default()).wait()
}

fn odd_objects_are_told_as_far_as_they_can_be(setup: Setup) {
    let report = setup.run(&task("a", "fail_oddly", ""), "");
    let found = &report.failures[0];
    assert_eq!(found.kind, ErrorKind::Raised, "{found:?}");
    assert!(found.message.contains("<Odd, whose text cannot be had: KeyError>"), "{found:?}");
    let report = setup.run(&task("a", "deep", ""), "");
    assert_eq!(report.failures[0].kind, ErrorKind::Delivery, "{:?}", report.failures);
    // Who cannot be shown is carried nevertheless.
    let makers = node(
        "a",
        "method",
        "make",
        r#""what": "{__import__('hostile').Unordered(), __import__('hostile').Unordered()}""#,
    );
    let counts = r#"{"id": "b", "task_type": "method", "task_identifier": "builtins.len"}"#.to_owned();
    let to_first = r#", "data_mapping": [{"source_output": "return_value", "target_input": 0}]"#;
    let report = setup.run(&[makers, counts].join(","), &link("a", "b", to_first));
    assert_eq!(report.failures, vec![]);
    assert_eq!(report.output.unwrap().get("return_value"), Some(&Value::Int(2)));
}

fn one_that_leaves_its_group_is_ended(setup: Setup) {
    let directory = tempfile::tempdir().unwrap();
    let pipe = pipe(directory.path());
    let path = serde_json::to_string(&pipe).unwrap();
    let network = Arc::new(network(&task("a", "leave_group", &format!(r#""path": {path}"#)), ""));
    let run = network.start(setup.make_with(1, GRACE).unwrap(), RunOptions::default());
    let pid: u32 = std::fs::read_to_string(&pipe).unwrap().parse().unwrap();
    run.stopper().interrupt("as the test wants");
    let failures = run.wait().failures;
    assert_eq!(failures[0].kind, ErrorKind::Interrupted, "{failures:?}");
    assert!(!Path::new("/proc").join(pid.to_string()).exists());
}
