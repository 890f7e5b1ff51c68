//! [`Interruption`]: how running tasks learn that they should end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::wait;

/// Why executions are broken off, or not started any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Somebody asked for it.
    Interrupted,
    /// The deadline has passed.
    TimedOut,
}

/// A mark that is set once and that running tasks look at, wait for, or are called back by.
///
/// Clones are handles to the same mark. Setting it twice does nothing; a deadline sets it by itself.
#[derive(Clone, Default)]
pub struct Interruption(Arc<State>);

/// Something outside that sets a mark: a signal to a worker process, for instance.
pub trait Source: Send + Sync {
    /// Whether the mark is set. Asked often.
    fn is_set(&self) -> bool;

    /// Called before somebody waits for the mark: from here on the source has to call
    /// [`interrupt`](Interruption::interrupt) by itself. Any number of times.
    fn arm(&self, mark: &Interruption);
}

#[derive(Default)]
struct State {
    /// 0, or 1 + the cause.
    mark: AtomicU8,
    deadline: Option<Instant>,
    source: Option<Box<dyn Source>>,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    next: u64,
    /// By their numbers: a mark may have hundreds of thousands of them.
    callbacks: BTreeMap<u64, Arc<dyn Fn() + Send + Sync>>,
}

impl Interruption {
    /// Creates a mark that nothing has set.
    pub fn new() -> Interruption {
        Interruption::default()
    }

    /// Creates a mark that counts as set once the deadline has passed.
    ///
    /// Nobody is called back at the deadline: who waits, waits until [`deadline`](Self::deadline) at most.
    pub fn with_deadline(deadline: Option<Instant>) -> Interruption {
        Interruption(Arc::new(State { deadline, ..State::default() }))
    }

    /// Creates a mark that something outside sets, and a deadline.
    pub fn with_source(source: impl Source + 'static, deadline: Option<Instant>) -> Interruption {
        Interruption(Arc::new(State { deadline, source: Some(Box::new(source)), ..State::default() }))
    }

    /// Returns the cause, or `None` while nothing asks to end.
    pub fn cause(&self) -> Option<Cause> {
        match self.0.mark.load(Ordering::Acquire) {
            0 if self.0.source.as_ref().is_some_and(|source| source.is_set()) => Some(Cause::Interrupted),
            0 => self.0.deadline.filter(|deadline| Instant::now() >= *deadline).map(|_| Cause::TimedOut),
            1 => Some(Cause::Interrupted),
            _ => Some(Cause::TimedOut),
        }
    }

    /// Whether both are handles to the same mark.
    pub fn same_as(&self, other: &Interruption) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the task should end.
    pub fn is_interrupted(&self) -> bool {
        self.cause().is_some()
    }

    /// Returns when the mark sets itself.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Sets the mark and calls back whoever waits for it. From any thread, any number of times.
    pub fn interrupt(&self, cause: Cause) {
        let mark = match cause {
            Cause::Interrupted => 1,
            Cause::TimedOut => 2,
        };
        if self.0.mark.compare_exchange(0, mark, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return;
        }
        let callbacks = std::mem::take(&mut self.lock().callbacks);
        // Called without the lock: a callback may drop subscriptions.
        callbacks.into_values().for_each(|callback| callback());
    }

