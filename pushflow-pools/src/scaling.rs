//! The pool type `scaling`: one worker of another type for each execution that runs, used again while it is warm.
//!
//! Semantics: `scaling` of pypushflow, where each execution gets a pool of its own; but workers are used again, and
//! those that nobody needs any more end.
//!
//! # Who owns what
//!
//! A *lane* is a pool of one worker. It is in one of three places: `idle`, carrying an execution, or `leaving`, closed and
//! kept until it has ended. An execution is carried by its lane, or waits in `queue` when there are as many lanes as there
//! may be. Whoever completes an execution gives its lane the next one that waits; else the lane is idle, or leaves.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use pushflow_core::pool::{Ready, Rejected, Stats};
use pushflow_core::{Execution, Pool, PoolError};

use crate::carried::carry;
use crate::ending::{OnExit, wait_for_end};

/// Makes a pool of one worker.
type Make = Box<dyn Fn() -> Result<Arc<dyn Pool>, PoolError> + Send + Sync>;
type Lane = Arc<dyn Pool>;

/// A pool that grows by one worker for each execution that runs.
///
/// Dropping it closes it and, unless told otherwise, waits for what it has accepted.
pub struct ScalingPool {
    shared: Arc<Shared>,
    on_exit: OnExit,
}

/// Settings of a [`ScalingPool`].
#[derive(Clone, Copy, Debug)]
pub struct ScalingPoolBuilder {
    max_workers: Option<usize>,
    keep: usize,
    on_exit: OnExit,
}

struct Shared {
    make: Make,
    max_workers: Option<usize>,
    keep: usize,
    /// The process that has made the pool: the lanes are of no use in one forked from it.
    process: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    idle: Vec<Lane>,
    busy: Vec<Lane>,
    /// How many lanes are being made.
    making: usize,
    leaving: Vec<Lane>,
    queue: VecDeque<Execution>,
    /// Who waits for the end.
    wakers: Vec<Waker>,
}

impl State {
    fn is_done(&self) -> bool {
        self.closed && self.busy.is_empty() && self.queue.is_empty() && self.making == 0
    }

    fn take_done(&mut self) -> Vec<Waker> {
        if self.is_done() { std::mem::take(&mut self.wakers) } else { Vec::new() }
    }
}

impl ScalingPool {
    /// Starts with the default settings.
    pub fn builder() -> ScalingPoolBuilder {
        ScalingPoolBuilder {
            max_workers: None,
            keep: std::thread::available_parallelism().map_or(1, usize::from),
            on_exit: OnExit::DEFAULT,
        }
    }
}

impl ScalingPoolBuilder {
    /// Bounds the number of workers, at least 1; without bound by default.
    #[must_use]
    pub fn max_workers(mut self, most: Option<usize>) -> ScalingPoolBuilder {
        self.max_workers = most.map(|most| most.max(1));
        self
    }

    /// Sets how many workers are kept that have nothing to do; by default one for each processor that this process may use.
    #[must_use]
    pub fn keep(mut self, idle: usize) -> ScalingPoolBuilder {
        self.keep = idle;
        self
    }

    /// Sets whether dropping the pool waits for its executions; it does by default.
    #[must_use]
    pub fn wait_on_exit(mut self, wait: bool) -> ScalingPoolBuilder {
        self.on_exit.wait = wait;
        self
    }

    /// Bounds that wait; without bound by default.
    #[must_use]
    pub fn wait_on_exit_timeout(mut self, timeout: Option<Duration>) -> ScalingPoolBuilder {
        self.on_exit.timeout = timeout;
        self
    }

    /// Sets whether dropping the pool interrupts what is running; it does not by default.
    #[must_use]
    pub fn interrupt_on_exit(mut self, interrupt: bool) -> ScalingPoolBuilder {
        self.on_exit.interrupt = interrupt;
        self
    }

    /// Makes the pool over pools of one worker each, which do not wait for their end when they are dropped. The first is made
    /// at once, so that a type that cannot be had is refused here.
    ///
    /// # Errors
    ///
    /// Why the first worker cannot be had.
    pub fn over(
        self,
        make: impl Fn() -> Result<Arc<dyn Pool>, PoolError> + Send + Sync + 'static,
    ) -> Result<ScalingPool, PoolError> {
        let state = State { idle: vec![make()?], ..State::default() };
        let ScalingPoolBuilder { max_workers, keep, on_exit } = self;
        let (make, process, state) = (Box::new(make), std::process::id(), Mutex::new(state));
        let shared = Arc::new(Shared { make, max_workers, keep, process, state });
        Ok(ScalingPool { shared, on_exit })
    }
}

impl Shared {
    /// Whether this is the process that has made the pool.
    fn is_here(&self) -> bool {
        self.process == std::process::id()
    }

    fn submit(self: &Arc<Self>, execution: Execution) -> Result<(), Rejected> {
        if !self.is_here() {
            return Err(Rejected { execution, reason: PoolError::Closed });
        }
        let mut state = self.lock();
        if state.closed {
            return Err(Rejected { execution, reason: PoolError::Closed });
        }
        if let Some(lane) = state.idle.pop() {
            state.busy.push(Arc::clone(&lane));
            drop(state);
            return self.carry(lane, execution);
        }
        if self.max_workers.is_some_and(|most| state.busy.len() + state.making >= most) {
            state.queue.push_back(execution);
            return Ok(());
        }
        state.making += 1;
        drop(state);
        let made = (self.make)();
        let mut state = self.lock();
        state.making -= 1;
        match made {
            Ok(lane) => {
                state.busy.push(Arc::clone(&lane));
                drop(state);
                self.carry(lane, execution)
            }
            Err(reason) => {
                let wakers = state.take_done();
                drop(state);
                wakers.into_iter().for_each(Waker::wake);
                Err(Rejected { execution, reason })
            }
        }
    }

