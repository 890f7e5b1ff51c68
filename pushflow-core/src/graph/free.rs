//! The inputs that a workflow takes from outside.

use std::collections::HashSet;

use super::check::Interfaces;
use super::model::Graph;
use crate::payload::Key;
use crate::value::Value;

/// An input of a node that no link always overwrites.
#[derive(Clone, Debug, PartialEq)]
pub struct FreeInput {
    /// Index of the node in [`Graph::nodes`].
    pub node: usize,
    /// Name or position of the input.
    pub name: Key,
    /// What it is when nobody gives anything else; `None` when its task requires that somebody does.
    pub value: Option<Value>,
}

/// Returns the inputs that can be given from outside: default inputs, and inputs that tasks require and nobody gives.
///
/// What a required link maps is always overwritten, so it is left out; which names a link with `map_all_data` brings is not
/// known.
pub fn free_inputs(graph: &Graph, interfaces: &dyn Interfaces) -> Vec<FreeInput> {
    let mut mapped: Vec<HashSet<&Key>> = vec![HashSet::new(); graph.nodes.len()];
    let mut unknown = vec![false; graph.nodes.len()];
    for link in &graph.links {
        let names = link.data_mapping.iter().map(|mapping| &mapping.target_input);
        if link.required {
            mapped[link.target].extend(names);
        }
        unknown[link.target] |= link.map_all_data;
    }
    let mut free = Vec::new();
    for (node, of) in graph.nodes.iter().enumerate() {
        let mut seen: HashSet<&Key> = HashSet::new();
        // Of one name the last entry counts.
        let last = of.default_inputs.iter().rev().filter(|(name, _)| seen.insert(name));
        let mut inputs: Vec<FreeInput> = last
            .filter(|(name, _)| !mapped[node].contains(name))
            .map(|(name, value)| FreeInput { node, name: name.clone(), value: Some(value.clone()) })
            .collect();
        inputs.reverse();
        let required = interfaces.required_inputs(of).unwrap_or_default().into_iter();
        let given =
            |name: &Key| of.default_inputs.iter().any(|(known, _)| known == name) || mapped[node].contains(name);
        if !unknown[node] {
            let absent = required.filter(|name| !given(name));
            inputs.extend(absent.map(|name| FreeInput { node, name, value: None }));
        }
        free.extend(inputs);
    }
    free
}
