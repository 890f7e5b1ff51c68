//! [`Worker`]: one thread of the pool.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::Arc;

use crossbeam_deque::{Steal, Worker as Deque};
use crossbeam_utils::sync::Parker;
use pushflow_core::interrupt::Interruption;
use pushflow_core::pool::{Ready, Rejected};
use pushflow_core::{Execution, PoolError};

use super::shared::Shared;
#[cfg(feature = "coroutine")]
use crate::coroutine::{self, coroutine_local};
use crate::mark::KnownMark;

/// Executions in a row that a worker runs without looking at its deque.
const STREAK: u32 = 16;
/// Executions after which a worker looks at the injector although its deque has work. A prime, so that it falls into
/// step with no loop.
const INJECTOR_INTERVAL: u32 = 61;
/// Looks at all queues before a worker sleeps: a few microseconds, less than waking up takes.
const SEARCHES: u32 = 40;

thread_local! {
    /// The pool whose worker this thread is; its address, as nothing else about it is asked.
    static POOL: Cell<*const Shared> = const { Cell::new(std::ptr::null()) };
}

/// Whether the caller is a worker of the pool, or tells the outcome of one for it.
#[inline(never)]
pub(super) fn is_worker_of(shared: &Arc<Shared>) -> bool {
    POOL.with(|pool| std::ptr::eq(pool.get(), Arc::as_ptr(shared))) || tells_for(shared)
}

#[cfg(feature = "coroutine")]
coroutine_local! {
    // The pool that this coroutine tells outcomes for.
    static TELLS_FOR: Cell<usize> = Cell::new(0)
}

#[cfg(feature = "coroutine")]
fn tells_for(shared: &Arc<Shared>) -> bool {
    !pushflow_core::wait::blocks_thread() && TELLS_FOR.with(Cell::get) == Arc::as_ptr(shared).addr()
}

#[cfg(not(feature = "coroutine"))]
fn tells_for(_shared: &Arc<Shared>) -> bool {
    false
}

pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) deque: Deque<Execution>,
    pub(super) parker: Parker,
    pub(super) shared: Arc<Shared>,
}

/// Says that the worker has ended, however it did.
struct Leaving(Arc<Shared>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.worker_ended();
    }
}

impl Worker {
    /// Runs executions until the pool is closed and there are none left.
    pub(super) fn work(self) {
        POOL.with(|pool| pool.set(Arc::as_ptr(&self.shared)));
        let leaving = Leaving(Arc::clone(&self.shared));
        let mut ready = Ready::default();
        let mut mark = self.shared.mark.get();
        let mut tick = 0_u32;
        while let Some(execution) = self.next(tick) {
            tick = self.run(execution, &mut mark, &mut ready, tick);
        }
        drop(leaving);
    }

    /// Runs an execution and what follows from it, as long as it may; returns the number of executions so far.
    fn run(&self, execution: Execution, mark: &mut KnownMark, ready: &mut Ready, mut tick: u32) -> u32 {
        let current = &self.shared.current[self.index];
        let mut next = Some(execution);
        let mut streak = 0;
        while let Some(execution) = next.take() {
            current.set(execution.run_id(), execution.slot());
            self.complete(execution, mark.renewed(&self.shared.mark), ready);
            tick = tick.wrapping_add(1);
            if ready.is_empty() {
                break;
            }
            if self.shared.is_closed() {
                while let Some(execution) = ready.pop() {
                    Rejected { execution, reason: PoolError::Closed }.complete(ready);
                }
                break;
            }
            if let Some(elsewhere) = &self.shared.elsewhere {
                elsewhere.sort(ready);
            }
            streak += 1;
            // With nothing else to do there is nobody to be fair to, and a chain stays where it is.
            if streak < STREAK || (self.deque.is_empty() && self.shared.injector.is_empty()) {
                next = ready.pop();
            }
            self.keep(ready);
        }
        current.clear();
        tick
    }

    /// Runs the task, and tells its outcome: in the coroutine environment on a coroutine.
    fn complete(&self, execution: Execution, mark: &Interruption, ready: &mut Ready) {
        #[cfg(feature = "coroutine")]
        if matches!(coroutine::is_coroutine_environment(), Ok(true)) {
            let outcome = execution.execute(Some(mark));
            let pool = Arc::as_ptr(&self.shared).addr();
            let told = coroutine::run(move || {
                TELLS_FOR.with(|tells| tells.set(pool));
                let mut ready = Ready::default();
                execution.complete(outcome, &mut ready);
                ready
            });
            // Nothing when it panicked, as it would have here: what it had made ready is lost, and told so.
            *ready = told.ok().flatten().unwrap_or_default();
            return;
        }
        execution.run(Some(mark), ready);
    }

    /// Puts what is ready into the deque, for this worker or for thieves.
    fn keep(&self, ready: &mut Ready) {
        if ready.is_empty() {
            return;
        }
        while let Some(execution) = ready.pop() {
            self.deque.push(execution);
        }
        self.shared.sleep.work_added();
    }

    /// Finds the next execution, sleeping while there is none; `None` when the pool is closed and empty.
    fn next(&self, tick: u32) -> Option<Execution> {
        if tick.is_multiple_of(INJECTOR_INTERVAL)
            && let Some(execution) = self.injected()
        {
            return Some(execution);
        }
        if let Some(execution) = self.deque.pop() {
            return Some(execution);
        }
        self.shared.sleep.search();
        loop {
            for _ in 0..SEARCHES {
                if let Some(execution) = self.injected().or_else(|| self.stolen()) {
                    self.shared.sleep.found();
                    return Some(execution);
                }
                if self.shared.is_closed() {
                    break;
                }
                (0..16).for_each(|_| spin_loop());
            }
            if self.shared.is_closed() && !self.shared.has_work() {
                self.shared.sleep.leave();
                return None;
            }
            self.sleep();
        }
    }

    /// Sleeps until there is work, or the pool is closed.
    fn sleep(&self) {
        let sleep = &self.shared.sleep;
        sleep.lie_down(self.index);
        if (self.shared.has_work() || self.shared.is_closed()) && sleep.get_up(self.index) {
            return;
        }
        // Off the list, this worker has been woken, and the token of that wake ends the park.
        loop {
            self.parker.park();
            if !sleep.is_asleep(self.index) {
                return;
            }
        }
    }

    fn injected(&self) -> Option<Execution> {
        loop {
            match self.shared.steal_injected(&self.deque) {
                Steal::Success(execution) => return Some(execution),
                Steal::Retry => {}
                Steal::Empty => return None,
            }
        }
    }

    fn stolen(&self) -> Option<Execution> {
        let stealers = &self.shared.stealers;
        let count = stealers.len();
        for offset in 1..count {
            loop {
                match stealers[(self.index + offset) % count].steal_batch_and_pop(&self.deque) {
                    Steal::Success(execution) => return Some(execution),
                    Steal::Retry => {}
                    Steal::Empty => break,
                }
            }
        }
        None
    }
}
