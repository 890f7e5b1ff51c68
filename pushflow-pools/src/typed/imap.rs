//! [`Imap`]: results in the order of items that are taken only as they are needed.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use pushflow_core::pool::Ready;
use pushflow_core::{Pool, PoolError, TaskError, wait};
use serde::de::DeserializeOwned;

use super::arguments::Arguments;
use super::batch::Batch;
use super::function::Function;
use super::pace::Pace;
use super::source::{Opener, Source, task};
use super::table::Table;

/// The results of a lazy map, in the order of the items: an iterator that waits.
///
/// It takes items only as far ahead as its [`Pace`] says, so they may be without end. Items that it has taken are
/// submitted; dropping it lets them go on, and takes no more. When the pool refuses an item, or the iterator of the items
/// panics, that was the last one: the results of those before it still come.
#[must_use = "items are taken only as results are asked for"]
pub struct Imap<'p, I, R> {
    pool: &'p dyn Pool,
    source: Source<I>,
    /// Executions use its slots in turn: one is free again when its outcome was taken.
    batch: Arc<Batch<Table>>,
    opener: Opener,
    window: u32,
    submitted: u64,
    taken: u64,
    /// Items that were given out.
    given: u64,
    result: PhantomData<fn() -> R>,
}

impl<'p, I: Iterator<Item: Arguments>, R> Imap<'p, I, R> {
    pub(super) fn start(
        pool: &'p dyn Pool,
        function: Function<I::Item, R>,
        items: I,
        pace: Pace,
    ) -> Result<Imap<'p, I, R>, PoolError> {
        let window = pace.window_for(pool);
        let source = Source::new(function, items, pace.chunk);
        let batch = Batch::new(task(function, pace.chunk), Table::new(window as usize));
        let opener = Opener::new(function.name(), pace.chunk);
        let mut imap =
            Imap { pool, source, batch, opener, window, submitted: 0, taken: 0, given: 0, result: PhantomData };
        match imap.fill() {
            Err(reason) if imap.submitted == 1 => Err(reason),
            Ok(()) | Err(_) => Ok(imap),
        }
    }

    /// Asks the items that run to end, and starts no more of them: these fail as interrupted.
    pub fn interrupt(&self) {
        self.batch.interrupt();
    }

    /// Submits until the window is full. What is refused has its error as its outcome, too.
    fn fill(&mut self) -> Result<(), PoolError> {
        while self.submitted - self.taken < u64::from(self.window)
            && let Some(inputs) = self.source.next()
        {
            let slot = self.slot(self.submitted);
            self.submitted += 1;
            if let Err(rejected) = self.batch.submit(self.pool, slot, inputs) {
                self.source.end();
                return Err(rejected.complete(&mut Ready::default()));
            }
        }
        Ok(())
    }

    fn slot(&self, number: u64) -> u32 {
        u32::try_from(number % u64::from(self.window)).expect("the rest is below the window, which has 32 bits")
    }
}

impl<I: Iterator<Item: Arguments>, R: DeserializeOwned> Iterator for Imap<'_, I, R> {
    type Item = Result<R, TaskError>;

    /// Takes items while there is room, waits for room in a full pool, then for the next result.
    fn next(&mut self) -> Option<Result<R, TaskError>> {
        let result = match self.opener.next() {
            Some(result) => result,
            None => {
                // A refusal is the outcome of its item as well.
                let _ = self.fill();
                if self.taken == self.submitted {
                    return None;
                }
                let (slot, outcomes) = (self.slot(self.taken), &self.batch.outcomes);
                let outcome = outcomes
                    .take(slot)
                    .or_else(|| wait::block(None, |waker| outcomes.poll_take(slot, waker)))
                    .expect("a wait without deadline ends with the event");
                self.taken += 1;
                self.opener.open(outcome, self.source.drawn() - self.given)
            }
        };
        self.given += 1;
        Some(result)
    }
}

impl<I, R> fmt::Debug for Imap<'_, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap").field("window", &self.window).field("given", &self.given).finish_non_exhaustive()
    }
}
