//! [`ProcessPoolBuilder`]: the settings of a pool of processes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pushflow_core::event::Listener;
use pushflow_core::{Payload, PoolError};
use pushflow_signals::{Children, Error, StartMethod, daemonic};

use super::codec::Encoder;
use super::launcher::Launcher;
use super::policy::Policy;
use super::pool::ProcessPool;
use super::remote::Connect;
use crate::ending::OnExit;

/// What becomes of what workers print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// It goes where that of this process goes. Nothing of it is in the error of a lost worker.
    Inherit,
    /// Standard output as above; standard error passes through this process, which remembers the last lines for the error
    /// of a lost worker. When nobody reads the standard error of this process, the latest MiB of each worker waits for a
    /// reader, and what is older is dropped, with a note: tasks do not wait.
    #[default]
    Forward,
    /// Both are captured for each execution, and told to the listener of its run, or of the pool, before the outcome:
    /// [`Event::Output`](pushflow_core::event::Event::Output). What an initializer prints is for the listener of the pool. What a worker
    /// prints between two executions is told with the second; what it prints after the last, at its exit for instance, as of
    /// that one, if its listener is still there, else to the listener of the pool; without one it goes to standard error.
    Capture,
}

/// Settings of a [`ProcessPool`].
#[derive(Clone)]
pub struct ProcessPoolBuilder {
    pub(super) policy: Policy,
    pub(super) workers: Option<usize>,
    pub(super) method: StartMethod,
    pub(super) children: Option<Children>,
    pub(super) tied: bool,
    pub(super) max_pending: Option<usize>,
    pub(super) prefetch: usize,
    pub(super) max_tasks_per_child: Option<u64>,
    pub(super) max_memory_per_child: Option<u64>,
    pub(super) soft_time_limit: Option<Duration>,
    pub(super) hard_time_limit: Option<Duration>,
    pub(super) grace: Duration,
    pub(super) initializer: Option<(String, Payload)>,
    pub(super) output: Output,
    pub(super) listener: Option<Listener>,
    pub(super) heartbeat: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) connect: Option<Connect>,
    pub(super) launcher: Option<Arc<dyn Launcher>>,
    pub(super) on_exit: OnExit,
}

/// More processes than that are a mistake.
const MOST_WORKERS: usize = 4096;
/// How many calls a worker has at most, as many as there are slots.
pub(super) const MOST_PREFETCH: usize = super::slots::SLOTS;

impl ProcessPoolBuilder {
    pub(crate) fn new(policy: Policy) -> ProcessPoolBuilder {
        ProcessPoolBuilder {
            policy,
            workers: None,
            method: StartMethod::default(),
            children: None,
            tied: false,
            max_pending: None,
            prefetch: MOST_PREFETCH,
            max_tasks_per_child: None,
            max_memory_per_child: None,
            soft_time_limit: None,
            hard_time_limit: None,
            grace: Duration::from_secs(5),
            initializer: None,
            output: Output::default(),
            listener: None,
            heartbeat: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(60),
            connect: None,
            launcher: None,
            on_exit: OnExit::DEFAULT,
        }
    }

