//! [`Current`]: what a worker is running, for who asks.

use std::sync::atomic::{AtomicU64, Ordering};

use pushflow_core::event::RunId;

/// What a worker is running. Written by it alone, read by whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Current {
    /// 0 when idle, else 1 + the slot.
    slot: AtomicU64,
    run: AtomicU64,
}

impl Current {
    pub(crate) fn set(&self, run: RunId, slot: u32) {
        self.run.store(run.0, Ordering::Relaxed);
        self.slot.store(u64::from(slot) + 1, Ordering::Relaxed);
    }

    pub(crate) fn clear(&self) {
        self.slot.store(0, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<(RunId, u32)> {
        let slot = self.slot.load(Ordering::Relaxed).checked_sub(1)?;
        Some((RunId(self.run.load(Ordering::Relaxed)), u32::try_from(slot).ok()?))
    }
}
