//! [`Task`]: what a node computes, and the [`Context`] it computes in.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smol_str::SmolStr;

use crate::error::TaskError;
use crate::event::{Event, Listener, RunId};
use crate::interrupt::{Cause, Interruption, Subscription};
use crate::payload::Payload;
use crate::value::Value;
use crate::wait;

/// How an execution ended: with outputs, or with the reason why there are none.
pub type Outcome = Result<Payload, TaskError>;

/// A computation from named inputs to named outputs.
///
/// Functions and closures of the shape `Fn(&Payload, &Context<'_>) -> Outcome` are tasks.
///
/// # Examples
///
/// ```
/// use pushflow_core::{Context, Outcome, Payload};
///
/// fn double(inputs: &Payload, _ctx: &Context<'_>) -> Outcome {
///     let x = inputs.get("x").and_then(|x| x.as_int()).unwrap_or(0);
///     Ok(Payload::single("x", 2 * x))
/// }
/// # let task: std::sync::Arc<dyn pushflow_core::Task> = std::sync::Arc::new(double);
/// ```
pub trait Task: Send + Sync {
    /// Computes the outputs.
    ///
    /// # Errors
    ///
    /// Whatever keeps the task from giving outputs. A panic is caught and becomes an error too.
    fn run(&self, inputs: &Payload, ctx: &Context<'_>) -> Outcome;

    /// Whether the task is given inputs that are [missing](Value::Missing): outputs that their source declared and did not
    /// set. By default it is not: for most tasks such an input is absent, whatever default it has.
    fn takes_missing(&self) -> bool {
        false
    }

    /// Returns the name under which a worker process finds the task again, when that is all it needs.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Returns from what a worker process makes the task again; `None` for tasks of this process only.
    ///
    /// By default a registered function of the task's [name](Self::name).
    fn recipe(&self) -> Option<Recipe> {
        self.name().map(|name| Recipe { kind: name.into(), settings: Value::Null })
    }

    /// Returns where the task is at home, when workers of this program can only hand it on; nowhere else by default.
    fn home(&self) -> Option<&Home> {
        None
    }
}

/// Where a task is at home that is run by another program, such as an interpreter. Pools that are made by name have worker
/// processes of that program for it; others call [`Task::run`], which hands it on.
#[derive(Clone)]
pub struct Home {
    key: SmolStr,
    launcher: Arc<dyn Any + Send + Sync>,
}

impl Home {
    /// Creates a home, equal to those with the same key. What starts its workers is for pools alone, which know its type.
    pub fn new(key: impl Into<SmolStr>, launcher: impl Any + Send + Sync) -> Home {
        Home { key: key.into(), launcher: Arc::new(launcher) }
    }

    /// Returns by what homes are told apart.
    pub fn key(&self) -> &SmolStr {
        &self.key
    }

    /// Returns what starts its workers, if that is of this type.
    pub fn launcher<T: 'static>(&self) -> Option<&T> {
        self.launcher.downcast_ref()
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("key", &self.key).finish_non_exhaustive()
    }
}

/// From what a worker process makes a task again: see [`registry::make`](crate::registry::make).
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The name of a registered function, or of a registered kind of tasks.
    pub kind: SmolStr,
    /// What that kind needs to know; null for a function.
    pub settings: Value,
}

impl<F: Fn(&Payload, &Context<'_>) -> Outcome + Send + Sync> Task for F {
    fn run(&self, inputs: &Payload, ctx: &Context<'_>) -> Outcome {
        self(inputs, ctx)
    }
}

/// What an execution knows about itself: node, run, attempt; whether it should end; whom it may tell of its progress.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    node: &'a str,
    run: RunId,
    attempt: u32,
    /// The run's mark and the pool's.
    marks: [Option<&'a Interruption>; 2],
    /// The end of the time of this execution alone.
    deadline: Option<Instant>,
    listener: Option<&'a Listener>,
}

impl<'a> Context<'a> {
    /// Creates the context of an execution; pools and the engine do.
    pub fn new(node: &'a str, run: RunId, attempt: u32) -> Context<'a> {
        Context { node, run, attempt, marks: [None, None], deadline: None, listener: None }
    }

    /// Sets whom the task may tell of its progress.
    #[must_use]
    pub fn with_listener(self, listener: Option<&'a Listener>) -> Context<'a> {
        Context { listener, ..self }
    }

    /// Sets the marks that break the execution off: the run's and the pool's.
    #[must_use]
    pub fn with_marks(self, run: Option<&'a Interruption>, pool: Option<&'a Interruption>) -> Context<'a> {
        Context { marks: [run, pool], ..self }
    }

    /// Sets when the time of this execution is over, beside the deadlines of the marks.
    #[must_use]
    pub fn with_deadline(self, deadline: Option<Instant>) -> Context<'a> {
        Context { deadline, ..self }
    }

