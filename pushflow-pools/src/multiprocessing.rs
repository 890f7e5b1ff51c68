//! The pool types `multiprocessing` and `ndmultiprocessing`: workers that start with the pool.
//!
//! Semantics: `multiprocessing.Pool`; but what a lost worker was running has an outcome.

use pushflow_signals::Children;

use crate::process::{Policy, ProcessPoolBuilder, Start};

const MULTIPROCESSING: Policy =
    Policy { name: "multiprocessing", daemonic: true, children: Children::ByRule, exempt: false, start: Start::Eager };

/// Describes a pool of the type `multiprocessing`, whose workers are daemonic: they may start no processes.
pub fn multiprocessing() -> ProcessPoolBuilder {
    ProcessPoolBuilder::new(MULTIPROCESSING)
}

/// Describes a pool of the type `ndmultiprocessing`, whose workers are not daemonic.
pub fn ndmultiprocessing() -> ProcessPoolBuilder {
    ProcessPoolBuilder::new(Policy { name: "ndmultiprocessing", daemonic: false, ..MULTIPROCESSING })
}

/// Describes one process that is not daemonic, unless it is [made so](ProcessPoolBuilder::daemonic): a pool of one worker that
/// starts with the first execution.
///
/// Semantics: `multiprocessing.Process`.
pub fn process() -> ProcessPoolBuilder {
    let policy = Policy { name: "multiprocessing process", daemonic: false, start: Start::OnDemand, ..MULTIPROCESSING };
    ProcessPoolBuilder::new(policy).workers(1)
}
