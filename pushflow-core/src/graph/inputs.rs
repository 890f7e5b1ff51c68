//! Inputs of a workflow: values that are put into the default inputs of its nodes.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use smol_str::SmolStr;

use super::draft::Draft;
use super::error::{GraphError, GraphErrorKind};
use super::file::{find_file, format_of, read_file, whole, with_root};
use super::id::NodeId;
use super::item::Item;
use super::model::Node;
use super::node::input_name;
use super::source::{Format, Source};
use super::starts::{CanStart, Starts};
use super::suggest::closest;
use crate::payload::Key;
use crate::value::Value;

/// A value for an input of one or more nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The nodes that get it.
    pub nodes: InputNodes,
    /// Name or position of the input.
    pub name: Key,
    /// The value.
    pub value: Value,
}

/// Which nodes an [`Input`] is for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum InputNodes {
    /// The node with this id; it has to exist.
    Id(NodeId),
    /// All nodes that match all that is given, which may be none.
    Matching {
        /// The whole label; that of a node without one is its id, joined by `:`.
        label: Option<SmolStr>,
        /// The end of the task identifier.
        task_identifier: Option<SmolStr>,
    },
    /// All nodes.
    All,
    /// The start nodes, as they are when the input is applied.
    Start,
    /// No node.
    Nothing,
}

impl Input {
    /// Creates an input of the node with an id.
    pub fn of_node(id: impl Into<NodeId>, name: impl Into<Key>, value: impl Into<Value>) -> Input {
        Input { nodes: InputNodes::Id(id.into()), name: name.into(), value: value.into() }
    }

    /// Creates an input of all nodes with a label.
    pub fn of_label(label: impl Into<SmolStr>, name: impl Into<Key>, value: impl Into<Value>) -> Input {
        let nodes = InputNodes::Matching { label: Some(label.into()), task_identifier: None };
        Input { nodes, name: name.into(), value: value.into() }
    }

    /// Creates an input of all nodes whose task identifier ends with a text.
    pub fn of_task(task_identifier: impl Into<SmolStr>, name: impl Into<Key>, value: impl Into<Value>) -> Input {
        let nodes = InputNodes::Matching { label: None, task_identifier: Some(task_identifier.into()) };
        Input { nodes, name: name.into(), value: value.into() }
    }

    /// Creates an input of all nodes.
    pub fn of_all(name: impl Into<Key>, value: impl Into<Value>) -> Input {
        Input { nodes: InputNodes::All, name: name.into(), value: value.into() }
    }

    /// Creates an input of the start nodes.
    pub fn of_start_nodes(name: impl Into<Key>, value: impl Into<Value>) -> Input {
        Input { nodes: InputNodes::Start, name: name.into(), value: value.into() }
    }
}

/// Reads inputs from a text: a list of objects with `name` and `value`, and what selects the nodes.
///
/// # Errors
///
/// When the text is not such a list.
pub fn parse_inputs(text: &str, format: Format) -> Result<Vec<Input>, GraphError> {
    read(&Source::new(text, None), format)
}

/// Reads inputs from a file, which is YAML when it ends with `.yml` or `.yaml`, and else JSON.
///
/// # Errors
///
/// When the file cannot be read, or is not a list of inputs.
pub fn load_inputs(path: impl AsRef<Path>) -> Result<Vec<Input>, GraphError> {
    let path = path.as_ref();
    let path = find_file(path, None).map_err(|error| error.at(whole(path, None)))?;
    let text = read_file(&path)?;
    let format = format_of(&path).unwrap_or(Format::Json);
    read(&Source::new(&text, Some(Arc::new(path))), format)
}

fn read(source: &Source<'_>, format: Format) -> Result<Vec<Input>, GraphError> {
    with_root(source, format, |root| {
        if root.type_name() != "list" {
            return Err(root.unexpected("the inputs", "a list of objects"));
        }
        let mut inputs = Vec::new();
        root.each("the inputs", |item| {
            inputs.push(read_input(&item)?);
            Ok(())
        })?;
        Ok(inputs)
    })
}

/// The keys of an input.
const KEYS: [&str; 6] = ["id", "label", "task_identifier", "all", "name", "value"];

