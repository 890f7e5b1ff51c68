//! [`Policy`]: in which way the workers of a pool live. Five of them, in `concurrent_futures.rs`, `multiprocessing.rs` and
//! `billiard.rs`.

use pushflow_signals::Children;

/// When workers start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// All of them with the pool.
    Eager,
    /// When there is work for one more.
    OnDemand,
}

/// What distinguishes one pool type from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// The name of the pool type.
    pub(crate) name: &'static str,
    /// Whether workers end with their parent.
    pub(crate) daemonic: bool,
    /// Whether workers may start processes.
    pub(crate) children: Children,
    /// Whether the pool may be made in a daemonic process that may have no children.
    pub(crate) exempt: bool,
    /// When workers start.
    pub(crate) start: Start,
}
