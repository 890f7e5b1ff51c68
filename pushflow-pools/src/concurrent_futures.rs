//! The pool types `process` and `ndprocess`: workers that are not daemonic and start when there is work for them.
//!
//! Semantics: `concurrent.futures.ProcessPoolExecutor`; but a lost worker costs the one execution that it was running.

use pushflow_signals::Children;

use crate::process::{Policy, ProcessPoolBuilder, Start};

const PROCESS: Policy =
    Policy { name: "process", daemonic: false, children: Children::ByRule, exempt: false, start: Start::OnDemand };

/// Describes a pool of the type `process`.
pub fn process() -> ProcessPoolBuilder {
    ProcessPoolBuilder::new(PROCESS)
}

/// Describes a pool of the type `ndprocess`: as `process`, whose workers are not daemonic either way.
pub fn ndprocess() -> ProcessPoolBuilder {
    ProcessPoolBuilder::new(Policy { name: "ndprocess", ..PROCESS })
}
