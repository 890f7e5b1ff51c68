//! The one way to wait: whatever waits in pushflow waits here.
//!
//! Waiting is polling with a [`Waker`], as in Rust's futures: who changes what is waited for wakes. So the same event can
//! be waited for by a thread or a coroutine, or awaited in any async runtime.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Waits until `poll` returns something, or until the deadline has passed (then `None`).
///
/// `poll` is called at once, and again after each wake of the waker that it was given, which it keeps where the awaited
/// event finds it. Blocks whatever calls: the thread, or what [`set_parkers`] knows in its place.
pub fn block<T>(deadline: Option<Instant>, poll: impl FnMut(&Waker) -> Option<T>) -> Option<T> {
    match PARKERS.get().filter(|parkers| (parkers.is_called)()) {
        None => block_on(ThreadParker(thread::current()), deadline, poll),
        Some(parkers) => block_on((parkers.make)(), deadline, poll),
    }
}

/// Whether a wait here blocks the thread that calls, and nothing else in its place.
pub fn blocks_thread() -> bool {
    PARKERS.get().is_none_or(|parkers| !(parkers.is_called)())
}

/// What waits in the place of a thread: a coroutine.
pub trait Parker: Send + Sync {
    /// Waits until it is unparked, or has been since the last time, or until the deadline; called by that which waits. It may
    /// return early.
    fn park(&self, deadline: Option<Instant>);

    /// Ends the wait. From anywhere, any number of times, also when nobody waits any more.
    fn unpark(&self);
}

/// Knows what else than threads calls [`block`].
#[derive(Clone, Copy, Debug)]
pub struct Parkers {
    /// Whether the caller is something else than a thread, and may wait as such just now.
    pub is_called: fn() -> bool,
    /// Returns the parker of the caller, for one wait.
    pub make: fn() -> Arc<dyn Parker>,
}

static PARKERS: OnceLock<Parkers> = OnceLock::new();

/// Sets what else than threads calls [`block`]; returns whether it was the first to be set, which stays.
pub fn set_parkers(parkers: Parkers) -> bool {
    PARKERS.set(parkers).is_ok()
}

fn block_on<T, P: Parker + 'static>(
    parker: P,
    deadline: Option<Instant>,
    mut poll: impl FnMut(&Waker) -> Option<T>,
) -> Option<T> {
    let parked = Arc::new(Parked { parker, woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&parked));
    loop {
        if let Some(ready) = poll(&waker) {
            return Some(ready);
        }
        while !parked.woken.swap(false, Ordering::AcqRel) {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                // A last look: the event may have come just before the deadline.
                return poll(&waker);
            }
            parked.parker.park(deadline);
        }
    }
}

struct Parked<P> {
    parker: P,
    /// Who waits may be unparked by others as well, so the wake is remembered here.
    woken: AtomicBool,
}

impl<P: Parker + 'static> Wake for Parked<P> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.parker.unpark();
    }
}

struct ThreadParker(Thread);

impl Parker for ThreadParker {
    fn park(&self, deadline: Option<Instant>) {
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(Duration::ZERO) => {}
            Some(rest) => thread::park_timeout(rest),
        }
    }

    fn unpark(&self) {
        self.0.unpark();
    }
}

impl Parker for Arc<dyn Parker> {
    fn park(&self, deadline: Option<Instant>) {
        (**self).park(deadline);
    }

    fn unpark(&self) {
        (**self).unpark();
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

    /// One that sees to it itself that what is waited for comes, and so need not wait.
    #[test]
    fn what_is_no_thread_waits_by_its_own_means() {
        struct Here(Mutex<u32>);
        impl Parker for Here {
            fn park(&self, deadline: Option<Instant>) {
                *self.0.lock().unwrap() += u32::from(deadline.is_none());
            }
            fn unpark(&self) {}
        }
        let here = Arc::new(Here(Mutex::default()));
        let parker: Arc<dyn Parker> = Arc::clone(&here) as Arc<dyn Parker>;
        let mut waker_of_another = None;
        let mut polls = 0;
        let seen = block_on(parker, None, |waker| {
            polls += 1;
            if polls == 1 {
                let waker = waker.clone();
                waker_of_another = Some(thread::Builder::new().spawn(move || waker.wake()).unwrap());
            }
            (polls == 2).then_some(polls)
        });
        waker_of_another.take().unwrap().join().unwrap();
        assert_eq!(seen, Some(2));
    }
}
