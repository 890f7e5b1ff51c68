//! The clock of this program: threads that call back at a time.
//!
//! # Protocol
//!
//! *Alarms* wait in one map, by their time. As long as there are any, exactly one thread *watches*: it sleeps until the first
//! is due, and is woken when an earlier one comes. Before it calls back it hands its watch to another thread, if alarms are
//! left: so a callback that blocks (a pool that is full, the end of one) keeps no other from being called. A thread that
//! comes back from a callback watches again if nobody does, or ends. Without alarms there is no thread.
//!
//! An alarm that is dropped is taken out of the map; when it is gone from there, it is being called, or was.
//! When the system refuses the first thread, there is no alarm, and the caller is told. When it refuses a further one, the
//! thread that watches calls back itself, and others wait for that.
//! The child of a fork has none of the threads, and so begins with a clock of its own; alarms of its parent mean nothing to it.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Instant;

use pushflow_core::clock::{Alarm, Callback};

use process::clock;

pushflow_core::register_clock!(|time, callback| clock().set(time, callback));

/// What belongs to one process, where processes are forked.
#[cfg(any(feature = "process", feature = "coroutine"))]
mod process {
    use pushflow_signals::fork_local::ForkLocal;

    pub(super) use pushflow_signals::fork_local::generation;

    use super::Clock;

    pub(super) fn clock() -> &'static Clock {
        static CLOCK: ForkLocal<Clock> = ForkLocal::new(Clock::default);
        CLOCK.get()
    }
}

/// Nothing of these builds forks.
#[cfg(not(any(feature = "process", feature = "coroutine")))]
mod process {
    use std::sync::LazyLock;

    use super::Clock;

    pub(super) fn generation() -> u64 {
        0
    }

    pub(super) fn clock() -> &'static Clock {
        static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::default);
        &CLOCK
    }
}

#[derive(Default)]
struct Clock {
    state: Mutex<State>,
    /// Tells the thread that watches of an alarm before all others.
    sooner: Condvar,
}

#[derive(Default)]
struct State {
    alarms: BTreeMap<Key, Callback>,
    next: u64,
    /// Whether a thread watches.
    watched: bool,
}

type Key = (Instant, u64);

/// Takes the alarm out of the map.
struct Entry {
    clock: &'static Clock,
    key: Key,
    generation: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // In the child of a fork a thread that it does not have may hold the lock.
        if self.generation == process::generation() {
            let callback = self.clock.lock().alarms.remove(&self.key);
            // Without the lock: what it holds may do anything when it goes.
            drop(callback);
        }
    }
}

impl Clock {
    fn set(&'static self, time: Instant, callback: Callback) -> Option<Alarm> {
        let mut state = self.lock();
        let key = (time, state.next);
        state.next += 1;
        state.alarms.insert(key, callback);
        if !state.watched {
            if let Err(error) = self.start() {
                tracing::error!(%error, "cannot start the thread of the clock");
                let callback = state.alarms.remove(&key);
                drop(state);
                drop(callback);
                return None;
            }
            state.watched = true;
        } else if state.alarms.first_key_value().is_some_and(|(first, _)| *first == key) {
            self.sooner.notify_one();
        }
        Some(Alarm::new(Entry { clock: self, key, generation: process::generation() }))
    }

    /// Starts a thread that watches. With the lock, so that it begins with what the caller has left.
    fn start(&'static self) -> std::io::Result<()> {
        Builder::new().name("pushflow-clock".to_owned()).spawn(|| self.watch()).map(drop)
    }

