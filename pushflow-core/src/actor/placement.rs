//! [`Placement`]: where a task actor has its task run, and what that has to wait for.

use smol_str::SmolStr;

/// Where a task actor has its task run, and which of the executions that are ready goes first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// Name of the pool, among those of the run; by default the pool that the run was started on.
    pub pool: Option<SmolStr>,
    /// Of the executions that wait for a worker of one pool, those with the highest number go first; 0 by default.
    pub priority: i64,
    /// What an execution occupies while it runs, of the resources that the run has a limited amount of.
    pub resources: Box<[(SmolStr, f64)]>,
}

impl Placement {
    /// Whether the order among executions that are ready matters because of it.
    pub(crate) fn orders(&self) -> bool {
        self.priority != 0 || !self.resources.is_empty()
    }
}
