//! Reading the three parts of a document: attributes of the graph, nodes, links.

use std::collections::HashMap;

use smol_str::SmolStr;

use super::attributes::Attributes;
use super::draft::{Alias, Draft};
use super::error::{GraphError, GraphErrorKind};
use super::id::NodeId;
use super::item::{Entries, Item};
use super::model::Warning;
use super::node::{DraftNode, Interner};
use super::place::Place;
use super::schema;
use crate::value::{PythonText, Value};

/// A document, with its nodes read and its links not.
#[derive(Debug)]
pub(super) struct Document<'d> {
    pub(super) draft: Draft,
    /// The nodes that stand for sub-workflows, in their order; they are not in the draft.
    pub(super) graph_nodes: Vec<DraftNode<'d>>,
    /// The list of links, if there is one.
    pub(super) links: Option<Item<'d>>,
    pub(super) version: SmolStr,
    pub(super) version_place: Place,
}

/// What a link says that touches a sub-workflow, apart from its attributes.
#[derive(Clone, Debug, Default)]
pub(super) struct SubKeys<'d> {
    pub(super) source: Option<NodeId>,
    pub(super) target: Option<NodeId>,
    pub(super) target_attributes: Option<Entries<'d>>,
}

/// A link as it is written.
#[derive(Clone, Debug)]
pub(super) struct RawLink<'d> {
    pub(super) source: NodeId,
    pub(super) target: NodeId,
    pub(super) sub: SubKeys<'d>,
    pub(super) attributes: Attributes,
    pub(super) place: Place,
}

impl<'d> Document<'d> {
    /// Reads attributes and nodes of a document.
    pub(super) fn read(root: Item<'d>) -> Result<Document<'d>, GraphError> {
        if !root.is_object() {
            let message = format!("graph must be a dictionary, found {}", root.type_name());
            return Err(GraphError::new(GraphErrorKind::Type, "TypeError", message).at(root.place()));
        }
        let mut document = Document {
            draft: Draft::new(),
            graph_nodes: Vec::new(),
            links: None,
            version: schema::LATEST.into(),
            version_place: root.place(),
        };
        document.draft.place = Some(root.place());
        let (mut graph, mut nodes) = (None, None);
        for (key, item) in root.entries("the document")? {
            match key.as_str() {
                "graph" => graph = Some(item),
                "nodes" => nodes = Some(item),
                "links" => document.links = Some(item),
                "directed" if !item.is_null() && !item.truth("'directed'")? => {
                    let message = "the graph must be directed, found 'directed': false";
                    return Err(GraphError::new(GraphErrorKind::Type, "TypeError", message).at(item.place()));
                }
                _ => {}
            }
        }
        document.read_graph(graph)?;
        if let Some(nodes) = nodes {
            document.read_nodes(nodes)?;
        }
        Ok(document)
    }

    fn read_graph(&mut self, graph: Option<Item<'d>>) -> Result<(), GraphError> {
        let (mut id, mut label) = (None, None);
        for (key, item) in
            graph.filter(|item| !item.is_null()).map_or(Ok(Vec::new()), |item| item.entries("'graph'"))?
        {
            match key.as_str() {
                "id" if !item.is_null() => id = Some(item.label("'id' of the graph")?),
                "label" if !item.is_null() => label = Some(item.label("'label' of the graph")?),
                "schema_version" if !item.is_null() => {
                    self.version = match item.value()? {
                        version @ (Value::Str(_) | Value::Int(_) | Value::Float(_)) => {
                            smol_str::format_smolstr!("{}", PythonText(&version))
                        }
                        _ => return Err(item.unexpected("'schema_version' of the graph", "a text")),
                    };
                    self.version_place = item.place();
                }
                "input_nodes" => self.draft.input_nodes = aliases(&item)?,
                "output_nodes" => self.draft.output_nodes = aliases(&item)?,
                _ => {}
            }
        }
        self.draft.id = id.unwrap_or_else(|| "notspecified".into());
        self.draft.label = label.unwrap_or_else(|| self.draft.id.clone());
        Ok(())
    }

    /// Reads nodes. Of a node that is defined twice, later attributes overwrite earlier ones.
    fn read_nodes(&mut self, nodes: Item<'d>) -> Result<(), GraphError> {
        let mut graphs: HashMap<NodeId, DraftNode<'d>> = HashMap::new();
        let mut order: Vec<NodeId> = Vec::new();
        let mut interner = Interner::default();
        nodes.each("'nodes'", |item| {
            let place = item.place();
            let entries = item.entries("a node").map_err(|error| error.at(place.clone()))?;
            let id = entries.iter().rev().find(|(key, _)| key == "id").filter(|(_, item)| !item.is_null());
            let Some((_, id)) = id else {
                return Err(GraphError::new(GraphErrorKind::MissingKey, "TypeError", "a node has no 'id'").at(place));
            };
            let id = id.node_id("'id' of a node")?;
            let known = graphs.contains_key(&id);
            let mut node = match (graphs.remove(&id), self.draft.find(&id)) {
                (Some(known), _) => known,
                (None, Some(index)) => self.draft.copy(index),
                (None, None) => DraftNode::new(id.clone(), place),
            };
            for (key, item) in entries {
                node.set(&key, &item)?;
            }
            interner.share(&mut node.node.task_identifier);
            // A node with its sub-workflow inside is kept apart too: more attributes may come, and only there is room.
            if node.is_graph() || node.content.is_some() {
                if !known {
                    order.push(id.clone());
                }
                graphs.insert(id, node);
            } else {
                self.draft.put(node)?;
            }
            Ok(())
        })?;
        self.draft.remove(&graphs.keys().cloned().collect());
        for id in order {
            let Some(node) = graphs.remove(&id) else { continue };
            if node.is_graph() {
                self.graph_nodes.push(node);
            } else if let Some(content) = node.content {
                return Err(content.unexpected("'task_identifier' of a node", "a text"));
            }
        }
        Ok(())
    }

    /// Warns of settings of nodes that stand for a sub-workflow: nothing of such a node is left to obey them.
    pub(super) fn warn_of_settings(&mut self) {
        for node in self.graph_nodes.iter().map(|draft| &draft.node).filter(|node| node.settings.is_some()) {
            let message = format!("'pushflow' of node '{}' has no effect, as it is a sub-graph", node.label());
            self.draft.warnings.push(Warning { message, place: node.place.clone() });
        }
    }

    /// Hands the links over, in their order.
    pub(super) fn each_link(
        links: Option<Item<'d>>,
        mut visit: impl FnMut(RawLink<'d>) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        links.iter().try_for_each(|links| {
            links.each("'links'", |item| {
                let place = item.place();
                let entries = item.entries("a link").map_err(|error| error.at(place.clone()))?;
                visit(read_link(entries, place)?)
            })
        })
    }
}

