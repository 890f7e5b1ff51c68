//! A workflow that is being loaded: nodes and links as they are written, and what sub-workflows need to fit in.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use smol_str::SmolStr;

use super::attributes::Attributes;
use super::error::{GraphError, GraphErrorKind};
use super::id::NodeId;
use super::model::{Node, Warning};
use super::node::{DraftNode, Handler, TaskKeys};
use super::place::Place;

/// A (sub-)workflow in the making.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: SmolStr,
    pub(super) label: SmolStr,
    /// Where the document begins.
    pub(super) place: Option<Place>,
    pub(super) input_nodes: Vec<Alias>,
    pub(super) output_nodes: Vec<Alias>,
    pub(super) nodes: Vec<Node>,
    pub(super) keys: Vec<TaskKeys>,
    /// What nodes say about being default error handlers, where they say anything.
    pub(super) handlers: HashMap<usize, Handler>,
    pub(super) links: Vec<DraftLink>,
    pub(super) warnings: Vec<Warning>,
    index: HashMap<NodeId, u32>,
}

/// A link between two nodes that exist.
#[derive(Clone, Debug)]
pub(super) struct DraftLink {
    pub(super) source: u32,
    pub(super) target: u32,
    pub(super) place: Place,
    pub(super) attributes: Attributes,
}

/// A name under which links of an outer workflow reach a node of this one.
#[derive(Clone, Debug)]
pub(super) struct Alias {
    pub(super) id: NodeId,
    pub(super) node: NodeId,
    pub(super) sub_node: Option<NodeId>,
    pub(super) attributes: Attributes,
    pub(super) place: Place,
}

impl Draft {
    pub(super) fn new() -> Draft {
        Draft {
            id: SmolStr::default(),
            label: SmolStr::default(),
            place: None,
            input_nodes: Vec::new(),
            output_nodes: Vec::new(),
            nodes: Vec::new(),
            keys: Vec::new(),
            handlers: HashMap::new(),
            links: Vec::new(),
            warnings: Vec::new(),
            index: HashMap::new(),
        }
    }

    /// Returns the index of a node.
    pub(super) fn find(&self, id: &NodeId) -> Option<usize> {
        self.index.get(id).map(|index| *index as usize)
    }

    /// Adds a node, or replaces the one that has its id.
    pub(super) fn put(&mut self, new: DraftNode<'_>) -> Result<usize, GraphError> {
        let count = self.nodes.len();
        let index = match self.index.entry(new.node.id.clone()) {
            Entry::Occupied(entry) => {
                let index = *entry.get() as usize;
                self.nodes[index] = new.node;
                self.keys[index] = new.keys;
                self.handlers.remove(&index);
                index
            }
            Entry::Vacant(entry) => {
                entry.insert(u32::try_from(count).map_err(|_| too_many("nodes"))?);
                self.nodes.push(new.node);
                self.keys.push(new.keys);
                count
            }
        };
        if new.handler.enabled || new.handler.attributes.is_some() {
            self.handlers.insert(index, new.handler);
        }
        Ok(index)
    }

    /// Takes a node out to be changed; [`put`](Draft::put) brings it back to its place.
    pub(super) fn copy<'d>(&self, index: usize) -> DraftNode<'d> {
        DraftNode {
            node: self.nodes[index].clone(),
            keys: self.keys[index],
            handler: self.handlers.get(&index).cloned().unwrap_or_default(),
            content: None,
            handed_down: Vec::new(),
        }
    }

    /// Takes nodes out for good, before there are links.
    pub(super) fn remove(&mut self, unwanted: &HashSet<NodeId>) {
        if unwanted.iter().all(|id| self.find(id).is_none()) {
            return;
        }
        let old = std::mem::replace(self, Draft::new());
        let mut handlers = old.handlers;
        for (index, (node, keys)) in old.nodes.into_iter().zip(old.keys).enumerate() {
            if unwanted.contains(&node.id) {
                continue;
            }
            let place = self.nodes.len();
            // No more nodes than before, so the index fits.
            self.index.insert(node.id.clone(), u32::try_from(place).unwrap_or(u32::MAX));
            self.nodes.push(node);
            self.keys.push(keys);
            if let Some(handler) = handlers.remove(&index) {
                self.handlers.insert(place, handler);
            }
        }
        (self.id, self.label) = (old.id, old.label);
        (self.input_nodes, self.output_nodes) = (old.input_nodes, old.output_nodes);
    }

    /// Returns the index of a node; one that only a link mentions comes into existence without attributes.
    pub(super) fn find_or_create(&mut self, id: &NodeId, place: &Place) -> Result<usize, GraphError> {
        match self.find(id) {
            Some(index) => Ok(index),
            None => self.put(DraftNode { keys: TaskKeys::mentioned(), ..DraftNode::new(id.clone(), place.clone()) }),
        }
    }

    /// Adds a link between nodes that exist.
    pub(super) fn link(&mut self, source: usize, target: usize, attributes: Attributes, place: Place) {
        let narrow = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        self.links.push(DraftLink { source: narrow(source), target: narrow(target), place, attributes });
    }

    /// Adds the nodes and links of a sub-workflow, which stands at node `outer`.
    pub(super) fn embed(&mut self, outer: &NodeId, sub: Draft) -> Result<(), GraphError> {
        let Draft { nodes, keys, mut handlers, links, warnings, .. } = sub;
        let mut places = Vec::with_capacity(nodes.len());
        for (index, (mut node, keys)) in nodes.into_iter().zip(keys).enumerate() {
            node.id = NodeId::nested(outer.clone(), node.id);
            let handler = handlers.remove(&index).unwrap_or_default();
            places.push(self.put(DraftNode { node, keys, handler, content: None, handed_down: Vec::new() })?);
        }
        for link in links {
            self.link(places[link.source as usize], places[link.target as usize], link.attributes, link.place);
        }
        self.warnings.extend(warnings);
        Ok(())
    }

    /// Returns source and target of every link.
    pub(super) fn ends(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + Clone {
        self.links.iter().map(|link| (link.source, link.target))
    }
}

fn too_many(what: &str) -> GraphError {
    GraphError::value(GraphErrorKind::Value, format!("there are more than {} {what}", u32::MAX))
}
