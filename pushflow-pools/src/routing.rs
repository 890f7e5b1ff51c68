//! [`RoutingPool`]: tasks go to the workers that can run them: of this program, or of the program that they are
//! [at home](pushflow_core::task::Home) in.
//!
//! # Who owns what
//!
//! Every execution is carried by one of this crate's other pools, in an origin of its own, so that what it makes ready comes
//! back here and is routed in turn. Carrying takes longer than threads and coroutines take for a task: their pools are given
//! executions as they are, and ask themselves what is not for them (`Elsewhere`). The pool of a home is made when its first
//! task comes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use pushflow_core::pool::{Help, Ready, Rejected, Stats};
use pushflow_core::task::Home;
use pushflow_core::{Execution, Pool, PoolError};

use crate::carried::carry;
use crate::elsewhere::{Elsewhere, Sort};

/// Makes the pool of a home.
type Make = Box<dyn Fn(&Home) -> Result<Arc<dyn Pool>, PoolError> + Send + Sync>;

/// A pool with worker processes of this program, and of those that tasks are at home in.
pub struct RoutingPool {
    shared: Arc<Shared>,
}

struct Shared {
    own: Arc<dyn Pool>,
    /// Whether its own pool is given executions that are carried: it does not ask what is for others.
    carries: bool,
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
    /// Wraps the pool for tasks of this program, which asks `elsewhere`, if anybody, what is not for it; `make` makes that of a home.
    pub(crate) fn new(
        own: Arc<dyn Pool>,
        elsewhere: Option<&Elsewhere>,
        make: impl Fn(&Home) -> Result<Arc<dyn Pool>, PoolError> + Send + Sync + 'static,
    ) -> RoutingPool {
        let (carries, make, process, state) =
            (elsewhere.is_none(), Box::new(make), std::process::id(), Mutex::default());
        let shared = Arc::new(Shared { own, carries, make, process, state });
        if let Some(elsewhere) = elsewhere {
            let sort: Weak<Shared> = Arc::downgrade(&shared);
            elsewhere.set(sort);
        }
        RoutingPool { shared }
    }
}

