//! The pool type `billiard`: daemonic workers, which may be started in any process, daemonic or not. So tasks in its workers may
//! have children, if these are of `billiard` themselves; of other types they are refused as in any daemonic process.
//!
//! Semantics: `billiard.Pool`, with its time limits and its limit of memory.

use pushflow_signals::Children;

use crate::process::{Policy, ProcessPoolBuilder, Start};

const BILLIARD: Policy =
    Policy { name: "billiard", daemonic: true, children: Children::ByRule, exempt: true, start: Start::Eager };

/// Describes a pool as that of the type `billiard`, but for workers that start when there is work for them.
pub fn on_demand() -> ProcessPoolBuilder {
    ProcessPoolBuilder::new(Policy { start: Start::OnDemand, ..BILLIARD })
}

/// Describes a pool of the type `billiard`.
pub fn billiard() -> ProcessPoolBuilder {
    ProcessPoolBuilder::new(BILLIARD)
}

/// Describes one process that is not daemonic, unless it is [made so](ProcessPoolBuilder::daemonic), and that may be started
/// in any process: a pool of one worker that starts with the first execution.
///
/// Semantics: `billiard.Process`.
pub fn process() -> ProcessPoolBuilder {
    let policy = Policy { name: "billiard process", daemonic: false, start: Start::OnDemand, ..BILLIARD };
    ProcessPoolBuilder::new(policy).workers(1)
}
