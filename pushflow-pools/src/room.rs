//! [`Room`]: how many executions may wait to be started.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use pushflow_core::{PoolError, wait};

use crate::when_full::WhenFull;

/// Counts the executions in the injector of a pool that bounds them.
pub(crate) struct Room {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// Who waits for room, the longest waiting first.
    wakers: VecDeque<Waker>,
}

impl Room {
    pub(crate) fn new(most: usize) -> Room {
        Room { most: most.max(1), state: Mutex::default() }
    }

    /// Takes a place for an execution.
    ///
    /// # Errors
    ///
    /// [`PoolError::Full`] when it is to be refused, [`PoolError::Closed`] when the pool is closed while who submits it waits.
    pub(crate) fn enter(&self, when_full: WhenFull, is_closed: impl Fn() -> bool) -> Result<(), PoolError> {
        match when_full {
            WhenFull::Take => self.take_anyway(),
            WhenFull::Refuse if self.take() => {}
            WhenFull::Refuse => return Err(PoolError::Full { pending: self.most }),
            WhenFull::Wait => {
                if wait::block(None, |waker| self.poll_take(waker, &is_closed)) == Some(false) {
                    return Err(PoolError::Closed);
                }
            }
        }
        Ok(())
    }

    /// Takes a place if there is one.
    fn take(&self) -> bool {
        let mut state = self.lock();
        let has_room = state.taken < self.most;
        state.taken += usize::from(has_room);
        has_room
    }

    /// Takes a place although there may be none.
    fn take_anyway(&self) {
        self.lock().taken += 1;
    }

    /// Takes a place or registers who waits for one; `Some(false)` when the pool has been closed instead.
    ///
    /// `is_closed` is asked under the lock, which `wake_all` takes after the pool was closed: none of them is missed.
    fn poll_take(&self, waker: &Waker, is_closed: impl Fn() -> bool) -> Option<bool> {
        let mut state = self.lock();
        // Whoever leaves takes its waker along: a wake for somebody who has gone would be one too few for the others.
        state.wakers.retain(|known| !known.will_wake(waker));
        if is_closed() {
            return Some(false);
        }
        if state.taken < self.most {
            state.taken += 1;
            return Some(true);
        }
        state.wakers.push_back(waker.clone());
        None
    }

    /// An execution has left the injector.
    pub(crate) fn give_back(&self) {
        let mut state = self.lock();
        state.taken = state.taken.saturating_sub(1);
        let next = if state.taken < self.most { state.wakers.pop_front() } else { None };
        drop(state);
        if let Some(waker) = next {
            waker.wake();
        }
    }

    pub(crate) fn wake_all(&self) {
        let wakers = std::mem::take(&mut self.lock().wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_room_refuses_waits_or_takes() {
        let room = Room::new(1);
        room.enter(WhenFull::Refuse, || false).unwrap();
        assert!(matches!(room.enter(WhenFull::Refuse, || false), Err(PoolError::Full { pending: 1 })));
        assert!(matches!(room.enter(WhenFull::Wait, || true), Err(PoolError::Closed)));
        room.enter(WhenFull::Take, || false).unwrap();
        // Two places are taken: with one given back there is none yet.
        room.give_back();
        assert!(room.enter(WhenFull::Refuse, || false).is_err());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| room.enter(WhenFull::Wait, || false));
            while room.lock().wakers.is_empty() {
                std::thread::yield_now();
            }
            room.give_back();
            waits.join().unwrap().unwrap();
        });
        assert!(room.enter(WhenFull::Refuse, || false).is_err());
    }
}
