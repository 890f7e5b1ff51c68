//! `bpool`: the body runs in a nested pool of the type `billiard`: daemonic workers, also in a daemonic process.
//!
//! Semantics: a task that uses a `billiard.Pool`.

use std::sync::Arc;

use pushflow_core::Task;

use crate::nested::{Kind, Nested};

/// The kind.
pub static KIND: Kind = Kind { name: "bpool", pool: pushflow_pools::billiard::billiard };

/// Returns a task that runs a body in a nested pool of the type `billiard`.
pub fn nest(body: Arc<dyn Task>) -> Nested {
    Nested::new(&KIND, body)
}
