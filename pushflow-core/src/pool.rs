//! [`Pool`]: what runs executions; [`Execution`]: one run of one task with one input.
//!
//! # The protocol of an execution
//!
//! An [`Execution`] is owned by exactly one holder at a time: whoever made it, the pool's queue, the worker. It ends in
//! exactly one outcome: [`complete`](Execution::complete) takes it by value, and an execution that is dropped instead (a
//! pool that goes away with work in its queues, a worker thread that dies) completes itself as lost. Completing tells the
//! [`Origin`], which may make further executions ready; these are put into the caller's [`Ready`] queue, never run from
//! inside, so nothing recurses.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{ErrorKind, PoolError, TaskError};
use crate::event::{Listener, RunId};
use crate::interrupt::{Cause, Interruption};
use crate::payload::Payload;
pub use crate::task::Outcome;
use crate::task::{Context, Task};

/// Runs executions on workers: threads, coroutines, processes.
///
/// Every accepted execution ends in exactly one outcome, also when its worker is lost or the pool is dropped.
pub trait Pool: Send + Sync + fmt::Debug {
    /// Takes an execution. Does not wait for it, and does not run it inside the call.
    ///
    /// A pool that bounds how many executions wait to be started makes the caller wait for room; never one of its own
    /// workers.
    ///
    /// # Errors
    ///
    /// Gives the execution back when the pool is closed.
    fn submit(&self, execution: Execution) -> Result<(), Rejected>;

    /// Takes an execution if there is room for it; never waits. By default there always is.
    ///
    /// # Errors
    ///
    /// Gives the execution back when the pool is closed, or full: [`PoolError::Full`].
    fn try_submit(&self, execution: Execution) -> Result<(), Rejected> {
        self.submit(execution)
    }

    /// Refuses new work from now on. What was accepted is still run. Any number of times.
    fn close(&self);

    /// Waits until all workers have ended, at most for `timeout` from the call.
    ///
    /// # Errors
    ///
    /// [`PoolError::NotClosed`] while the pool is open; [`PoolError::Timeout`] when executions remain.
    fn join(&self, timeout: Option<Duration>) -> Result<(), PoolError>;

    /// Breaks off what is running now; what waits is still run. Tasks in this process end when they look or wait.
    fn interrupt(&self) {}

    /// Closes; interrupts if asked to; then waits for the end if asked to.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join).
    fn shutdown(&self, how: Shutdown) -> Result<(), PoolError> {
        self.close();
        if how.interrupt {
            self.interrupt();
        }
        if how.wait { self.join(how.timeout) } else { Ok(()) }
    }

    /// Returns who may help the pool with its work while waiting for it; nobody by default.
    fn helper(&self) -> Option<Arc<dyn Help>> {
        None
    }

    /// Returns what the pool is doing.
    fn stats(&self) -> Stats {
        Stats::default()
    }
}

/// Work of a pool that a thread can do while it waits for an outcome.
pub trait Help: Send + Sync {
    /// Does what there is to do, for a short while at most: until `is_done`, or until the deadline. It may find nothing.
    fn help(self: Arc<Self>, is_done: &dyn Fn() -> bool, deadline: Option<Instant>);
}

/// How [`Pool::shutdown`] goes about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shutdown {
    /// Whether to wait for the workers' end.
    pub wait: bool,
    /// How long to wait at most; without limit by default.
    pub timeout: Option<Duration>,
    /// Whether to break off what is running.
    pub interrupt: bool,
}

/// What a pool is doing, as seen from outside at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Number of workers that live.
    pub workers: usize,
    /// Executions that are running: their run, and their place in it.
    pub running: Vec<(RunId, u32)>,
    /// How many executions it runs at the same time at most; `None` when there is no bound.
    pub capacity: Option<usize>,
}

/// An execution that a pool did not take, and why.
#[derive(Debug)]
pub struct Rejected {
    /// The execution, for another pool, or to be completed with the reason.
    pub execution: Execution,
    /// Why it was not taken.
    pub reason: PoolError,
}

impl Rejected {
    /// Completes the execution with the reason for its rejection, and returns that.
    pub fn complete(self, ready: &mut Ready) -> PoolError {
        let error = TaskError::new(ErrorKind::Closed, "RuntimeError", self.reason.to_string());
        self.execution.complete(Err(error), ready);
        self.reason
    }
}

