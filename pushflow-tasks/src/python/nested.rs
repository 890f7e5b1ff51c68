//! A Python task where there is no worker process for it: run in place, in a worker of this program, or by a pool that knows of no
//! homes. It goes to workers that all such tasks of this process share, and whoever runs it waits for it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use pushflow_core::event::{Listener, RunId};
use pushflow_core::interrupt::{Cause, Interruption};
use pushflow_core::pool::{Done, Origin, Ready, Subject};
use pushflow_core::task::Home;
use pushflow_core::{Context, ErrorKind, Execution, Outcome, Payload, Pool, PoolError, Task, TaskError, wait};
use pushflow_pools::billiard;
use pushflow_pools::process::{Launcher, Output};
use pushflow_signals::Children;
use pushflow_signals::fork_local::ForkLocal;

/// So many tasks run at once; more wait.
const MOST_WORKERS: usize = 64;

/// The pools of this process, by the homes of their tasks.
static POOLS: ForkLocal<Mutex<BTreeMap<String, Arc<dyn Pool>>>> = ForkLocal::new(Mutex::default);

/// Ends the interpreters that the tasks of this process share, as pools end theirs: what tasks have left for the end is done. For
/// when nothing runs any more; tasks that come later have others. Those that have not ended in time end with this process.
pub fn end_shared(timeout: Duration) {
    let pools = std::mem::take(&mut *POOLS.get().lock().unwrap_or_else(PoisonError::into_inner));
    pools.values().for_each(|pool| pool.close());
    let deadline = Instant::now().checked_add(timeout);
    for (_, pool) in pools {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if pool.join(left).is_err() {
            // To drop it would be to wait for it.
            std::mem::forget(pool);
        }
    }
}

/// Runs a task in a worker of its home, and waits for the outcome.
pub(super) fn run(task: Arc<dyn Task>, home: &Home, inputs: &Payload, grace: Duration, ctx: &Context<'_>) -> Outcome {
    let mark = Interruption::with_deadline(ctx.deadline());
    let (node, run, listener) = (ctx.node().to_owned(), ctx.run(), ctx.listener().cloned());
    let errand = Errand { task, node, run, mark: mark.clone(), listener, state: Mutex::default() };
    let _subscriptions = ctx.on_interrupt(move || mark.interrupt(Cause::Interrupted));
    send(errand, home, ctx.attempt(), inputs, grace)
}

/// Runs a task of no node in a worker of its home, and waits for the outcome; it is broken off at the deadline.
pub(super) fn call(
    task: Arc<dyn Task>,
    home: &Home,
    inputs: &Payload,
    grace: Duration,
    deadline: Option<Instant>,
) -> Outcome {
    let (node, run, mark) = (String::new(), RunId::default(), Interruption::with_deadline(deadline));
    let errand = Errand { task, node, run, mark, listener: None, state: Mutex::default() };
    send(errand, home, 1, inputs, grace)
}

fn send(errand: Errand, home: &Home, attempt: u32, inputs: &Payload, grace: Duration) -> Outcome {
    let pool = pool(home, grace).map_err(|error| unavailable(&error))?;
    let errand = Arc::new(errand);
    let execution = Execution::new(Arc::clone(&errand) as Arc<dyn Origin>, 0, attempt, inputs.clone());
    if let Err(rejected) = pool.submit(execution) {
        let reason = rejected.complete(&mut Ready::default());
        return Err(unavailable(&reason));
    }
    wait::block(None, |waker| errand.poll(waker)).expect("a wait without deadline ends with the event")
}

fn pool(home: &Home, grace: Duration) -> Result<Arc<dyn Pool>, PoolError> {
    let mut pools = POOLS.get().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(home.key().as_str()) {
        return Ok(Arc::clone(pool));
    }
    let launcher = home.launcher::<Arc<dyn Launcher>>().ok_or(PoolError::Closed)?;
    // Whatever this process is, its interpreters end with it, and their tasks may start processes as it may.
    let builder =
        billiard::on_demand().children(Children::Allow).workers(MOST_WORKERS).grace(grace).output(Output::Capture);
    let pool: Arc<dyn Pool> = Arc::new(builder.launcher(Arc::clone(launcher)).build()?);
    pools.insert(home.key().to_string(), Arc::clone(&pool));
    Ok(pool)
}

fn unavailable(error: &PoolError) -> TaskError {
    TaskError::new(ErrorKind::Lost, "BrokenProcessPool", format!("no interpreter can be started: {error}"))
}

/// The task, as the pool sees it.
struct Errand {
    task: Arc<dyn Task>,
    node: String,
    run: RunId,
    mark: Interruption,
    listener: Option<Listener>,
    state: Mutex<(Option<Outcome>, Option<Waker>)>,
}

impl Errand {
    fn poll(&self, waker: &Waker) -> Option<Outcome> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = state.0.take();
        if outcome.is_none() {
            state.1 = Some(waker.clone());
        }
        outcome
    }
}

impl Origin for Errand {
    fn subject(&self, _slot: u32) -> Subject<'_> {
        Subject {
            task: &self.task,
            node: &self.node,
            run: self.run,
            interruption: &self.mark,
            listener: self.listener.as_ref(),
            timeout: None,
        }
    }

    fn prepare<'a>(&'a self, _slot: u32, _attempt: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        if self.mark.is_interrupted() { Err(TaskError::interrupted()) } else { Ok(Cow::Borrowed(data)) }
    }

    fn complete(self: Arc<Self>, done: Done, _ready: &mut Ready) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = Some(done.outcome);
        let waker = state.1.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}
