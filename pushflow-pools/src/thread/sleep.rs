//! [`Sleep`]: which workers sleep, and whom to wake. The protocol is in the module's README.

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_utils::CachePadded;
use crossbeam_utils::sync::Unparker;

pub(super) struct Sleep {
    searching: CachePadded<AtomicUsize>,
    /// Length of `sleepers`, to be read without the lock.
    sleeping: CachePadded<AtomicUsize>,
    sleepers: Mutex<Vec<usize>>,
    unparkers: Box<[Unparker]>,
}

impl Sleep {
    pub(super) fn new(unparkers: Box<[Unparker]>) -> Sleep {
        Sleep {
            searching: CachePadded::default(),
            sleeping: CachePadded::default(),
            sleepers: Mutex::default(),
            unparkers,
        }
    }

    /// Called after work was added: wakes one worker unless one is searching already.
    pub(super) fn work_added(&self) {
        fence(Ordering::SeqCst);
        if self.searching.load(Ordering::Relaxed) > 0 || self.sleeping.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut sleepers = self.lock();
        let woken = sleepers.pop();
        self.sleeping.store(sleepers.len(), Ordering::Relaxed);
        if let Some(worker) = woken {
            // Counted for it, so that others need not wake one more in the meantime.
            self.searching.fetch_add(1, Ordering::SeqCst);
            drop(sleepers);
            self.unparkers[worker].unpark();
        }
    }

    /// A busy worker begins to search.
    pub(super) fn search(&self) {
        self.searching.fetch_add(1, Ordering::SeqCst);
    }

    /// A searching worker has found work.
    pub(super) fn found(&self) {
        if self.searching.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.work_added();
        }
    }

    /// A searching worker ends for good.
    pub(super) fn leave(&self) {
        self.searching.fetch_sub(1, Ordering::SeqCst);
    }

    /// A searching worker has found nothing and lies down. It has to look at all queues once more before it parks.
    pub(super) fn lie_down(&self, worker: usize) {
        let mut sleepers = self.lock();
        sleepers.push(worker);
        self.sleeping.store(sleepers.len(), Ordering::Relaxed);
        drop(sleepers);
        self.searching.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// A worker that lay down gets up by itself, searching; `false` when somebody has just woken it, who has counted it.
    pub(super) fn get_up(&self, worker: usize) -> bool {
        let mut sleepers = self.lock();
        let Some(index) = sleepers.iter().position(|sleeper| *sleeper == worker) else { return false };
        sleepers.swap_remove(index);
        self.sleeping.store(sleepers.len(), Ordering::Relaxed);
        self.searching.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Wakes all workers, to see that the pool is closed.
    pub(super) fn wake_all(&self) {
        let mut sleepers = self.lock();
        let all = std::mem::take(&mut *sleepers);
        self.sleeping.store(0, Ordering::Relaxed);
        self.searching.fetch_add(all.len(), Ordering::SeqCst);
        drop(sleepers);
        all.into_iter().for_each(|worker| self.unparkers[worker].unpark());
    }

    /// Whether a worker lies on the list of sleepers.
    pub(super) fn is_asleep(&self, worker: usize) -> bool {
        self.lock().contains(&worker)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
