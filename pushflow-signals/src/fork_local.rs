//! What a fork may not break: state that belongs to one process, descriptors that belong to one process, and the gate
//! that keeps both whole while a process forks. The discipline is in the crate's README.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::sys;

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Returns how many forks without exec lie between the program's start and this process.
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Counts one more fork, in the child.
pub(crate) fn advance() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// A value that each process makes for itself: a fork does not inherit it, and leaves what its parent had untouched.
///
/// For state behind locks, threads and descriptors, none of which the child of a process with threads may rely on.
///
/// # Examples
///
/// ```
/// use pushflow_signals::fork_local::ForkLocal;
/// use std::sync::Mutex;
///
/// static NAMES: ForkLocal<Mutex<Vec<String>>> = ForkLocal::new(Mutex::default);
/// NAMES.get().lock().unwrap().push("here".to_owned());
/// assert_eq!(NAMES.get().lock().unwrap().len(), 1);
/// ```
pub struct ForkLocal<T: 'static> {
    current: AtomicPtr<Cell<T>>,
    make: fn() -> T,
}

struct Cell<T> {
    generation: u64,
    value: T,
}

impl<T: Sync + 'static> ForkLocal<T> {
    /// Creates it without a value: each process makes one when it first asks.
    pub const fn new(make: fn() -> T) -> ForkLocal<T> {
        ForkLocal { current: AtomicPtr::new(std::ptr::null_mut()), make }
    }

    /// Returns the value of this process, which lives as long as the process.
    pub fn get(&self) -> &'static T {
        loop {
            let current = self.current.load(Ordering::Acquire);
            if let Some(cell) = sys::leaked(current)
                && cell.generation == generation()
            {
                return &cell.value;
            }
            // That of the parent is left as it is: another thread may have been in the midst of changing it.
            let mine = Box::into_raw(Box::new(Cell { generation: generation(), value: (self.make)() }));
            let swapped = self.current.compare_exchange(current, mine, Ordering::AcqRel, Ordering::Acquire);
            if swapped.is_err() {
                sys::free(mine);
            }
        }
    }
}

impl<T> std::fmt::Debug for ForkLocal<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForkLocal").finish_non_exhaustive()
    }
}

/// Open while descriptors exist that a child executed at the same moment is to have, and nobody else; shut while forking.
static GATE: RwLock<()> = RwLock::new(());
/// Descriptors that a fork must not inherit.
static OWN: Mutex<BTreeMap<RawFd, Lifetime>> = Mutex::new(BTreeMap::new());

/// How long a descriptor is meant to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime {
    /// As long as what it belongs to.
    Owner,
    /// As long as the process.
    Process,
}

/// Keeps this process from forking while it is held. Nothing that it covers may log, print or fork.
pub(crate) fn no_fork() -> RwLockReadGuard<'static, ()> {
    GATE.read().unwrap_or_else(PoisonError::into_inner)
}

/// A descriptor that closes itself in a child that is forked without exec.
#[derive(Debug)]
pub(crate) struct PrivateFd {
    /// `None` only while it is being dropped.
    descriptor: Option<OwnedFd>,
    generation: u64,
}

impl PrivateFd {
    /// Takes over a descriptor. Between its making and this call [`no_fork`] has to be held.
    pub(crate) fn new(descriptor: impl Into<OwnedFd>) -> PrivateFd {
        let descriptor = descriptor.into();
        own().insert(descriptor.as_raw_fd(), Lifetime::Owner);
        PrivateFd { descriptor: Some(descriptor), generation: generation() }
    }

    /// Says that it is meant to live as long as the process.
    pub(crate) fn resident(self) -> PrivateFd {
        own().insert(self.as_fd().as_raw_fd(), Lifetime::Process);
        self
    }
}

/// Returns the descriptors that are meant to live as long as the process.
pub(crate) fn residents() -> Vec<RawFd> {
    own().iter().filter(|(_, lifetime)| **lifetime == Lifetime::Process).map(|(number, _)| *number).collect()
}

impl AsFd for PrivateFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_ref().expect("it is taken on drop only").as_fd()
    }
}

impl Drop for PrivateFd {
    fn drop(&mut self) {
        let Some(descriptor) = self.descriptor.take() else { return };
        if self.generation == generation() {
            let mut own = own();
            own.remove(&descriptor.as_raw_fd());
            // Under the lock: from here on the number may be another's.
            drop(descriptor);
        } else {
            // In a child of a fork the number belongs to the null device, see `forked`.
            std::mem::forget(descriptor);
        }
    }
}

/// Everything is at rest: no lock of ours, nor of the standard streams, is held by another thread.
pub(crate) struct AtRest {
    _streams: (std::io::StdoutLock<'static>, std::io::StderrLock<'static>),
    _gate: RwLockWriteGuard<'static, ()>,
    own: MutexGuard<'static, BTreeMap<RawFd, Lifetime>>,
}

/// Waits until everything is at rest and keeps it so.
pub(crate) fn at_rest() -> AtRest {
    // The streams first: who holds one may be on the way to the gate.
    let mut stdout = std::io::stdout().lock();
    let stderr = std::io::stderr().lock();
    // What is buffered would be written by both processes.
    let _ = std::io::Write::flush(&mut stdout);
    let gate = GATE.write().unwrap_or_else(PoisonError::into_inner);
    AtRest { _streams: (stdout, stderr), _gate: gate, own: own() }
}

impl AtRest {
    /// Takes over a descriptor that was made meanwhile.
    pub(crate) fn private(&mut self, descriptor: impl Into<OwnedFd>) -> PrivateFd {
        let descriptor = descriptor.into();
        self.own.insert(descriptor.as_raw_fd(), Lifetime::Owner);
        PrivateFd { descriptor: Some(descriptor), generation: generation() }
    }

    /// Called in the child: forgets what belongs to the parent.
    ///
    /// Its numbers stay taken, by the null device: what a closure has brought along from the parent still refers to them.
    pub(crate) fn forked(mut self) {
        advance();
        let null = std::fs::File::open("/dev/null");
        for number in std::mem::take(&mut *self.own).into_keys() {
            sys::replace(number, null.as_ref().ok().map(AsFd::as_fd));
        }
    }
}

fn own() -> MutexGuard<'static, BTreeMap<RawFd, Lifetime>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_descriptors_are_known_while_they_live() {
        let _gate = no_fork();
        // A number that no other test has when this one has given it back.
        let file = std::fs::File::open("/dev/null").unwrap();
        let private = PrivateFd::new(rustix::io::fcntl_dupfd_cloexec(&file, 700).unwrap());
        let number = private.as_fd().as_raw_fd();
        assert!(own().contains_key(&number));
        drop(private);
        assert!(!own().contains_key(&number));
    }
}
