//! [`call_at`]: something is done at a time, by whoever has a thread for it.
//!
//! This crate starts no thread, so it has no clock of its own: `pushflow-pools` registers one, or whoever else runs
//! pools, with [`register_clock!`](crate::register_clock).

use std::any::Any;
use std::fmt;
use std::time::Instant;

/// What is called at a time.
pub type Callback = Box<dyn FnOnce() + Send>;

/// A clock, registered with [`register_clock!`](crate::register_clock).
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Calls back once at a time, or soon after it, unless the alarm is dropped before; `None` when it cannot.
    ///
    /// It calls from a thread of its own, never from inside this function. A callback may block, which keeps no other
    /// from being called.
    pub call_at: fn(Instant, Callback) -> Option<Alarm>,
}

inventory::collect!(Clock);

/// What will be called; dropping it ends that, unless it is being called already.
#[must_use = "dropping the alarm ends it"]
pub struct Alarm(#[expect(dead_code, reason = "it is there to be dropped")] Box<dyn Any + Send + Sync>);

impl Alarm {
    /// Wraps what ends the alarm when it is dropped.
    pub fn new(ends_on_drop: impl Any + Send + Sync) -> Alarm {
        Alarm(Box::new(ends_on_drop))
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").finish_non_exhaustive()
    }
}

/// Calls back once at a time, by the clock of this program; `None` when there is none, or when it cannot.
pub fn call_at(time: Instant, callback: impl FnOnce() + Send + 'static) -> Option<Alarm> {
    let clock = inventory::iter::<Clock>.into_iter().next()?;
    (clock.call_at)(time, Box::new(callback))
}

/// Registers the clock of this program: a function as [`Clock::call_at`](crate::clock::Clock::call_at).
#[macro_export]
macro_rules! register_clock {
    ($call_at:expr) => {
        $crate::inventory::submit! {
            $crate::clock::Clock { call_at: $call_at }
        }
    };
}
