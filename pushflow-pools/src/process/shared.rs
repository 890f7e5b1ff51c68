//! [`Shared`]: what the pool, its supervisor and whoever submits have in common: the queue, and who has room.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use pushflow_core::error::ErrorKind;
use pushflow_core::interrupt::Cause;
use pushflow_core::pool::{Outcome, Ready, Rejected, Stats};
use pushflow_core::{Execution, PoolError, TaskError, wait};
use pushflow_signals::Poller;
use pushflow_signals::fork_local;

use super::builder::ProcessPoolBuilder;
use super::completing;
use super::helping::Helping;
use super::lane::{Lane, LaneId, Waiting};
use super::policy::Start;
use super::receive::Received;
use super::state::{Phase, Seat, State};
use crate::when_full::WhenFull;

/// How often workers may fail in a row before they are ready.
const STARTS: u32 = 3;
/// How many killings of workers before they are ready count as one that failed by itself: somebody kills workers, and
/// the next one may live.
const KILLINGS: u32 = 10;

/// How a worker did not become ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotReady {
    /// Its process could not be started.
    NotStarted,
    /// It has failed, or died by itself.
    Failed,
    /// It was killed by SIGKILL.
    Killed,
}

pub(super) struct Shared {
    pub(super) settings: ProcessPoolBuilder,
    pub(super) workers: usize,
    /// How many this process may use.
    processors: usize,
    pub(super) poller: Poller,
    /// Which process the pool is of.
    generation: u64,
    epoch: Instant,
    state: Mutex<State>,
    /// A mark of an execution was set.
    marks: AtomicBool,
    /// Interrupted when it was closed already: who is to exit may not take as long as it likes.
    hurries: AtomicBool,
    /// Something may be due earlier than the supervisor knows; in ns since `epoch`.
    alarm: AtomicU64,
    /// Lanes that have more to write than their streams take.
    writers: Mutex<Vec<(LaneId, bool)>>,
    /// Lanes that cannot be written to, and why.
    broken: Mutex<Vec<(LaneId, String)>>,
    pub(super) helping: Helping,
    /// What others have read for the supervisor.
    passed_on: Mutex<Vec<(LaneId, Received)>>,
}

/// Completed executions, to be told without any lock.
pub(super) type Completions = Vec<(Execution, Outcome)>;

impl Shared {
    pub(super) fn new(settings: ProcessPoolBuilder, workers: usize) -> Result<Shared, PoolError> {
        let poller = Poller::new().map_err(|error| PoolError::Start { source: error.into() })?;
        let target = if settings.policy.start == Start::Eager { workers } else { 0 };
        let state = State::new(target);
        Ok(Shared {
            settings,
            workers,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            poller,
            generation: fork_local::generation(),
            epoch: Instant::now(),
            state: Mutex::new(state),
            marks: AtomicBool::new(false),
            hurries: AtomicBool::new(false),
            alarm: AtomicU64::new(u64::MAX),
            writers: Mutex::default(),
            broken: Mutex::default(),
            helping: Helping::default(),
            passed_on: Mutex::default(),
        })
    }

    /// Whether this is the process that has made the pool, and not one forked from it.
    pub(super) fn is_here(&self) -> bool {
        self.generation == fork_local::generation()
    }

    /// Takes an execution.
    pub(super) fn submit(self: &Arc<Self>, execution: Execution, when_full: WhenFull) -> Result<(), Rejected> {
        if !self.is_here() {
            return Err(Rejected { execution, reason: PoolError::Closed });
        }
        let mut state = match self.wait_for_room(when_full) {
            Ok(state) => state,
            Err(reason) => return Err(Rejected { execution, reason }),
        };
        state.queue.push_back(Waiting { execution, inputs: None, blame: 0 });
        self.dispatch(state, None);
        Ok(())
    }

