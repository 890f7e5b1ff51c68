//! Expanding sub-workflows: their nodes take the place of the node that stands for them.
//!
//! Links that touch such a node name a node inside, or an alias of one or more of them.

use std::collections::HashMap;

use super::attributes::Attributes;
use super::document::{Document, RawLink};
use super::draft::{Alias, Draft};
use super::error::{GraphError, GraphErrorKind};
use super::id::NodeId;
use super::item::Entries;
use super::model::Warning;
use super::node::DraftNode;

/// Reads the links of a document and puts in the sub-workflows, one for each of its graph nodes.
pub(super) fn expand(document: Document<'_>, subs: Vec<Draft>) -> Result<Draft, GraphError> {
    let Document { mut draft, graph_nodes, links, .. } = document;
    let mut inner: HashMap<NodeId, Inner> = HashMap::new();
    let mut embedded = Vec::with_capacity(subs.len());
    for (rank, (node, mut sub)) in graph_nodes.iter().zip(subs).enumerate() {
        let inputs = Aliases::new(std::mem::take(&mut sub.input_nodes));
        let outputs = Aliases::new(std::mem::take(&mut sub.output_nodes));
        inner.insert(node.node.id.clone(), Inner { rank, inputs, outputs });
        embedded.push((&node.node.id, sub));
    }
    let mut outer = Vec::new();
    Document::each_link(links, |link| {
        if touches(&link.source, &inner) || touches(&link.target, &inner) {
            outer.push(link);
        } else {
            let source = draft.find_or_create(&link.source, &link.place)?;
            let target = draft.find_or_create(&link.target, &link.place)?;
            draft.link(source, target, link.attributes, link.place);
        }
        Ok(())
    })?;
    for (id, sub) in embedded {
        draft.embed(id, sub)?;
    }
    let mut changes: Vec<Change<'_>> = Vec::new();
    for node in graph_nodes {
        hand_down(node, &inner, &mut changes)?;
    }
    for link in outer {
        connect(&mut draft, link, &inner, &mut changes)?;
    }
    // Sub-workflow by sub-workflow: first what is handed down, then what comes by links.
    changes.sort_by_key(|change| change.turn);
    for Change { id, entries, .. } in changes {
        let index = draft.find(&id).ok_or_else(|| unknown_input_node(&id))?;
        let mut node = draft.copy(index);
        for (key, item) in &entries {
            node.set(key, item)?;
        }
        draft.put(node)?;
    }
    draft.input_nodes = resolve_aliases(std::mem::take(&mut draft.input_nodes), &inner, |inner| &inner.inputs)?;
    draft.output_nodes = resolve_aliases(std::mem::take(&mut draft.output_nodes), &inner, |inner| &inner.outputs)?;
    Ok(draft)
}

/// The names under which the nodes of one sub-workflow can be reached.
struct Inner {
    /// Its place among the sub-workflows.
    rank: usize,
    inputs: Aliases,
    outputs: Aliases,
}

/// Attributes for a node of a sub-workflow, from the graph node or from a link.
struct Change<'d> {
    turn: (usize, Turn),
    id: NodeId,
    entries: Entries<'d>,
}

/// When a change of a sub-workflow has its turn; later ones overwrite.
///
/// Semantics: the order of ewokscore, for which a link between two sub-workflows belongs to the first of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    HandedDown,
    IncomingLink,
    OutgoingLink,
}

struct Aliases {
    all: Vec<Alias>,
    by_id: HashMap<NodeId, Vec<usize>>,
}

impl Aliases {
    fn new(all: Vec<Alias>) -> Aliases {
        let mut by_id: HashMap<NodeId, Vec<usize>> = HashMap::new();
        for (index, alias) in all.iter().enumerate() {
            by_id.entry(alias.id.clone()).or_default().push(index);
        }
        Aliases { all, by_id }
    }

    /// Returns the nodes with that alias, or else the node with that id, each with the attributes for its links.
    fn resolve(&self, name: &NodeId) -> Vec<(NodeId, Attributes)> {
        match self.by_id.get(name) {
            Some(found) => {
                found.iter().map(|index| (self.all[*index].node.clone(), self.all[*index].attributes.clone())).collect()
            }
            None => vec![(name.clone(), Attributes::default())],
        }
    }
}

/// Whether an id is that of a sub-workflow, or of something in it.
fn touches(id: &NodeId, inner: &HashMap<NodeId, Inner>) -> bool {
    inner.contains_key(id) || matches!(id, NodeId::Nested(parts) if inner.contains_key(&parts.0))
}

/// Notes the attributes of a graph node for all input nodes of the sub-workflow.
fn hand_down<'d>(
    node: DraftNode<'d>,
    inner: &HashMap<NodeId, Inner>,
    changes: &mut Vec<Change<'d>>,
) -> Result<(), GraphError> {
    let id = node.node.id;
    let Some(Inner { rank, inputs, .. }) = inner.get(&id) else { return Ok(()) };
    if node.handler.enabled && inputs.all.is_empty() {
        let message = format!(
            "{} cannot be a default error handler: its sub-graph has no 'input_nodes' that would handle errors",
            id.python_repr()
        );
        return Err(GraphError::value(GraphErrorKind::Conflict, message).at(node.node.place));
    }
    if !node.handed_down.is_empty() {
        for alias in &inputs.all {
            let id = NodeId::nested(id.clone(), alias.node.clone());
            changes.push(Change { turn: (*rank, Turn::HandedDown), id, entries: node.handed_down.clone() });
        }
    }
    Ok(())
}

