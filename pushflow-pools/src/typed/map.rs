//! [`Map`]: results of items that were all submitted at once.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pushflow_core::pool::Ready;
use pushflow_core::{Pool, PoolError, TaskError, wait};
use serde::de::DeserializeOwned;

use super::arguments::Arguments;
use super::batch::Batch;
use super::function::Function;
use super::source::{Opener, Source, task};
use super::table::Table;

/// The results of a map, in the order of the items: an iterator that waits, or [gathered](Self::gather) asynchronously.
///
/// Dropping it lets all items go on.
pub struct Map<R> {
    batch: Arc<Batch<Table>>,
    opener: Opener,
    /// The execution whose outcome is next.
    next: u32,
    /// Executions there are.
    submitted: u32,
    /// Items that are still to be given out.
    rest: u64,
    result: PhantomData<fn() -> R>,
}

impl<R> Map<R> {
    pub(super) fn submit<I: Iterator<Item: Arguments>>(
        pool: &dyn Pool,
        function: Function<I::Item, R>,
        items: I,
        chunk: usize,
    ) -> Result<Map<R>, PoolError> {
        let mut source = Source::new(function, items, chunk);
        let batch = Batch::new(task(function, chunk), Table::new(source.expected()));
        let mut submitted = 0;
        while let Some(inputs) = source.next() {
            batch.outcomes.reserve(submitted);
            if let Err(rejected) = batch.submit(pool, submitted, inputs) {
                let reason = rejected.complete(&mut Ready::default());
                if submitted == 0 {
                    return Err(reason);
                }
            }
            submitted = submitted.checked_add(1).expect("no more than 2^32 executions in one map");
        }
        let opener = Opener::new(function.name(), chunk);
        Ok(Map { batch, opener, next: 0, submitted, rest: source.drawn(), result: PhantomData })
    }

    /// Asks the items that run to end, and starts no more of them: these fail as interrupted.
    pub fn interrupt(&self) {
        self.batch.interrupt();
    }
}

impl<R: DeserializeOwned> Map<R> {
    /// Returns the next result, or registers who is woken when it is there: what a stream does.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<R, TaskError>>> {
        self.poll(Some(cx.waker()))
    }

    /// Waits for all results, asynchronously.
    pub async fn gather(mut self) -> Vec<Result<R, TaskError>> {
        let mut results = Vec::with_capacity(self.len());
        while let Some(result) = poll_fn(|cx| self.poll_next(cx)).await {
            results.push(result);
        }
        results
    }

    /// Without a waker, only looks.
    fn poll(&mut self, waker: Option<&Waker>) -> Poll<Option<Result<R, TaskError>>> {
        let opened = match self.opener.next() {
            Some(opened) => opened,
            None if self.next == self.submitted => return Poll::Ready(None),
            None => {
                let outcomes = &self.batch.outcomes;
                let outcome = match waker {
                    Some(waker) => outcomes.poll_take(self.next, waker),
                    None => outcomes.take(self.next),
                };
                let Some(outcome) = outcome else { return Poll::Pending };
                self.next += 1;
                self.opener.open(outcome, self.rest)
            }
        };
        self.rest -= 1;
        Poll::Ready(Some(opened))
    }
}

impl<R: DeserializeOwned> Iterator for Map<R> {
    type Item = Result<R, TaskError>;

    /// Waits for the next result.
    fn next(&mut self) -> Option<Result<R, TaskError>> {
        match self.poll(None) {
            Poll::Ready(item) => item,
            Poll::Pending => wait::block(None, |waker| match self.poll(Some(waker)) {
                Poll::Ready(item) => Some(item),
                Poll::Pending => None,
            })
            .expect("a wait without deadline ends with the event"),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let rest = usize::try_from(self.rest).unwrap_or(usize::MAX);
        (rest, Some(rest))
    }
}

impl<R: DeserializeOwned> ExactSizeIterator for Map<R> {}

impl<R: DeserializeOwned> std::iter::FusedIterator for Map<R> {}

impl<R> fmt::Debug for Map<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("rest", &self.rest).finish_non_exhaustive()
    }
}
