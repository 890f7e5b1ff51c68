//! [`ImapUnordered`]: as [`Imap`](super::Imap), in the order of completion.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use pushflow_core::pool::Ready;
use pushflow_core::{Outcome, Pool, PoolError, TaskError, wait};
use serde::de::DeserializeOwned;

use super::arguments::Arguments;
use super::batch::{Batch, Keeper};
use super::function::Function;
use super::pace::Pace;
use super::source::{Opener, Source, task};

/// The results of a lazy map as they come: an iterator that waits, over the number of the item, from 0, and its result.
///
/// The number comes along because a result, and still more a failure, would otherwise say nothing of whose it is. In all
/// else it is like [`Imap`](super::Imap). The items of one chunk come together.
#[must_use = "items are taken only as results are asked for"]
pub struct ImapUnordered<'p, I, R> {
    pool: &'p dyn Pool,
    source: Source<I>,
    batch: Arc<Batch<Queue>>,
    opener: Opener,
    window: u32,
    /// For each slot, the number of the execution that has it. Slots are made as they are needed.
    numbers: Vec<u64>,
    free: Vec<u32>,
    submitted: u64,
    /// Number of the item that is next in the opener.
    item: u64,
    result: PhantomData<fn() -> R>,
}

/// Outcomes in the order in which they came.
#[derive(Default)]
struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    outcomes: VecDeque<(u32, Outcome)>,
    waker: Option<Waker>,
}

impl Queue {
    fn take(&self) -> Option<(u32, Outcome)> {
        self.lock().outcomes.pop_front()
    }

    fn poll_take(&self, waker: &Waker) -> Option<(u32, Outcome)> {
        let mut state = self.lock();
        let taken = state.outcomes.pop_front();
        if taken.is_none() {
            state.waker = Some(waker.clone());
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper for Queue {
    fn keep(&self, slot: u32, outcome: Outcome) {
        let mut state = self.lock();
        state.outcomes.push_back((slot, outcome));
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<'p, I: Iterator<Item: Arguments>, R> ImapUnordered<'p, I, R> {
    pub(super) fn start(
        pool: &'p dyn Pool,
        function: Function<I::Item, R>,
        items: I,
        pace: Pace,
    ) -> Result<ImapUnordered<'p, I, R>, PoolError> {
        let window = pace.window_for(pool);
        let mut imap = ImapUnordered {
            pool,
            source: Source::new(function, items, pace.chunk),
            batch: Batch::new(task(function, pace.chunk), Queue::default()),
            opener: Opener::new(function.name(), pace.chunk),
            window,
            numbers: Vec::new(),
            free: Vec::new(),
            submitted: 0,
            item: 0,
            result: PhantomData,
        };
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
        while self.ahead() < self.window as usize
            && let Some(inputs) = self.source.next()
        {
            let slot = self.free.pop().unwrap_or_else(|| {
                self.numbers.push(0);
                u32::try_from(self.numbers.len() - 1).expect("there are no more slots than the window has")
            });
            self.numbers[slot as usize] = self.submitted;
            self.submitted += 1;
            if let Err(rejected) = self.batch.submit(self.pool, slot, inputs) {
                self.source.end();
                return Err(rejected.complete(&mut Ready::default()));
            }
        }
        Ok(())
    }
}

impl<I: Iterator<Item: Arguments>, R: DeserializeOwned> Iterator for ImapUnordered<'_, I, R> {
    type Item = (usize, Result<R, TaskError>);

    /// Takes items while there is room, waits for room in a full pool, then for any result.
    fn next(&mut self) -> Option<(usize, Result<R, TaskError>)> {
        let result = match self.opener.next() {
            Some(result) => result,
            None => {
                // A refusal is the outcome of its item as well.
                let _ = self.fill();
                if self.ahead() == 0 {
                    return None;
                }
                let outcomes = &self.batch.outcomes;
                let (slot, outcome) = outcomes
                    .take()
                    .or_else(|| wait::block(None, |waker| outcomes.poll_take(waker)))
                    .expect("a wait without deadline ends with the event");
                self.free.push(slot);
                self.item = self.numbers[slot as usize] * self.opener.chunk as u64;
                self.opener.open(outcome, self.source.drawn() - self.item)
            }
        };
        self.item += 1;
        Some((usize::try_from(self.item - 1).unwrap_or(usize::MAX), result))
    }
}

impl<I, R> ImapUnordered<'_, I, R> {
    /// Returns how many executions are submitted whose outcomes were not taken.
    fn ahead(&self) -> usize {
        self.numbers.len() - self.free.len()
    }
}

impl<I, R> fmt::Debug for ImapUnordered<'_, I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { submitted, window, .. } = self;
        f.debug_struct("ImapUnordered").field("window", window).field("submitted", submitted).finish_non_exhaustive()
    }
}
