//! [`Runner`]: one coroutine of the pool, that runs executions one after the other.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use pushflow_core::pool::Ready;
use pushflow_core::wait::Parker as _;
use pushflow_core::{Execution, PoolError};

use super::may::{self, Seat, coroutine_local};
use super::shared::Shared;
use crate::current::Current;
use crate::mark::KnownMark;

/// Executions that a runner runs before it lets other coroutines have its thread.
const TURN: u32 = 61;
/// Executions in a row that follow one from the other, while others wait.
const STREAK: u32 = 16;

coroutine_local! {
    // The pool whose runner this coroutine is; its address, as nothing else about it is asked.
    static POOL: Cell<usize> = Cell::new(0)
}

/// Whether the caller is a runner of the pool.
pub(super) fn is_runner_of(shared: &Arc<Shared>) -> bool {
    may::is_coroutine() && POOL.with(Cell::get) == Arc::as_ptr(shared).addr()
}

#[derive(Default)]
pub(super) struct Runner {
    /// There from its first moment on.
    seat: OnceLock<Seat>,
    woken: AtomicBool,
    leaves: AtomicBool,
    pub(super) current: Current,
}

impl Runner {
    /// Ends its parking, this or the next.
    pub(super) fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        if let Some(seat) = self.seat.get() {
            seat.unpark();
        }
    }

    /// Has it end when it finds nothing to do.
    pub(super) fn let_go(&self) {
        self.leaves.store(true, Ordering::Relaxed);
    }

    fn park(&self) {
        let seat = self.seat.get_or_init(Seat::take);
        while !self.woken.swap(false, Ordering::Acquire) {
            seat.park(None);
        }
    }
}

/// Runs executions until the pool is at its end. Parks at once; whoever wakes it has counted it as searching.
pub(super) fn work(shared: &Arc<Shared>, runner: &Arc<Runner>, number: u64) {
    let here = 0_u8;
    let address = (&raw const here).addr();
    runner.park();
    POOL.with(|pool| pool.set(Arc::as_ptr(shared).addr()));
    let leaving = Leaving { shared, number };
    let mut mark = shared.mark.get();
    let mut ready = Ready::default();
    let mut tick = 0_u32;
    loop {
        if let Some(execution) = shared.take(tick) {
            shared.found();
            let before = tick / TURN;
            tick = run(shared, runner, execution, &mut mark, &mut ready, tick);
            runner.current.clear();
            if tick / TURN != before {
                may::yield_now();
            }
            shared.search();
        } else if shared.is_over() || runner.leaves.load(Ordering::Relaxed) {
            break shared.leaves();
        } else if !shared.lies_down(address, runner) {
            runner.park();
        }
    }
    drop(leaving);
}

/// Runs an execution and what follows from it, as long as it may; returns the number of executions so far.
fn run(
    shared: &Arc<Shared>,
    runner: &Runner,
    execution: Execution,
    mark: &mut KnownMark,
    ready: &mut Ready,
    mut tick: u32,
) -> u32 {
    let mut next = Some(execution);
    let mut streak = 0;
    while let Some(execution) = next.take() {
        runner.current.set(execution.run_id(), execution.slot());
        let settled = Settled(shared);
        execution.run(Some(mark.renewed(&shared.mark)), ready);
        tick = tick.wrapping_add(1);
        streak += 1;
        if let Some(elsewhere) = &shared.elsewhere {
            elsewhere.sort(ready);
        }
        let mut added = false;
        while let Some(execution) = ready.pop() {
            match shared.accept(execution) {
                Ok(execution) if next.is_none() && streak < STREAK => next = Some(execution),
                Ok(execution) => {
                    shared.put_within(execution);
                    added = true;
                }
                Err(rejected) => {
                    let _: PoolError = rejected.complete(ready);
                }
            }
        }
        // After what follows was accepted: the pool is not at its end between the two.
        drop(settled);
        if added {
            shared.work_added();
            may::nudge();
        }
    }
    tick
}

/// Says that an execution has its outcome, also when it unwinds.
struct Settled<'a>(&'a Arc<Shared>);

impl Drop for Settled<'_> {
    fn drop(&mut self) {
        self.0.settled();
    }
}

/// Says that the runner has ended, however it did.
struct Leaving<'a> {
    shared: &'a Arc<Shared>,
    number: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.shared.has_left(self.number);
    }
}