    /// Calls back once when the mark is set, at once when it is set already.
    ///
    /// The callback must not block. It is forgotten when the returned subscription is dropped. A deadline calls
    /// nobody back.
    #[must_use = "dropping the subscription ends it"]
    pub fn subscribe(&self, callback: impl Fn() + Send + Sync + 'static) -> Subscription<'_> {
        Subscription { interruption: self, id: self.listen(callback) }
    }

    /// As [`subscribe`](Self::subscribe), for who cannot borrow the mark.
    #[must_use = "dropping the subscription ends it"]
    pub fn subscribe_owned(&self, callback: impl Fn() + Send + Sync + 'static) -> OwnedSubscription {
        OwnedSubscription { interruption: self.clone(), id: self.listen(callback) }
    }

    fn listen(&self, callback: impl Fn() + Send + Sync + 'static) -> u64 {
        if let Some(source) = &self.0.source {
            source.arm(self);
        }
        let callback: Arc<dyn Fn() + Send + Sync> = Arc::new(callback);
        let mut listeners = self.lock();
        let id = listeners.next;
        listeners.next += 1;
        listeners.callbacks.insert(id, Arc::clone(&callback));
        drop(listeners);
        // Set in the meantime: whoever set it has called those who were there, which this one may have missed.
        let is_set = self.0.mark.load(Ordering::Acquire) != 0 || self.0.source.as_ref().is_some_and(|s| s.is_set());
        if is_set && self.forget(id) {
            callback();
        }
        id
    }

    /// Sleeps for a duration, less when the mark is set in the meantime. Returns whether it slept to the end.
    pub fn sleep(&self, duration: Duration) -> bool {
        let wanted = Instant::now().checked_add(duration);
        let until = match (wanted, self.0.deadline) {
            (Some(wanted), Some(deadline)) => Some(wanted.min(deadline)),
            (wanted, deadline) => wanted.or(deadline),
        };
        let mut subscription = None;
        wait::block(until, |waker| {
            if self.is_interrupted() {
                return Some(());
            }
            let waker = waker.clone();
            subscription.get_or_insert_with(|| self.subscribe(move || waker.wake_by_ref()));
            None
        });
        !self.is_interrupted()
    }

    fn forget(&self, id: u64) -> bool {
        // Dropped without the lock: it may hold the last reference to anything.
        let callback = self.lock().callbacks.remove(&id);
        callback.is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Listeners> {
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interruption").field("cause", &self.cause()).field("deadline", &self.0.deadline).finish()
    }
}

/// A callback of an [`Interruption`], forgotten on drop.
pub struct Subscription<'a> {
    interruption: &'a Interruption,
    id: u64,
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        self.interruption.forget(self.id);
    }
}

/// As [`Subscription`], with a handle to the mark of its own.
#[derive(Debug)]
pub struct OwnedSubscription {
    interruption: Interruption,
    id: u64,
}

impl OwnedSubscription {
    /// Whether it is a subscription to this mark.
    pub fn is_to(&self, mark: &Interruption) -> bool {
        self.interruption.same_as(mark)
    }

    /// Returns the mark.
    pub fn mark(&self) -> &Interruption {
        &self.interruption
    }
}

impl Drop for OwnedSubscription {
    fn drop(&mut self) {
        self.interruption.forget(self.id);
    }
}

impl fmt::Debug for Subscription<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn counter() -> (Arc<AtomicUsize>, impl Fn() + Send + Sync + 'static) {
        let count = Arc::new(AtomicUsize::new(0));
        let inner = Arc::clone(&count);
        (count, move || {
            inner.fetch_add(1, Ordering::SeqCst);
        })
    }

    #[test]
    fn a_listener_is_called_once_early_or_late() {
        let mark = Interruption::new();
        let (early, call_early) = counter();
        let (gone, call_gone) = counter();
        let (late, call_late) = counter();
        let _early = mark.subscribe(call_early);
        drop(mark.subscribe(call_gone));
        mark.interrupt(Cause::Interrupted);
        mark.interrupt(Cause::TimedOut);
        let _late = mark.subscribe(call_late);
        assert_eq!(mark.cause(), Some(Cause::Interrupted));
        let counts = [&early, &gone, &late].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(counts, [1, 0, 1]);
    }

    #[test]
    fn a_source_sets_the_mark_and_is_armed_by_who_waits() {
        struct Outside(Arc<AtomicUsize>);
        impl Source for Outside {
            fn is_set(&self) -> bool {
                self.0.load(Ordering::SeqCst) >= 10
            }
            fn arm(&self, _mark: &Interruption) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let state = Arc::new(AtomicUsize::new(0));
        let mark = Interruption::with_source(Outside(Arc::clone(&state)), None);
        let (early, call_early) = counter();
        let _early = mark.subscribe_owned(call_early);
        assert_eq!((state.load(Ordering::SeqCst), mark.cause()), (1, None));
        state.store(10, Ordering::SeqCst);
        assert_eq!(mark.cause(), Some(Cause::Interrupted));
        let (late, call_late) = counter();
        drop(mark.subscribe(call_late));
        assert_eq!((early.load(Ordering::SeqCst), late.load(Ordering::SeqCst)), (0, 1), "it was set before");
        assert!(!mark.sleep(Duration::from_secs(3600)));
    }

    #[test]
    fn a_deadline_is_an_interruption() {
        let mark = Interruption::with_deadline(Some(Instant::now()));
        assert_eq!(mark.cause(), Some(Cause::TimedOut));
        assert!(!mark.sleep(Duration::from_secs(3600)));
    }

    #[test]
    fn sleep_ends_early() {
        let mark = Interruption::new();
        let other = mark.clone();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(move || other.sleep(Duration::from_secs(3600)));
            mark.interrupt(Cause::Interrupted);
            assert!(!sleeper.join().unwrap());
        });
        assert!(Interruption::new().sleep(Duration::from_millis(1)));
    }
}
