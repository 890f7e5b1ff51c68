//! Reading workflow documents, and what follows from them before anything runs.
//!
//! [`load_file`] and [`load_text`] turn a document into a [`Graph`], in this order: read it, load and expand its
//! sub-workflows, join parallel links, connect default error handlers, validate, apply inputs, determine start and end
//! nodes. Everything but the nesting of sub-workflows and values is done in loops, in linear time: a chain of a million
//! nodes is an ordinary document.
//!
//! ```
//! use pushflow_core::graph::{Format, LoadOptions, load_text};
//!
//! let text = r#"{"nodes": [{"id": "a", "task_type": "method", "task_identifier": "m.f"},
//!                          {"id": "b", "task_type": "method", "task_identifier": "m.g"}],
//!                "links": [{"source": "a", "target": "b", "map_all_data": true}]}"#;
//! let graph = load_text(text, Format::Json, &LoadOptions::default()).unwrap();
//! assert!(graph.links[0].required);
//! assert_eq!((graph.start_nodes, graph.end_nodes), (vec![0], vec![1]));
//! ```

mod analysis;
mod attributes;
pub mod check;
mod checked;
mod default_error;
mod document;
mod draft;
pub mod draw;
mod error;
mod file;
mod free;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod id;
mod inputs;
mod item;
mod json;
mod kind;
mod load;
mod model;
mod newest;
mod node;
mod parallel;
mod place;
mod resolved;
mod schema;
mod settings;
mod source;
mod starts;
mod subgraph;
mod suggest;
mod validate;
mod yaml;

pub use error::{GraphError, GraphErrorKind};
pub use free::{FreeInput, free_inputs};
pub use id::NodeId;
pub use inputs::{Input, InputNodes, load_inputs, parse_inputs};
pub use kind::KindSettings;
pub use load::{LoadOptions, can_start_by, load_document, load_file, load_text, parse_value};
pub use model::{Condition, Graph, Link, Mapping, Node, TaskType, Warning};
pub use newest::{newest, write};
pub use place::Place;
pub use resolved::{Outline, Resolved};
pub use settings::Settings;
pub use source::Format;
pub use starts::CanStart;
pub use suggest::closest;
