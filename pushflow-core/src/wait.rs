//! The one way to wait: whatever waits in pushflow waits here.
//!
//! Waiting is polling with a [`Waker`], as in Rust's futures: who changes what is waited for wakes. So the same event can
//! be waited for by a thread, or awaited in any async runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Waits until `poll` returns something, or until the deadline has passed (then `None`).
///
/// `poll` is called at once, and again after each wake of the waker that it was given, which it keeps where the awaited
/// event finds it. Blocks the calling thread.
pub fn block<T>(deadline: Option<Instant>, mut poll: impl FnMut(&Waker) -> Option<T>) -> Option<T> {
    let parked = Arc::new(Parked { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&parked));
    loop {
        if let Some(ready) = poll(&waker) {
            return Some(ready);
        }
        while !parked.woken.swap(false, Ordering::AcqRel) {
            match deadline {
                None => thread::park(),
                Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                    // A last look: the event may have come just before the deadline.
                    None | Some(Duration::ZERO) => return poll(&waker),
                    Some(rest) => thread::park_timeout(rest),
                },
            }
        }
    }
}

struct Parked {
    thread: Thread,
    /// A thread may be unparked by others as well, so the wake is remembered here.
    woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_wake_before_the_wait_counts() {
        let mut polls = 0;
        let seen = block(None, |waker| {
            polls += 1;
            waker.wake_by_ref();
            (polls == 3).then_some(polls)
        });
        assert_eq!(seen, Some(3));
    }

    #[test]
    fn the_deadline_bounds_the_wait() {
        assert_eq!(block(Some(Instant::now() + Duration::from_millis(5)), |_| None::<()>), None);
        assert_eq!(block(Some(Instant::now()), |_| Some(1)), Some(1));
    }

    #[test]
    fn another_thread_wakes() {
        let slot = Mutex::new((None, None::<Waker>));
        thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                block(None, |waker| {
                    let mut slot = slot.lock().unwrap();
                    slot.1 = Some(waker.clone());
                    slot.0
                })
            });
            let mut locked = slot.lock().unwrap();
            locked.0 = Some(7);
            if let Some(waker) = locked.1.take() {
                waker.wake();
            }
            drop(locked);
            assert_eq!(waiter.join().unwrap(), Some(7));
        });
    }
}
