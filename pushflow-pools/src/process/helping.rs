//! Reading replies on the thread that waits for one: then nobody else has to be woken.
//!
//! One thread at a time helps a pool. It lowers the flags by which workers know that the supervisor sleeps, looks at the
//! rings for a while, and raises the flags again when it leaves: whatever has come in between is left to the supervisor,
//! who is woken for it. So a reply is never without somebody who looks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pushflow_core::pool::Help;
use pushflow_core::wait;

use super::builder::Output;
use super::lane::Lane;
use super::receive::receive;
use super::shared::Shared;

/// How long to look before sleeping, while others may run.
const PATIENCE: Duration = Duration::from_micros(100);
/// Looks between two glances at the clock.
const LOOKS: u32 = 64;
/// With more workers than that looking takes longer than waking.
const MOST_LANES: usize = 16;

/// Whether somebody helps.
#[derive(Debug, Default)]
pub(super) struct Helping(AtomicBool);

impl Helping {
    pub(super) fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Help for Shared {
    fn help(self: Arc<Self>, is_done: &dyn Fn() -> bool, deadline: Option<Instant>) {
        // It spins on the thread, which a coroutine must not.
        if is_done() || !self.is_here() || self.settings.output == Output::Capture || !wait::blocks_thread() {
            return;
        }
        let lanes = self.lanes();
        if lanes.len() > MOST_LANES || self.helping.0.swap(true, Ordering::Acquire) {
            return;
        }
        let helper = Helper { shared: &self, lanes };
        helper.look(is_done, deadline);
    }
}

/// The one that helps, until it is dropped.
struct Helper<'a> {
    shared: &'a Arc<Shared>,
    lanes: Vec<Arc<Lane>>,
}

impl Helper<'_> {
    fn look(&self, is_done: &dyn Fn() -> bool, deadline: Option<Instant>) {
        let begin = Instant::now();
        let until = begin.checked_add(PATIENCE);
        let until = [until, deadline].into_iter().flatten().min();
        self.lanes.iter().filter_map(|lane| lane.wire.local()).for_each(super::local::Local::wakes_up);
        while !is_done() {
            for _ in 0..LOOKS {
                if self.read_all() {
                    break;
                }
                std::hint::spin_loop();
            }
            if until.is_none_or(|until| Instant::now() >= until) {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// Reads what has come; returns whether anything had.
    fn read_all(&self) -> bool {
        let mut any = false;
        for lane in &self.lanes {
            if lane.wire.local().is_some_and(|local| !local.is_empty()) {
                any = true;
                let mut received = receive(lane, self.shared);
                let completions = std::mem::take(&mut received.completions);
                let memory_bytes = received.memory_bytes;
                if received.is_for_supervisor() {
                    self.shared.pass_on(lane.id, received);
                }
                if !completions.is_empty() {
                    self.shared.settle(lane.id, completions, memory_bytes);
                }
            }
        }
        any
    }
}

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        self.shared.helping.0.store(false, Ordering::Release);
        let local = self.lanes.iter().filter_map(|lane| lane.wire.local());
        // Also those that the supervisor is awake for: that costs a bell at most.
        if local.fold(false, |is_there, local| local.falls_asleep() | is_there) {
            self.shared.poller.wake();
        }
    }
}
