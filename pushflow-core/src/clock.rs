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

#[cfg(test)]
mod tests {
    use super::*;

    static ASKED: std::sync::Mutex<Vec<Instant>> = std::sync::Mutex::new(Vec::new());

    /// A clock that calls at once, and refuses what lies in the past.
    fn at_once(time: Instant, callback: Callback) -> Option<Alarm> {
        ASKED.lock().unwrap().push(time);
        (time >= Instant::now()).then(|| {
            callback();
            Alarm::new(())
        })
    }

    crate::register_clock!(at_once);

    #[test]
    fn the_registered_clock_is_asked() {
        let (said, heard) = std::sync::mpsc::channel();
        let (late, due) = (Instant::now(), Instant::now() + std::time::Duration::from_secs(60));
        let say = said.clone();
        assert!(call_at(due, move || say.send("due").unwrap()).is_some());
        assert!(call_at(late, move || said.send("late").unwrap()).is_none());
        assert_eq!(heard.iter().collect::<Vec<_>>(), ["due"]);
        let asked = ASKED.lock().unwrap();
        assert!(asked.contains(&due) && asked.contains(&late));
    }
}
