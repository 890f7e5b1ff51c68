//! The example `scenario`, with scripts of Rust in place of those of Python.

#[path = "../../../examples/scenario/build.rs"]
mod build;
#[path = "../../../examples/scenario/description.rs"]
#[expect(dead_code, reason = "runs and their options are the business of the program")]
mod description;

use std::sync::Arc;

use pushflow_core::engine::{Report, RunOptions};
use pushflow_core::{Context, Outcome, Payload, Task, TaskError, Value};
use serde_json::json;

use crate::scenario::description::Description;

/// The seam of the example: who runs scripts.
mod script {
    use super::{Arc, Task};

    pub(crate) trait ScriptRunner {
        fn task(&self, module: &str) -> Arc<dyn Task>;
    }
}

struct Fake;

impl script::ScriptRunner for Fake {
    fn task(&self, module: &str) -> Arc<dyn Task> {
        let module = module.to_owned();
        Arc::new(move |inputs: &Payload, _: &Context<'_>| -> Outcome {
            let n = inputs.get("n").and_then(Value::as_int).unwrap_or(0);
            match module.as_str() {
                "add" => Ok(Payload::single("n", n + 1)),
                "even" => Ok(Payload::single("even", n % 2 == 0)),
                _ => Err(TaskError::message("no such script")),
            }
        })
    }
}

fn run(description: &serde_json::Value, n: i64, earlier: Option<&Report>) -> Report {
    let description: Description = serde_json::from_value(description.clone()).unwrap();
    let network = build::network(&description, &Fake).unwrap();
    let options = earlier.into_iter().fold(RunOptions::default(), RunOptions::after);
    network.run_in_place(options.data(Payload::single("n", n)))
}

/// `start -> [In -> add -> Out] -> router --true--> stop`, errors in the sub-model go to `errors`
fn parity() -> serde_json::Value {
    json!({
        "workflow": {"name": "w"},
        "submodels": [{"id": "sub", "ports": ["In", "Out"], "error_handler": "workflow"}],
        "actors": [
            {"id": "start", "type": "StartActor"},
            {"id": "add", "type": "PythonActor", "script": "add", "error_handler": "sub"},
            {"id": "bad", "type": "PythonActor", "script": "missing", "error_handler": "sub"},
            {"id": "even", "type": "PythonActor", "script": "even"},
            {"id": "router", "type": "RouterActor", "item_name": "even", "ports": ["true", "false"]},
            {"id": "errors", "type": "ErrorHandler"},
            {"id": "stop", "type": "StopActor"}
        ],
        "connections": [
            {"source": "start", "target": {"submodel": "sub", "port": "In"}, "on": "success"},
            {"source": {"submodel": "sub", "port": "In"}, "target": "add", "on": "success"},
            {"source": "add", "target": {"submodel": "sub", "port": "Out"}, "on": "success"},
            {"source": {"submodel": "sub", "port": "Out"}, "target": "even", "on": "success"},
            {"source": "even", "target": "router", "on": "success"},
            {"source": "router", "target": "stop", "on": {"port": "true"}},
            {"source": "router", "target": "bad", "on": {"port": "false"}},
            {"source": {"submodel": "sub"}, "target": "errors", "on": "error"},
            {"source": "errors", "target": "stop", "on": "success"}
        ],
        "runs": []
    })
}

#[test]
fn ports_routers_and_containers_are_connected() {
    let report = run(&parity(), 1, None);
    assert_eq!(report.output, Some(Payload::from([("n", Value::Int(2)), ("even", true.into())])));
    let output = run(&parity(), 2, None).output.unwrap();
    let error = output.get("WorkflowException").and_then(Value::as_map).unwrap();
    assert_eq!(error["errorMessage"].as_str(), Some("no such script"));
    assert_eq!(output.get("n"), Some(&Value::Int(3)));
}

/// What a sub-model is in takes its errors, unless it names another container.
#[test]
fn errors_go_to_what_a_submodel_is_in() {
    for (parent, handler, expected) in
        [("outer", json!(null), 1), ("outer", json!("workflow"), 0), ("workflow", json!("outer"), 1)]
    {
        let nested = json!({
            "workflow": {"name": "w"},
            "submodels": [
                {"id": "inner", "parent": parent, "error_handler": handler, "ports": ["In"]},
                {"id": "outer", "parent": "workflow", "error_handler": null}
            ],
            "actors": [
                {"id": "start", "type": "StartActor"},
                {"id": "bad", "type": "PythonActor", "script": "missing", "error_handler": "inner"},
                {"id": "add", "type": "PythonActor", "script": "add"},
                {"id": "stop", "type": "StopActor"}
            ],
            "connections": [
                {"source": "start", "target": {"submodel": "inner", "port": "In"}, "on": "success"},
                {"source": {"submodel": "inner", "port": "In"}, "target": "bad", "on": "success"},
                {"source": "outer", "target": "add", "on": "error"},
                {"source": "add", "target": "stop", "on": "success"}
            ],
            "runs": []
        });
        assert_eq!(run(&nested, 1, None).started, 1 + expected, "{parent} {handler}");
    }
}

/// A join fires once in its life: what it has collected goes on into the next run.
#[test]
fn joins_keep_their_state_between_runs() {
    let join = json!({
        "workflow": null,
        "actors": [
            {"id": "start", "type": "StartActor"},
            {"id": "add", "type": "PythonActor", "script": "add"},
            {"id": "join", "type": "JoinActor"},
            {"id": "stop", "type": "StopActor"}
        ],
        "connections": [
            {"source": "start", "target": "add", "on": "success"},
            {"source": "start", "target": "join", "on": "success"},
            {"source": "add", "target": "join", "on": "success"},
            {"source": "join", "target": "stop", "on": "success"}
        ],
        "runs": []
    });
    let first = run(&join, 1, None);
    assert_eq!(first.output, Some(Payload::single("n", 1)), "what came last overwrites");
    assert_eq!(run(&join, 1, Some(&first)).output, None);
    assert_eq!(run(&join, 1, None).output, Some(Payload::single("n", 1)), "a run by itself knows of no other");
}

#[test]
fn what_does_not_fit_is_refused() {
    for (change, message) in [
        ("/actors/1/type", "there are no actors of type"),
        ("/actors/1/error_handler", "there is no container"),
        ("/submodels/0/error_handler", "is in a container that is not there"),
        ("/connections/0/source", "there is no actor"),
        ("/connections/0/on", "a connection is on success, error or a port"),
        ("/connections/5/on/port", "not defined for router"),
    ] {
        let mut description = parity();
        *description.pointer_mut(change).unwrap() = json!("nope");
        let description: Description = serde_json::from_value(description).unwrap();
        let error = build::network(&description, &Fake).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
