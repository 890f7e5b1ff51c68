//! [`Calls`]: functions on any pool.

use pushflow_core::{Pool, PoolError};

use super::arguments::{Argument, Arguments};
use super::function::{Call, Function};
use super::imap::Imap;
use super::imap_unordered::ImapUnordered;
use super::map::Map;
use super::pace::Pace;
use super::pending::Pending;
use super::source::Singles;

/// Calls functions on a pool of which only the trait is known: `Calls::on(&*pool)` for an `Arc<dyn Pool>`.
///
/// The pools of this crate have all these methods themselves, where they win over those of the trait:
/// `pool.submit(square::call(2))` takes a call, `Pool::submit(&pool, execution)` an execution. They are no trait, because
/// one with `submit` would make every such call on a `dyn Pool` ambiguous, and one with other names would be the same
/// thing under two names.
#[derive(Clone, Copy, Debug)]
pub struct Calls<'p>(&'p dyn Pool);

impl<'p> Calls<'p> {
    /// Calls functions on this pool.
    pub fn on(pool: &'p dyn Pool) -> Calls<'p> {
        Calls(pool)
    }

    /// Submits a call; waits for room in a full pool.
    ///
    /// # Errors
    ///
    /// Why the pool refused it.
    pub fn submit<R>(self, call: Call<R>) -> Result<Pending<R>, PoolError> {
        Pending::submit(self.0, call)
    }

    /// Submits a call if the pool has room for it; never waits.
    ///
    /// # Errors
    ///
    /// Why the pool refused it; [`PoolError::Full`] when it has no room.
    pub fn try_submit<R>(self, call: Call<R>) -> Result<Pending<R>, PoolError> {
        Pending::try_submit(self.0, call)
    }

    /// Submits the function for all items at once, waiting for room in a full pool; the results come in their order.
    ///
    /// When the pool is closed in the midst of it, the items that it refuses fail, each for itself. A panic of the
    /// iterator goes through; what was submitted before goes on.
    ///
    /// # Errors
    ///
    /// Why the pool refused the first item.
    ///
    /// # Panics
    ///
    /// When there are more than 2^32 items: that many need [`imap`](Self::imap).
    pub fn map<T: Argument, R>(
        self,
        function: Function<(T,), R>,
        items: impl IntoIterator<Item = T>,
    ) -> Result<Map<R>, PoolError> {
        self.map_chunked(function, items, 1)
    }

    /// As [`map`](Self::map), with `chunk` items in each execution; 0 counts as 1.
    ///
    /// An item that fails or panics does not fail the others of its chunk. What ends the worker does, and what is
    /// interrupted is the whole chunk. Worth it where an item takes less time than its way to the worker and back.
    ///
    /// # Errors
    ///
    /// Why the pool refused the first chunk.
    pub fn map_chunked<T: Argument, R>(
        self,
        function: Function<(T,), R>,
        items: impl IntoIterator<Item = T>,
        chunk: usize,
    ) -> Result<Map<R>, PoolError> {
        Map::submit(self.0, function, Singles(items.into_iter()), chunk)
    }

    /// As [`map`](Self::map), for items that are tuples of all arguments.
    ///
    /// # Errors
    ///
    /// Why the pool refused the first item.
    pub fn starmap<A: Arguments, R>(
        self,
        function: Function<A, R>,
        items: impl IntoIterator<Item = A>,
    ) -> Result<Map<R>, PoolError> {
        self.starmap_chunked(function, items, 1)
    }

    /// As [`starmap`](Self::starmap), with `chunk` items in each execution.
    ///
    /// # Errors
    ///
    /// Why the pool refused the first chunk.
    pub fn starmap_chunked<A: Arguments, R>(
        self,
        function: Function<A, R>,
        items: impl IntoIterator<Item = A>,
        chunk: usize,
    ) -> Result<Map<R>, PoolError> {
        Map::submit(self.0, function, items.into_iter(), chunk)
    }

    /// Runs the function for items that are taken only as results are asked for; these come in the order of the items.
    ///
    /// Ahead of the results are at most as many items as the default [`Pace`] says; the first of them are submitted here.
    ///
    /// # Errors
    ///
    /// Why the pool refused the first item.
    pub fn imap<T: Argument, R, I: IntoIterator<Item = T>>(
        self,
        function: Function<(T,), R>,
        items: I,
    ) -> Result<Imap<'p, Singles<I::IntoIter>, R>, PoolError> {
        self.imap_with(function, items, Pace::default())
    }

    /// As [`imap`](Self::imap), at a pace of your own.
    ///
    /// # Errors
    ///
    /// Why the pool refused the first execution.
    pub fn imap_with<T: Argument, R, I: IntoIterator<Item = T>>(
        self,
        function: Function<(T,), R>,
        items: I,
        pace: Pace,
    ) -> Result<Imap<'p, Singles<I::IntoIter>, R>, PoolError> {
        Imap::start(self.0, function, Singles(items.into_iter()), pace)
    }

    /// As [`imap`](Self::imap), in the order of completion: gives the number of each item and its result.
    ///
    /// # Errors
    ///
    /// Why the pool refused the first item.
    pub fn imap_unordered<T: Argument, R, I: IntoIterator<Item = T>>(
        self,
        function: Function<(T,), R>,
        items: I,
    ) -> Result<ImapUnordered<'p, Singles<I::IntoIter>, R>, PoolError> {
        self.imap_unordered_with(function, items, Pace::default())
    }

    /// As [`imap_unordered`](Self::imap_unordered), at a pace of your own.
    ///
    /// # Errors
    ///
    /// Why the pool refused the first execution.
    pub fn imap_unordered_with<T: Argument, R, I: IntoIterator<Item = T>>(
        self,
        function: Function<(T,), R>,
        items: I,
        pace: Pace,
    ) -> Result<ImapUnordered<'p, Singles<I::IntoIter>, R>, PoolError> {
        ImapUnordered::start(self.0, function, Singles(items.into_iter()), pace)
    }
}
