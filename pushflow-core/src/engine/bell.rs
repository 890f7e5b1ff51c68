//! [`Bell`]: wakes who waits for something of a run: its end, a try that is due, a stop.

use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// Those who wait. They look again at each ring, so it may ring for nothing.
#[derive(Debug, Default)]
pub(super) struct Bell(Mutex<Vec<Waker>>);

impl Bell {
    /// Adds somebody, who has to look once more after it: what happened before does not ring.
    pub(super) fn register(&self, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Wakes all, who have to register again.
    pub(super) fn ring(&self) {
        let wakers = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }
}
