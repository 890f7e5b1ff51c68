//! What follows from the shape of a workflow: required links, cycles that can never run, start and end nodes.
//!
//! All of it takes time in proportion to nodes and links, and no stack.

use std::collections::HashMap;

use super::draft::DraftLink;
use super::error::{GraphError, GraphErrorKind};
use super::model::{Graph, Link, Node};
use crate::payload::Key;
use crate::value::Value;

/// Which links leave or enter each node: indices of links, grouped by node, in order of definition.
#[derive(Debug)]
pub(super) struct Adjacency {
    starts: Vec<u32>,
    links: Vec<u32>,
}

impl Adjacency {
    /// Groups links by source.
    pub(super) fn outgoing(nodes: usize, ends: impl ExactSizeIterator<Item = (u32, u32)> + Clone) -> Adjacency {
        Adjacency::group(nodes, ends.map(|(source, _)| source))
    }

    /// Groups links by target.
    pub(super) fn incoming(nodes: usize, ends: impl ExactSizeIterator<Item = (u32, u32)> + Clone) -> Adjacency {
        Adjacency::group(nodes, ends.map(|(_, target)| target))
    }

    fn group(nodes: usize, keys: impl ExactSizeIterator<Item = u32> + Clone) -> Adjacency {
        let mut starts = vec![0; nodes + 2];
        for key in keys.clone() {
            starts[key as usize + 2] += 1;
        }
        for node in 2..starts.len() {
            starts[node] += starts[node - 1];
        }
        // While links are filled in, the entry after a node's own is where its next link goes.
        let mut links = vec![0; keys.len()];
        for (link, key) in (0..).zip(keys) {
            let next = &mut starts[key as usize + 1];
            links[*next as usize] = link;
            *next += 1;
        }
        starts.pop();
        Adjacency { starts, links }
    }

    /// Returns the links of a node.
    pub(super) fn of(&self, node: usize) -> &[u32] {
        &self.links[self.starts[node] as usize..self.starts[node + 1] as usize]
    }
}

/// Marks what can be reached from some nodes; those themselves only if a cycle leads back.
pub(super) fn reachable(
    outgoing: &Adjacency,
    ends: impl Iterator<Item = (u32, u32)>,
    from: impl Iterator<Item = usize>,
) -> Vec<bool> {
    let targets: Vec<u32> = ends.map(|(_, target)| target).collect();
    let mut reached = vec![false; outgoing.starts.len() - 1];
    let mut stack: Vec<usize> = from.collect();
    while let Some(node) = stack.pop() {
        for link in outgoing.of(node) {
            let target = targets[*link as usize] as usize;
            if !reached[target] {
                reached[target] = true;
                stack.push(target);
            }
        }
    }
    reached
}

/// Determines which links are required.
///
/// A link that says so is; one that says not, or has conditions, or is for errors, is not. Any other link is required
/// unless its source is the target of an optional link, or downstream of one.
pub(super) fn required(nodes: usize, links: &[DraftLink]) -> Vec<bool> {
    let ends = links.iter().map(|link| (link.source, link.target));
    let said: Vec<Option<bool>> = links.iter().map(said_about).collect();
    if said.iter().all(|said| *said != Some(false)) {
        return vec![true; links.len()];
    }
    let seeds: Vec<usize> = links
        .iter()
        .zip(&said)
        .filter(|(_, said)| **said == Some(false))
        .map(|(link, _)| link.target as usize)
        .collect();
    let outgoing = Adjacency::outgoing(nodes, ends.clone());
    let mut optional = reachable(&outgoing, ends, seeds.iter().copied());
    for seed in seeds {
        optional[seed] = true;
    }
    links.iter().zip(said).map(|(link, said)| said.unwrap_or(!optional[link.source as usize])).collect()
}

/// What a link by itself says about being required.
fn said_about(link: &DraftLink) -> Option<bool> {
    let attributes = &link.attributes;
    let conditional = attributes.conditions.as_ref().is_some_and(|conditions| !conditions.is_empty());
    match attributes.required.flatten() {
        Some(required) => Some(required),
        None if conditional || attributes.on_error == Some(true) => Some(false),
        None => None,
    }
}