impl Shared {
    fn submit(self: &Arc<Self>, execution: Execution, only_if_room: bool) -> Result<(), Rejected> {
        let (pool, is_carried) = match execution.subject().task.home() {
            None => (Ok(Arc::clone(&self.own)), self.carries),
            Some(home) => (self.of_home(home), true),
        };
        let pool = match pool {
            Ok(pool) => pool,
            Err(reason) => return Err(Rejected { execution, reason }),
        };
        let execution = if is_carried {
            let shared = Arc::clone(self);
            carry(execution, move |mut ready| shared.take_all(&mut ready))
        } else {
            execution
        };
        if only_if_room { pool.try_submit(execution) } else { pool.submit(execution) }
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

impl Sort for Shared {
    fn sort(self: Arc<Self>, ready: &mut Ready) {
        let mut stays = Ready::default();
        while let Some(next) = ready.pop() {
            if next.subject().task.home().is_none() {
                stays.push(next);
            } else if let Err(rejected) = self.submit(next, false) {
                rejected.complete(ready);
            }
        }
        *ready = stays;
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

#[cfg(test)]
#[cfg(all(feature = "thread", feature = "coroutine"))]
mod tests {
    use std::borrow::Cow;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use pushflow_core::event::RunId;
    use pushflow_core::interrupt::Interruption;
    use pushflow_core::pool::{Done, Origin, Subject};
    use pushflow_core::{Context, ErrorKind, Outcome, Payload, Task, TaskError};

    use super::*;
    use crate::{CoroutinePool, ThreadPool};

    /// Only a deadlock reaches it.
    const LONG: Duration = Duration::from_secs(60);

    /// Tells the name of its thread.
    struct Where(Option<Home>);

    impl Task for Where {
        fn run(&self, _inputs: &Payload, _ctx: &Context<'_>) -> Outcome {
            Ok(Payload::single("thread", std::thread::current().name().unwrap_or_default()))
        }

        fn home(&self) -> Option<&Home> {
            self.0.as_ref()
        }
    }

    /// Tasks of which each makes the next two ready.
    struct Tree {
        tasks: Vec<Arc<dyn Task>>,
        interruption: Interruption,
        outcomes: Mutex<Sender<(usize, Outcome)>>,
    }

    impl Tree {
        /// Those whose number is divided by 3 are at home elsewhere.
        fn new(count: usize) -> (Arc<Tree>, Receiver<(usize, Outcome)>) {
            let task = |number: usize| Where(number.is_multiple_of(3).then(|| Home::new("away", ())));
            let tasks = (0..count).map(|number| Arc::new(task(number)) as Arc<dyn Task>).collect();
            let (sender, receiver) = channel();
            (Arc::new(Tree { tasks, interruption: Interruption::new(), outcomes: Mutex::new(sender) }), receiver)
        }

        fn execution(self: &Arc<Self>, number: usize) -> Execution {
            let origin = Arc::clone(self) as Arc<dyn Origin>;
            Execution::new(origin, u32::try_from(number).unwrap(), 1, Payload::new())
        }
    }

    impl Origin for Tree {
        fn subject(&self, slot: u32) -> Subject<'_> {
            Subject {
                task: &self.tasks[slot as usize],
                node: "",
                run: RunId::default(),
                interruption: &self.interruption,
                listener: None,
                timeout: None,
            }
        }

        fn prepare<'a>(&'a self, _: u32, _: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
            Ok(Cow::Borrowed(data))
        }

        fn complete(self: Arc<Self>, done: Done, ready: &mut Ready) {
            let number = done.slot as usize;
            for next in [2 * number + 1, 2 * number + 2] {
                if next < self.tasks.len() {
                    ready.push(self.execution(next));
                }
            }
            self.outcomes.lock().unwrap().send((number, done.outcome)).unwrap();
        }
    }

    /// A pool that gives away what is at home elsewhere: to threads of that name.
    fn around(own: impl Fn(&Elsewhere) -> Arc<dyn Pool>) -> RoutingPool {
        let elsewhere = Elsewhere::default();
        RoutingPool::new(own(&elsewhere), Some(&elsewhere), |home| {
            Ok(Arc::new(ThreadPool::builder().name(home.key().as_str()).workers(1).build()?))
        })
    }

    fn pools() -> [RoutingPool; 3] {
        let threads = |workers: usize| {
            around(move |elsewhere| {
                let builder = ThreadPool::builder().name("here").elsewhere(elsewhere.clone());
                Arc::new(builder.workers(workers).build().unwrap())
            })
        };
        let coroutines = |elsewhere: &Elsewhere| {
            Arc::new(CoroutinePool::builder().elsewhere(elsewhere.clone()).build().unwrap()) as _
        };
        [threads(1), threads(3), around(coroutines)]
    }

    #[test]
    fn each_task_runs_where_it_is_at_home() {
        for pool in pools() {
            let (tree, outcomes) = Tree::new(2_000);
            pool.submit(tree.execution(0)).unwrap();
            for _ in 0..2_000 {
                let (number, outcome) = outcomes.recv_timeout(LONG).unwrap();
                let thread = outcome.unwrap().get("thread").unwrap().as_str().unwrap().to_owned();
                assert_eq!(thread.starts_with("away"), number.is_multiple_of(3), "{number}: {thread}");
            }
            pool.close();
            pool.join(Some(LONG)).unwrap();
        }
    }

    /// What is ready when the pool is closed has an outcome all the same, and nothing follows from it.
    #[test]
    fn what_follows_in_a_closed_pool_is_refused() {
        for pool in pools() {
            for moment in 0..200 {
                let (tree, outcomes) = Tree::new(3_000);
                let pool = &pool;
                let begun = pool.submit(tree.execution(0));
                if moment == 100 {
                    pool.close();
                }
                drop(tree);
                if let Err(rejected) = begun {
                    assert!(moment > 100);
                    drop(rejected);
                    continue;
                }
                // It ends when the last execution has dropped the tree.
                let mut all: Vec<(usize, Outcome)> = outcomes.iter().collect();
                all.sort_by_key(|(number, _)| *number);
                let numbers: Vec<usize> = all.iter().map(|(number, _)| *number).collect();
                assert_eq!(numbers, (0..3_000).collect::<Vec<_>>());
                let refused = all.iter().filter_map(|(_, outcome)| outcome.as_ref().err());
                assert!(refused.map(TaskError::kind).all(|kind| moment == 100 && kind == ErrorKind::Closed));
            }
            pool.join(Some(LONG)).unwrap();
        }
    }

    /// A task elsewhere takes none of its threads.
    #[test]
    fn one_that_waits_elsewhere_holds_up_nobody() {
        let [pool, ..] = pools();
        let (release, wait) = channel::<()>();
        let wait = Mutex::new(wait);
        struct Waits(Mutex<Receiver<()>>, Home);
        impl Task for Waits {
            fn run(&self, _inputs: &Payload, _ctx: &Context<'_>) -> Outcome {
                self.0.lock().unwrap().recv_timeout(LONG).unwrap();
                Ok(Payload::new())
            }

            fn home(&self) -> Option<&Home> {
                Some(&self.1)
            }
        }
        let waiting = Arc::new(Waits(wait, Home::new("away", ())));
        let first = pushflow_core::handle::Handle::submit(&pool, waiting, Payload::new()).unwrap();
        let second = pushflow_core::handle::Handle::submit(&pool, Arc::new(Where(None)), Payload::new()).unwrap();
        assert!(second.wait().is_ok());
        release.send(()).unwrap();
        assert!(first.wait().is_ok());
    }
}
