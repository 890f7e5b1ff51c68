//! Coroutines of `may` without anything of ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use may::coroutine;
use may::sync::Blocker;

use crate::{ALL_AT_ONCE, CANCELS, HAND_OVERS, ROUND_TRIPS, Side};

pub(crate) const SIDE: Side = Side { name: "may", round_trip, throughput, hand_over, cancel, waiting: MOST, wait };

/// Each stack takes two mappings: twice as many would be refused.
const MOST: usize = 25_000;

fn spawn<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> coroutine::JoinHandle<R> {
    // SAFETY: the bodies use no thread-local values.
    unsafe { coroutine::spawn(body) }
}

fn round_trip() -> Duration {
    let outer = spawn(|| {
        let begin = Instant::now();
        for _ in 0..ROUND_TRIPS {
            spawn(|| ()).join().unwrap();
        }
        begin.elapsed() / ROUND_TRIPS
    });
    outer.join().unwrap()
}

fn throughput() -> Duration {
    let begin = Instant::now();
    let handles: Vec<_> = (0..ALL_AT_ONCE).map(|_| spawn(|| ())).collect();
    handles.into_iter().for_each(|handle| handle.join().unwrap());
    begin.elapsed() / ALL_AT_ONCE
}

fn hand_over() -> Duration {
    let outer = spawn(|| {
        let (own, other) = (Blocker::current(), Arc::new(std::sync::OnceLock::<Arc<Blocker>>::new()));
        let (back, set) = (Arc::clone(&own), Arc::clone(&other));
        let partner = spawn(move || {
            let own = Blocker::current();
            let _ = set.set(Arc::clone(&own));
            back.unpark();
            for _ in 0..HAND_OVERS {
                own.park(None).unwrap();
                back.unpark();
            }
        });
        own.park(None).unwrap();
        let other = Arc::clone(other.get().unwrap());
        let begin = Instant::now();
        for _ in 0..HAND_OVERS {
            other.unpark();
            own.park(None).unwrap();
        }
        let took = begin.elapsed() / (2 * HAND_OVERS);
        partner.join().unwrap();
        took
    });
    outer.join().unwrap()
}

fn cancel() -> Duration {
    let mut took = Duration::ZERO;
    for _ in 0..CANCELS {
        let asleep = Arc::new(AtomicUsize::new(0));
        let says = Arc::clone(&asleep);
        let sleeper = spawn(move || {
            says.store(1, Ordering::Release);
            coroutine::sleep(Duration::from_secs(3600));
        });
        while asleep.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        let begin = Instant::now();
        // SAFETY: what it holds may be dropped at any moment.
        unsafe { sleeper.coroutine().cancel() };
        assert!(sleeper.join().is_err());
        took += begin.elapsed();
    }
    took / CANCELS
}

fn wait() {
    static ASLEEP: AtomicUsize = AtomicUsize::new(0);
    for _ in 0..MOST {
        drop(spawn(|| {
            ASLEEP.fetch_add(1, Ordering::SeqCst);
            coroutine::sleep(Duration::from_secs(3600));
        }));
    }
    while ASLEEP.load(Ordering::SeqCst) < MOST {
        std::thread::sleep(Duration::from_millis(10));
    }
}
