//! The kinds of tasks that the nodes of a workflow name.
//!
//! [`Tasks`] resolves nodes for [`compile`](pushflow_core::engine::compile); each kind can also be used alone:
//!
//! | `task_type` | module | what it runs |
//! | --- | --- | --- |
//! | `simple` | [`simple`] | a function registered in this program |
//! | `subprocess` | [`subprocess`] | a command |
//! | `script` | [`script`] | a command or script file, with the conventions of ewoks |
//! | `class`, `method`, `ppfmethod`, `generated`, `notebook` | [`python`] | a Python task, in an interpreter |
//! | `ppfport` | [`ppfport`] | nothing: it passes the carried dictionary on |
//!
//! Whatever the task of a node is, its setting `kind` says in what it runs:
//!
//! | `kind` | module | in what |
//! | --- | --- | --- |
//! | `simple` | | in place: in the worker of the pool |
//! | `cfpool`, `mppool`, `bpool` | [`cfpool`], [`mppool`], [`bpool`] | a nested `process`, `multiprocessing`, `billiard` pool |
//! | `mpprocess`, `bprocess` | [`mpprocess`], [`bprocess`] | one nested process, as of `multiprocessing` or `billiard` |
//!
//! # Features
//!
//! `simple`, `subprocess`, `script`, `cfpool`, `mppool`, `mpprocess`, `bpool`, `bprocess` and `python`, all default. `script` needs
//! `subprocess`; the five that nest have [`nested`] in common.

#![forbid(unsafe_code)]

#[cfg(feature = "bpool")]
pub mod bpool;
#[cfg(feature = "bprocess")]
pub mod bprocess;
#[cfg(feature = "cfpool")]
pub mod cfpool;
#[cfg(feature = "mppool")]
pub mod mppool;
#[cfg(feature = "mpprocess")]
pub mod mpprocess;
#[cfg(feature = "nested")]
pub mod nested;
pub mod ppfport;
#[cfg(feature = "python")]
pub mod python;
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
