//! Small workflows for tests, and the tasks in them.
//!
//! `say` returns its label and what it got, `fail` fails with its input `message`, `echo` returns its inputs, `count` adds
//! one to `n`, `panic` panics, `third` fails but for the third try.

use std::sync::{Arc, Mutex};

use pushflow_core::engine::{Network, Report, RunOptions, compile};
use pushflow_core::graph::{Format, LoadOptions, Node, load_text};
use pushflow_core::{Context, Outcome, Payload, Task, TaskError, Value};

/// Executions in the order of their start: the node and its inputs.
pub(crate) type Trace = Arc<Mutex<Vec<String>>>;

pub(crate) fn show(payload: &Payload) -> String {
    payload.iter().map(|(key, value)| format!("{key}={}", value.python_repr())).collect::<Vec<_>>().join(" ")
}

/// Runs a workflow in place; returns the report and the executions.
pub(crate) fn execute(nodes: &str, links: &str, options: RunOptions) -> (Report, Vec<String>) {
    let (network, trace) = network(nodes, links);
    let report = network.run_in_place(options);
    let trace = trace.lock().unwrap().clone();
    (report, trace)
}

/// Compiles a workflow; returns the network and where its executions are noted.
pub(crate) fn network(nodes: &str, links: &str) -> (Network, Trace) {
    let text = format!(r#"{{"graph": {{"id": "test"}}, "nodes": [{nodes}], "links": [{links}]}}"#);
    let graph = load_text(&text, Format::Json, &LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let trace = Trace::default();
    let resolve = |node: &Node| -> Result<Arc<dyn Task>, TaskError> {
        let (trace, kind) = (Arc::clone(&trace), node.task_identifier.clone().unwrap_or_default());
        Ok(Arc::new(move |inputs: &Payload, ctx: &Context<'_>| -> Outcome {
            trace.lock().unwrap().push(format!("{}({})", ctx.node(), show(inputs)));
            match kind.as_str() {
                "say" => Ok([("who", Value::from(ctx.node())), ("got", Value::from(show(inputs)))].into()),
                "echo" => Ok(inputs.clone()),
                "count" => Ok(Payload::single("n", inputs.get("n").and_then(Value::as_int).unwrap_or(0) + 1)),
                "panic" => panic!("no reason"),
                "third" if ctx.attempt() == 3 => Ok(Payload::single("attempt", 3)),
                _ => Err(TaskError::message(inputs.get("message").and_then(Value::as_str).unwrap_or("failed"))),
            }
        }))
    };
    (compile(&graph, &resolve).unwrap(), trace)
}

pub(crate) fn node(id: &str, task: &str, more: &str) -> String {
    format!(r#"{{"id": "{id}", "task_type": "simple", "task_identifier": "{task}"{more}}}"#)
}

pub(crate) fn defaults(entries: &[(&str, &str)]) -> String {
    let entries: Vec<_> =
        entries.iter().map(|(name, value)| format!(r#"{{"name": {name}, "value": {value}}}"#)).collect();
    format!(r#", "default_inputs": [{}]"#, entries.join(", "))
}

pub(crate) fn link(source: &str, target: &str, more: &str) -> String {
    format!(r#"{{"source": "{source}", "target": "{target}"{more}}}"#)
}

pub(crate) const ALL: &str = r#", "map_all_data": true"#;
pub(crate) const ON_ERROR: &str = r#", "on_error": true, "map_all_data": true"#;

pub(crate) fn join(parts: &[String]) -> String {
    parts.join(", ")
}
