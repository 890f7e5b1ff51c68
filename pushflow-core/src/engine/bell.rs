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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Rings(AtomicUsize);

    impl Wake for Rings {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_waits_is_woken_once_for_each_time_it_registers() {
        let (bell, rings) = (Bell::default(), Arc::new(Rings(AtomicUsize::new(0))));
        let waker = Waker::from(Arc::clone(&rings));
        bell.ring();
        bell.register(&waker);
        bell.register(&waker);
        bell.ring();
        bell.ring();
        assert_eq!(rings.0.load(Ordering::SeqCst), 1);
        bell.register(&waker);
        bell.ring();
        assert_eq!(rings.0.load(Ordering::SeqCst), 2);
    }
}
