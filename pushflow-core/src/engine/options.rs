//! [`RunOptions`]: how one run is to go.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use super::report::Report;
use crate::actor::JoinState;
use crate::event::Listener;
use crate::payload::Payload;
use crate::pool::Pool;

/// How one run of a network is to go.
#[derive(Clone, Default)]
pub struct RunOptions {
    pub(crate) data: Payload,
    pub(crate) timeout: Option<Duration>,
    pub(crate) keep: Keep,
    pub(crate) listener: Option<Listener>,
    pub(crate) stored: Option<Payload>,
    pub(crate) joins: Vec<(u32, JoinState)>,
    pub(crate) pools: Vec<(SmolStr, Arc<dyn Pool>)>,
    pub(crate) resources: Vec<(SmolStr, f64)>,
    pub(crate) fail_fast: bool,
    pub(crate) max_iterations: Option<u64>,
}

/// Which outputs a run keeps for its report, beside the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// None.
    #[default]
    None,
    /// The last outputs of each end node.
    End,
    /// The last outputs of each node.
    All,
}

impl RunOptions {
    /// Sets the data that start nodes get.
    #[must_use]
    pub fn data(mut self, data: Payload) -> RunOptions {
        self.data = data;
        self
    }

    /// Bounds the whole run from its start: nothing starts after it, what runs is interrupted. Without bound by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> RunOptions {
        self.timeout = timeout;
        self
    }

    /// Sets which outputs are kept for the report; none by default.
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> RunOptions {
        self.keep = keep;
        self
    }

    /// Sets who is told what happens.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> RunOptions {
        self.listener = Some(listener);
        self
    }

    /// Adds a pool for the tasks that ask for it by name. They fail in a run that has none of that name.
    ///
    /// It is given work by whoever completes executions, the workers of other pools among them: a pool that bounds how
    /// much may wait makes these wait for it.
    #[must_use]
    pub fn pool(mut self, name: impl Into<SmolStr>, pool: Arc<dyn Pool>) -> RunOptions {
        self.pools.push((name.into(), pool));
        self
    }

    /// Limits how much of a resource the executions that run occupy together. One that occupies more than there is runs
    /// when nobody else does. Resources of other names are not limited.
    #[must_use]
    pub fn resource(mut self, name: impl Into<SmolStr>, amount: f64) -> RunOptions {
        self.resources.push((name.into(), amount));
        self
    }

    /// Whether nothing starts any more after a failure that no link handles; what runs finishes. By default all goes on.
    #[must_use]
    pub fn fail_fast(mut self, fail_fast: bool) -> RunOptions {
        self.fail_fast = fail_fast;
        self
    }

    /// Bounds how often each node is executed, tries again apart: an execution beyond it fails, and no link handles that.
    /// Without bound by default.
    #[must_use]
    pub fn max_iterations(mut self, most: Option<u64>) -> RunOptions {
        self.max_iterations = most;
        self
    }

    /// Starts with what an earlier run left in the stop actor.
    ///
    /// Semantics: pypushflow's actors without a workflow, whose stop actor keeps its data between runs.
    #[must_use]
    pub fn stored(mut self, stored: Option<Payload>) -> RunOptions {
        self.stored = stored;
        self
    }

    /// Goes on with what the join actors had at the end of an earlier run of the same network.
    ///
    /// Semantics: pypushflow's actors keep their state between runs; a `JoinActor` fires once in its life.
    #[must_use]
    pub fn after(mut self, earlier: &Report) -> RunOptions {
        self.joins.clone_from(&earlier.joins);
        self
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunOptions { data, timeout, keep, fail_fast, max_iterations, .. } = self;
        f.debug_struct("RunOptions")
            .field("data", data)
            .field("timeout", timeout)
            .field("keep", keep)
            .field("fail_fast", fail_fast)
            .field("max_iterations", max_iterations)
            .finish_non_exhaustive()
    }
}
