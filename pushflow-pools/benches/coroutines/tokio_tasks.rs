//! Tasks of `tokio`, which have no stack of their own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use crate::{ALL_AT_ONCE, CANCELS, HAND_OVERS, ROUND_TRIPS, Side, WAITING};

pub(crate) const SIDE: Side = Side { name: "tokio", round_trip, throughput, hand_over, cancel, waiting: WAITING, wait };

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap());

fn round_trip() -> Duration {
    let outer = RUNTIME.spawn(async {
        let begin = Instant::now();
        for _ in 0..ROUND_TRIPS {
            tokio::spawn(async {}).await.unwrap();
        }
        begin.elapsed() / ROUND_TRIPS
    });
    RUNTIME.block_on(outer).unwrap()
}

fn throughput() -> Duration {
    let begin = Instant::now();
    let handles: Vec<_> = (0..ALL_AT_ONCE).map(|_| RUNTIME.spawn(async {})).collect();
    handles.into_iter().for_each(|handle| RUNTIME.block_on(handle).unwrap());
    begin.elapsed() / ALL_AT_ONCE
}

fn hand_over() -> Duration {
    let outer = RUNTIME.spawn(async {
        let (there, back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (woken, wakes) = (Arc::clone(&there), Arc::clone(&back));
        let partner = tokio::spawn(async move {
            for _ in 0..HAND_OVERS {
                woken.notified().await;
                wakes.notify_one();
            }
        });
        let begin = Instant::now();
        for _ in 0..HAND_OVERS {
            there.notify_one();
            back.notified().await;
        }
        let took = begin.elapsed() / (2 * HAND_OVERS);
        partner.await.unwrap();
        took
    });
    RUNTIME.block_on(outer).unwrap()
}

fn cancel() -> Duration {
    let mut took = Duration::ZERO;
    for _ in 0..CANCELS {
        let asleep = Arc::new(AtomicUsize::new(0));
        let says = Arc::clone(&asleep);
        let sleeper = RUNTIME.spawn(async move {
            says.store(1, Ordering::Release);
            tokio::time::sleep(Duration::from_secs(3600)).await;
        });
        while asleep.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        let begin = Instant::now();
        sleeper.abort();
        assert!(RUNTIME.block_on(sleeper).is_err());
        took += begin.elapsed();
    }
    took / CANCELS
}

fn wait() {
    static ASLEEP: AtomicUsize = AtomicUsize::new(0);
    for _ in 0..WAITING {
        drop(RUNTIME.spawn(async {
            ASLEEP.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }));
    }
    while ASLEEP.load(Ordering::SeqCst) < WAITING {
        std::thread::sleep(Duration::from_millis(10));
    }
}
