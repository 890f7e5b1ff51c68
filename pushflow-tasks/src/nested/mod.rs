//! Tasks that run their body in a nested pool or process: what [`cfpool`](crate::cfpool), [`mppool`](crate::mppool),
//! [`mpprocess`](crate::mpprocess), [`bpool`](crate::bpool) and [`bprocess`](crate::bprocess) have in common.
//!
#![doc = include_str!("README.md")]

mod execution;
mod kind;
mod recipe;
mod settings;
mod task;

pub use kind::Kind;
pub(crate) use settings::Settings;
pub use task::Nested;
pub(crate) use task::resolve;
