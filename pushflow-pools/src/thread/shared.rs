//! [`Shared`]: what the pool and its workers have in common.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::task::Waker;

use crossbeam_deque::{Injector, Steal, Stealer, Worker as Deque};
use crossbeam_utils::CachePadded;
use pushflow_core::pool::{Ready, Rejected, Stats};
use pushflow_core::{Execution, PoolError};

use super::builder::ThreadPoolBuilder;
use super::sleep::Sleep;
use crate::current::Current;
use crate::elsewhere::Elsewhere;
use crate::mark::Mark;
use crate::room::Room;
use crate::waiters::Waiters;
use crate::when_full::WhenFull;

pub(super) struct Shared {
    pub(super) injector: Injector<Execution>,
    pub(super) stealers: Box<[Stealer<Execution>]>,
    pub(super) sleep: Sleep,
    /// Bounds what is in the injector; without, everything is taken.
    room: Option<Room>,
    pub(super) current: Box<[CachePadded<Current>]>,
    closed: AtomicBool,
    live: AtomicUsize,
    ended: Waiters,
    pub(super) mark: Mark,
    pub(super) elsewhere: Option<Elsewhere>,
}

impl Shared {
    pub(super) fn new(stealers: Box<[Stealer<Execution>]>, sleep: Sleep, settings: &ThreadPoolBuilder) -> Shared {
        Shared {
            injector: Injector::new(),
            current: stealers.iter().map(|_| CachePadded::default()).collect(),
            live: AtomicUsize::new(stealers.len()),
            stealers,
            sleep,
            room: settings.max_pending.map(Room::new),
            closed: AtomicBool::new(false),
            ended: Waiters::default(),
            mark: Mark::default(),
            elsewhere: settings.elsewhere.clone(),
        }
    }

    pub(super) fn submit(&self, execution: Execution, when_full: WhenFull) -> Result<(), Rejected> {
        if self.is_closed() {
            return Err(Rejected { execution, reason: PoolError::Closed });
        }
        if let Err(reason) = self.room.as_ref().map_or(Ok(()), |room| room.enter(when_full, || self.is_closed())) {
            return Err(Rejected { execution, reason });
        }
        self.injector.push(execution);
        self.sleep.work_added();
        // The fence in `work_added` lies between the push and this look; a worker that ends has one between its leaving
        // and its last look at the injector. One of the two sees the other.
        if self.live.load(Ordering::SeqCst) == 0 {
            self.refuse_injected();
        }
        Ok(())
    }

    /// Takes an execution out of the injector, and more into a worker's deque where nobody counts them.
    pub(super) fn steal_injected(&self, deque: &Deque<Execution>) -> Steal<Execution> {
        let Some(room) = &self.room else { return self.injector.steal_batch_and_pop(deque) };
        let stolen = self.injector.steal();
        if stolen.is_success() {
            room.give_back();
        }
        stolen
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        if !self.closed.swap(true, Ordering::SeqCst) {
            self.sleep.wake_all();
            if let Some(room) = &self.room {
                room.wake_all();
            }
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }

    /// Registers who wants to know when all workers have ended; `true` when they have.
    pub(super) fn poll_ended(&self, waker: &Waker) -> bool {
        self.ended.poll(waker, || self.live() == 0)
    }

    /// A worker ends. Its own deque is empty.
    pub(super) fn worker_ended(&self) {
        if self.live.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        fence(Ordering::SeqCst);
        self.refuse_injected();
        self.ended.wake_all();
    }

    /// Whether any queue has work.
    pub(super) fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.stealers.iter().any(|stealer| !stealer.is_empty())
    }

    pub(super) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        stats.workers = self.live();
        stats.capacity = Some(self.stealers.len());
        stats.running = self.current.iter().filter_map(|current| current.get()).collect();
        stats
    }

    fn refuse_injected(&self) {
        let mut ready = Ready::default();
        loop {
            match self.injector.steal() {
                Steal::Success(execution) => {
                    Rejected { execution, reason: PoolError::Closed }.complete(&mut ready);
                }
                Steal::Retry => {}
                Steal::Empty => break,
            }
        }
        // What errors of refused executions make ready is refused by its drop.
    }
}