/// Makes the links that a link to or from a sub-workflow stands for.
fn connect<'d>(
    draft: &mut Draft,
    link: RawLink<'d>,
    inner: &HashMap<NodeId, Inner>,
    changes: &mut Vec<Change<'d>>,
) -> Result<(), GraphError> {
    let RawLink { source, target, sub, attributes, place } = link;
    let (from, to) = (inner.get(&source), inner.get(&target));
    let is_mentioned = sub.source.is_some() || sub.target.is_some() || sub.target_attributes.is_some();
    if (from.is_some() || to.is_some()) && !is_mentioned {
        let message = format!(
            "link {}->{} is dropped: it touches a sub-graph and has no 'sub_source' or 'sub_target'",
            source.python_str(),
            target.python_str()
        );
        draft.warnings.push(Warning { message, place });
        return Ok(());
    }
    let turn = match (from, to) {
        (Some(from), Some(to)) if from.rank < to.rank => (from.rank, Turn::OutgoingLink),
        (_, Some(to)) => (to.rank, Turn::IncomingLink),
        // Refused below if there is anything to change.
        (_, None) => (usize::MAX, Turn::OutgoingLink),
    };
    let from_is_graph = from.is_some();
    let to_is_graph = to.is_some();
    let sources =
        ends(&source, sub.source, from.map(|inner| &inner.outputs), "sub_source").map_err(|e| e.at(place.clone()))?;
    let targets =
        ends(&target, sub.target, to.map(|inner| &inner.inputs), "sub_target").map_err(|e| e.at(place.clone()))?;
    let new_attributes = sub.target_attributes.filter(|entries| !entries.is_empty());
    if new_attributes.is_some() && !to_is_graph {
        let message =
            format!("'{}' is not a graph so 'sub_target_attributes' should not be specified", target.python_str());
        return Err(GraphError::value(GraphErrorKind::Conflict, message).at(place));
    }
    for (source, source_attributes) in &sources {
        for (target, target_attributes) in &targets {
            let mut all = source_attributes.clone();
            all.overwrite(target_attributes.clone());
            all.overwrite(attributes.clone());
            let end = |draft: &mut Draft, id: &NodeId, is_inner: bool, what: &str| match draft.find(id) {
                Some(index) => Ok(index),
                None if is_inner => Err(unknown_end(what, id, source, target)),
                None => draft.find_or_create(id, &place),
            };
            let from = end(draft, source, from_is_graph, "Source").map_err(|error| error.at(place.clone()))?;
            let to = end(draft, target, to_is_graph, "Target").map_err(|error| error.at(place.clone()))?;
            draft.link(from, to, all, place.clone());
            if let Some(entries) = &new_attributes {
                changes.push(Change { turn, id: target.clone(), entries: entries.clone() });
            }
        }
    }
    Ok(())
}

/// Returns the nodes at one end of a link.
fn ends(
    id: &NodeId,
    name: Option<NodeId>,
    aliases: Option<&Aliases>,
    key: &str,
) -> Result<Vec<(NodeId, Attributes)>, GraphError> {
    match (aliases, name) {
        (None, None) => Ok(vec![(id.clone(), Attributes::default())]),
        (None, Some(_)) => Err(not_a_graph(id)),
        (Some(_), None) => {
            let message =
                format!("the '{key}' attribute to specify a node in subgraph '{}' is missing", id.python_str());
            Err(GraphError::value(GraphErrorKind::MissingKey, message))
        }
        (Some(aliases), Some(name)) => {
            let found = aliases.resolve(&name).into_iter();
            Ok(found.map(|(node, attributes)| (NodeId::nested(id.clone(), node), attributes)).collect())
        }
    }
}

/// Replaces aliases for nodes of inner sub-workflows by aliases for the nodes themselves.
fn resolve_aliases(
    aliases: Vec<Alias>,
    inner: &HashMap<NodeId, Inner>,
    side: impl Fn(&Inner) -> &Aliases,
) -> Result<Vec<Alias>, GraphError> {
    let mut resolved = Vec::with_capacity(aliases.len());
    for alias in aliases {
        let path = match &alias.sub_node {
            Some(sub_node) => append(&alias.node, sub_node.clone()),
            None => alias.node.clone(),
        };
        let NodeId::Nested(parts) = &path else {
            resolved.push(alias);
            continue;
        };
        let (parent, child) = &**parts;
        match inner.get(parent) {
            None if alias.sub_node.is_some() => return Err(not_a_graph(parent).at(alias.place)),
            None => resolved.push(alias),
            Some(inner) => {
                for (node, mut attributes) in side(inner).resolve(child) {
                    attributes.overwrite(alias.attributes.clone());
                    let node = NodeId::nested(parent.clone(), node);
                    let (id, place) = (alias.id.clone(), alias.place.clone());
                    resolved.push(Alias { id, node, sub_node: None, attributes, place });
                }
            }
        }
    }
    Ok(resolved)
}

/// Appends a name to the end of a path; the depth of paths is bounded on reading.
fn append(path: &NodeId, name: NodeId) -> NodeId {
    match path {
        NodeId::Nested(parts) => NodeId::nested(parts.0.clone(), append(&parts.1, name)),
        _ => NodeId::nested(path.clone(), name),
    }
}

fn not_a_graph(id: &NodeId) -> GraphError {
    let message = format!("'{}' is not a graph so 'sub_source' should not be specified", id.python_str());
    GraphError::value(GraphErrorKind::Conflict, message)
}

fn unknown_end(what: &str, id: &NodeId, source: &NodeId, target: &NodeId) -> GraphError {
    let (id, source, target) = (id.python_repr(), source.python_repr(), target.python_repr());
    let message = format!("{what} node {id} of link |{source} -> {target}| does not exist");
    GraphError::value(GraphErrorKind::UnknownName, message)
}

fn unknown_input_node(id: &NodeId) -> GraphError {
    GraphError::new(GraphErrorKind::UnknownName, "KeyError", id.python_repr())
}
