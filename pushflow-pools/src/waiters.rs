//! [`Waiters`]: who waits for the end of a pool.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Who waits for one event that comes once.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<Vec<Waker>>);

impl Waiters {
    /// Registers who is to be woken by [`wake_all`](Self::wake_all); `true` when there is no need: the event has come.
    ///
    /// `has_come` is asked under the lock that `wake_all` takes after the event: nobody misses it.
    pub(crate) fn poll(&self, waker: &Waker, has_come: impl FnOnce() -> bool) -> bool {
        let mut wakers = self.lock();
        if has_come() {
            return true;
        }
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        false
    }

    /// The event has come.
    pub(crate) fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.lock());
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_waits_is_woken_once_however_often_he_looked() {
        let waiters = Waiters::default();
        let counts = [Arc::<Count>::default(), Arc::default()];
        for count in counts.iter().chain(&counts) {
            assert!(!waiters.poll(&Waker::from(Arc::clone(count)), || false));
        }
        waiters.wake_all();
        waiters.wake_all();
        assert_eq!(counts.map(|count| count.0.load(Ordering::SeqCst)), [1, 1]);
    }

    #[test]
    fn who_comes_after_the_event_is_told_at_once() {
        let waiters = Waiters::default();
        let late = Arc::<Count>::default();
        assert!(waiters.poll(&Waker::from(Arc::clone(&late)), || true));
        waiters.wake_all();
        assert_eq!(late.0.load(Ordering::SeqCst), 0);
    }
}
