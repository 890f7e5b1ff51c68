//! [`NodeId`]: the id of a node, also inside of sub-workflows.

use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeTuple, Serializer};
use smol_str::SmolStr;

use crate::value::Value;

/// Identifies a node of a loaded workflow.
///
/// Node `n` of the sub-workflow at node `s` is `("s", "n")`. Only the second part of a nested id is ever nested again,
/// unless the document itself says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeId {
    /// A text, the usual id.
    Text(SmolStr),
    /// An integer.
    Int(i64),
    /// A node inside of a sub-workflow: the id of the node that stands for it, and the id within.
    Nested(Arc<(NodeId, NodeId)>),
}

impl NodeId {
    /// Creates the id of node `inner` of the sub-workflow at node `outer`.
    pub fn nested(outer: NodeId, inner: NodeId) -> NodeId {
        NodeId::Nested(Arc::new((outer, inner)))
    }

    /// Returns the id of the sub-workflow that the node is in.
    pub(super) fn outer(&self) -> Option<&NodeId> {
        if let NodeId::Nested(parts) = self { Some(&parts.0) } else { None }
    }

    /// Returns the id as Python's `str()` has it: a text as it is, anything else as its `repr()`.
    pub(super) fn python_str(&self) -> String {
        if let NodeId::Text(text) = self { text.to_string() } else { self.python_repr() }
    }

    /// Returns the id as Python prints it: `'a'`, `1`, `('s', 'n')`.
    pub fn python_repr(&self) -> String {
        match self {
            NodeId::Text(text) => Value::Str(text.clone()).python_repr(),
            NodeId::Int(number) => number.to_string(),
            NodeId::Nested(parts) => format!("({}, {})", parts.0.python_repr(), parts.1.python_repr()),
        }
    }
}

impl fmt::Display for NodeId {
    /// Writes the parts, joined by `:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeId::Text(text) => f.write_str(text),
            NodeId::Int(number) => write!(f, "{number}"),
            NodeId::Nested(parts) => write!(f, "{}:{}", parts.0, parts.1),
        }
    }
}

impl Serialize for NodeId {
    /// Writes a text, a number, or a list of two ids.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            NodeId::Text(text) => serializer.serialize_str(text),
            NodeId::Int(number) => serializer.serialize_i64(*number),
            NodeId::Nested(parts) => {
                let mut pair = serializer.serialize_tuple(2)?;
                pair.serialize_element(&parts.0)?;
                pair.serialize_element(&parts.1)?;
                pair.end()
            }
        }
    }
}

impl From<&str> for NodeId {
    fn from(text: &str) -> NodeId {
        NodeId::Text(text.into())
    }
}

impl From<SmolStr> for NodeId {
    fn from(text: SmolStr) -> NodeId {
        NodeId::Text(text)
    }
}

impl From<i64> for NodeId {
    fn from(number: i64) -> NodeId {
        NodeId::Int(number)
    }
}
