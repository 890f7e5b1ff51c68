//! Attributes of nodes: how each key of a node changes it.

use std::sync::Arc;

use smol_str::SmolStr;

use super::attributes::Attributes;
use super::error::{GraphError, GraphErrorKind};
use super::id::NodeId;
use super::item::{Item, Name};
use super::model::{Node, TaskType};
use super::place::Place;
use super::settings::Settings;
use crate::payload::Key;
use crate::value::Value;

/// What is known of a node before it is validated.
#[derive(Clone, Debug)]
pub(super) struct DraftNode<'d> {
    pub(super) node: Node,
    pub(super) keys: TaskKeys,
    pub(super) handler: Handler,
    /// The sub-workflow, where it is written inside the node.
    pub(super) content: Option<Item<'d>>,
    /// Those attributes that a node for a sub-workflow hands to the input nodes in there.
    pub(super) handed_down: Vec<(SmolStr, Item<'d>)>,
}

const HANDED_DOWN: [&str; 4] = ["default_inputs", "force_start_node", "conditions_else_value", "default_error_node"];

/// What a node says about being a default error handler.
#[derive(Clone, Debug, Default)]
pub(super) struct Handler {
    pub(super) enabled: bool,
    pub(super) attributes: Option<Attributes>,
}

/// Which of the keys that name a task a node has, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskKeys(u16);

/// The keys that name a task, with the task type that they mean.
const TASK_KEYS: [&str; 9] =
    ["class", "method", "ppfmethod", "ppfport", "script", "notebook", "graph", "task", "task_type"];
const IDENTIFIER: u16 = 1 << 9;
const GENERATOR: u16 = 1 << 10;
const TYPE: u16 = 1 << 8;
const MENTIONED: u16 = 1 << 11;

impl TaskKeys {
    fn insert(&mut self, bits: u16) {
        self.0 |= bits;
    }

    fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    /// How many keys there are that say what the task is; one is right.
    fn count(self) -> u32 {
        (self.0 & (IDENTIFIER - 1)).count_ones()
    }

    /// Those of a node that no more than a link mentions.
    pub(super) fn mentioned() -> TaskKeys {
        TaskKeys(MENTIONED)
    }

    /// Whether only a link mentions the node.
    pub(super) fn is_mentioned_only(self) -> bool {
        self.0 == MENTIONED
    }

    fn is_legacy(self) -> bool {
        self.has(TYPE - 1)
    }
}