    /// Sets the number of worker processes, 1 to 4096; by default one for each processor that this process may use.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> ProcessPoolBuilder {
        self.workers = Some(workers);
        self
    }

    /// Sets how workers are started; by a fork server by default.
    #[must_use]
    pub fn start_method(mut self, method: StartMethod) -> ProcessPoolBuilder {
        self.method = method;
        self
    }

    /// Sets whether workers may start processes; by default as the pool type says.
    #[must_use]
    pub fn children(mut self, children: Children) -> ProcessPoolBuilder {
        self.children = Some(children);
        self
    }

    /// Makes workers daemonic that are not by the type of the pool: they end with this process.
    #[must_use]
    pub fn daemonic(mut self) -> ProcessPoolBuilder {
        self.policy.daemonic = true;
        self
    }

    /// Has workers that are not daemonic killed, with all below them, when this process is killed; otherwise each finishes
    /// what it is running.
    #[must_use]
    pub fn tied(mut self) -> ProcessPoolBuilder {
        self.tied = true;
        self
    }

    /// Bounds how many executions wait to be started, at least 1; without bound by default.
    ///
    /// While there are as many, [`Pool::submit`](pushflow_core::Pool::submit) waits for room and
    /// [`Pool::try_submit`](pushflow_core::Pool::try_submit) refuses. What a finished execution makes ready does not count: it
    /// never waits for room. Nothing is sent ahead to workers.
    #[must_use]
    pub fn max_pending(mut self, most: Option<usize>) -> ProcessPoolBuilder {
        self.max_pending = most.map(|most| most.max(1));
        self
    }

    /// Sets how many executions a worker is sent at most, 1 to 64; 64 by default. More than one only while they are short.
    #[must_use]
    pub fn prefetch(mut self, most: usize) -> ProcessPoolBuilder {
        self.prefetch = most.clamp(1, MOST_PREFETCH);
        self
    }

    /// Replaces a worker after this many executions, at least 1; never by default.
    #[must_use]
    pub fn max_tasks_per_child(mut self, most: Option<u64>) -> ProcessPoolBuilder {
        self.max_tasks_per_child = most.map(|most| most.max(1));
        self
    }

    /// Replaces a worker that has more bytes resident than this after an execution; never by default.
    ///
    /// Semantics: `max_memory_per_child` of `billiard`, in bytes.
    #[must_use]
    pub fn max_memory_per_child(mut self, bytes: Option<u64>) -> ProcessPoolBuilder {
        self.max_memory_per_child = bytes;
        self
    }

    /// Interrupts an execution that takes longer; never by default. Its outcome is that its time was over.
    ///
    /// An execution may have a shorter timeout of its own.
    #[must_use]
    pub fn soft_time_limit(mut self, limit: Option<Duration>) -> ProcessPoolBuilder {
        self.soft_time_limit = limit;
        self
    }

    /// Kills the worker of an execution that takes longer; never by default.
    #[must_use]
    pub fn hard_time_limit(mut self, limit: Option<Duration>) -> ProcessPoolBuilder {
        self.hard_time_limit = limit;
        self
    }

    /// Sets how long an interrupted execution may take to end before its worker gets SIGTERM, and then again before it gets
    /// SIGKILL; 5 s by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> ProcessPoolBuilder {
        self.grace = grace;
        self
    }

    /// Sets a registered task that each worker runs before any other. A worker in which it fails cannot be used.
    ///
    /// It has no time limit: executions that wait for a worker wait for it. When nothing waits and the pool is closed, a worker
    /// that has not finished it is ended after the grace period.
    #[must_use]
    pub fn initializer(mut self, task: impl Into<String>, inputs: Payload) -> ProcessPoolBuilder {
        self.initializer = Some((task.into(), inputs));
        self
    }

    /// Sets what becomes of what workers print.
    #[must_use]
    pub fn output(mut self, output: Output) -> ProcessPoolBuilder {
        self.output = output;
        self
    }

    /// Sets who is told of captured output and progress by executions whose origin has no listener.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> ProcessPoolBuilder {
        self.listener = Some(listener);
        self
    }

    /// Takes over workers that somebody else starts, instead of starting processes: `connect` is called for each worker that
    /// the pool needs, and gives the streams to one that runs [`serve`](super::serve).
    ///
    /// It is called on the thread that looks after all workers, which waits for it.
    #[must_use]
    pub fn connect(mut self, connect: Connect) -> ProcessPoolBuilder {
        self.connect = Some(connect);
        self
    }

    /// Has workers that are another program, started by this. An initializer is a task of that program then.
    #[must_use]
    pub fn launcher(mut self, launcher: Arc<dyn Launcher>) -> ProcessPoolBuilder {
        self.launcher = Some(launcher);
        self
    }

    /// Sets how often a worker that somebody else has started says that it lives; 1 s by default. One that is silent for five
    /// times as long is given up.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> ProcessPoolBuilder {
        self.heartbeat = interval.max(Duration::from_millis(1));
        self
    }

    /// Sets how long a worker that somebody else starts, or that is another program, may take until it says its first word; 60 s
    /// by default, for it may have a long way. With an initializer, the other program may take any time.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> ProcessPoolBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// Sets whether dropping the pool waits for its executions; it does by default.
    #[must_use]
    pub fn wait_on_exit(mut self, wait: bool) -> ProcessPoolBuilder {
        self.on_exit.wait = wait;
        self
    }

    /// Bounds that wait; without bound by default.
    #[must_use]
    pub fn wait_on_exit_timeout(mut self, timeout: Option<Duration>) -> ProcessPoolBuilder {
        self.on_exit.timeout = timeout;
        self
    }

    /// Sets whether dropping the pool interrupts what is running; it does not by default.
    #[must_use]
    pub fn interrupt_on_exit(mut self, interrupt: bool) -> ProcessPoolBuilder {
        self.on_exit.interrupt = interrupt;
        self
    }

    /// Makes the pool. The workers of an eager one are started; that they are ready is not waited for.
    ///
    /// # Errors
    ///
    /// [`PoolError::Workers`] for an unusable number; [`PoolError::Setting`] for an initializer that is not registered or
    /// whose inputs cannot be sent; [`PoolError::Start`] in a daemonic process, when the program does not
    /// call [`pushflow_signals::init`], or when a process cannot be started; [`PoolError::System`].
    pub fn build(self) -> Result<ProcessPool, PoolError> {
        let workers = match self.workers {
            Some(workers) => workers,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        if workers == 0 || workers > MOST_WORKERS {
            return Err(PoolError::Workers { found: workers, limit: MOST_WORKERS });
        }
        if let Some((task, inputs)) = &self.initializer {
            let refused = |problem| PoolError::Setting { setting: "initializer", problem };
            if self.launcher.is_none() {
                pushflow_core::registry::find(task).map_err(|error| refused(error.to_string()))?;
            }
            let sendable = Encoder::new(&mut Vec::new(), None).payload(inputs);
            sendable.map_err(|error| refused(format!("has inputs that cannot be sent: {error}")))?;
        }
        if self.connect.is_none() {
            self.check_may_start().map_err(|error| PoolError::Start { source: error.into() })?;
        }
        ProcessPool::start(self, workers)
    }

    /// What each start of a worker would fail with, also of those that start later.
    fn check_may_start(&self) -> Result<(), Error> {
        if !self.policy.exempt {
            daemonic::check_may_have_children()?;
        }
        if self.method != StartMethod::Fork && !pushflow_signals::is_initialized() {
            return Err(Error::NotInitialized { method: self.method });
        }
        Ok(())
    }
}

impl fmt::Debug for ProcessPoolBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProcessPoolBuilder { policy, workers, method, .. } = self;
        let mut debug = f.debug_struct("ProcessPoolBuilder");
        debug.field("type", &policy.name).field("workers", workers).field("method", method).finish_non_exhaustive()
    }
}