/// Refuses cycles of required links: each of their nodes would wait for the one before it for ever.
pub(super) fn check_cycles(nodes: &[Node], links: &[DraftLink], required: &[bool]) -> Result<(), GraphError> {
    let ends = links.iter().map(|link| (link.source, link.target));
    let outgoing = Adjacency::outgoing(nodes.len(), ends);
    let mut waiting = vec![0_u32; nodes.len()];
    for (link, required) in links.iter().zip(required) {
        waiting[link.target as usize] += u32::from(*required);
    }
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|node| waiting[*node] == 0).collect();
    let mut done = 0;
    while let Some(node) = ready.pop() {
        done += 1;
        for link in outgoing.of(node).iter().filter(|link| required[**link as usize]) {
            let target = links[*link as usize].target as usize;
            waiting[target] -= 1;
            if waiting[target] == 0 {
                ready.push(target);
            }
        }
    }
    if done == nodes.len() {
        return Ok(());
    }
    Err(cycle(nodes, links, required, &waiting))
}

/// Describes one of the cycles among nodes that still wait.
fn cycle(nodes: &[Node], links: &[DraftLink], required: &[bool], waiting: &[u32]) -> GraphError {
    const SHOWN: usize = 20;
    let incoming = Adjacency::incoming(nodes.len(), links.iter().map(|link| (link.source, link.target)));
    // Whoever waits has a required link from somebody who waits too, so going backwards closes a cycle.
    let before = |node: usize| {
        let mut sources = incoming.of(node).iter().filter(|link| required[**link as usize]);
        sources.find_map(|link| {
            let source = links[*link as usize].source as usize;
            (waiting[source] > 0).then_some((source, *link as usize))
        })
    };
    let mut at = waiting.iter().position(|count| *count > 0).unwrap_or_default();
    let mut seen_at: HashMap<usize, usize> = HashMap::new();
    let mut path = Vec::new();
    let mut last_link = 0;
    while !seen_at.contains_key(&at) {
        seen_at.insert(at, path.len());
        path.push(at);
        let Some((source, link)) = before(at) else { break };
        (at, last_link) = (source, link);
    }
    let mut members: Vec<usize> = path.split_off(seen_at.get(&at).copied().unwrap_or_default());
    members.reverse();
    let shown: Vec<String> = members.iter().take(SHOWN).map(|node| nodes[*node].id.python_repr()).collect();
    let more = if members.len() > SHOWN { format!(" -> ... ({} more)", members.len() - SHOWN) } else { String::new() };
    let message = format!(
        "unconditional cycle: each of these nodes waits for the one before it, so none can ever run: {}{more} -> {}; \
         one of their links has to be optional (conditions, 'on_error', or 'required': false)",
        shown.join(" -> "),
        shown.first().map_or("", String::as_str),
    );
    GraphError::new(GraphErrorKind::Cycle, "RecursionError", message).at(links[last_link].place.clone())
}

/// Returns the nodes without outgoing links other than for errors; if all are in cycles, those whose conditions can
/// all be unfulfilled.
pub(super) fn end_nodes(graph: &Graph) -> Vec<usize> {
    let mut continues = vec![false; graph.nodes.len()];
    for link in graph.links.iter().filter(|link| !link.on_error) {
        continues[link.source] = true;
    }
    let ends: Vec<usize> = (0..continues.len()).filter(|node| !continues[*node]).collect();
    if !ends.is_empty() {
        return ends;
    }
    let mut wanted: Vec<Vec<&Link>> = vec![Vec::new(); graph.nodes.len()];
    for link in graph.links.iter().filter(|link| !link.conditions.is_empty()) {
        wanted[link.source].push(link);
    }
    (0..wanted.len()).filter(|node| is_uncovered(&wanted[*node], &graph.nodes[*node].conditions_else_value)).collect()
}

/// Whether some value of a condition has no complement among the conditions of the node.
fn is_uncovered(links: &[&Link], else_value: &Value) -> bool {
    let mut wanted: HashMap<&Key, (bool, bool)> = HashMap::new();
    // Of several conditions of a link about one output only the last has to hold, but all of them name values.
    for condition in links.iter().flat_map(|link| link.conditions.iter()) {
        let value = &condition.value;
        let (has_truth, has_else) = wanted.entry(&condition.source_output).or_default();
        *has_truth |= value.python_eq(&Value::Bool(true)) || value.python_eq(&Value::Bool(false));
        *has_else |= value.python_eq(else_value);
    }
    wanted.values().any(|(has_truth, has_else)| *has_truth || !has_else)
}