    fn watch(&'static self) {
        let mut state = self.lock();
        while let Some(first) = state.alarms.first_entry() {
            let now = Instant::now();
            let due = first.key().0;
            if due > now {
                // It may wake early, and looks again.
                state = self.sooner.wait_timeout(state, due - now).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let callback = first.remove();
            let is_handed_on = state.alarms.is_empty() || self.start().is_ok();
            state.watched = !state.alarms.is_empty();
            drop(state);
            callback();
            state = self.lock();
            if is_handed_on {
                if state.watched {
                    return;
                }
                state.watched = true;
            }
        }
        state.watched = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// Only a deadlock reaches it.
    const LONG: Duration = Duration::from_secs(60);

    fn own() -> &'static Clock {
        Box::leak(Box::default())
    }

    /// Waits until no thread watches any more.
    fn wait_for_end(clock: &Clock) {
        let begin = Instant::now();
        while clock.lock().watched {
            assert!(begin.elapsed() < LONG);
            std::thread::yield_now();
        }
    }

    #[test]
    fn callbacks_come_in_the_order_of_their_times() {
        let (clock, (say, said)) = (own(), mpsc::channel());
        let now = Instant::now();
        let alarms = [30, 10, 20, 0].map(|ms| {
            let say = say.clone();
            clock.set(now + Duration::from_millis(ms), Box::new(move || say.send((ms, Instant::now())).unwrap()))
        });
        let mut seen: Vec<(u64, Instant)> = (0..4).map(|_| said.recv_timeout(LONG).unwrap()).collect();
        assert!(seen.iter().all(|(ms, time)| *time >= now + Duration::from_millis(*ms)), "none comes early");
        // Two that are due at once are called by two threads.
        seen.sort_by_key(|(_, time)| *time);
        assert_eq!(seen.len(), 4);
        drop(alarms);
        wait_for_end(clock);
    }

    #[test]
    fn a_callback_that_blocks_keeps_no_other() {
        let (clock, (say, said), (release, released)) = (own(), mpsc::channel(), mpsc::channel::<()>());
        let say_too = say.clone();
        let first = clock.set(
            Instant::now(),
            Box::new(move || {
                say_too.send("blocked").unwrap();
                released.recv().unwrap_err();
                say_too.send("released").unwrap();
            }),
        );
        assert_eq!(said.recv_timeout(LONG), Ok("blocked"));
        let later = Instant::now() + Duration::from_millis(1);
        let second = clock.set(later, Box::new(move || say.send("second").unwrap()));
        assert_eq!(said.recv_timeout(LONG), Ok("second"));
        drop(release);
        assert_eq!(said.recv_timeout(LONG), Ok("released"));
        drop((first, second));
        wait_for_end(clock);
    }

    #[test]
    fn one_that_is_due_sooner_is_not_kept_by_one_that_is_due_later() {
        let (clock, (say, said)) = (own(), mpsc::channel());
        let hour = clock.set(Instant::now() + Duration::from_secs(3600), Box::new(|| unreachable!("in an hour")));
        let soon = clock.set(Instant::now() + Duration::from_millis(1), Box::new(move || say.send(()).unwrap()));
        assert!(said.recv_timeout(LONG).is_ok());
        drop((hour, soon));
        assert!(clock.lock().alarms.is_empty());
    }

    #[test]
    fn what_is_dropped_is_not_called() {
        let (clock, (say, said)) = (own(), mpsc::channel::<()>());
        let alarm = clock.set(Instant::now() + Duration::from_millis(20), Box::new(move || say.send(()).unwrap()));
        drop(alarm);
        assert_eq!(said.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected), "it is gone, not kept");
    }

    #[test]
    fn thousands_from_many_threads_are_all_called() {
        let (clock, (say, said)) = (own(), mpsc::channel());
        let alarms: Vec<_> = (0..4)
            .map(|_| {
                let say = say.clone();
                Builder::new().spawn(move || {
                    let set = |n: u64| {
                        let say = say.clone();
                        clock.set(
                            Instant::now() + Duration::from_micros(n % 97 * 50),
                            Box::new(move || say.send(()).unwrap()),
                        )
                    };
                    (0..500).map(set).collect::<Vec<_>>()
                })
            })
            .collect();
        drop(say);
        for _ in 0..2000 {
            said.recv_timeout(LONG).unwrap();
        }
        alarms.into_iter().for_each(|thread| drop(thread.unwrap().join().unwrap()));
        assert!(said.recv_timeout(LONG).is_err(), "each is called once");
        wait_for_end(clock);
    }
}
