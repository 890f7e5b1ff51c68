//! [`Source`]: from the items of an iterator to the inputs of executions; [`Opener`]: from their outcomes to results.

use std::sync::Arc;
use std::vec;

use pushflow_core::{Outcome, Payload, Task, TaskError, Value};
use serde::de::DeserializeOwned;

use super::arguments::{Arguments, no_value};
use super::chunk::{Chunk, Packer, unpack};
use super::function::Function;
use super::result::{read, result};

/// Arguments that come one by one, as tuples of one.
#[derive(Clone, Debug)]
pub struct Singles<I>(pub(super) I);

impl<I: Iterator> Iterator for Singles<I> {
    type Item = (I::Item,);

    fn next(&mut self) -> Option<(I::Item,)> {
        self.0.next().map(|item| (item,))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

pub(super) struct Source<I> {
    items: I,
    state: State,
    function: &'static str,
    /// Items of one execution, at least 1.
    chunk: usize,
    packer: Packer,
    drawn: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The iterator is being asked. Found by anybody else, it has panicked.
    Asked,
    Ended,
}

impl<I: Iterator<Item: Arguments>> Source<I> {
    pub(super) fn new<R>(function: Function<I::Item, R>, items: I, chunk: usize) -> Source<I> {
        let (function, chunk) = (function.name(), chunk.max(1));
        Source { items, state: State::Open, function, chunk, packer: Packer::default(), drawn: 0 }
    }

    /// Returns the inputs of the next execution.
    pub(super) fn next(&mut self) -> Option<Result<Payload, TaskError>> {
        if self.chunk == 1 {
            let item = self.draw()?;
            return Some(item.into_payload().map_err(|error| no_value(self.function, error)));
        }
        while self.packer.count() < self.chunk
            && let Some(item) = self.draw()
        {
            self.packer.add(self.function, item);
        }
        (self.packer.count() > 0).then(|| Ok(self.packer.finish::<I::Item>()))
    }

    /// Draws no more items.
    pub(super) fn end(&mut self) {
        self.state = State::Ended;
    }

    /// Returns the least number of executions there will be.
    pub(super) fn expected(&self) -> usize {
        self.items.size_hint().0.div_ceil(self.chunk)
    }

    /// Returns how many items were drawn so far.
    pub(super) fn drawn(&self) -> u64 {
        self.drawn
    }

    fn draw(&mut self) -> Option<I::Item> {
        if self.state != State::Open {
            return None;
        }
        self.state = State::Asked;
        let item = self.items.next();
        self.state = if item.is_some() { State::Open } else { State::Ended };
        self.drawn += u64::from(item.is_some());
        item
    }
}

/// Returns the task that runs `chunk` items in one execution.
pub(super) fn task<A, R>(function: Function<A, R>, chunk: usize) -> Arc<dyn Task> {
    if chunk > 1 { Arc::new(Chunk::new(function.registered())) } else { Arc::clone(function.task()) }
}

/// Gives out the results of one outcome after another.
pub(super) struct Opener {
    function: &'static str,
    pub(super) chunk: usize,
    items: vec::IntoIter<Result<Value, TaskError>>,
}

impl Opener {
    pub(super) fn new(function: &'static str, chunk: usize) -> Opener {
        Opener { function, chunk: chunk.max(1), items: Vec::new().into_iter() }
    }

    /// Returns the next result of the outcome that was opened last.
    pub(super) fn next<R: DeserializeOwned>(&mut self) -> Option<Result<R, TaskError>> {
        self.items.next().map(|item| read(self.function, &item?))
    }

    /// Returns the first result of an outcome, of `rest` items that are still to come in all.
    pub(super) fn open<R: DeserializeOwned>(&mut self, outcome: Outcome, rest: u64) -> Result<R, TaskError> {
        if self.chunk == 1 {
            return result(self.function, outcome);
        }
        let count = usize::try_from(rest).unwrap_or(usize::MAX).min(self.chunk);
        self.items = unpack(self.function, count, outcome).into_iter();
        self.next().unwrap_or_else(|| Err(super::result::missing(self.function)))
    }
}