fn read_input(item: &Item<'_>) -> Result<Input, GraphError> {
    let (mut name, mut value, mut id, mut all) = (None, None, None, false);
    let (mut label, mut task_identifier) = (None, None);
    let mut matches_nothing = false;
    for (key, item) in item.entries("an input")? {
        match key.as_str() {
            "name" => name = Some(input_name(&item, "'name' of an input")?),
            "value" => value = Some(item.value()?),
            "id" if item.is_null() => id = Some(InputNodes::Nothing),
            "id" => id = Some(InputNodes::Id(item.node_id("'id' of an input")?)),
            // Null is the label of no node.
            "label" | "task_identifier" if item.is_null() => matches_nothing = true,
            "label" => label = Some(item.label("'label' of an input")?),
            "task_identifier" => {
                task_identifier = Some(item.text("'task_identifier' of an input")?);
            }
            "all" => all = item.truth("'all' of an input")?,
            _ => {}
        }
    }
    let (Some(name), Some(value)) = (name.clone(), value.clone()) else {
        let missing: Vec<&str> =
            [name.is_none().then_some("'name'"), value.is_none().then_some("'value'")].into_iter().flatten().collect();
        let value = item.value()?;
        let mut message =
            format!("Missing required keys {{{}}} in input item: {}.", missing.join(", "), value.python_repr());
        let provided: Vec<&str> =
            value.as_map().into_iter().flat_map(|map| map.keys().map(|key| key.as_str())).collect();
        for key in missing {
            let known = provided.iter().copied().filter(|key| !KEYS.contains(key));
            if let Some(provided) = closest(key.trim_matches('\''), known) {
                // Writing to a String cannot fail.
                let _ = write!(message, "\n  @ You provided '{provided}'. Did you mean {key}?");
            }
        }
        return Err(GraphError::value(GraphErrorKind::MissingKey, message).at(item.place()));
    };
    let nodes = match id {
        Some(nodes) => nodes,
        None if matches_nothing => InputNodes::Nothing,
        None if label.is_some() || task_identifier.is_some() => InputNodes::Matching { label, task_identifier },
        None if all => InputNodes::All,
        None => InputNodes::Start,
    };
    Ok(Input { nodes, name, value })
}

/// Sets default inputs, in the order of the list.
pub(super) fn apply(
    draft: &mut Draft,
    inputs: &[Input],
    starts: &Starts,
    can_start: Option<&CanStart>,
) -> Result<(), GraphError> {
    for input in inputs {
        let nodes: Vec<usize> = match &input.nodes {
            InputNodes::Id(id) => {
                let unknown = || {
                    GraphError::new(GraphErrorKind::UnknownName, "KeyError", id.python_repr()).hinting(|| {
                        let ids: Vec<String> = draft.nodes.iter().map(|node| node.id.to_string()).collect();
                        closest(&id.to_string(), ids.iter().map(String::as_str))
                            .map(|meant| format!("did you mean '{meant}'?"))
                    })
                };
                vec![draft.find(id).ok_or_else(unknown)?]
            }
            InputNodes::Matching { label, task_identifier } => {
                let matches = |node: &Node| {
                    label.as_ref().is_none_or(|label| node.label() == *label)
                        && task_identifier.as_ref().is_none_or(|end| {
                            node.task_identifier.as_ref().is_some_and(|known| known.ends_with(end.as_str()))
                        })
                };
                (0..draft.nodes.len()).filter(|node| matches(&draft.nodes[*node])).collect()
            }
            InputNodes::All => (0..draft.nodes.len()).collect(),
            InputNodes::Start => starts.find(&draft.nodes, can_start),
            InputNodes::Nothing => Vec::new(),
        };
        for node in nodes {
            set(&mut draft.nodes[node].default_inputs, &input.name, &input.value);
        }
    }
    Ok(())
}

/// Replaces the first entry of a name, or appends one.
fn set(inputs: &mut Box<[(Key, Value)]>, name: &Key, value: &Value) {
    if let Some((_, old)) = inputs.iter_mut().find(|(known, _)| known == name) {
        *old = value.clone();
    } else {
        let mut all = std::mem::take(inputs).into_vec();
        all.push((name.clone(), value.clone()));
        *inputs = all.into();
    }
}
