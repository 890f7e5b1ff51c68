//! Loading of workflow documents: what they may contain, what is refused, and where the mistake is.

mod default_error_handlers;
mod files;
mod graph_attributes;
mod inputs;
mod link;
mod newest;
mod node;
mod sub_graphs;
mod syntax;

use std::fmt::Write;
use std::path::Path;

use pushflow_core::graph::{
    Format, Graph, GraphError, GraphErrorKind, Input, LoadOptions, NodeId, Resolved, Settings, load_file, load_inputs,
    load_text, parse_inputs, parse_value,
};
use pushflow_core::{Key, Value};

fn load(text: &str) -> Result<Graph, GraphError> {
    load_text(text, Format::Json, &LoadOptions::default())
}

fn load_with(text: &str, inputs: Vec<Input>) -> Result<Graph, GraphError> {
    load_text(text, Format::Json, &LoadOptions { inputs, ..LoadOptions::default() })
}

/// A document with method nodes `ids` and the links of a JSON text.
fn document(ids: &[&str], links: &str) -> String {
    let nodes: Vec<String> =
        ids.iter().map(|id| format!(r#"{{"id": "{id}", "task_type": "method", "task_identifier": "m.f"}}"#)).collect();
    format!(r#"{{"nodes": [{}], "links": [{links}]}}"#, nodes.join(", "))
}

/// A document of a list of nodes.
fn nodes(nodes: &str) -> String {
    format!(r#"{{"nodes": [{nodes}]}}"#)
}

#[track_caller]
fn refused(text: &str, type_name: &str, message: &str) -> GraphError {
    let error = load(text).expect_err(text);
    assert_eq!((error.type_name(), error.message()), (type_name, message), "{text}");
    assert_eq!(error.to_string(), message);
    error
}

fn place(error: &GraphError) -> (u32, u32) {
    let place = error.place().expect("the error has a place");
    (place.line, place.column)
}

fn links(graph: &Graph) -> Vec<String> {
    let end = |node: usize| graph.nodes[node].id.to_string();
    graph.links.iter().map(|link| format!("{}->{}", end(link.source), end(link.target))).collect()
}

fn ids(graph: &Graph) -> Vec<String> {
    graph.nodes.iter().map(|node| node.id.to_string()).collect()
}

fn resolved(graph: &Graph) -> serde_json::Value {
    serde_json::to_value(Resolved(graph)).expect("a graph is plain data")
}

const NO_TASK: &str =
    "requires the 'class', 'method', 'ppfmethod', 'ppfport', 'script', 'notebook', 'task', 'task_type' or 'graph' key";
