//! [`Shared`]: what the pool and its runners have in common. The protocol is in the module's README.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crossbeam_deque::{Injector, Steal};
use crossbeam_utils::CachePadded;
use pushflow_core::error::ErrorKind;
use pushflow_core::pool::{Ready, Rejected, Stats};
use pushflow_core::{Execution, PoolError, TaskError};

use super::builder::CoroutinePoolBuilder;
use super::may;
use super::runner::{self, Runner};
use crate::elsewhere::Elsewhere;
use crate::mark::Mark;
use crate::room::Room;
use crate::waiters::Waiters;
use crate::when_full::WhenFull;

/// Executions after which a runner looks first at what has come from outside. A prime, so that it falls into step with no loop.
const OUTSIDE_INTERVAL: u32 = 61;
/// Idle runners that are kept in any case.
const KEPT: usize = 256;

pub(super) struct Shared {
    /// From outside, and what completed executions have made ready.
    queues: [Injector<Execution>; 2],
    searching: CachePadded<AtomicUsize>,
    /// Executions that were accepted and have no outcome yet.
    in_flight: CachePadded<AtomicUsize>,
    /// Runners that live, and how many there may be.
    live: AtomicUsize,
    most: usize,
    runners: Mutex<Runners>,
    /// Bounds what has come from outside; without, everything is taken.
    room: Option<Room>,
    closed: AtomicBool,
    ended: Waiters,
    pub(super) mark: Mark,
    pub(super) elsewhere: Option<Elsewhere>,
    /// Whether it was said that there are no more stacks.
    told_of_stacks: AtomicBool,
    stack_bytes: usize,
    name: String,
}

#[derive(Default)]
struct Runners {
    next: u64,
    all: BTreeMap<u64, Arc<Runner>>,
    /// By the addresses of their stacks.
    idle: BTreeMap<usize, Arc<Runner>>,
}

impl Shared {
    pub(super) fn new(settings: &CoroutinePoolBuilder) -> Shared {
        Shared {
            queues: [Injector::new(), Injector::new()],
            searching: CachePadded::default(),
            in_flight: CachePadded::default(),
            live: AtomicUsize::new(0),
            most: settings.workers.unwrap_or(usize::MAX),
            runners: Mutex::default(),
            room: settings.max_pending.map(Room::new),
            closed: AtomicBool::new(false),
            ended: Waiters::default(),
            mark: Mark::default(),
            elsewhere: settings.elsewhere.clone(),
            told_of_stacks: AtomicBool::new(false),
            stack_bytes: settings.stack_bytes,
            name: settings.name.clone(),
        }
    }

    pub(super) fn submit(self: &Arc<Self>, execution: Execution, when_full: WhenFull) -> Result<(), Rejected> {
        if self.is_closed() {
            return Err(Rejected { execution, reason: PoolError::Closed });
        }
        if let Err(reason) = self.room.as_ref().map_or(Ok(()), |room| room.enter(when_full, || self.is_closed())) {
            return Err(Rejected { execution, reason });
        }
        let accepted = self.accept(execution);
        match accepted {
            Ok(execution) => self.queues[0].push(execution),
            Err(rejected) => {
                if let Some(room) = &self.room {
                    room.give_back();
                }
                return Err(rejected);
            }
        }
        self.work_added();
        Ok(())
    }

    /// Counts an execution among those in flight, unless the pool is closed.
    pub(super) fn accept(self: &Arc<Self>, execution: Execution) -> Result<Execution, Rejected> {
        // Raised before the look: see `close`.
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        if self.is_closed() {
            self.settled();
            return Err(Rejected { execution, reason: PoolError::Closed });
        }
        Ok(execution)
    }

    /// Puts an accepted execution that another has made ready into the queue; to be followed by [`work_added`](Self::work_added).
    pub(super) fn put_within(&self, execution: Execution) {
        self.queues[1].push(execution);
    }

