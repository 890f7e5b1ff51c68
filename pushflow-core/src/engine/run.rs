//! [`Run`]: all that changes while a network is executed, and the ends of executions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use smol_str::SmolStr;

use super::bell::Bell;
use super::counters::Counters;
use super::network::{ActorId, Network};
use super::options::{Keep, RunOptions};
use super::report::{Failure, Report, Status};
use super::stopper::Stopper;
use super::trigger::{Sink, Trigger};
use crate::actor::{Actor, JoinState, MergeState, Passes, Stored, TaskActor, error_payload};
use crate::error::{ErrorKind, TaskError};
use crate::event::{Event, Listener, RunId};
use crate::interrupt::{Cause, Interruption};
use crate::payload::Payload;
use crate::pool::{Done, Outcome, Subject};
use crate::wait;

/// One run of a network; `N` is how it holds the network.
pub(super) struct Run<N> {
    pub(super) network: N,
    pub(super) interruption: Interruption,
    id: RunId,
    pub(super) states: Box<[State]>,
    end: OwnLines<Mutex<End>>,
    failures: Mutex<Vec<Failure>>,
    /// Last outputs by actor, when all are kept.
    outputs: Option<Box<[Mutex<Option<Payload>>]>>,
    keep: Keep,
    /// Why nothing starts any more.
    stopping: Arc<OnceLock<TaskError>>,
    pub(super) bell: Arc<Bell>,
    timed_out: AtomicBool,
    fail_fast: bool,
    failed_fast: AtomicBool,
    max_iterations: u64,
    /// How often each actor was triggered, when that is bounded.
    iterations: Option<Box<[AtomicU64]>>,
    counters: Counters,
    listener: Option<Listener>,
}

/// Cache lines of its own, for what many threads write beside what all of them read.
#[repr(align(128))]
struct OwnLines<T>(T);

/// State of an actor that has some.
pub(super) enum State {
    Join(Mutex<JoinState>),
    Merge(Mutex<MergeState>),
}

/// What is known about the end.
#[derive(Default)]
struct End {
    stored: Stored,
    /// Last data that actors passed on to a stop actor, when that is kept.
    nodes: BTreeMap<ActorId, Payload>,
    status_text: Option<SmolStr>,
    start_error: Option<Failure>,
}

