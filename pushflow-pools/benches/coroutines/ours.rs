//! The pool of coroutines.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::{Duration, Instant};

use pushflow_core::handle::Handle;
use pushflow_core::{Payload, Pool, Task, wait};
use pushflow_pools::CoroutinePool;

use crate::{ALL_AT_ONCE, CANCELS, HAND_OVERS, ROUND_TRIPS, Side, WAITING};

pub(crate) const SIDE: Side =
    Side { name: "pushflow", round_trip, throughput, hand_over, cancel, waiting: WAITING, wait: have_waiting };

fn nothing() -> Arc<dyn Task> {
    Arc::new(|_: &Payload, _: &pushflow_core::Context<'_>| Ok(Payload::new()))
}

fn sleeper() -> Arc<dyn Task> {
    Arc::new(|_: &Payload, ctx: &pushflow_core::Context<'_>| {
        ctx.sleep(Duration::from_secs(3600));
        Ok(Payload::new())
    })
}

fn pool() -> Arc<dyn Pool> {
    Arc::new(CoroutinePool::builder().build().unwrap())
}

fn start(pool: &Arc<dyn Pool>, task: &Arc<dyn Task>) -> Handle {
    Handle::submit(&**pool, Arc::clone(task), Payload::new()).unwrap()
}

fn round_trip() -> Duration {
    let pool = pool();
    let measured = pushflow_pools::coroutine::run(move || {
        let task = nothing();
        let begin = Instant::now();
        for _ in 0..ROUND_TRIPS {
            start(&pool, &task).wait().unwrap();
        }
        begin.elapsed() / ROUND_TRIPS
    });
    measured.unwrap().unwrap()
}

fn throughput() -> Duration {
    let (pool, task) = (pool(), nothing());
    let begin = Instant::now();
    let handles: Vec<_> = (0..ALL_AT_ONCE).map(|_| start(&pool, &task)).collect();
    handles.into_iter().for_each(|handle| drop(handle.wait().unwrap()));
    begin.elapsed() / ALL_AT_ONCE
}

#[derive(Default)]
struct Turn(Mutex<(u32, Option<Waker>)>);

impl Turn {
    fn wait_for(&self, turn: u32) {
        wait::block(None, |waker| {
            let mut state = self.0.lock().unwrap();
            if state.0 >= turn {
                return Some(());
            }
            state.1 = Some(waker.clone());
            None
        });
    }

    fn next(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 += 1;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn hand_over() -> Duration {
    let pool = pool();
    let measured = pushflow_pools::coroutine::run(move || {
        let turn = Arc::new(Turn::default());
        let other = Arc::clone(&turn);
        let task: Arc<dyn Task> = Arc::new(move |_: &Payload, _: &pushflow_core::Context<'_>| {
            for step in 0..HAND_OVERS {
                other.wait_for(2 * step + 1);
                other.next();
            }
            Ok(Payload::new())
        });
        let handle = start(&pool, &task);
        let begin = Instant::now();
        for step in 0..HAND_OVERS {
            turn.next();
            turn.wait_for(2 * step + 2);
        }
        let took = begin.elapsed() / (2 * HAND_OVERS);
        handle.wait().unwrap();
        took
    });
    measured.unwrap().unwrap()
}

fn cancel() -> Duration {
    let pool = pool();
    let mut took = Duration::ZERO;
    for _ in 0..CANCELS {
        let asleep = Arc::new(AtomicUsize::new(0));
        let says = Arc::clone(&asleep);
        let task: Arc<dyn Task> = Arc::new(move |_: &Payload, ctx: &pushflow_core::Context<'_>| {
            says.store(1, Ordering::Release);
            ctx.sleep(Duration::from_secs(3600));
            ctx.check().map(|()| Payload::new())
        });
        let handle = start(&pool, &task);
        while asleep.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        let begin = Instant::now();
        handle.interrupt();
        handle.wait().unwrap_err();
        took += begin.elapsed();
    }
    took / CANCELS
}

fn have_waiting() {
    let pool = pool();
    let task = sleeper();
    let handles: Vec<_> = (0..WAITING).map(|_| start(&pool, &task)).collect();
    while pool.stats().running.len() < WAITING {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::mem::forget((pool, handles));
}