    /// An execution in flight has its outcome, or was not accepted after all.
    pub(super) fn settled(self: &Arc<Self>) {
        if self.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 && self.is_closed() {
            self.end_all();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn close(self: &Arc<Self>) {
        if self.closed.swap(true, Ordering::SeqCst) {
            return;
        }
        if let Some(room) = &self.room {
            room.wake_all();
        }
        if self.is_over() {
            self.end_all();
        }
    }

    /// Whether the pool is closed and has given all outcomes.
    pub(super) fn is_over(&self) -> bool {
        self.is_closed() && self.in_flight.load(Ordering::SeqCst) == 0
    }

    fn end_all(self: &Arc<Self>) {
        let idle = std::mem::take(&mut self.runners().idle);
        self.searching.fetch_add(idle.len(), Ordering::SeqCst);
        idle.into_values().for_each(|runner| runner.wake());
        self.tell_end();
    }

    fn tell_end(&self) {
        if self.has_ended() {
            self.ended.wake_all();
        }
    }

    fn has_ended(&self) -> bool {
        self.is_over() && self.live.load(Ordering::SeqCst) == 0
    }

    /// Registers who waits until everything has ended; `true` when it has.
    pub(super) fn poll_ended(&self, waker: &Waker) -> bool {
        self.ended.poll(waker, || self.has_ended())
    }

    /// Called after work was added: wakes a runner, or makes one, unless enough of them are searching.
    pub(super) fn work_added(self: &Arc<Self>) {
        loop {
            fence(Ordering::SeqCst);
            let threads = may::threads();
            let more = |searching: usize| (searching < threads).then_some(searching + 1);
            if self.searching.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_err() {
                return;
            }
            let idle = self.runners().idle.pop_last();
            if let Some((_, runner)) = idle {
                return runner.wake();
            }
            if self.make_runner() {
                return;
            }
            self.searching.fetch_sub(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            // Somebody may have relied on this search, and a runner have lain down meanwhile.
            if self.is_empty() || self.runners().idle.is_empty() {
                return;
            }
        }
    }

    /// Makes one more runner, counted as searching already; `false` when there may be none.
    fn make_runner(self: &Arc<Self>) -> bool {
        let more = |live: usize| (live < self.most).then_some(live + 1);
        if self.live.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_err() {
            return false;
        }
        let number = {
            let mut runners = self.runners();
            runners.next += 1;
            runners.next
        };
        let runner = Arc::new(Runner::default());
        let (own, shared) = (Arc::clone(&runner), Arc::clone(self));
        let name = format!("{}-{number}", self.name);
        match may::make(self.stack_bytes, name, move || runner::work(&shared, &own, number)) {
            Ok(()) => {
                self.runners().all.insert(number, Arc::clone(&runner));
                runner.wake();
                true
            }
            Err(error) => {
                self.no_stack(&error);
                false
            }
        }
    }

    /// There is no stack for another runner: what waits is left to the others, or has failed if there are none.
    fn no_stack(self: &Arc<Self>, error: &std::io::Error) {
        if !self.told_of_stacks.swap(true, Ordering::Relaxed) {
            let running = self.live.load(Ordering::Relaxed) - 1;
            tracing::warn!(%error, running, "no further coroutine can start before one of these has ended");
        }
        if self.live.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        let mut ready = Ready::default();
        while let Some(execution) = self.take(0) {
            let message = format!("the coroutine of the task could not be started: {error}");
            execution.complete(Err(TaskError::new(ErrorKind::Lost, "MemoryError", message)), &mut ready);
            self.settled();
        }
        while let Some(execution) = ready.pop() {
            Rejected { execution, reason: PoolError::Closed }.complete(&mut ready);
        }
    }

    /// Takes an execution out of the queue. What others have made ready comes first, but not always.
    pub(super) fn take(&self, tick: u32) -> Option<Execution> {
        let outside_first = tick.is_multiple_of(OUTSIDE_INTERVAL);
        let order = if outside_first { [0, 1] } else { [1, 0] };
        order.into_iter().find_map(|index| self.take_from(index))
    }

    fn take_from(&self, index: usize) -> Option<Execution> {
        loop {
            match self.queues[index].steal() {
                Steal::Success(execution) => {
                    if let Some(room) = self.room.as_ref().filter(|_| index == 0) {
                        room.give_back();
                    }
                    return Some(execution);
                }
                Steal::Retry => {}
                Steal::Empty => return None,
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.queues.iter().all(Injector::is_empty)
    }

    /// A searching runner has taken an execution, which it is about to run.
    pub(super) fn found(self: &Arc<Self>) {
        self.searching.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !self.is_empty() {
            self.work_added();
            may::nudge();
        }
    }

    /// A runner is done with an execution and searches.
    pub(super) fn search(&self) {
        self.searching.fetch_add(1, Ordering::SeqCst);
    }

    /// A searching runner has found nothing and lies down; returns whether it is to get up at once, searching.
    ///
    /// Otherwise it has to park: somebody wakes it, who has counted it as searching.
    pub(super) fn lies_down(&self, address: usize, runner: &Arc<Runner>) -> bool {
        self.runners().idle.insert(address, Arc::clone(runner));
        self.searching.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if self.is_empty() && !self.is_over() {
            self.trim();
            return false;
        }
        let gets_up = self.runners().idle.remove(&address).is_some();
        if gets_up {
            self.search();
        }
        gets_up
    }

    /// Ends idle runners when they are many more than the others.
    fn trim(&self) {
        let mut runners = self.runners();
        let idle = runners.idle.len();
        if idle <= KEPT || idle / 8 < self.live.load(Ordering::Relaxed).saturating_sub(idle) {
            return;
        }
        let first_kept = runners.idle.keys().nth_back(KEPT - 1).copied().unwrap_or(0);
        let kept = runners.idle.split_off(&first_kept);
        let leaving = std::mem::replace(&mut runners.idle, kept);
        drop(runners);
        self.searching.fetch_add(leaving.len(), Ordering::SeqCst);
        for runner in leaving.into_values() {
            runner.let_go();
            runner.wake();
        }
    }

    /// A searching runner ends, having found nothing.
    pub(super) fn leaves(self: &Arc<Self>) {
        self.searching.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !self.is_empty() {
            self.work_added();
        }
    }

    /// A runner has ended, however it did.
    pub(super) fn has_left(self: &Arc<Self>, number: u64) {
        let runner = self.runners().all.remove(&number);
        drop(runner);
        self.live.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !self.is_empty() {
            // There may be one more again.
            self.work_added();
        }
        self.tell_end();
    }

    pub(super) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        stats.workers = self.live.load(Ordering::SeqCst);
        stats.running = self.runners().all.values().filter_map(|runner| runner.current.get()).collect();
        stats
    }

    fn runners(&self) -> MutexGuard<'_, Runners> {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