impl<N: Deref<Target = Network>> Run<N> {
    pub(super) fn new(network: N, options: &RunOptions) -> Run<N> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let deadline = options.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut states = Vec::with_capacity(network.states as usize);
        for (slot, node) in (0_u32..).zip(&network.nodes) {
            match node.actor {
                Actor::Join(_) => {
                    let earlier = options.joins.iter().find(|(of, _)| *of == slot);
                    states.push(State::Join(Mutex::new(earlier.map(|(_, state)| state.clone()).unwrap_or_default())));
                }
                Actor::InputMerge(_) => states.push(State::Merge(Mutex::default())),
                _ => {}
            }
        }
        let outputs = (options.keep == Keep::All).then(|| network.nodes.iter().map(|_| Mutex::default()).collect());
        Run {
            interruption: Interruption::with_deadline(deadline),
            id: RunId(NEXT.fetch_add(1, Ordering::Relaxed)),
            states: states.into(),
            end: OwnLines(Mutex::new(End { stored: Stored::from_earlier(options.stored.clone()), ..End::default() })),
            failures: Mutex::default(),
            outputs,
            keep: options.keep,
            stopping: Arc::default(),
            bell: Arc::default(),
            timed_out: AtomicBool::new(false),
            fail_fast: options.fail_fast,
            failed_fast: AtomicBool::new(false),
            max_iterations: options.max_iterations.unwrap_or(u64::MAX),
            iterations: options.max_iterations.map(|_| network.nodes.iter().map(|_| AtomicU64::new(0)).collect()),
            counters: Counters::default(),
            listener: options.listener.clone(),
            network,
        }
    }

    pub(super) fn id(&self) -> RunId {
        self.id
    }

    pub(super) fn stopper(&self) -> Stopper {
        Stopper::new(self.id, Arc::clone(&self.stopping), self.interruption.clone(), Arc::clone(&self.bell))
    }

    /// Describes the task of an actor.
    pub(super) fn subject(&self, slot: u32) -> Subject<'_> {
        let node = self.network.node(slot);
        Subject {
            task: &self.task(slot).task,
            node: &node.name,
            run: self.id,
            interruption: &self.interruption,
            listener: self.listener.as_ref(),
            timeout: self.task(slot).timeout(),
        }
    }

    /// The last look before a task starts.
    pub(super) fn prepare<'a>(
        &'a self,
        slot: u32,
        attempt: u32,
        data: &'a Payload,
    ) -> Result<Cow<'a, Payload>, TaskError> {
        if let Some(why) = self.stopping.get() {
            return Err(TaskError::new(why.kind(), why.type_name().clone(), why.text()));
        }
        match self.interruption.cause() {
            None => {}
            Some(Cause::TimedOut) => {
                return Err(TaskError::new(ErrorKind::TimedOut, "TimeoutError", "the time of the run was over"));
            }
            Some(Cause::Interrupted) => return Err(TaskError::interrupted()),
        }
        self.counters.start();
        self.tell(|node| Event::Started { node, attempt }, slot);
        Ok(self.task(slot).inputs(data))
    }

    /// Takes the end of an execution and carries on what follows from it.
    pub(super) fn complete(&self, done: Done, sink: &mut impl Sink) {
        if self.is_over() {
            self.complete_late(done.slot, done.attempt, &done.outcome);
            return;
        }
        let Done { slot, attempt, data, outcome } = done;
        let error = match outcome {
            Ok(outputs) => {
                let passed = self.succeed(slot, &data, outputs);
                match self.carry(slot, self.network.node(slot).success, passed, sink) {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) if self.tries_again(slot, attempt, &error) => {
                let delay = self.task(slot).backoff(attempt);
                let again = Trigger { slot, attempt: attempt + 1, data };
                if delay.is_zero() {
                    sink.task(again)
                } else {
                    sink.later(delay, again)
                }
                return;
            }
            Err(error) => error,
        };
        if let Some((span, payload)) = self.fail(slot, attempt, &data, error)
            && let Err(lost) = self.carry(slot, span, payload, sink)
        {
            self.fail_finally(slot, attempt, &lost);
        }
    }

    /// Notes the outputs of an actor; returns what it passes on.
    pub(super) fn succeed(&self, slot: u32, data: &Payload, outputs: Payload) -> Payload {
        if let Some(kept) = &self.outputs {
            *lock(&kept[slot as usize]) = Some(outputs.clone());
        }
        self.tell(|node| Event::Finished { node }, slot);
        match self.task(slot).passes {
            Passes::Outputs => outputs,
            Passes::Updated => data.merge(&outputs),
        }
    }

    /// Whether a task that failed is to be tried again, which is noted.
    pub(super) fn tries_again(&self, slot: u32, attempt: u32, error: &TaskError) -> bool {
        let task = self.task(slot);
        let again =
            task.tries_again(attempt, error) && self.stopping.get().is_none() && !self.interruption.is_interrupted();
        if again {
            self.counters.fail();
            self.tell(|node| Event::Retrying { node, attempt, error }, slot);
        }
        again
    }

    /// Notes a failure; returns along which connections to carry it, if along any.
    pub(super) fn fail(
        &self,
        slot: u32,
        attempt: u32,
        data: &Payload,
        error: TaskError,
    ) -> Option<(super::network::Span, Payload)> {
        let node = self.network.node(slot);
        let error = self.task(slot).explain(error);
        self.counters.fail();
        if error.kind() == ErrorKind::TimedOut && self.is_over() {
            self.timed_out.store(true, Ordering::Relaxed);
            return None;
        }
        let handled = node.handled && error.kind().is_of_task();
        self.tell(|node| Event::Failed { node, error: &error, handled }, slot);
        if !handled {
            self.record(Failure::new(&node.name, attempt, &error));
        }
        let payload = error_payload(data, &node.name, &error);
        if error.kind().is_of_task() {
            return Some((node.error, payload));
        }
        // The run or the pool stops: an error handler would be refused in the same way.
        self.store(payload);
        None
    }

    /// Notes a failure that nothing can handle: one on the way to a handler.
    pub(super) fn fail_finally(&self, slot: u32, attempt: u32, error: &TaskError) {
        let name = &self.network.node(slot).name;
        self.record(Failure::new(name, attempt, error));
        self.store(error_payload(&Payload::new(), name, error));
    }

    /// Notes a failure before any task: what the start triggers goes nowhere.
    pub(super) fn fail_at_start(&self, error: &TaskError) {
        let name = &self.network.name;
        let failure = Failure::new(name, 1, error);
        self.record(failure.clone());
        self.end().start_error = Some(failure);
        self.store(error_payload(&Payload::new(), name, error));
    }

    /// Takes what arrives at a stop actor.
    pub(super) fn stop(&self, source: Option<u32>, data: Payload) {
        if let (Keep::End, Some(source)) = (self.keep, source)
            && data.get(crate::actor::ERROR_INSTANCE).is_none()
        {
            self.end().nodes.insert(ActorId(source), data.clone());
        }
        self.store(data);
    }

    pub(super) fn set_status(&self, text: SmolStr) {
        self.end().status_text = Some(text);
    }

    /// Sums up. `unfinished` are the actors whose tasks still run although the run is over.
    pub(super) fn report(&self, unfinished: &[u32]) -> Report {
        for slot in unfinished {
            let error = TaskError::new(ErrorKind::TimedOut, "TimeoutError", "still running when the time was over");
            self.record(Failure::new(&self.network.node(*slot).name, 1, &error));
        }
        let failures = lock(&self.failures).clone();
        let end = self.end();
        let output = end.stored.data().cloned();
        let error = output.as_ref().filter(|_| end.stored.is_error()).map(|data| Failure::find(data, &failures));
        let status = if self.timed_out.load(Ordering::Relaxed) {
            Status::TimedOut
        } else if self.failed_fast.load(Ordering::Relaxed) {
            Status::Failed
        } else if self.stopping.get().is_some() {
            Status::Stopped
        } else if failures.is_empty() && error.is_none() {
            Status::Finished
        } else {
            Status::Failed
        };
        let nodes = match &self.outputs {
            Some(all) => {
                let all = all.iter().zip(0..).map(|(kept, slot)| (ActorId(slot), lock(kept).clone()));
                all.filter_map(|(id, kept)| kept.map(|kept| (id, kept))).collect()
            }
            None => end.nodes.iter().map(|(id, kept)| (*id, kept.clone())).collect(),
        };
        Report {
            status,
            output,
            error,
            failures,
            nodes,
            status_text: end.status_text.clone(),
            start_error: end.start_error.clone(),
            started: self.counters.started(),
            failed: self.counters.failed(),
            joins: self.joins(),
        }
    }

    fn joins(&self) -> Vec<(u32, JoinState)> {
        let of_join =
            |(slot, node): (u32, &super::network::Node)| match (&node.actor, self.states.get(node.state as usize)) {
                (Actor::Join(_), Some(State::Join(state))) => Some((slot, lock(state).clone())),
                _ => None,
            };
        if self.states.is_empty() { Vec::new() } else { (0..).zip(&self.network.nodes).filter_map(of_join).collect() }
    }

    /// Says that the time was over before the run was.
    pub(super) fn mark_timed_out(&self) {
        self.timed_out.store(true, Ordering::Relaxed);
    }

    pub(super) fn task(&self, slot: u32) -> &TaskActor {
        match &self.network.node(slot).actor {
            Actor::Task(task) => task,
            _ => unreachable!("executions are made of task actors only"),
        }
    }

    /// Counts one more execution of an actor; returns whether it is still within the bound.
    pub(super) fn may_execute(&self, slot: u32) -> bool {
        self.iterations
            .as_ref()
            .is_none_or(|counts| counts[slot as usize].fetch_add(1, Ordering::Relaxed) < self.max_iterations)
    }

    /// Notes that a task is not run, because it was as often as it may be.
    pub(super) fn refuse(&self, slot: u32, data: &Payload) {
        let message = format!(
            "node '{}' was to be executed more than {} times, which is all that this run allows",
            self.network.node(slot).name,
            self.max_iterations
        );
        let refused = self.fail(slot, 1, data, TaskError::new(ErrorKind::Limit, "MaxIterationsError", message));
        debug_assert!(refused.is_none(), "no link handles a limit");
    }

    /// Whether nothing starts any more.
    pub(super) fn is_ending(&self) -> bool {
        self.stopping.get().is_some() || self.interruption.is_interrupted()
    }

    /// Waits until a time, until the end of the run's own time, or until nothing starts any more. Blocks.
    pub(super) fn sleep_until(&self, due: Instant) {
        let deadline = self.interruption.deadline().map_or(due, |deadline| deadline.min(due));
        wait::block(Some(deadline), |waker| {
            self.bell.register(waker);
            self.is_ending().then_some(())
        });
    }

    /// Whether the time is over.
    pub(super) fn is_over(&self) -> bool {
        self.interruption.cause() == Some(Cause::TimedOut)
    }

    /// After the deadline outputs do not count; what was broken off is reported.
    pub(super) fn complete_late(&self, slot: u32, attempt: u32, outcome: &Outcome) {
        self.timed_out.store(true, Ordering::Relaxed);
        let Err(error) = outcome else { return };
        self.counters.fail();
        if error.kind() != ErrorKind::TimedOut {
            self.record(Failure::new(&self.network.node(slot).name, attempt, error));
        }
    }

    fn store(&self, data: Payload) {
        let replaced = self.end().stored.store(data);
        // Only now, without the lock.
        drop(replaced);
    }

    fn record(&self, failure: Failure) {
        if self.fail_fast {
            let text = format!("not started, as the run ends at its first failure, that of node '{}'", failure.node);
            let why = TaskError::new(ErrorKind::Stopped, "StopPypushflowWorkflow", text);
            if self.stopping.set(why).is_ok() {
                self.failed_fast.store(true, Ordering::Relaxed);
                self.bell.ring();
            }
        }
        lock(&self.failures).push(failure);
    }

    fn tell<'a>(&'a self, event: impl FnOnce(&'a str) -> Event<'a>, slot: u32) {
        if let Some(listener) = &self.listener {
            listener(&event(&self.network.node(slot).name));
        }
    }

    fn end(&self) -> MutexGuard<'_, End> {
        lock(&self.end.0)
    }
}

/// Locks; a holder that panicked has left the data whole, as each change is one assignment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
