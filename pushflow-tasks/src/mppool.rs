//! `mppool`: the body runs in a nested pool of the type `multiprocessing`: daemonic workers, which may start no processes.
//!
//! Semantics: a task that uses a `multiprocessing.Pool`.

use std::sync::Arc;

use pushflow_core::Task;

use crate::nested::{Kind, Nested};

/// The kind.
pub static KIND: Kind = Kind { name: "mppool", pool: pushflow_pools::multiprocessing::multiprocessing };

/// Returns a task that runs a body in a nested pool of the type `multiprocessing`.
pub fn nest(body: Arc<dyn Task>) -> Nested {
    Nested::new(&KIND, body)
}
