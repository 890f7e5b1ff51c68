//! [`RunOptions`]: how one run is to go.

use std::fmt;
use std::time::Duration;

use crate::event::Listener;
use crate::payload::Payload;

/// How one run of a network is to go.
#[derive(Clone, Default)]
pub struct RunOptions {
    pub(crate) data: Payload,
    pub(crate) timeout: Option<Duration>,
    pub(crate) keep: Keep,
    pub(crate) listener: Option<Listener>,
    pub(crate) stored: Option<Payload>,
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

    /// Starts with what an earlier run left in the stop actor.
    ///
    /// Semantics: pypushflow's actors without a workflow, whose stop actor keeps its data between runs.
    #[must_use]
    pub fn stored(mut self, stored: Option<Payload>) -> RunOptions {
        self.stored = stored;
        self
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunOptions { data, timeout, keep, .. } = self;
        f.debug_struct("RunOptions")
            .field("data", data)
            .field("timeout", timeout)
            .field("keep", keep)
            .finish_non_exhaustive()
    }
}
