//! Cycles of links, and those of them that nothing ends.

use super::{Finding, FindingKind};
use crate::graph::analysis::Adjacency;
use crate::graph::model::{Graph, Link};
use crate::value::Value;

/// Groups of nodes that lead to each other, in an order in which no group leads to one before it.
pub(super) struct Components {
    /// The number of the group of each node.
    pub(super) of: Vec<usize>,
    pub(super) groups: Vec<Vec<usize>>,
}

/// How far the search has come in a node.
struct Visit {
    node: usize,
    next: usize,
}

impl Components {
    /// Finds the groups of the links that are wanted, by Tarjan's algorithm, without recursion.
    pub(super) fn new(graph: &Graph, is_wanted: impl Fn(&Link) -> bool) -> Components {
        const UNSEEN: usize = usize::MAX;
        let count = graph.nodes.len();
        let outgoing = outgoing(graph);
        let (mut index, mut low) = (vec![UNSEEN; count], vec![0; count]);
        let (mut of, mut groups, mut stack) = (vec![UNSEEN; count], Vec::new(), Vec::new());
        let mut counter = 0;
        for root in 0..count {
            if index[root] != UNSEEN {
                continue;
            }
            let mut visits = vec![Visit { node: root, next: 0 }];
            while let Some(Visit { node, next }) = visits.last_mut() {
                let node = *node;
                if *next == 0 {
                    (index[node], low[node]) = (counter, counter);
                    counter += 1;
                    stack.push(node);
                }
                if let Some(link) = outgoing.of(node).get(*next) {
                    *next += 1;
                    let link = &graph.links[*link as usize];
                    if !is_wanted(link) {
                    } else if index[link.target] == UNSEEN {
                        visits.push(Visit { node: link.target, next: 0 });
                    } else if of[link.target] == UNSEEN {
                        low[node] = low[node].min(index[link.target]);
                    }
                    continue;
                }
                if low[node] == index[node] {
                    let begin = stack.iter().rposition(|member| *member == node).unwrap_or_default();
                    let group = stack.split_off(begin);
                    group.iter().for_each(|member| of[*member] = groups.len());
                    groups.push(group);
                }
                visits.pop();
                if let Some(before) = visits.last() {
                    low[before.node] = low[before.node].min(low[node]);
                }
            }
        }
        // Tarjan finds a group only after all that it leads to.
        groups.reverse();
        let last = groups.len().saturating_sub(1);
        of.iter_mut().for_each(|group| *group = last - *group);
        Components { of, groups }
    }
}

/// Groups the links of a workflow by their sources.
pub(super) fn outgoing(graph: &Graph) -> Adjacency {
    // Documents with more than 2^32 nodes are refused.
    let narrow = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let ends: Vec<(u32, u32)> = graph.links.iter().map(|link| (narrow(link.source), narrow(link.target))).collect();
    Adjacency::outgoing(graph.nodes.len(), ends.into_iter())
}

/// Looks for loops of which each execution triggers another one in the loop, whatever its outputs are.
pub(super) fn check(graph: &Graph, is_executed: &[bool], findings: &mut Vec<Finding>) {
    let components = Components::new(graph, |link| !link.on_error);
    let outgoing = outgoing(graph);
    for group in &components.groups {
        let number = components.of[group[0]];
        let within = |node: usize| {
            let links = outgoing.of(node).iter().map(|link| &graph.links[*link as usize]);
            links.filter(|link| !link.on_error && components.of[link.target] == number).collect::<Vec<&Link>>()
        };
        let is_loop = group.len() > 1 || !within(group[0]).is_empty();
        if !is_loop || !group.iter().all(|node| is_executed[*node] && always_goes_on(graph, *node, &within(*node))) {
            continue;
        }
        let mut members = group.clone();
        members.sort_unstable();
        let node = &graph.nodes[members[0]];
        let shown: Vec<String> =
            members.iter().take(10).map(|node| format!("'{}'", graph.nodes[*node].label())).collect();
        let more = if members.len() > 10 { format!(" and {} more", members.len() - 10) } else { String::new() };
        findings.push(Finding {
            kind: FindingKind::EndlessLoop,
            message: format!(
                "the loop of {}{more} has no way out: whatever its tasks give, each of them triggers the next one",
                shown.join(", ")
            ),
            hint: Some("a condition on one of its links could end it".to_owned()),
            node: Some(node.id.clone()),
            place: node.place.clone(),
        });
    }
}

/// Whether each result of a node triggers at least one of some links of it.
fn always_goes_on(graph: &Graph, node: usize, links: &[&Link]) -> bool {
    if links.iter().any(|link| link.conditions.is_empty()) {
        return true;
    }
    let else_value = &graph.nodes[node].conditions_else_value;
    links.iter().filter_map(|link| only_condition(link)).any(|(output, _)| {
        let conditions = links.iter().filter_map(|link| only_condition(link));
        let here: Vec<&Value> = conditions.filter(|(of, _)| *of == output).map(|(_, value)| value).collect();
        let is_here = |value: &Value| here.iter().any(|known| known.python_eq(value));
        let all = graph.links.iter().filter(|link| link.source == node).flat_map(|link| &link.conditions);
        let mut wanted = all.filter(|condition| condition.source_output == *output).map(|condition| &condition.value);
        let covers_else = is_here(else_value) && wanted.all(is_here);
        covers_else || (is_here(&Value::Bool(true)) && is_here(&Value::Bool(false)))
    })
}

/// The condition of a link that has one.
fn only_condition(link: &Link) -> Option<(&crate::payload::Key, &Value)> {
    match &*link.conditions {
        [condition] => Some((&condition.source_output, &condition.value)),
        _ => None,
    }
}
