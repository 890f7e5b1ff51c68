//! Checks of a workflow as a whole, once its shape is final.

use std::collections::HashMap;

use super::analysis::{self, Adjacency};
use super::draft::{Draft, DraftLink};
use super::error::{GraphError, GraphErrorKind};
use super::id::NodeId;
use super::item::Name;
use super::model::Node;
use super::node::check_task;
use super::suggest::closest;

/// Checks nodes and links, and returns which links are required.
///
/// In this order: for each node its task and what its required links bring; cycles; for each link its attributes.
pub(super) fn validate(draft: &Draft) -> Result<Vec<bool>, GraphError> {
    let required = analysis::required(draft.nodes.len(), &draft.links);
    let incoming = Adjacency::incoming(draft.nodes.len(), draft.ends());
    for (index, (node, keys)) in draft.nodes.iter().zip(&draft.keys).enumerate() {
        let hint = || keys.is_mentioned_only().then(|| hint_at_existing(draft, node));
        check_task(node, *keys).map_err(|error| error.at(node.place.clone()).hinting(hint))?;
        let links = incoming.of(index).iter().map(|link| *link as usize).filter(|link| required[*link]);
        let links = links.map(|link| &draft.links[link]);
        check_inputs(draft, links.clone()).or_else(|_| check_inputs(draft, by_source(draft, links)))?;
    }
    drop(incoming);
    analysis::check_cycles(&draft.nodes, &draft.links, &required)?;
    let faulty = |link: &&DraftLink| check_link(draft, link).is_err();
    if let Some(link) = draft.links.iter().filter(faulty).min_by_key(|link| link.source) {
        return check_link(draft, link).map(|()| required).map_err(|error| error.at(link.place.clone()));
    }
    Ok(required)
}

/// The order in which ewokscore comes upon the links into a node, and so on their faults: those into or out of a sub-graph
/// are the last, the others are in the order of their sources.
fn by_source<'a>(draft: &Draft, links: impl Iterator<Item = &'a DraftLink>) -> impl Iterator<Item = &'a DraftLink> {
    let graph = |node: u32| draft.nodes[node as usize].id.outer();
    let mut links: Vec<&DraftLink> = links.collect();
    links.sort_by_key(|link| (graph(link.source) != graph(link.target), link.source));
    links.into_iter()
}

/// What may have been meant with a node that only a link mentions.
fn hint_at_existing(draft: &Draft, node: &Node) -> String {
    let existing = draft.nodes.iter().zip(&draft.keys).filter(|(_, keys)| !keys.is_mentioned_only());
    let existing: Vec<String> = existing.map(|(node, _)| node.id.to_string()).collect();
    let meant = closest(&node.id.to_string(), existing.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean '{meant}'?"));
    format!("there is no node '{}', only this link to or from it{meant}", node.id)
}

/// Checks that the required links into a node bring each input once.
fn check_inputs<'a>(draft: &Draft, links: impl Iterator<Item = &'a DraftLink>) -> Result<(), GraphError> {
    let mut seen: HashMap<&Name, u32> = HashMap::new();
    for link in links {
        let (source, target) = ends(draft, link);
        for mapping in link.attributes.data_mapping.iter().flatten() {
            let Some(name) = &mapping.target_input else {
                let entry = mapping
                    .source_output
                    .as_ref()
                    .map_or_else(String::new, |output| format!("'source_output': {}", output.python_repr()));
                let message = format!(
                    "\"Argument '{{{entry}}}' of link '{}' -> '{}' is missing a 'target_input' key\"",
                    source.python_str(),
                    target.python_str()
                );
                let error = GraphError::new(GraphErrorKind::MissingKey, "KeyError", message);
                return Err(error.at(link.place.clone()));
            };
            if let Some(other) = seen.insert(name, link.source) {
                let other = &draft.nodes[other as usize].id;
                let message = format!(
                    "Node {} and {} both connect to the input {} of {}",
                    source.python_repr(),
                    other.python_repr(),
                    name.python_repr(),
                    target.python_repr()
                );
                return Err(GraphError::value(GraphErrorKind::Conflict, message).at(link.place.clone()));
            }
        }
    }
    Ok(())
}

fn check_link(draft: &Draft, link: &DraftLink) -> Result<(), GraphError> {
    let attributes = &link.attributes;
    let conflict = |one: &str, other: &str| {
        let (source, target) = ends(draft, link);
        let message = format!(
            "Link {}->{}: '{one}' and '{other}' cannot be used together",
            source.python_str(),
            target.python_str()
        );
        GraphError::value(GraphErrorKind::Conflict, message)
    };
    if attributes.map_all_data == Some(true) && !attributes.data_mapping.as_deref().unwrap_or_default().is_empty() {
        return Err(conflict("map_all_data", "data_mapping"));
    }
    if attributes.on_error == Some(true) && !attributes.conditions.as_deref().unwrap_or_default().is_empty() {
        return Err(conflict("on_error", "conditions"));
    }
    Ok(())
}

fn ends<'a>(draft: &'a Draft, link: &DraftLink) -> (&'a NodeId, &'a NodeId) {
    (&draft.nodes[link.source as usize].id, &draft.nodes[link.target as usize].id)
}
