//! Tests of the kinds of tasks, one file each.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ppfport;
mod resolve;
mod scenario;
mod script;
mod subprocess;

use std::time::Duration;

use pushflow_core::event::RunId;
use pushflow_core::graph::{Format, LoadOptions, load_text};
use pushflow_core::{Context, Outcome, Payload, Task};

/// Runs a task outside of any workflow.
fn run(task: &dyn Task, inputs: Payload) -> Outcome {
    task.run(&inputs, &Context::new("node", RunId(1), 1))
}

/// The nodes of a workflow of one node.
fn node(json: &str) -> pushflow_core::graph::Node {
    let text = format!(r#"{{"nodes": [{json}]}}"#);
    load_text(&text, Format::Json, &LoadOptions::default()).unwrap().nodes.remove(0)
}

fn text<'p>(outputs: &'p Payload, name: &str) -> &'p str {
    outputs.get(name).and_then(|value| value.as_str()).unwrap_or_else(|| panic!("no text `{name}` in {outputs:?}"))
}

/// Longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(20);