    /// Returns the state of an open pool that has room, as long as nobody else changes it.
    fn wait_for_room(&self, when_full: WhenFull) -> Result<MutexGuard<'_, State>, PoolError> {
        let bound = self.settings.max_pending.filter(|_| when_full != WhenFull::Take);
        let Some(most) = bound else {
            let state = self.lock();
            return if state.phase == Phase::Open { Ok(state) } else { Err(PoolError::Closed) };
        };
        let found = wait::block(None, |waker| {
            let mut state = self.lock();
            state.room.retain(|known| !known.will_wake(waker));
            let pending = state.pending();
            match (state.phase, when_full) {
                (Phase::Closing | Phase::Ended, _) => Some(Err(PoolError::Closed)),
                (Phase::Open, _) if pending < most => Some(Ok(state)),
                (Phase::Open, WhenFull::Wait) => {
                    state.room.push_back(waker.clone());
                    None
                }
                (Phase::Open, WhenFull::Refuse | WhenFull::Take) => Some(Err(PoolError::Full { pending })),
            }
        });
        found.expect("a wait without deadline ends with the event")
    }

    /// Gives what waits to workers that have room, and starts workers for what remains. `just` prefers one.
    fn dispatch<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>, just: Option<LaneId>) {
        let mut lost = Vec::new();
        loop {
            let Some((lane, calls)) = state.assign(&self.settings, self.workers, just) else { break };
            drop(state);
            let count = calls.len();
            let sent = lane.send(calls, self);
            if let Some(limit) = sent.limit {
                self.set_alarm(limit);
            }
            let unsent = sent.refused.len() + sent.back.len();
            lost.extend(sent.refused.into_iter().map(|(execution, error)| (execution, Err(error))));
            debug_assert!(unsent <= count, "no more comes back than was given");
            state = self.lock();
            state.unassign(lane.id, unsent);
            if !sent.back.is_empty() {
                // It has ended, which the supervisor is about to notice.
                state.retire(lane.id);
            }
            for waiting in sent.back.into_iter().rev() {
                state.queue.push_front(waiting);
            }
        }
        let wanted = state.raise_target(self.workers);
        let wakers = state.take_room(self.settings.max_pending);
        drop(state);
        if wanted {
            self.poller.wake();
        }
        wakers.into_iter().for_each(Waker::wake);
        self.complete(lost);
    }

    /// Tells the outcomes. What this makes ready is submitted.
    pub(super) fn complete(self: &Arc<Self>, completions: Completions) {
        completing::complete(self, completions);
    }

    /// Tells one outcome and submits what this makes ready; from `completing` only.
    pub(super) fn tell(self: &Arc<Self>, execution: Execution, outcome: Outcome) {
        let mut ready = Ready::default();
        execution.complete(outcome, &mut ready);
        while let Some(next) = ready.pop() {
            if let Err(rejected) = self.submit(next, WhenFull::Take) {
                rejected.complete(&mut ready);
            }
        }
    }

    /// A worker has ended some of its calls: gives it more, then tells the outcomes.
    pub(super) fn settle(self: &Arc<Self>, id: LaneId, completions: Completions, memory_bytes: u64) {
        let mut state = self.lock();
        let too_large = self.settings.max_memory_per_child.is_some_and(|most| memory_bytes > most);
        state.note_ended(id, completions.len(), too_large);
        self.dispatch(state, Some(id));
        self.balance(id);
        self.complete(completions);
    }

    /// Calls of a worker ended in another way than by a reply.
    pub(super) fn forget(self: &Arc<Self>, id: LaneId, calls: usize) {
        let mut state = self.lock();
        state.unassign(id, calls);
        self.dispatch(state, Some(id));
    }

    /// When a worker has nothing to do, it gets calls that another has not begun.
    fn balance(self: &Arc<Self>, id: LaneId) {
        let state = self.lock();
        if state.leaves(id) {
            // The supervisor tells it so. Who has read its last reply may be another, who helps.
            self.poller.wake();
        }
        let Some((from, most)) = state.richest_beside(id) else { return };
        drop(state);
        let recalled = from.recall(most);
        if recalled.is_empty() {
            return;
        }
        let mut state = self.lock();
        state.unassign(from.id, recalled.len());
        recalled.into_iter().for_each(|waiting| state.queue.push_front(waiting));
        self.dispatch(state, Some(id));
    }

    /// A worker is ready.
    pub(super) fn is_ready(self: &Arc<Self>, id: LaneId) -> Vec<Arc<Lane>> {
        let mut state = self.lock();
        state.failed_starts = 0;
        let retired = state.make_ready(id);
        self.dispatch(state, Some(id));
        retired
    }

    /// Returns how many workers are to be started now, and counts them as starting.
    pub(super) fn take_vacancies(&self) -> usize {
        let mut state = self.lock();
        let vacancies = state.vacancies();
        state.starting += vacancies;
        vacancies
    }

    /// A worker was started.
    pub(super) fn add(self: &Arc<Self>, lane: Arc<Lane>) {
        let mut state = self.lock();
        state.starting = state.starting.saturating_sub(1);
        state.seats.insert(lane.id, Seat::new(Arc::clone(&lane)));
        self.dispatch(state, Some(lane.id));
    }

    /// Whether nobody needs a worker that is being started: all that waits is interrupted, or nothing does in a pool that is
    /// closed.
    pub(super) fn is_start_vain(&self) -> bool {
        let state = self.lock();
        let is_interrupted = |waiting: &Waiting| waiting.execution.subject().interruption.is_interrupted();
        (state.phase != Phase::Open || !state.queue.is_empty()) && state.queue.iter().all(is_interrupted)
    }

    /// The start of a worker was given up: what was waiting for it, and is interrupted, ends without.
    pub(super) fn start_given_up(self: &Arc<Self>) {
        let mut state = self.lock();
        state.starting = state.starting.saturating_sub(1);
        let mut ended = Completions::new();
        for waiting in std::mem::take(&mut state.queue) {
            match waiting.execution.subject().interruption.cause() {
                Some(cause) => ended.push((waiting.execution, Err(not_begun(cause)))),
                None => state.queue.push_back(waiting),
            }
        }
        let wakers = state.take_room(self.settings.max_pending);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.complete(ended);
    }

    /// A worker is not to be had: after a few in a row, what waits fails.
    pub(super) fn start_failed(self: &Arc<Self>, how: NotReady, error: impl Fn() -> TaskError) {
        let mut state = self.lock();
        if how == NotReady::NotStarted {
            state.starting = state.starting.saturating_sub(1);
        }
        state.failed_starts += if how == NotReady::Killed { 1 } else { KILLINGS };
        let mut failed = Completions::new();
        if state.failed_starts >= STARTS * KILLINGS {
            // The next thing that is submitted is one more try.
            state.failed_starts = (STARTS - 1) * KILLINGS;
            state.target = state.seats.len();
            // As long as a worker is ready, what waits is for that one.
            if !state.has_ready() {
                failed.extend(state.queue.drain(..).map(|waiting| (waiting.execution, Err(error()))));
            }
        }
        let wakers = state.take_room(self.settings.max_pending);
        let again = state.vacancies() > 0;
        drop(state);
        if again {
            self.poller.wake();
        }
        wakers.into_iter().for_each(Waker::wake);
        self.complete(failed);
    }

    /// A worker has ended; what waited in it goes to others.
    pub(super) fn remove(self: &Arc<Self>, id: LaneId, back: Vec<Waiting>) {
        let mut state = self.lock();
        state.seats.remove(&id);
        for waiting in back.into_iter().rev() {
            state.queue.push_front(waiting);
        }
        self.dispatch(state, None);
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        let wakers = std::mem::take(&mut state.room);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.poller.wake();
    }

    /// Returns the lanes whose workers are to exit: nothing waits, they have nothing, and they are not needed any more.
    pub(super) fn take_leavers(&self) -> Vec<Arc<Lane>> {
        self.lock().take_leavers()
    }

    /// Whether everything has ended; `alive` processes are left.
    pub(super) fn try_end(&self, alive: usize) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Open || alive > 0 || !state.queue.is_empty() || state.starting > 0 {
            return false;
        }
        state.phase = Phase::Ended;
        let wakers = std::mem::take(&mut state.end);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        true
    }

    /// The supervisor is gone: nothing is taken any more, and what waits is lost.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.phase = Phase::Closing;
        state.starting = 0;
        let queue = std::mem::take(&mut state.queue);
        let room = std::mem::take(&mut state.room);
        drop(state);
        room.into_iter().for_each(Waker::wake);
        drop(queue);
    }

    pub(super) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Registers who wants to know of the end; `true` when all has ended.
    pub(super) fn poll_ended(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Ended {
            return true;
        }
        if !state.end.iter().any(|known| known.will_wake(waker)) {
            state.end.push(waker.clone());
        }
        false
    }

    /// Whether who waits for replies does better not to sleep.
    pub(super) fn is_reply_near(&self) -> bool {
        !self.helping.is_there() && self.lock().is_reply_near(self.processors)
    }

    pub(super) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.lock().lanes()
    }

    pub(super) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        let lanes = self.lanes();
        stats.workers = lanes.len();
        stats.capacity = Some(self.workers);
        for lane in lanes {
            let outgoing = lane.outgoing();
            let running = outgoing.flights.iter().filter(|flight| lane.is_running(flight));
            stats.running.extend(running.map(|flight| {
                let execution = &flight.waiting.execution;
                (execution.run_id(), execution.slot())
            }));
        }
        stats
    }

    /// Returns how many executions have no outcome yet.
    pub(super) fn unfinished(&self) -> usize {
        self.lock().unfinished()
    }

    /// The mark of an execution was set. From any thread.
    pub(super) fn marks_changed(&self) {
        if !self.marks.swap(true, Ordering::SeqCst) {
            self.poller.wake();
        }
    }

    /// Does not let workers that are to exit take as long as they like any more. From any thread.
    pub(super) fn hurry(&self) {
        self.hurries.store(true, Ordering::SeqCst);
        self.poller.wake();
    }

    pub(super) fn hurries(&self) -> bool {
        self.hurries.load(Ordering::SeqCst)
    }

    pub(super) fn take_marks(&self) -> bool {
        self.marks.swap(false, Ordering::SeqCst)
    }

    /// Whether something is due; the supervisor then looks at everything, and says with `set_alarm` what is next.
    pub(super) fn take_alarm(&self, now: Instant) -> bool {
        let due = self.alarm.load(Ordering::SeqCst) <= self.nanos(now);
        if due {
            self.alarm.store(u64::MAX, Ordering::SeqCst);
        }
        due
    }

    /// Returns until when nothing is due.
    pub(super) fn alarm(&self) -> Option<Instant> {
        let at = self.alarm.load(Ordering::SeqCst);
        if at == u64::MAX { None } else { self.epoch.checked_add(Duration::from_nanos(at)) }
    }

    /// Something is due at a time.
    pub(super) fn set_alarm(&self, at: Instant) {
        let at = self.nanos(at);
        if at < self.alarm.fetch_min(at, Ordering::SeqCst) {
            self.poller.wake();
        }
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX - 1)
    }

    /// Passes on to the supervisor what somebody else has read.
    pub(super) fn pass_on(&self, id: LaneId, received: Received) {
        self.passed_on.lock().unwrap_or_else(PoisonError::into_inner).push((id, received));
        self.poller.wake();
    }

    pub(super) fn take_passed_on(&self) -> Vec<(LaneId, Received)> {
        std::mem::take(&mut *self.passed_on.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A worker cannot be used any more; its process may be ending. From any thread.
    pub(super) fn is_broken(&self, id: LaneId, why: String) {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).push((id, why));
        self.poller.wake();
    }

    pub(super) fn take_broken(&self) -> Vec<(LaneId, String)> {
        std::mem::take(&mut *self.broken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a lane's stream is to be watched for room.
    pub(super) fn wants_to_write(&self, lane: &Lane, wants: bool) {
        if lane.wire.write_end().is_none() {
            return;
        }
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        match writers.iter_mut().find(|(id, _)| *id == lane.id) {
            // Taken by the supervisor, who tells the poller.
            Some(known) => known.1 = wants,
            None if wants => {
                writers.push((lane.id, true));
                self.poller.wake();
            }
            None => {}
        }
    }

    /// Takes the lanes that are to be watched for room, or not any more.
    pub(super) fn take_writers(&self) -> Vec<(LaneId, bool)> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = writers.clone();
        writers.retain(|(_, wants)| *wants);
        taken
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of what was told to end before any worker had begun it.
pub(super) fn not_begun(cause: Cause) -> TaskError {
    match cause {
        Cause::TimedOut => {
            TaskError::new(ErrorKind::TimedOut, "TimeoutError", "the time was over before the task was started")
        }
        _ => TaskError::interrupted(),
    }
}

/// The outcome of what waits when no worker can be had.
pub(super) fn no_workers(error: &PoolError) -> TaskError {
    let mut text = format!("no worker process can be started: {error}");
    for cause in std::iter::successors(std::error::Error::source(error), |cause| cause.source()) {
        let cause = cause.to_string();
        // Some say what their cause says.
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    TaskError::new(ErrorKind::Lost, "BrokenProcessPool", text)
}
