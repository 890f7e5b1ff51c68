//! [`Elsewhere`]: how a pool that runs by itself what its executions make ready gives away what is not for it.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use pushflow_core::pool::Ready;

/// Takes executions that are for other pools.
pub(crate) trait Sort: Send + Sync {
    #[cfg_attr(not(any(feature = "thread", feature = "coroutine")), expect(dead_code, reason = "others do not ask"))]
    /// Leaves what is for the pool that made it ready, in its order.
    fn sort(self: Arc<Self>, ready: &mut Ready);
}

/// Whom to ask; nobody, until that is [set](Self::set), and once it is gone.
#[derive(Clone, Default)]
pub(crate) struct Elsewhere(Arc<OnceLock<Weak<dyn Sort>>>);

impl Elsewhere {
    /// Sets whom to ask, once.
    #[cfg(feature = "process")]
    pub(crate) fn set(&self, sort: Weak<dyn Sort>) {
        // Who would set it again would be the same.
        let _ = self.0.set(sort);
    }

    /// Gives away what is not for the pool that asks.
    #[cfg(any(feature = "thread", feature = "coroutine"))]
    pub(crate) fn sort(&self, ready: &mut Ready) {
        // Most tasks are at home where they are: that is found out without asking.
        if ready.iter().any(|execution| execution.subject().task.home().is_some())
            && let Some(sort) = self.0.get().and_then(Weak::upgrade)
        {
            sort.sort(ready);
        }
    }
}

impl fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere").field("is_set", &self.0.get().is_some()).finish()
    }
}