/// Where executions come from and where their outcomes go: the run of a workflow, or a [`Handle`](crate::handle::Handle).
///
/// `slot` says which of the origin's tasks an execution is of.
pub trait Origin: Send + Sync {
    /// Describes a task.
    fn subject(&self, slot: u32) -> Subject<'_>;

    /// Returns the inputs of the task, at the last moment before a try, numbered from 1, starts.
    ///
    /// # Errors
    ///
    /// Why it must not start: inputs absent, the run stops.
    fn prepare<'a>(&'a self, slot: u32, attempt: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError>;

    /// Takes the outcome. Called exactly once per execution, from any thread; must not block.
    fn complete(self: Arc<Self>, done: Done, ready: &mut Ready);

    /// Returns the run that a task belongs to.
    fn run(&self, slot: u32) -> RunId {
        self.subject(slot).run
    }

    /// Runs a task in the calling thread. `pool` is the pool's own interruption; a panic of the task is an outcome.
    ///
    /// Provided: here, and not in [`Execution`], so that one dynamic call does it all.
    ///
    /// # Errors
    ///
    /// Why there are no outputs.
    fn execute(&self, slot: u32, attempt: u32, data: &Payload, pool: Option<&Interruption>) -> Outcome {
        let inputs = self.prepare(slot, attempt, data)?;
        self.subject(slot).run(attempt, &inputs, pool)
    }
}

/// What an origin says about one of its tasks.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The task.
    pub task: &'a Arc<dyn Task>,
    /// Label of the node; empty outside of a workflow.
    pub node: &'a str,
    /// The run.
    pub run: RunId,
    /// What breaks the execution off.
    pub interruption: &'a Interruption,
    /// Who is told of its progress.
    pub listener: Option<&'a Listener>,
    /// How long an execution may take, from its start.
    pub timeout: Option<Duration>,
}

impl<'a> Subject<'a> {
    /// Describes a task outside of any workflow.
    pub fn alone(task: &'a Arc<dyn Task>, interruption: &'a Interruption) -> Subject<'a> {
        Subject { task, node: "", run: RunId::default(), interruption, listener: None, timeout: None }
    }
}

impl Subject<'_> {
    /// Runs the task in the calling thread. `pool` is the pool's own interruption; a panic of the task is an outcome.
    ///
    /// A task that gives its outputs after its timeout has failed all the same.
    ///
    /// # Errors
    ///
    /// Why there are no outputs.
    pub fn run(&self, attempt: u32, inputs: &Payload, pool: Option<&Interruption>) -> Outcome {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let ctx = Context::new(self.node, self.run, attempt)
            .with_marks(Some(self.interruption), pool)
            .with_deadline(deadline)
            .with_listener(self.listener);
        if let Some(cause) = pool.and_then(Interruption::cause) {
            return Err(broken_off(cause));
        }
        // The task's own state is behind a shared reference, and the inputs are immutable: nothing of ours can be left
        // half changed by a panic.
        let outcome = match catch_unwind(AssertUnwindSafe(|| self.task.run(inputs, &ctx))) {
            Ok(outcome) => outcome,
            Err(panic) => Err(TaskError::panicked(&*panic)),
        };
        let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_late && !ctx.is_broken_off() { self.late(outcome) } else { outcome }
    }

    /// What an outcome counts for that came after the timeout: an error that says more is kept.
    fn late(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            Ok(_) | Err(_) => {
                let timeout = self.timeout.unwrap_or_default();
                let message = format!("the task took longer than its timeout of {} s", timeout.as_secs_f64());
                Err(TaskError::new(ErrorKind::TimedOut, "TimeoutError", message))
            }
        }
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("node", &self.node).field("run", &self.run).finish_non_exhaustive()
    }
}

/// A completed execution, as its origin gets it.
#[derive(Debug)]
pub struct Done {
    /// Which task of the origin.
    pub slot: u32,
    /// Which try, from 1.
    pub attempt: u32,
    /// The data that the execution was made with.
    pub data: Payload,
    /// How it ended.
    pub outcome: Outcome,
}

