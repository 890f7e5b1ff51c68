//! Large and long workflows, in place: constant stack, bounded memory.

use std::fmt::Write;

use pushflow_core::engine::{Report, RunOptions, Status, compile};
use pushflow_core::graph::{Format, LoadOptions, Node, load_text};
use pushflow_core::{Context, Outcome, Payload, TaskError, Value};

const NODES: usize = 100_000;

fn count(inputs: &Payload, _: &Context<'_>) -> Outcome {
    let count = inputs.get("count").and_then(Value::as_int).unwrap_or(0);
    Ok(Payload::single("count", count + 1))
}

fn run(links: impl Iterator<Item = (usize, usize)>) -> Report {
    let mut text = String::from(r#"{"nodes": ["#);
    for node in 0..NODES {
        let comma = if node == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"id": {node}, "task_type": "simple", "task_identifier": "count"}}"#).unwrap();
    }
    text.push_str(r#"], "links": ["#);
    for (index, (source, target)) in links.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"source": {source}, "target": {target}, "map_all_data": true}}"#).unwrap();
    }
    text.push_str("]}");
    let graph = load_text(&text, Format::Json, &LoadOptions::default()).unwrap();
    let resolve =
        |_: &Node| -> Result<std::sync::Arc<dyn pushflow_core::Task>, TaskError> { Ok(std::sync::Arc::new(count)) };
    // A small stack: whatever recursed over the nodes would overflow it.
    let network = compile(&graph, &resolve).unwrap();
    let run = move || network.run_in_place(RunOptions::default());
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, run).unwrap().join().unwrap()
    })
}

#[test]
fn a_chain_of_100_000_nodes() {
    let report = run((1..NODES).map(|node| (node - 1, node)));
    assert_eq!((report.status, report.started), (Status::Finished, NODES as u64));
    assert_eq!(report.output, Some(Payload::single("count", i64::try_from(NODES).unwrap())));
}

#[test]
fn a_fan_of_100_000_nodes() {
    let last = NODES - 1;
    let report = run((1..last).flat_map(|node| [(0, node), (node, last)]));
    assert_eq!((report.status, report.started), (Status::Finished, NODES as u64));
    assert_eq!(report.output, Some(Payload::single("count", 3)));
}
