//! [`RoutingPool`]: tasks go to the workers that can run them: of this program, or of the program that they are
//! [at home](pushflow_core::task::Home) in.
//!
//! # Who owns what
//!
//! Every execution is carried by one of this crate's other pools, in an origin of its own, so that what it makes ready comes
//! back here and is routed in turn. The pool of a home is made when its first task comes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pushflow_core::pool::{Help, Ready, Rejected, Stats};
use pushflow_core::task::Home;
use pushflow_core::{Execution, Pool, PoolError};

use crate::carried::carry;

/// Makes the pool of a home.
type Make = Box<dyn Fn(&Home) -> Result<Arc<dyn Pool>, PoolError> + Send + Sync>;

/// A pool with worker processes of this program, and of those that tasks are at home in.
pub struct RoutingPool {
    shared: Arc<Shared>,
}

struct Shared {
    own: Arc<dyn Pool>,
    make: Make,
    /// The process that has made the pool: it is of no use in one forked from it.
    process: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    homes: BTreeMap<String, Arc<dyn Pool>>,
}

impl RoutingPool {
    /// Wraps the pool for tasks of this program; `make` makes that of a home.
    pub(crate) fn new(
        own: Arc<dyn Pool>,
        make: impl Fn(&Home) -> Result<Arc<dyn Pool>, PoolError> + Send + Sync + 'static,
    ) -> RoutingPool {
        let (make, process, state) = (Box::new(make), std::process::id(), Mutex::default());
        RoutingPool { shared: Arc::new(Shared { own, make, process, state }) }
    }
}

impl Shared {
    fn submit(self: &Arc<Self>, execution: Execution, only_if_room: bool) -> Result<(), Rejected> {
        let pool = match execution.subject().task.home() {
            None => Ok(Arc::clone(&self.own)),
            Some(home) => self.of_home(home),
        };
        let pool = match pool {
            Ok(pool) => pool,
            Err(reason) => return Err(Rejected { execution, reason }),
        };
        let shared = Arc::clone(self);
        let carried = carry(execution, move |mut ready| shared.take_all(&mut ready));
        if only_if_room { pool.try_submit(carried) } else { pool.submit(carried) }
    }

    fn of_home(&self, home: &Home) -> Result<Arc<dyn Pool>, PoolError> {
        if self.process != std::process::id() {
            return Err(PoolError::Closed);
        }
        let mut state = self.lock();
        if let Some(pool) = state.homes.get(home.key().as_str()) {
            return Ok(Arc::clone(pool));
        }
        if state.closed {
            return Err(PoolError::Closed);
        }
        let pool = (self.make)(home)?;
        state.homes.insert(home.key().to_string(), Arc::clone(&pool));
        Ok(pool)
    }

    fn take_all(self: &Arc<Self>, ready: &mut Ready) {
        while let Some(next) = ready.pop() {
            if let Err(rejected) = self.submit(next, false) {
                rejected.complete(ready);
            }
        }
    }

    fn pools(&self) -> Vec<Arc<dyn Pool>> {
        let mut pools = vec![Arc::clone(&self.own)];
        if self.process == std::process::id() {
            pools.extend(self.lock().homes.values().cloned());
        }
        pools
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool for RoutingPool {
    fn submit(&self, execution: Execution) -> Result<(), Rejected> {
        self.shared.submit(execution, false)
    }

    fn try_submit(&self, execution: Execution) -> Result<(), Rejected> {
        self.shared.submit(execution, true)
    }

    fn close(&self) {
        if self.shared.process == std::process::id() {
            self.shared.lock().closed = true;
        }
        self.shared.pools().iter().for_each(|pool| pool.close());
    }

    fn join(&self, timeout: Option<Duration>) -> Result<(), PoolError> {
        let begin = Instant::now();
        let deadline = timeout.and_then(|timeout| begin.checked_add(timeout));
        for pool in self.shared.pools() {
            pool.join(deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())))?;
        }
        Ok(())
    }

    fn interrupt(&self) {
        self.shared.pools().iter().for_each(|pool| pool.interrupt());
    }

    fn helper(&self) -> Option<Arc<dyn Help>> {
        self.shared.own.helper()
    }

    fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for pool in self.shared.pools() {
            let of_pool = pool.stats();
            stats.workers += of_pool.workers;
            stats.running.extend(of_pool.running);
        }
        stats
    }
}

impl fmt::Debug for RoutingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutingPool").field("own", &self.shared.own).finish_non_exhaustive()
    }
}
