//! Counters that many threads raise without meeting: one cache line per thread, summed when read.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const STRIPES: usize = 16;

/// Two cache lines, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    started: AtomicU64,
    failed: AtomicU64,
}

/// Executions of a run that started, and that failed.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    stripes: [Stripe; STRIPES],
}

impl Counters {
    pub(crate) fn start(&self) {
        self.stripe().started.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn fail(&self) {
        self.stripe().failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn started(&self) -> u64 {
        self.stripes.iter().map(|stripe| stripe.started.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn failed(&self) -> u64 {
        self.stripes.iter().map(|stripe| stripe.failed.load(Ordering::Relaxed)).sum()
    }

    fn stripe(&self) -> &Stripe {
        &self.stripes[own_stripe()]
    }
}

fn own_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
        }
        own.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| (0..100).for_each(|_| counters.start()));
            }
        });
        counters.fail();
        assert_eq!((counters.started(), counters.failed()), (2000, 1));
    }
}
