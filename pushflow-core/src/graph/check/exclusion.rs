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

#[cfg(test)]
mod tests {
    use super::super::super::Format;
    use super::super::super::load::{LoadOptions, load_text};
    use super::*;

    /// The messages about a workflow of nodes `a` to `e`, whose links are `a b attributes`.
    fn found(links: &[(&str, &str, &str)]) -> Vec<String> {
        let nodes = ["a", "b", "c", "d", "e"].map(|id| format!(r#"{{"id": "{id}", "method": "m.f"}}"#));
        let links = links.iter().map(|(source, target, attributes)| {
            format!(r#"{{"source": "{source}", "target": "{target}", {attributes}}}"#)
        });
        let links = links.collect::<Vec<_>>().join(", ");
        let text = format!(r#"{{"nodes": [{}], "links": [{links}]}}"#, nodes.join(", "));
        let graph = load_text(&text, Format::Json, &LoadOptions::default()).unwrap();
        let mut findings = Vec::new();
        check(&graph, &mut findings);
        findings.into_iter().map(|finding| finding.message).collect()
    }

    const ALWAYS: &str = r#""required": true"#;
    const ON_ERROR: &str = r#""required": true, "on_error": true"#;
    const OPTIONAL: &str = r#""required": false"#;

    fn when(value: &str) -> String {
        format!(r#""required": true, "conditions": [{{"source_output": "x", "value": {value}}}]"#)
    }

    #[test]
    fn both_ways_of_one_node_cannot_be_waited_for() {
        let (yes, no) = (when("1"), when("2"));
        let links = [("a", "b", &*yes), ("a", "c", &no), ("b", "d", ALWAYS), ("c", "d", ALWAYS), ("d", "e", ALWAYS)];
        let message = "node 'd' is never executed: it waits for both 'a' -> 'b' (when x = 1) and 'a' -> 'c' (when x = 2), of \
                       which at most one is used";
        assert_eq!(found(&links), [message], "and what follows from it is not told again");
    }

    #[test]
    fn an_error_excludes_a_result() {
        let links = [("a", "b", ON_ERROR), ("a", "c", ALWAYS), ("b", "d", ALWAYS), ("c", "d", ALWAYS)];
        let message = "node 'd' is never executed: it waits for both 'a' -> 'b' (on an error) and 'a' -> 'c' (on a result), of which \
                       at most one is used";
        assert_eq!(found(&links), [message]);
    }

    #[test]
    fn what_may_both_happen_is_no_contradiction() {
        let (one, same, other) =
            (when("1"), when("true"), r#""required": true, "conditions": [{"source_output": "y", "value": 2}]"#);
        for second in [&*same, other, ALWAYS] {
            let links = [("a", "b", &*one), ("a", "c", second), ("b", "d", ALWAYS), ("c", "d", ALWAYS)];
            assert_eq!(found(&links), [""; 0], "{second}");
        }
        // It does not wait for one of them.
        let no = when("2");
        let links = [("a", "b", &*one), ("a", "c", &no), ("b", "d", ALWAYS), ("c", "d", OPTIONAL)];
        assert_eq!(found(&links), [""; 0]);
    }

    /// A node that is executed for each of two links passes on what they have in common, and nothing else.
    #[test]
    fn of_optional_links_what_all_have_in_common_counts() {
        let (one, two) = (when("1"), when("2"));
        let rest = [("b", "d", OPTIONAL), ("c", "d", OPTIONAL), ("a", "e", &*two), ("d", "e", ALWAYS)];
        let after_b = [&[("a", "b", &*one), ("b", "c", ALWAYS)][..], &rest].concat();
        assert_eq!(found(&after_b).len(), 1, "both ways to `d` begin with that to `b`");
        let after_either = [&[("a", "b", &*one), ("a", "c", &*two)][..], &rest].concat();
        assert_eq!(found(&after_either), [""; 0]);
    }

    #[test]
    fn in_a_loop_other_outputs_may_come() {
        let (one, two) = (when("1"), when("2"));
        let links = [
            ("e", "a", ALWAYS),
            ("a", "b", &*one),
            ("a", "c", &two),
            ("b", "a", OPTIONAL),
            ("b", "d", ALWAYS),
            ("c", "d", ALWAYS),
        ];
        assert_eq!(found(&links), [""; 0]);
    }
}
