//! Reading workflow documents, and what follows from them before anything runs.
//!
//! [`load_file`] and [`load_text`] turn a document into a [`Graph`], in this order: read it, load and expand its
//! sub-workflows, join parallel links, connect default error handlers, validate, apply inputs, determine start and end
//! nodes. Everything but the nesting of sub-workflows and values is done in loops, in linear time: a chain of a million
//! nodes is an ordinary document.

mod error;
mod model;

pub use error::{GraphError, GraphErrorKind};
pub use model::{Condition, Graph, Link, Mapping, Node, NodeId, Place, TaskType, Warning};
