//! What would be run.

use std::collections::HashSet;
use std::fmt::Write;

use pushflow_core::graph::{Graph, Node};

use super::harmless::harmless;
use super::table::Table;

/// The nodes of a workflow with their tasks, as `--dry-run` shows them.
pub(super) fn plan(graph: &Graph, pool: &str) -> String {
    let starts: HashSet<usize> = graph.start_nodes.iter().copied().collect();
    let ends: HashSet<usize> = graph.end_nodes.iter().copied().collect();
    let mut table = Table::new(["node", "task", "pool", "start/end", "settings"]);
    for (index, node) in graph.nodes.iter().enumerate() {
        let role = match (starts.contains(&index), ends.contains(&index)) {
            (true, true) => "start, end",
            (true, false) => "start",
            (false, true) => "end",
            (false, false) => "",
        };
        let own = node.settings.as_ref().and_then(|settings| settings.pool.as_deref());
        table.row([
            node.label().to_string(),
            task(node),
            own.unwrap_or(pool).to_owned(),
            role.to_owned(),
            settings(node),
        ]);
    }
    let (nodes, links) = (graph.nodes.len(), graph.links.len());
    let mut text = table.to_string();
    let label = harmless(&graph.label);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{label}: would run {nodes} nodes with {links} links; nothing was run");
    text
}

/// Type and identifier of the task of a node.
pub(crate) fn task(node: &Node) -> String {
    match node.task_identifier.as_deref() {
        Some(identifier) => format!("{} {identifier}", node.task_type),
        None => node.task_type.to_string(),
    }
}

/// What a node says to this engine, but for its pool.
fn settings(node: &Node) -> String {
    let entries = node.settings.iter().flat_map(|settings| settings.entries());
    let said = entries.filter(|(key, _)| *key != "pool").map(|(key, value)| format!("{key}={}", value.python_repr()));
    said.collect::<Vec<_>>().join(" ")
}
