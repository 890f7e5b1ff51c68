//! Functions on pools, typed: [`task!`](crate::task) defines them, [`Calls`] and the pools themselves run them.
//!
//! # Theory of operation
//!
//! A call is an execution like any other: its inputs are the arguments under their positions, its only output is the
//! result under `return_value`, both made by serde. A single call is waited for by a handle of the core. All executions of
//! one map have one origin, a batch, with a table of their outcomes: an item allocates no more than its payload.
//! Completing an execution puts its outcome into the table and wakes who waits for it, if anybody does for this one.

mod arguments;
mod batch;
mod calls;
mod chunk;
mod definition;
mod function;
mod imap;
mod imap_unordered;
mod map;
mod methods;
mod pace;
mod pending;
mod result;
mod source;
mod table;

pub use arguments::{Argument, Arguments};
pub use calls::Calls;
pub use function::{Call, Function};
pub use imap::Imap;
pub use imap_unordered::ImapUnordered;
pub use map::Map;
pub use pace::Pace;
pub use pending::Pending;
pub use source::Singles;

// What the definitions of `task!` are made of.
#[doc(hidden)]
pub use definition::{Kept, keep};
#[doc(hidden)]
pub use pushflow_core::registry::Registered;
#[doc(hidden)]
pub use pushflow_core::{Context, Outcome, Payload, Task, TaskError, register_task};
#[doc(hidden)]
pub use result::outputs;