/// One run of one task with one input.
pub struct Execution {
    /// `None` once completed.
    origin: Option<Arc<dyn Origin>>,
    slot: u32,
    attempt: u32,
    data: Payload,
}

impl Execution {
    /// Creates an execution of a task of an origin.
    pub fn new(origin: Arc<dyn Origin>, slot: u32, attempt: u32, data: Payload) -> Execution {
        Execution { origin: Some(origin), slot, attempt, data }
    }

    /// Describes the task.
    pub fn subject(&self) -> Subject<'_> {
        self.origin().subject(self.slot)
    }

    /// Returns the run that it belongs to.
    pub fn run_id(&self) -> RunId {
        self.origin().run(self.slot)
    }

    /// Returns which task of its origin it runs.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Returns which try this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns the inputs of the task, at the last moment before it starts.
    ///
    /// # Errors
    ///
    /// Why it must not start: complete it with that error.
    pub fn prepare(&self) -> Result<Cow<'_, Payload>, TaskError> {
        self.origin().prepare(self.slot, self.attempt, &self.data)
    }

    /// Runs the task in the calling thread and completes with its outcome. `pool` is the pool's own interruption.
    ///
    /// A panic of the task is an outcome.
    pub fn run(self, pool: Option<&Interruption>, ready: &mut Ready) {
        let outcome = self.execute(pool);
        self.complete(outcome, ready);
    }

    /// Runs the task in the calling thread, for who tells the outcome elsewhere. As in [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// Why there are no outputs.
    pub fn execute(&self, pool: Option<&Interruption>) -> Outcome {
        self.origin().execute(self.slot, self.attempt, &self.data, pool)
    }

    /// Ends the execution with an outcome. What this makes ready is added to the queue.
    pub fn complete(mut self, outcome: Outcome, ready: &mut Ready) {
        let data = std::mem::take(&mut self.data);
        let done = Done { slot: self.slot, attempt: self.attempt, data, outcome };
        if let Some(origin) = self.origin.take() {
            origin.complete(done, ready);
        }
    }

    /// Takes the execution apart without completing it, for its origin, which goes on with it.
    #[cfg(feature = "workflow")]
    pub(crate) fn withdraw(mut self) -> (u32, u32, Payload) {
        let data = std::mem::take(&mut self.data);
        self.origin = None;
        (self.slot, self.attempt, data)
    }

    fn origin(&self) -> &Arc<dyn Origin> {
        self.origin.as_ref().expect("the origin is taken only together with the execution")
    }
}

fn broken_off(cause: Cause) -> TaskError {
    match cause {
        Cause::Interrupted => TaskError::interrupted(),
        Cause::TimedOut => TaskError::new(ErrorKind::TimedOut, "TimeoutError", "the time was over"),
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        let Some(origin) = self.origin.take() else { return };
        let mut ready = Ready::default();
        let lost =
            || TaskError::new(ErrorKind::Closed, "BrokenExecutor", "the pool was dropped before the task was run");
        let data = std::mem::take(&mut self.data);
        origin.complete(Done { slot: self.slot, attempt: self.attempt, data, outcome: Err(lost()) }, &mut ready);
        // Nobody runs what this made ready, so it is lost too.
        while let Some(execution) = ready.pop() {
            execution.complete(Err(lost()), &mut ready);
        }
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.origin.as_ref().map(|origin| origin.subject(self.slot).node);
        f.debug_struct("Execution").field("node", &node).field("attempt", &self.attempt).finish_non_exhaustive()
    }
}

/// Executions that became ready by a completion, in the order in which they should start.
#[derive(Debug, Default)]
pub struct Ready(VecDeque<Execution>);

impl Ready {
    /// Adds an execution at the end.
    pub fn push(&mut self, execution: Execution) {
        self.0.push_back(execution);
    }

    /// Takes the first execution.
    pub fn pop(&mut self) -> Option<Execution> {
        self.0.pop_front()
    }

    /// Returns those that there are, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = &Execution> {
        self.0.iter()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Submits all to a pool; what it rejects is completed with the reason.
    pub fn submit_to(&mut self, pool: &dyn Pool) {
        while let Some(execution) = self.pop() {
            if let Err(rejected) = pool.submit(execution) {
                rejected.complete(self);
            }
        }
    }
}
