//! Nodes that wait for two things of which only one can happen.
//!
//! A node that is executed once uses some of its links and not others: those for errors or those for results, and of the
//! conditional ones those that its outputs fulfil. For each node the links are collected that must have been used before
//! it is executed: those that it requires, and what these require; of optional links, what all of them have in common. Two
//! of them that exclude each other keep the node from ever being executed. What is in loops is left out, as other outputs
//! may come in the next round.

use super::loops::Components;
use super::{Finding, FindingKind};
use crate::graph::model::{Graph, Link};

/// More links than this are not followed for one node; some mistakes are then not found.
const MOST: usize = 64;

/// Looks for nodes that can never be executed because two links that they require exclude each other.
pub(super) fn check(graph: &Graph, findings: &mut Vec<Finding>) {
    let splits = splits(graph);
    if !splits.contains(&true) {
        return;
    }
    let components = Components::new(graph, |_| true);
    let mut incoming: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    graph.links.iter().enumerate().for_each(|(index, link)| incoming[link.target].push(index));
    let mut starts = vec![false; graph.nodes.len()];
    graph.start_nodes.iter().for_each(|node| starts[*node] = true);
    let mut once = vec![false; graph.nodes.len()];
    let mut used: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for group in &components.groups {
        let node = group[0];
        let links = &incoming[node];
        if group.len() > 1 || links.iter().any(|link| graph.links[*link].source == node) {
            continue;
        }
        let all_required = links.iter().all(|link| graph.links[*link].required);
        let from_once = links.iter().all(|link| once[graph.links[*link].source]);
        once[node] = from_once && (all_required || (links.len() == 1 && !starts[node]));
        let before = |link: &usize| {
            let source = graph.links[*link].source;
            let own = (once[source] && splits[source]).then_some(*link);
            used[source].iter().copied().chain(own).collect::<Vec<usize>>()
        };
        let required: Vec<&usize> = links.iter().filter(|link| graph.links[**link].required).collect();
        let mut all: Vec<usize> = if required.is_empty() {
            if starts[node] { Vec::new() } else { common(links.iter().map(before)) }
        } else {
            required.into_iter().flat_map(before).collect()
        };
        all.sort_unstable();
        all.dedup();
        if let Some((one, other)) = contradiction(graph, &all) {
            findings.push(finding(graph, node, &graph.links[one], &graph.links[other]));
            all.clear();
        }
        all.drain(..all.len().saturating_sub(MOST));
        used[node] = all;
    }
}

/// Which nodes use some of their links and not others.
fn splits(graph: &Graph) -> Vec<bool> {
    let mut splits = vec![false; graph.nodes.len()];
    for link in graph.links.iter().filter(|link| link.on_error || !link.conditions.is_empty()) {
        splits[link.source] = true;
    }
    splits
}

fn common(mut sets: impl Iterator<Item = Vec<usize>>) -> Vec<usize> {
    let first = sets.next().unwrap_or_default();
    sets.fold(first, |mut common, set| {
        common.retain(|link| set.contains(link));
        common
    })
}

fn contradiction(graph: &Graph, links: &[usize]) -> Option<(usize, usize)> {
    let pairs =
        links.iter().enumerate().flat_map(|(index, one)| links[..index].iter().map(move |other| (*other, *one)));
    let mut pairs = pairs.filter(|(one, other)| graph.links[*one].source == graph.links[*other].source);
    pairs.find(|(one, other)| exclude(&graph.links[*one], &graph.links[*other]))
}

/// Whether one execution of their source uses at most one of two links.
fn exclude(one: &Link, other: &Link) -> bool {
    if one.on_error != other.on_error {
        return true;
    }
    one.conditions.iter().any(|condition| {
        let same = other.conditions.iter().find(|known| known.source_output == condition.source_output);
        same.is_some_and(|known| !known.value.python_eq(&condition.value))
    })
}

fn finding(graph: &Graph, node: usize, one: &Link, other: &Link) -> Finding {
    let node = &graph.nodes[node];
    let describe = |link: &Link| {
        let (source, target) = (graph.nodes[link.source].label(), graph.nodes[link.target].label());
        let when = if link.on_error {
            "on an error".to_owned()
        } else if link.conditions.is_empty() {
            "on a result".to_owned()
        } else {
            let conditions = link.conditions.iter();
            let wanted = conditions.map(|one| format!("{} = {}", one.source_output, one.value.python_repr()));
            format!("when {}", wanted.collect::<Vec<_>>().join(" and "))
        };
        format!("'{source}' -> '{target}' ({when})")
    };
    Finding {
        kind: FindingKind::Excluded,
        message: format!(
            "node '{}' is never executed: it waits for both {} and {}, of which at most one is used",
            node.label(),
            describe(one),
            describe(other)
        ),
        hint: Some("'required': false on one of its links makes it execute for each".to_owned()),
        node: Some(node.id.clone()),
        place: node.place.clone(),
    }
}
