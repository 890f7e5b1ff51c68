//! `cfpool`: the body runs in a nested pool of the type `process`: workers that are not daemonic.
//!
//! Semantics: a task that uses a `concurrent.futures.ProcessPoolExecutor`.

use std::sync::Arc;

use pushflow_core::Task;

use crate::nested::{Kind, Nested};

/// The kind.
pub static KIND: Kind = Kind { name: "cfpool", pool: pushflow_pools::concurrent_futures::process };

/// Returns a task that runs a body in a nested pool of the type `process`.
pub fn nest(body: Arc<dyn Task>) -> Nested {
    Nested::new(&KIND, body)
}
