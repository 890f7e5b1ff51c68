//! [`Pace`]: how far ahead items are taken, and how many at once.

use std::thread::available_parallelism;

use pushflow_core::Pool;

/// How a lazy map goes through its items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Items of one execution; 0, the default, counts as 1.
    pub chunk: usize,
    /// Executions that are ahead of the results that were given out, at least 1. By default four for each worker of the
    /// pool, or for each processor where that is more, as a pool may start its workers on demand.
    ///
    /// Where an item takes only microseconds, a larger window, or chunks, saves the waking up for every result.
    pub window: Option<usize>,
}

/// Executions for each worker that are ahead by default: enough that none waits while results are looked at.
const AHEAD: usize = 4;

impl Pace {
    pub(super) fn window_for(self, pool: &dyn Pool) -> u32 {
        let window = self.window.unwrap_or_else(|| {
            let processors = available_parallelism().map_or(1, usize::from);
            AHEAD * pool.stats().workers.max(processors)
        });
        u32::try_from(window.max(1)).unwrap_or(u32::MAX - 1)
    }
}
