//! [`Shared`]: what the pool and its workers have in common.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crossbeam_deque::{Injector, Steal, Stealer, Worker as Deque};
use crossbeam_utils::CachePadded;
use pushflow_core::interrupt::{Cause, Interruption};
use pushflow_core::pool::{Ready, Rejected, Stats};
use pushflow_core::{Execution, PoolError, wait};

use super::sleep::Sleep;
use crate::current::Current;
use crate::room::Room;

pub(super) struct Shared {
    pub(super) injector: Injector<Execution>,
    pub(super) stealers: Box<[Stealer<Execution>]>,
    pub(super) sleep: Sleep,
    /// Bounds what is in the injector; without, everything is taken.
    room: Option<Room>,
    pub(super) current: Box<[CachePadded<Current>]>,
    closed: AtomicBool,
    live: AtomicUsize,
    ended: Mutex<Vec<Waker>>,
    mark: Mutex<Interruption>,
    /// Raised when the mark is replaced, so that workers need not lock it for each execution.
    mark_generation: AtomicU64,
}

/// What becomes of an execution for which there is no room.
#[derive(Clone, Copy, Debug)]
pub(super) enum WhenFull {
    /// It waits outside.
    Wait,
    /// It is given back.
    Refuse,
    /// It is taken all the same.
    Take,
}

impl Shared {
    pub(super) fn new(stealers: Box<[Stealer<Execution>]>, sleep: Sleep, max_pending: Option<usize>) -> Shared {
        Shared {
            injector: Injector::new(),
            current: stealers.iter().map(|_| CachePadded::default()).collect(),
            live: AtomicUsize::new(stealers.len()),
            stealers,
            sleep,
            room: max_pending.map(Room::new),
            closed: AtomicBool::new(false),
            ended: Mutex::default(),
            mark: Mutex::default(),
            mark_generation: AtomicU64::new(0),
        }
    }

    pub(super) fn submit(&self, execution: Execution, when_full: WhenFull) -> Result<(), Rejected> {
        if self.is_closed() {
            return Err(Rejected { execution, reason: PoolError::Closed });
        }
        if let Err(reason) = self.room.as_ref().map_or(Ok(()), |room| self.take_room(room, when_full)) {
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

    fn take_room(&self, room: &Room, when_full: WhenFull) -> Result<(), PoolError> {
        match when_full {
            WhenFull::Take => room.take_anyway(),
            WhenFull::Refuse if room.take() => {}
            WhenFull::Refuse => return Err(PoolError::Full { pending: room.most() }),
            WhenFull::Wait => {
                let taken = wait::block(None, |waker| room.poll_take(waker, || self.is_closed()));
                if taken == Some(false) {
                    return Err(PoolError::Closed);
                }
            }
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
        let mut wakers = self.wakers();
        if self.live() == 0 {
            return true;
        }
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        false
    }

    /// A worker ends. Its own deque is empty.
    pub(super) fn worker_ended(&self) {
        if self.live.fetch_sub(1, Ordering::SeqCst) > 1 {
            return;
        }
        fence(Ordering::SeqCst);
        self.refuse_injected();
        let wakers = std::mem::take(&mut *self.wakers());
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether any queue has work.
    pub(super) fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.stealers.iter().any(|stealer| !stealer.is_empty())
    }

    /// Interrupts what is running; what starts later gets a new mark.
    pub(super) fn interrupt(&self) {
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *mark);
        self.mark_generation.fetch_add(1, Ordering::Release);
        drop(mark);
        old.interrupt(Cause::Interrupted);
    }

    pub(super) fn mark_generation(&self) -> u64 {
        self.mark_generation.load(Ordering::Acquire)
    }

    pub(super) fn mark(&self) -> Interruption {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
