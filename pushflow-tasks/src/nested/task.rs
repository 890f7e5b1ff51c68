//! [`Nested`]: a task that runs its body in a nested pool or process.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pushflow_core::graph::{KindSettings, Node};
use pushflow_core::interrupt::Cause;
use pushflow_core::pool::{Execution, Ready};
use pushflow_core::task::Recipe;
use pushflow_core::{Context, ErrorKind, Outcome, Payload, Pool, PoolError, Task, TaskError};
use pushflow_pools::ProcessPool;
use pushflow_pools::process::Output;
use pushflow_signals::StartMethod;

use super::execution::Single;
use super::recipe;
use super::{Kind, Settings};

/// A task that runs its body in a nested pool or process; made by the modules of the kinds.
#[derive(Clone)]
pub struct Nested {
    pub(super) body: Arc<dyn Task>,
    pub(super) kind: &'static Kind,
    pub(super) settings: Settings,
}

/// Puts the task of a node into what the node's setting says.
pub(crate) fn resolve(
    body: Arc<dyn Task>,
    said: &KindSettings,
    node: &Node,
    grace: Duration,
) -> Result<Arc<dyn Task>, TaskError> {
    let refused = |problem| {
        let message = format!("node '{}' has the kind '{}', {problem}", node.label(), said.name);
        TaskError::new(ErrorKind::Unavailable, "ValueError", message)
    };
    if said.name == "simple" {
        return Ok(body);
    }
    let Some(kind) = Kind::find(&said.name) else {
        let known: Vec<_> = Kind::all().map(|kind| kind.name).collect();
        return Err(refused(format!("which this build has not; it has: simple, {}", known.join(", "))));
    };
    if body.recipe().is_none() {
        return Err(refused("and its task cannot be sent to a process".to_owned()));
    }
    let settings = Settings::of_node(said, grace).map_err(|error| refused(error.to_string()))?;
    Ok(Arc::new(Nested { body, kind, settings }))
}

impl Nested {
    pub(crate) fn new(kind: &'static Kind, body: Arc<dyn Task>) -> Nested {
        Nested { body, kind, settings: Settings::default() }
    }

    #[cfg(any(feature = "mpprocess", feature = "bprocess"))]
    pub(crate) fn daemonic(mut self) -> Nested {
        self.settings.daemonic = true;
        self
    }

    /// Sets how nested workers are started; by a fork server by default.
    #[must_use]
    pub fn start_method(mut self, method: StartMethod) -> Nested {
        self.settings.start_method = method;
        self
    }

    /// Sets the number of nested workers, 1 to 4096; 1 by default, which is what one body can use.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Nested {
        self.settings.workers = workers;
        self
    }

    /// Interrupts the body when it takes longer; never by default.
    #[must_use]
    pub fn soft_time_limit(mut self, limit: Duration) -> Nested {
        self.settings.soft_time_limit = Some(limit);
        self
    }

    /// Kills the nested worker when its body takes longer; never by default.
    #[must_use]
    pub fn hard_time_limit(mut self, limit: Duration) -> Nested {
        self.settings.hard_time_limit = Some(limit);
        self
    }

    /// Sets how long an interrupted body may take to end before the nested worker gets SIGTERM, and then again before it
    /// gets SIGKILL; 2 s by default. Half of the grace of the outer worker is enough for the nested one to end first.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Nested {
        self.settings.grace = grace;
        self
    }

    /// Replaces a nested worker after this many executions; never by default.
    #[must_use]
    pub fn max_tasks_per_child(mut self, most: u64) -> Nested {
        self.settings.max_tasks_per_child = Some(most);
        self
    }

    /// Replaces a nested worker that has more bytes resident than this after an execution; never by default.
    #[must_use]
    pub fn max_memory_per_child(mut self, bytes: u64) -> Nested {
        self.settings.max_memory_per_child = Some(bytes);
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    fn pool(&self, ctx: &Context<'_>) -> Result<ProcessPool, PoolError> {
        // What the body prints is told to who hears of the task, if anybody; else it goes where that of this process goes.
        let output = if ctx.listener().is_some() { Output::Capture } else { Output::Forward };
        self.settings.apply((self.kind.pool)()).output(output).build()
    }
}

impl Task for Nested {
    fn run(&self, inputs: &Payload, ctx: &Context<'_>) -> Outcome {
        ctx.check()?;
        let pool = Arc::new(self.pool(ctx).map_err(refusal)?);
        let single = Single::new(&self.body, ctx);
        let (mark, ending) = (single.mark(), Arc::downgrade(&pool));
        let _subscription = ctx.on_interrupt(move || {
            mark.interrupt(Cause::Interrupted);
            // Perhaps all that is left is its end.
            ending.upgrade().into_iter().for_each(|pool| pool.interrupt());
        });
        let execution = Execution::new(Arc::clone(&single) as _, 0, ctx.attempt(), inputs.clone());
        if let Err(rejected) = Pool::submit(&*pool, execution) {
            return Err(refusal(rejected.complete(&mut Ready::default())));
        }
        pool.close();
        if let Some(helper) = pool.helper() {
            helper.help(&|| single.is_done(), ctx.deadline());
        }
        let outcome = single.wait();
        end(&pool, ctx);
        outcome
    }

    fn recipe(&self) -> Option<Recipe> {
        recipe::recipe(self)
    }
}

/// Waits for the end of the pool: no worker outlives the task. One may be waiting for processes that its body has started.
fn end(pool: &ProcessPool, ctx: &Context<'_>) {
    if !ctx.is_interrupted() {
        let left = ctx.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if pool.join(left).is_ok() {
            return;
        }
    }
    pool.interrupt();
    // Bounded by the signals that follow.
    if let Err(error) = pool.join(None) {
        tracing::error!(%error, "cannot wait for a nested pool");
    }
}

/// Semantics: Python's `AssertionError` in a daemonic process.
fn refusal(error: PoolError) -> TaskError {
    let type_name = match &error {
        PoolError::Start { source } if is_daemonic(&**source) => "AssertionError",
        PoolError::Workers { .. } | PoolError::Setting { .. } => "ValueError",
        _ => "OSError",
    };
    TaskError::from(error).renamed_type(type_name)
}

fn is_daemonic(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(pushflow_signals::Error::DaemonicChildren))
}

impl fmt::Debug for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nested")
            .field("kind", &self.kind.name)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
