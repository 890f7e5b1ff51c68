//! `bprocess`: the body runs in one nested process, daemonic on request. It may be started in a daemonic process.
//!
//! Semantics: a task that uses a `billiard.Process`.

use std::sync::Arc;

use pushflow_core::Task;

use crate::nested::{Kind, Nested};

/// The kind.
pub static KIND: Kind = Kind { name: "bprocess", pool: pushflow_pools::billiard::process };

/// Returns a task that runs a body in a nested process that is not daemonic.
pub fn nest(body: Arc<dyn Task>) -> Nested {
    Nested::new(&KIND, body)
}

/// Returns a task that runs a body in a nested daemonic process.
pub fn nest_daemonic(body: Arc<dyn Task>) -> Nested {
    nest(body).daemonic()
}