fn read_link(entries: Entries<'_>, place: Place) -> Result<RawLink<'_>, GraphError> {
    let (mut source, mut target) = (None, None);
    let mut sub = SubKeys::default();
    let mut attributes = Attributes::default();
    for (key, item) in entries {
        match key.as_str() {
            "source" => source = Some(item.node_id("'source' of a link")?),
            "target" => target = Some(item.node_id("'target' of a link")?),
            "sub_source" => sub.source = optional_id(&item, "'sub_source' of a link")?,
            "sub_target" => sub.target = optional_id(&item, "'sub_target' of a link")?,
            "sub_target_attributes" => {
                let what = "'sub_target_attributes' of a link";
                sub.target_attributes = if item.is_null() { None } else { Some(item.entries(what)?) };
            }
            _ => attributes.set(&key, &item)?,
        }
    }
    let source = source.ok_or_else(|| GraphError::missing_key("source").at(place.clone()))?;
    let target = target.ok_or_else(|| GraphError::missing_key("target").at(place.clone()))?;
    Ok(RawLink { source, target, sub, attributes, place })
}

fn optional_id(item: &Item<'_>, what: &str) -> Result<Option<NodeId>, GraphError> {
    if item.is_null() { Ok(None) } else { item.node_id(what).map(Some) }
}

fn aliases(item: &Item<'_>) -> Result<Vec<Alias>, GraphError> {
    let mut aliases = Vec::new();
    item.each("'input_nodes' and 'output_nodes' of the graph", |item| {
        let place = item.place();
        let (mut id, mut node, mut sub_node) = (None, None, None);
        let mut attributes = Attributes::default();
        for (key, item) in item.entries("an alias")? {
            match key.as_str() {
                "id" => id = Some(item.node_id("'id' of an alias")?),
                "node" => node = optional_id(&item, "'node' of an alias")?,
                "sub_node" => sub_node = optional_id(&item, "'sub_node' of an alias")?,
                "link_attributes" => attributes = Attributes::read(&item, "'link_attributes' of an alias")?,
                _ => {}
            }
        }
        let id = id.ok_or_else(|| GraphError::missing_key("id").at(place.clone()))?;
        let node = node.ok_or_else(|| GraphError::missing_key("node").at(place.clone()))?;
        aliases.push(Alias { id, node, sub_node, attributes, place });
        Ok(())
    })?;
    Ok(aliases)
}
