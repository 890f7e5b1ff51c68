//! Names of inputs and outputs that tasks do not have, or do not get.

use std::collections::HashSet;

use super::{Finding, FindingKind};
use crate::actor::{ERROR_INSTANCE, ERROR_KEY};
use crate::graph::model::{Graph, Link, Node, TaskType};
use crate::graph::suggest::closest;
use crate::payload::Key;

/// Tells which inputs and outputs the task of a node has, as far as that is known without running it.
pub trait Interfaces {
    /// Returns the inputs without which the task does not run; `None` when that is not known.
    fn required_inputs(&self, node: &Node) -> Option<Vec<Key>> {
        let _ = node;
        None
    }

    /// Returns all outputs of the task; `None` when that is not known. By default those of the task types of ewoks.
    fn outputs(&self, node: &Node) -> Option<Vec<Key>> {
        let names: &[&str] = match node.task_type {
            TaskType::Method => &["return_value"],
            TaskType::PpfMethod | TaskType::PpfPort => &["_ppfdict"],
            TaskType::Script => &["return_code", "out", "err"],
            TaskType::Notebook => &["results", "output_notebook"],
            _ => return None,
        };
        Some(names.iter().map(|name| Key::from(*name)).collect())
    }
}

/// What is known when nobody can be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaskTypes;

impl Interfaces for TaskTypes {}

/// Looks for names that lead to nothing, and for inputs that nobody gives.
pub(super) fn check(graph: &Graph, interfaces: &dyn Interfaces, findings: &mut Vec<Finding>) {
    let mut incoming: Vec<Vec<&Link>> = vec![Vec::new(); graph.nodes.len()];
    graph.links.iter().for_each(|link| incoming[link.target].push(link));
    for link in &graph.links {
        let source = &graph.nodes[link.source];
        let known = if link.on_error { inputs_by_links(&incoming[link.source]) } else { interfaces.outputs(source) };
        let Some(known) = known else { continue };
        for mapping in &link.data_mapping {
            if !known.contains(&mapping.source_output) {
                findings.push(unknown_output(graph, link, &mapping.source_output, &known));
            }
        }
    }
    for (node, links) in graph.nodes.iter().zip(&incoming) {
        let Some(required) = interfaces.required_inputs(node) else { continue };
        let Some(given) = given(node, links) else { continue };
        for name in required.iter().filter(|name| !given.contains(name)) {
            let (label, task) = (node.label(), node.task_identifier.as_deref().unwrap_or_default());
            findings.push(Finding {
                kind: FindingKind::MissingInput,
                message: format!("node '{label}' is not given the input '{name}', which its task {task} requires"),
                hint: meant(name, given.iter()),
                node: Some(node.id.clone()),
                place: node.place.clone(),
            });
        }
    }
}

/// The names that an error link can map: inputs that came over links, and those of the error.
fn inputs_by_links(links: &[&Link]) -> Option<Vec<Key>> {
    let mut names = vec![Key::from(ERROR_KEY), Key::from(ERROR_INSTANCE)];
    for link in links {
        if link.map_all_data {
            return None;
        }
        names.extend(link.data_mapping.iter().map(|mapping| mapping.target_input.clone()));
    }
    Some(names)
}

/// The names of the inputs that a node is given; `None` when they cannot all be known.
fn given(node: &Node, links: &[&Link]) -> Option<HashSet<Key>> {
    let mut names: HashSet<Key> = node.default_inputs.iter().map(|(name, _)| name.clone()).collect();
    for link in links {
        if link.map_all_data {
            return None;
        }
        names.extend(link.data_mapping.iter().map(|mapping| mapping.target_input.clone()));
    }
    Some(names)
}

fn unknown_output(graph: &Graph, link: &Link, name: &Key, known: &[Key]) -> Finding {
    let source = &graph.nodes[link.source];
    let names = known.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let message = if link.on_error {
        let label = source.label();
        format!("an error of node '{label}' has no '{name}': there are only inputs that came over links, {names}")
    } else {
        format!("node '{}' of type {} has no output '{name}', only {names}", source.label(), source.task_type)
    };
    let hint = meant(name, known.iter());
    Finding {
        kind: FindingKind::UnknownOutput,
        message,
        hint,
        node: Some(source.id.clone()),
        place: link.place.clone(),
    }
}

fn meant<'k>(name: &Key, known: impl Iterator<Item = &'k Key>) -> Option<String> {
    let known: Vec<String> = known.map(ToString::to_string).collect();
    closest(&name.to_string(), known.iter().map(String::as_str)).map(|meant| format!("did you mean '{meant}'?"))
}