    /// Gives an execution to a lane that is counted as busy.
    fn carry(self: &Arc<Self>, lane: Lane, execution: Execution) -> Result<(), Rejected> {
        let (shared, own) = (Arc::clone(self), Arc::clone(&lane));
        let carried = carry(execution, move |mut ready| {
            shared.release(&own);
            shared.take_all(&mut ready);
        });
        lane.submit(carried)
    }

    /// A lane has completed what it carried.
    fn release(self: &Arc<Self>, lane: &Lane) {
        let mut state = self.lock();
        if let Some(next) = state.queue.pop_front() {
            drop(state);
            if let Err(rejected) = self.carry(Arc::clone(lane), next) {
                let mut ready = Ready::default();
                rejected.complete(&mut ready);
                self.take_all(&mut ready);
            }
            return;
        }
        state.busy.retain(|busy| !Arc::ptr_eq(busy, lane));
        let leaves = state.closed || state.idle.len() >= self.keep;
        if !leaves {
            state.idle.push(Arc::clone(lane));
            return;
        }
        state.leaving.push(Arc::clone(lane));
        let left = state.leaving.clone();
        let wakers = state.take_done();
        drop(state);
        lane.close();
        wakers.into_iter().for_each(Waker::wake);
        // Those that have ended are forgotten on the way.
        let ended: Vec<Lane> = left.into_iter().filter(|lane| lane.join(Some(Duration::ZERO)).is_ok()).collect();
        self.lock().leaving.retain(|lane| !ended.iter().any(|ended| Arc::ptr_eq(ended, lane)));
    }

    /// Registers who wants to know when nothing runs or waits any more; `true` when that is so.
    fn poll_done(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if state.is_done() {
            return true;
        }
        state.wakers.retain(|known| !known.will_wake(waker));
        state.wakers.push(waker.clone());
        false
    }

    /// How many executions have no outcome.
    fn unfinished(&self) -> usize {
        let state = self.lock();
        state.busy.len() + state.queue.len()
    }

    fn take_all(self: &Arc<Self>, ready: &mut Ready) {
        while let Some(next) = ready.pop() {
            if let Err(rejected) = self.submit(next) {
                rejected.complete(ready);
            }
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let idle = std::mem::take(&mut state.idle);
        state.leaving.extend(idle.iter().cloned());
        drop(state);
        idle.iter().for_each(|lane| lane.close());
    }

    fn lanes(&self) -> Vec<Lane> {
        let state = self.lock();
        state.idle.iter().chain(&state.busy).chain(&state.leaving).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool for ScalingPool {
    fn submit(&self, execution: Execution) -> Result<(), Rejected> {
        self.shared.submit(execution)
    }

    fn close(&self) {
        if self.shared.is_here() {
            self.shared.close();
        }
    }

    fn join(&self, timeout: Option<Duration>) -> Result<(), PoolError> {
        let begin = Instant::now();
        let deadline = timeout.and_then(|timeout| begin.checked_add(timeout));
        if !self.shared.is_here() {
            return Err(PoolError::Closed);
        }
        if !self.shared.lock().closed {
            return Err(PoolError::NotClosed);
        }
        let within = |lane: &Lane| matches!(lane.join(Some(Duration::ZERO)), Err(PoolError::JoinFromTask));
        if self.shared.lanes().iter().any(within) {
            return Err(PoolError::JoinFromTask);
        }
        wait_for_end(timeout, |waker| self.shared.poll_done(waker), || self.shared.unfinished())?;
        for lane in self.shared.lanes() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // Whoever has released it may be about to.
            lane.close();
            match lane.join(left) {
                Ok(()) => self.shared.lock().leaving.retain(|leaving| !Arc::ptr_eq(leaving, &lane)),
                Err(PoolError::Timeout { running, .. }) => {
                    return Err(PoolError::Timeout { running, waited: begin.elapsed() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn interrupt(&self) {
        if self.shared.is_here() {
            self.shared.lanes().iter().for_each(|lane| lane.interrupt());
        }
    }

    fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        stats.capacity = self.shared.max_workers;
        if !self.shared.is_here() {
            return stats;
        }
        for lane in self.shared.lanes() {
            let of_lane = lane.stats();
            stats.workers += of_lane.workers;
            stats.running.extend(of_lane.running);
        }
        stats
    }
}

impl Drop for ScalingPool {
    fn drop(&mut self) {
        // In a process forked from the one that has made the pool there is nothing to end.
        if !self.shared.is_here() {
            return;
        }
        // Whether a lane drops it, `join` finds out.
        self.on_exit.end(self, false);
    }
}

impl fmt::Debug for ScalingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        let (idle, busy) = (state.idle.len(), state.busy.len());
        f.debug_struct("ScalingPool").field("idle", &idle).field("busy", &busy).finish_non_exhaustive()
    }
}
