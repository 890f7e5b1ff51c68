//! `mpprocess`: the body runs in one nested process, daemonic on request. It may start processes unless it is daemonic.
//!
//! Semantics: a task that uses a `multiprocessing.Process`.

use std::sync::Arc;

use pushflow_core::Task;

use crate::nested::{Kind, Nested};

/// The kind.
pub static KIND: Kind = Kind { name: "mpprocess", pool: pushflow_pools::multiprocessing::process };

/// Returns a task that runs a body in a nested process that is not daemonic.
pub fn nest(body: Arc<dyn Task>) -> Nested {
    Nested::new(&KIND, body)
}

/// Returns a task that runs a body in a nested daemonic process.
pub fn nest_daemonic(body: Arc<dyn Task>) -> Nested {
    nest(body).daemonic()
}