impl<'d> DraftNode<'d> {
    pub(super) fn new(id: NodeId, place: Place) -> DraftNode<'d> {
        let node = Node {
            id,
            label: None,
            task_type: TaskType::PpfPort,
            task_identifier: None,
            task_generator: None,
            default_inputs: Box::default(),
            force_start_node: false,
            conditions_else_value: Value::Null,
            settings: None,
            place,
        };
        DraftNode {
            node,
            keys: TaskKeys::default(),
            handler: Handler::default(),
            content: None,
            handed_down: Vec::new(),
        }
    }

    /// Whether the node stands for a sub-workflow.
    pub(super) fn is_graph(&self) -> bool {
        self.keys.count() == 1 && self.node.task_type == TaskType::Graph
    }

    /// Sets one attribute; keys without meaning are ignored.
    pub(super) fn set(&mut self, key: &str, item: &Item<'d>) -> Result<(), GraphError> {
        if HANDED_DOWN.contains(&key) {
            self.handed_down.push((key.into(), *item));
        }
        let node = &mut self.node;
        match key {
            "label" => node.label = if item.is_null() { None } else { Some(item.label("'label' of a node")?) },
            "task_type" => {
                self.keys.insert(TYPE);
                // Null is no type that exists, as a text without meaning: that shows when the task is looked for.
                let name = if item.is_null() { SmolStr::default() } else { item.text("'task_type' of a node")? };
                node.task_type = TaskType::from(name.as_str());
            }
            "task_identifier" => {
                if !item.is_nothing() {
                    self.keys.insert(IDENTIFIER);
                }
                if !self.keys.is_legacy() {
                    self.set_identifier(item)?;
                }
            }
            "task_generator" => {
                if !item.is_nothing() {
                    self.keys.insert(GENERATOR);
                }
                let generator = if item.is_null() { None } else { Some(item.text("'task_generator' of a node")?) };
                node.task_generator = generator.filter(|name| !name.is_empty()).map(Arc::new);
            }
            "default_inputs" => node.default_inputs = default_inputs(item)?,
            "force_start_node" => node.force_start_node = item.truth("'force_start_node' of a node")?,
            "conditions_else_value" => node.conditions_else_value = item.value()?,
            "default_error_node" => self.handler.enabled = item.truth("'default_error_node' of a node")?,
            "default_error_attributes" => {
                self.handler.attributes = Some(Attributes::read(item, "'default_error_attributes' of a node")?);
            }
            "pushflow" => node.settings = Settings::read(item)?.map(Arc::new),
            _ => {
                if let Some(position) = TASK_KEYS.iter().position(|known| *known == key) {
                    self.keys.insert(1 << position);
                    let name = if key == "task" { "generated" } else { key };
                    self.node.task_type = TaskType::from(name);
                    match self.node.task_type {
                        TaskType::PpfPort => self.node.task_identifier = None,
                        _ => self.set_identifier(item)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn set_identifier(&mut self, item: &Item<'d>) -> Result<(), GraphError> {
        self.content = None;
        self.node.task_identifier = None;
        if item.is_object() {
            self.content = Some(*item);
        } else if !item.is_null() {
            let identifier = item.text("'task_identifier' of a node")?;
            self.node.task_identifier = Some(identifier).filter(|name| !name.is_empty());
        }
        Ok(())
    }
}

/// Checks that a node names its task in a way that is complete, without looking for the task.
pub(super) fn check_task(node: &Node, keys: TaskKeys) -> Result<(), GraphError> {
    let missing =
        |key: &str| GraphError::value(GraphErrorKind::MissingKey, format!("node attribute '{key}' is missing"));
    if keys.count() != 1 {
        let message = format!(
            "Task '{}' requires the 'class', 'method', 'ppfmethod', 'ppfport', 'script', 'notebook', 'task', 'task_type' or 'graph' key",
            node.label()
        );
        return Err(GraphError::value(GraphErrorKind::MissingKey, message));
    }
    match node.task_type {
        TaskType::Generated if node.task_generator.is_none() => return Err(missing("task_generator")),
        TaskType::Generated => {}
        _ if keys.has(GENERATOR) => {
            let message = "node attribute 'task_generator' should only be specified when 'task_type' is 'generated'";
            return Err(GraphError::value(GraphErrorKind::Conflict, message));
        }
        _ => {}
    }
    match node.task_type {
        TaskType::PpfPort if keys.has(IDENTIFIER) && !keys.is_legacy() => {
            let message = "node attribute 'task_identifier' should not be used when 'task_type' is 'ppfport'";
            Err(GraphError::value(GraphErrorKind::Conflict, message))
        }
        TaskType::PpfPort => Ok(()),
        _ if node.task_identifier.is_none() => Err(missing("task_identifier")),
        _ => Ok(()),
    }
}

fn default_inputs(item: &Item<'_>) -> Result<Box<[(Key, Value)]>, GraphError> {
    let mut inputs = Vec::new();
    item.each("'default_inputs' of a node", |item| {
        let (mut name, mut value) = (None, None);
        for (key, item) in item.entries("an entry of 'default_inputs'")? {
            match key.as_str() {
                "name" => name = Some(input_name(&item, "'name' of a default input")?),
                "value" => value = Some(item.value()?),
                _ => {}
            }
        }
        let name = name.ok_or_else(|| GraphError::missing_key("name").at(item.place()))?;
        let value = value.ok_or_else(|| GraphError::missing_key("value").at(item.place()))?;
        inputs.push((name, value));
        Ok(())
    })?;
    Ok(inputs.into())
}

/// Reads the name of an input: a text, or a position, which must not be negative.
pub(super) fn input_name(item: &Item<'_>, what: &str) -> Result<Key, GraphError> {
    let name: Name = item.name(what)?;
    name.key().ok_or_else(|| negative_position().at(item.place()))
}

pub(super) fn negative_position() -> GraphError {
    GraphError::value(GraphErrorKind::Value, "Negative argument positions are not allowed")
}

/// Makes long task identifiers share their text: many nodes of a large workflow name the same task.
#[derive(Debug, Default)]
pub(super) struct Interner(std::collections::HashSet<SmolStr>);

impl Interner {
    pub(super) fn share(&mut self, text: &mut Option<SmolStr>) {
        let Some(name) = text.as_ref().filter(|name| name.is_heap_allocated()) else { return };
        if let Some(known) = self.0.get(name) {
            *text = Some(known.clone());
        } else if self.0.len() < 4096 {
            self.0.insert(name.clone());
        }
    }
}
