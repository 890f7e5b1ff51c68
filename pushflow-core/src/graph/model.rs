//! The loaded workflow: nodes and links.
//!
//! A workflow may have millions of nodes, so what is rare is kept thin.

use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

use super::id::NodeId;
use super::place::Place;
use super::settings::Settings;
use crate::payload::Key;
use crate::value::Value;

/// What kind of task a node names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TaskType {
    /// A Python class.
    Class,
    /// A Python function.
    Method,
    /// A Python function that takes and returns the carried dictionary.
    PpfMethod,
    /// Passes the carried dictionary on; has no identifier.
    PpfPort,
    /// A command or a script file.
    Script,
    /// A notebook.
    Notebook,
    /// A Python class that a generator makes.
    Generated,
    /// A sub-workflow; there is none in a loaded workflow.
    Graph,
    /// Any other spelling, which whoever resolves tasks may know.
    Other(Arc<SmolStr>),
}

impl TaskType {
    /// Returns the spelling of workflow files.
    pub fn as_str(&self) -> &str {
        match self {
            TaskType::Class => "class",
            TaskType::Method => "method",
            TaskType::PpfMethod => "ppfmethod",
            TaskType::PpfPort => "ppfport",
            TaskType::Script => "script",
            TaskType::Notebook => "notebook",
            TaskType::Generated => "generated",
            TaskType::Graph => "graph",
            TaskType::Other(name) => name,
        }
    }
}

impl From<&str> for TaskType {
    fn from(name: &str) -> TaskType {
        match name {
            "class" => TaskType::Class,
            "method" => TaskType::Method,
            "ppfmethod" => TaskType::PpfMethod,
            "ppfport" => TaskType::PpfPort,
            "script" => TaskType::Script,
            "notebook" => TaskType::Notebook,
            "generated" => TaskType::Generated,
            "graph" => TaskType::Graph,
            other => TaskType::Other(Arc::new(other.into())),
        }
    }
}

impl fmt::Display for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A node: a task, and what it starts with.
#[derive(Clone, Debug)]
pub struct Node {
    /// The id, unique in the workflow.
    pub id: NodeId,
    /// The label, when the document gives one; see [`label`](Node::label).
    pub label: Option<SmolStr>,
    /// The kind of the task.
    pub task_type: TaskType,
    /// The task within its kind; `None` for a [`TaskType::PpfPort`].
    pub task_identifier: Option<SmolStr>,
    /// What makes the task, for a [`TaskType::Generated`].
    pub task_generator: Option<Arc<SmolStr>>,
    /// Inputs that the links overwrite, in order. A name may occur more than once: the last entry counts.
    pub default_inputs: Box<[(Key, Value)]>,
    /// Whether the node is a start node in any case.
    pub force_start_node: bool,
    /// The value that stands for "none of the others" in conditions on the node's outputs.
    pub conditions_else_value: Value,
    /// What the node says to this engine alone.
    pub settings: Option<Arc<Settings>>,
    /// Where the node was written.
    pub place: Place,
}

impl Node {
    /// Returns the label; that of a node without one is its id, joined by `:`.
    pub fn label(&self) -> SmolStr {
        match (&self.label, &self.id) {
            (Some(label), _) => label.clone(),
            (None, NodeId::Text(id)) => id.clone(),
            (None, id) => smol_str::format_smolstr!("{id}"),
        }
    }
}

/// One output handed over as one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Name of the output.
    pub source_output: Key,
    /// Name or position of the input.
    pub target_input: Key,
}

/// One output and the value that a link wants it to have.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Name of the output.
    pub source_output: Key,
    /// The value that is wanted; [hashable](Value::is_hashable), as in Python.
    pub value: Value,
}

/// A link between two nodes.
#[derive(Clone, Debug)]
pub struct Link {
    /// Index of the source in [`Graph::nodes`].
    pub source: usize,
    /// Index of the target in [`Graph::nodes`].
    pub target: usize,
    /// Which outputs become which inputs. Entries for negative positions are left out, since they carry nothing.
    pub data_mapping: Box<[Mapping]>,
    /// Whether all outputs become inputs, under their own names.
    pub map_all_data: bool,
    /// What has to hold for the link to be used; several entries for one output: the last one counts.
    pub conditions: Box<[Condition]>,
    /// Whether the link is used on an error of the source, instead of on a result.
    pub on_error: bool,
    /// Whether the target waits for this link: what the document says, or what follows from the conditions upstream.
    pub required: bool,
    /// Whether a link that is not required keeps its data.
    pub cache_if_optional: bool,
    /// Where the link was written; for a link to a default error handler, where the handler was.
    pub place: Place,
}

/// Something in a document that has no effect and probably should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What is wrong, in words.
    pub message: String,
    /// Where it was written.
    pub place: Place,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A loaded workflow: sub-workflows expanded, parallel links joined, default error handlers connected.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The id; `notspecified` when the document has none.
    pub id: SmolStr,
    /// The label; the id when the document has none.
    pub label: SmolStr,
    /// The nodes, in *node order*: those of the main document, then those of each sub-workflow.
    pub nodes: Vec<Node>,
    /// The links, in *order of definition*: plain links, those that touch sub-workflows, those to default error handlers.
    pub links: Vec<Link>,
    /// Indices of the nodes that are triggered at the start, in node order.
    pub start_nodes: Vec<usize>,
    /// Indices of the nodes whose outputs are the result, in node order.
    pub end_nodes: Vec<usize>,
    /// What the author of the document should know.
    pub warnings: Vec<Warning>,
}