    /// Returns the label of the node; empty outside of a workflow.
    pub fn node(&self) -> &'a str {
        self.node
    }

    /// Returns the run that the execution belongs to.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Returns which try this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns who is told of what the task says: for a task that has others say it.
    pub fn listener(&self) -> Option<&'a Listener> {
        self.listener
    }

    /// Whether the task should end: it was interrupted, or the time is over. Looked at by long computations.
    pub fn is_interrupted(&self) -> bool {
        self.interruption().is_some()
    }

    /// Returns why the task should end, `None` while it may go on.
    pub fn interruption(&self) -> Option<Cause> {
        let is_late = |deadline: &Instant| Instant::now() >= *deadline;
        self.marks().find_map(Interruption::cause).or_else(|| self.deadline.filter(is_late).map(|_| Cause::TimedOut))
    }

    /// Returns when the time of the execution is over.
    pub fn deadline(&self) -> Option<Instant> {
        self.marks().filter_map(Interruption::deadline).chain(self.deadline).min()
    }

    /// Calls back once when the task is interrupted; not at the deadline. The callback must not block.
    pub fn on_interrupt(&self, callback: impl Fn() + Send + Sync + 'static) -> Subscriptions<'a> {
        let callback = Arc::new(callback);
        Subscriptions(self.marks.map(|mark| {
            let callback = Arc::clone(&callback);
            mark.map(|mark| mark.subscribe(move || callback()))
        }))
    }

    /// Sleeps for a duration, less when the task is interrupted. Returns whether it slept to the end.
    pub fn sleep(&self, duration: Duration) -> bool {
        let wanted = Instant::now().checked_add(duration);
        let until = match (wanted, self.deadline()) {
            (Some(wanted), Some(deadline)) => Some(wanted.min(deadline)),
            (wanted, deadline) => wanted.or(deadline),
        };
        let mut subscriptions = None;
        wait::block(until, |waker| {
            if subscriptions.is_none() {
                let waker = waker.clone();
                subscriptions = Some(self.on_interrupt(move || waker.wake_by_ref()));
            }
            self.is_interrupted().then_some(())
        });
        !self.is_interrupted()
    }

    /// Says how far the task is, from 0 to 1.
    pub fn progress(&self, fraction: f64) {
        self.tell(&Event::Progress { node: self.node, fraction });
    }

    /// Says something to whoever watches the run.
    pub fn message(&self, text: &str) {
        self.tell(&Event::Message { node: self.node, text });
    }

    /// Returns an error when the task should end, for use with `?` in loops.
    ///
    /// # Errors
    ///
    /// The error of an interrupted task.
    pub fn check(&self) -> Result<(), TaskError> {
        if self.is_interrupted() { Err(TaskError::interrupted()) } else { Ok(()) }
    }

    /// Whether someone else than its own time ended the execution.
    pub(crate) fn is_broken_off(&self) -> bool {
        self.marks().any(Interruption::is_interrupted)
    }

    fn tell(&self, event: &Event<'_>) {
        if let Some(listener) = self.listener {
            listener(event);
        }
    }

    fn marks(&self) -> impl Iterator<Item = &'a Interruption> {
        self.marks.into_iter().flatten()
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Context { node, run, attempt, .. } = self;
        f.debug_struct("Context")
            .field("node", node)
            .field("run", run)
            .field("attempt", attempt)
            .finish_non_exhaustive()
    }
}

/// Callbacks of [`Context::on_interrupt`], forgotten on drop.
#[derive(Debug)]
#[must_use = "dropping it ends the subscription"]
pub struct Subscriptions<'a>(
    #[expect(dead_code, reason = "held for what happens when they are dropped")] [Option<Subscription<'a>>; 2],
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_mark_interrupts() {
        let (run, pool) = (Interruption::new(), Interruption::new());
        let ctx = Context::new("a", RunId(1), 1).with_marks(Some(&run), Some(&pool));
        assert!(ctx.check().is_ok());
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(move || ctx.sleep(Duration::from_secs(3600)));
            pool.interrupt(Cause::Interrupted);
            assert!(!sleeper.join().unwrap());
        });
        assert_eq!(ctx.interruption(), Some(Cause::Interrupted));
    }

    #[test]
    fn the_end_of_its_own_time_ends_a_sleep() {
        let run = Interruption::new();
        let ctx = Context::new("a", RunId(1), 1).with_marks(Some(&run), None);
        let ctx = ctx.with_deadline(Some(Instant::now() + Duration::from_millis(5)));
        assert!(!ctx.sleep(Duration::from_secs(3600)));
        assert_eq!(ctx.interruption(), Some(Cause::TimedOut));
        assert_eq!(run.cause(), None);
    }

    #[test]
    fn the_nearest_deadline_counts() {
        let near = Instant::now();
        let (run, pool) = (Interruption::with_deadline(Some(near)), Interruption::new());
        let ctx = Context::new("a", RunId(1), 1).with_marks(Some(&run), Some(&pool));
        assert_eq!(ctx.deadline(), Some(near));
        assert_eq!(ctx.interruption(), Some(Cause::TimedOut));
    }
}
