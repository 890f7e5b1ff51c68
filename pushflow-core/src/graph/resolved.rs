//! A loaded workflow as a document: what is left when everything is resolved.

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::id::NodeId;
use super::model::{Condition, Graph, Link, Mapping, Node};
use crate::payload::Key;
use crate::value::Value;

/// Writes a graph with all that follows from its document.
///
/// `nodes` and `links` are like those of a workflow document, without what has its default; every node has its label, and
/// every link has `is_required`. `start_nodes` and `end_nodes` are lists of ids, `warnings` a list of texts.
#[derive(Clone, Copy, Debug)]
pub struct Resolved<'g>(pub &'g Graph);

impl Serialize for Resolved<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let graph = self.0;
        let ids = |nodes: &[usize]| nodes.iter().map(|node| &graph.nodes[*node].id).collect::<Vec<&NodeId>>();
        let mut document = serializer.serialize_struct("Resolved", 6)?;
        document.serialize_field("graph", &Header(graph))?;
        document.serialize_field("nodes", &Each(&graph.nodes, NodeView))?;
        document.serialize_field("links", &Each(&graph.links, |link| LinkView(link, graph)))?;
        document.serialize_field("start_nodes", &ids(&graph.start_nodes))?;
        document.serialize_field("end_nodes", &ids(&graph.end_nodes))?;
        document.serialize_field("warnings", &Each(&graph.warnings, ToString::to_string))?;
        document.end()
    }
}

/// Writes what follows from the shape of a graph: the answer for programs that compare loaded workflows.
///
/// Like [`Resolved`], without its header, its warnings and what is executed at each node. The order says nothing about the
/// document: nodes, `start_nodes` and `end_nodes` are sorted by their ids, links by source and target, all as JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'g>(pub &'g Graph);

impl Serialize for Outline<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let graph = self.0;
        let id = |node: &usize| &graph.nodes[*node].id;
        let ids = |nodes: &[usize]| sorted(nodes, |node| text(id(node))).into_iter().map(id).collect::<Vec<&NodeId>>();
        let nodes = sorted(&graph.nodes, |node| text(&node.id)).into_iter().map(OutlineNode);
        let links = sorted(&graph.links, |link| (text(id(&link.source)), text(id(&link.target))));
        let links = links.into_iter().map(|link| LinkView(link, graph));
        let mut document = serializer.serialize_struct("Outline", 4)?;
        document.serialize_field("nodes", &nodes.collect::<Vec<_>>())?;
        document.serialize_field("links", &links.collect::<Vec<_>>())?;
        document.serialize_field("start_nodes", &ids(&graph.start_nodes))?;
        document.serialize_field("end_nodes", &ids(&graph.end_nodes))?;
        document.end()
    }
}

fn sorted<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let mut sorted: Vec<&T> = items.iter().collect();
    sorted.sort_by_cached_key(|item| key(item));
    sorted
}

/// An id as JSON text, in which nested ids come after all others.
fn text(id: &NodeId) -> String {
    serde_json::to_string(id).expect("an id is plain data")
}

struct Header<'g>(&'g Graph);

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("label", &self.0.label)?;
        map.end()
    }
}

/// A list of views of items.
struct Each<'a, T, F>(&'a [T], F);

impl<'a, T, V: Serialize, F: Fn(&'a T) -> V> Serialize for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

struct NodeView<'g>(&'g Node);

impl Serialize for NodeView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = self.0;
        let mut map = serializer.serialize_map(None)?;
        name_node(node, &mut map)?;
        map.serialize_entry("task_type", node.task_type.as_str())?;
        if let Some(identifier) = &node.task_identifier {
            map.serialize_entry("task_identifier", identifier)?;
        }
        if let Some(generator) = &node.task_generator {
            map.serialize_entry("task_generator", generator.as_str())?;
        }
        describe_node(node, &mut map)?;
        map.end()
    }
}

struct OutlineNode<'g>(&'g Node);

impl Serialize for OutlineNode<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        name_node(self.0, &mut map)?;
        describe_node(self.0, &mut map)?;
        map.end()
    }
}

fn name_node<M: SerializeMap>(node: &Node, map: &mut M) -> Result<(), M::Error> {
    map.serialize_entry("id", &node.id)?;
    map.serialize_entry("label", &node.label())
}

/// Writes what a node has beside its task.
fn describe_node<M: SerializeMap>(node: &Node, map: &mut M) -> Result<(), M::Error> {
    if !node.default_inputs.is_empty() {
        map.serialize_entry("default_inputs", &Each(&node.default_inputs, Named))?;
    }
    if node.force_start_node {
        map.serialize_entry("force_start_node", &true)?;
    }
    if node.conditions_else_value != Value::Null {
        map.serialize_entry("conditions_else_value", &node.conditions_else_value)?;
    }
    if let Some(settings) = &node.settings {
        map.serialize_entry("pushflow", &Value::map(settings.entries()))?;
    }
    Ok(())
}

struct LinkView<'g>(&'g Link, &'g Graph);

impl Serialize for LinkView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let LinkView(link, graph) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("source", &graph.nodes[link.source].id)?;
        map.serialize_entry("target", &graph.nodes[link.target].id)?;
        if !link.data_mapping.is_empty() {
            map.serialize_entry("data_mapping", &Each(&link.data_mapping, MappingView))?;
        }
        if !link.conditions.is_empty() {
            map.serialize_entry("conditions", &Each(&link.conditions, ConditionView))?;
        }
        let truths = [
            ("map_all_data", link.map_all_data),
            ("on_error", link.on_error),
            ("cache_if_optional", link.cache_if_optional),
        ];
        for (key, _) in truths.iter().filter(|(_, truth)| *truth) {
            map.serialize_entry(key, &true)?;
        }
        map.serialize_entry("is_required", &link.required)?;
        map.end()
    }
}

/// A name as documents have it: a text, or a number for a position.
struct Name<'g>(&'g Key);

impl Serialize for Name<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Key::Name(name) => serializer.serialize_str(name),
            Key::Position(position) => serializer.serialize_u64(*position),
        }
    }
}

struct Named<'g>(&'g (Key, Value));

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", &Name(&self.0.0))?;
        map.serialize_entry("value", &self.0.1)?;
        map.end()
    }
}

struct MappingView<'g>(&'g Mapping);

impl Serialize for MappingView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("source_output", &Name(&self.0.source_output))?;
        map.serialize_entry("target_input", &Name(&self.0.target_input))?;
        map.end()
    }
}

struct ConditionView<'g>(&'g Condition);

impl Serialize for ConditionView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("source_output", &Name(&self.0.source_output))?;
        map.serialize_entry("value", &self.0.value)?;
        map.end()
    }
}
