//! [`Later`]: the tries of a run that wait, and what ends their wait.
//!
//! # Protocol
//!
//! A try is *put off* by whoever completes the execution that failed; it then belongs to the run, with a share in it, so that the run
//! does not end meanwhile. The run goes on by itself, whether anybody waits for it or not: it sets one alarm of the [clock](crate::clock), at
//! the time when the first try is due, or at the run's own deadline if that comes before. A stop, an interruption and a first
//! failure that ends the run ring its bell, which sets the alarm to now.
//!
//! The alarm has no share in the run. It calls [`Later::take`] on a thread of the clock: that takes what is due, or all when nothing starts
//! any more, and sets the next alarm. What was taken goes to the pool, as any other execution; in a run that is ending it
//! fails there, unstarted.
//!
//! | meanwhile | then |
//! | --- | --- |
//! | the handle of the run is dropped | nothing: the run goes on |
//! | the pool closes, or is dropped | it refuses the try when that is due, which so fails with the reason |
//! | the program has no clock, or that gets no thread | tries are made at once |
//!
//! While a try is handed over, the clock holds the pool: an owner that drops it in that moment does not wait for it, the clock does.
//! What rings between a look and the next alarm is not missed: the bell is registered before each look.

use std::sync::Mutex;
use std::task::Waker;
use std::time::Instant;

use super::delayed::Delayed;
use super::run::lock;
use crate::clock::{self, Alarm};

/// Tries that wait.
pub(super) struct Later<T>(Mutex<State<T>>);

struct State<T> {
    delayed: Delayed<T>,
    /// For the first of them, and when it goes off.
    alarm: Option<(Instant, Alarm)>,
}

/// What [`Later`] has to know about its run.
pub(super) trait Ending {
    /// Registers who is to be woken when nothing starts any more.
    fn register(&self, waker: &Waker);

    /// Whether nothing starts any more.
    fn is_ending(&self) -> bool;

    /// When that is the case at the latest.
    fn deadline(&self) -> Option<Instant>;

    /// Returns what calls [`Later::take`], and does what follows from it.
    fn look(&self) -> Box<dyn FnOnce() + Send>;
}

impl<T> Default for Later<T> {
    fn default() -> Later<T> {
        Later(Mutex::new(State { delayed: Delayed::default(), alarm: None }))
    }
}

impl<T> Later<T> {
    /// Keeps a try until it is due; gives it back when there is no clock to tell.
    pub(super) fn add(&self, due: Instant, entry: T, run: &impl Ending, waker: &Waker) -> Option<T> {
        let mut state = lock(&self.0);
        run.register(waker);
        if !state.set(Some(due), run) {
            return Some(entry);
        }
        state.delayed.add(due, entry);
        None
    }

    /// Takes what is to be tried now.
    pub(super) fn take(&self, run: &impl Ending, waker: &Waker) -> Vec<T> {
        let mut state = lock(&self.0);
        // This one has gone off, or is of no use any more.
        let spent = state.alarm.take();
        run.register(waker);
        let mut due = if run.is_ending() { state.delayed.take_all() } else { state.delayed.take_due(Instant::now()) };
        let next = state.delayed.next_due();
        if !state.set(next, run) {
            due.extend(state.delayed.take_all());
        }
        drop(state);
        drop(spent);
        due
    }

    /// Looks again soon, if there is anything to look for. Does nothing else, as it may be called from anywhere.
    pub(super) fn hurry(&self, run: &impl Ending) {
        let mut state = lock(&self.0);
        if state.delayed.next_due().is_some() && !state.set(Some(Instant::now()), run) {
            tracing::error!("the clock does not look for tries any more that wait");
        }
    }
}

impl<T> State<T> {
    /// Sets the alarm for a try, unless it goes off before; returns whether that is possible.
    fn set(&mut self, due: Option<Instant>, run: &impl Ending) -> bool {
        let Some(due) = due else { return true };
        let time = if run.is_ending() { Instant::now() } else { run.deadline().map_or(due, |end| end.min(due)) };
        if self.alarm.as_ref().is_some_and(|(set, _)| *set <= time) {
            return true;
        }
        self.alarm = clock::call_at(time, run.look()).map(|alarm| (time, alarm));
        self.alarm.is_some()
    }
}
