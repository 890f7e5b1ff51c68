//! The kinds of tasks that the nodes of a workflow name.
//!
//! [`Tasks`] resolves nodes for [`compile`](pushflow_core::engine::compile); each kind can also be used alone:
//!
//! | `task_type` | module | what it runs |
//! | --- | --- | --- |
//! | `simple` | [`simple`] | a function registered in this program |
//! | `subprocess` | [`subprocess`] | a command |
//! | `script` | [`script`] | a command or script file, with the conventions of ewoks |
//! | `ppfport` | [`ppfport`] | nothing: it passes the carried dictionary on |
//!
//! # Features
//!
//! `simple`, `subprocess` and `script`, all default. `script` needs `subprocess`.

#![forbid(unsafe_code)]

pub mod ppfport;
pub mod resolve;
#[cfg(feature = "script")]
pub mod script;
#[cfg(feature = "simple")]
pub mod simple;
#[cfg(feature = "subprocess")]
pub mod subprocess;

pub use resolve::Tasks;
#[cfg(feature = "subprocess")]
pub use subprocess::Subprocess;
