//! What is wrong with a loaded workflow as a whole.

use super::inputs::{self, Interfaces};
use super::loops::outgoing;
use super::{Finding, FindingKind, exclusion, loops};
use crate::graph::model::Graph;

/// Looks for nodes that are never executed, loops that never end, and names that lead to nothing.
pub fn flow(graph: &Graph, interfaces: &dyn Interfaces) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_executed = executed(graph);
    never_reached(graph, &is_executed, &mut findings);
    exclusion::check(graph, &mut findings);
    loops::check(graph, &is_executed, &mut findings);
    inputs::check(graph, interfaces, &mut findings);
    findings
}

/// Which nodes may be executed, when conditions and failures are as they have to be.
fn executed(graph: &Graph) -> Vec<bool> {
    let outgoing = outgoing(graph);
    let mut waits = vec![0_usize; graph.nodes.len()];
    graph.links.iter().filter(|link| link.required).for_each(|link| waits[link.target] += 1);
    let mut executed = vec![false; graph.nodes.len()];
    let mut ready: Vec<usize> = graph.start_nodes.iter().copied().filter(|node| waits[*node] == 0).collect();
    ready.iter().for_each(|node| executed[*node] = true);
    while let Some(node) = ready.pop() {
        for link in outgoing.of(node) {
            let link = &graph.links[*link as usize];
            waits[link.target] -= usize::from(link.required);
            if waits[link.target] == 0 && !executed[link.target] {
                executed[link.target] = true;
                ready.push(link.target);
            }
        }
    }
    executed
}

fn never_reached(graph: &Graph, is_executed: &[bool], findings: &mut Vec<Finding>) {
    let mut blocked_by: Vec<Option<usize>> = vec![None; graph.nodes.len()];
    let mut is_triggered = vec![false; graph.nodes.len()];
    graph.start_nodes.iter().for_each(|node| is_triggered[*node] = true);
    for link in &graph.links {
        is_triggered[link.target] |= is_executed[link.source];
        if link.required && !is_executed[link.source] {
            blocked_by[link.target] = Some(link.source);
        }
    }
    for (index, node) in graph.nodes.iter().enumerate().filter(|(index, _)| !is_executed[*index]) {
        let label = node.label();
        let (why, hint) = match blocked_by[index].filter(|_| is_triggered[index]) {
            Some(source) => {
                (format!("it waits for '{}', which is not executed either", graph.nodes[source].label()), None)
            }
            None => ("no start node leads to it".to_owned(), Some("'force_start_node' would make it one".to_owned())),
        };
        findings.push(Finding {
            kind: FindingKind::NeverReached,
            message: format!("node '{label}' is never executed: {why}"),
            hint,
            node: Some(node.id.clone()),
            place: node.place.clone(),
        });
    }
}
