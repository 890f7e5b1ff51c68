//! Python tasks: `class`, `method`, `ppfmethod`, `generated` and `notebook` nodes, run by interpreters that stay alive.
//!
#![doc = include_str!("README.md")]

mod announce;
mod environment;
mod environments;
mod errand;
mod interface;
mod interpreter;
mod nested;
mod program;
mod task;

pub use announce::{Announced, Reason};
pub use environment::Environment;
pub(crate) use environments::{Environments, module_of};
pub(crate) use errand::import;
pub(crate) use interface::required_inputs;
pub use interpreter::Interpreter;
pub use nested::end_shared;
pub(crate) use task::resolve;
pub use task::{EwoksOptions, PythonTask};
