//! The pool type `billiard`: daemonic workers that may start processes, and may be started in any process.
//!
//! Semantics: `billiard.Pool`, with its time limits and its limit of memory.

use pushflow_signals::Children;

use crate::process::{Policy, ProcessPoolBuilder, Start};

const BILLIARD: Policy =
    Policy { name: "billiard", daemonic: true, children: Children::Allow, exempt: true, start: Start::Eager };

/// Describes a pool of the type `billiard`.
pub fn billiard() -> ProcessPoolBuilder {
    ProcessPoolBuilder::new(BILLIARD)
}
