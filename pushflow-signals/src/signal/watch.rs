//! Watching signals: handlers that are shared, chained, and taken away with the last who watches.

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::getpid;

use super::vocabulary::Signal;
use crate::error::Error;
use crate::fork_local::{ForkLocal, PrivateFd, no_fork};
use crate::interrupt;
use crate::sys::signal::{self, Disposition};
use crate::thread;

/// Where the handler writes the numbers of signals.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// The process whose handlers these are.
static OWNER: AtomicI32 = AtomicI32::new(0);

static WATCHERS: ForkLocal<Mutex<Watchers>> = ForkLocal::new(Mutex::default);

#[derive(Default)]
struct Watchers {
    next: u64,
    all: Vec<Watcher>,
    /// Signals whose handler is ours, with what was there before.
    installed: Vec<(Signal, Disposition)>,
    /// Signals whose handler stays without anybody watching.
    kept: Vec<Signal>,
    /// What the handler writes to. Once there it stays: a handler may be about to write, and nobody else may get its
    /// number. The thread that reads stays with it.
    pipe: Option<PrivateFd>,
}

struct Watcher {
    id: u64,
    signals: Vec<Signal>,
    claims: bool,
    callback: Callback,
}

type Callback = Arc<Mutex<dyn FnMut(Signal) + Send>>;

/// Calls back at signals until it is dropped.
///
/// Any number may exist, for the same signals and for others; each is called, on a thread of their own, in the order in
/// which they were made. A handler that was there before is called as well, in the way that handlers are. When the last
/// one for a signal is dropped, what was there before is put back, unless somebody has replaced the handler since.
#[derive(Debug)]
pub struct Watch {
    id: u64,
    generation: u64,
}

impl Watch {
    /// Starts to watch. While anybody watches a signal it does not do what it does by default, and neither what this crate
    /// does: SIGINT is not passed on, SIGTERM and SIGINT do not end the family.
    ///
    /// May be called from any thread. The callback may drop any watch, its own too.
    ///
    /// # Errors
    ///
    /// When the system refuses a handler (SIGKILL and SIGSTOP have none) or the thread.
    pub fn new(signals: &[Signal], callback: impl FnMut(Signal) + Send + 'static) -> Result<Watch, Error> {
        Watch::add(signals, true, callback)
    }

    /// Starts to watch without claiming: what is done when nobody watches is done all the same. Not called when somebody else
    /// has claimed the signal with [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn aside(signals: &[Signal], callback: impl FnMut(Signal) + Send + 'static) -> Result<Watch, Error> {
        Watch::add(signals, false, callback)
    }

    fn add(signals: &[Signal], claims: bool, callback: impl FnMut(Signal) + Send + 'static) -> Result<Watch, Error> {
        let mut watchers = lock();
        if watchers.pipe.is_none() {
            watchers.pipe = Some(start_thread()?);
        }
        let id = watchers.next;
        watchers.next += 1;
        watchers.all.push(Watcher { id, signals: signals.to_vec(), claims, callback: Arc::new(Mutex::new(callback)) });
        for signal in signals {
            if let Err(error) = watchers.install(*signal) {
                let removed = watchers.remove(id);
                drop(watchers);
                drop(removed);
                return Err(error);
            }
        }
        Ok(Watch { id, generation: crate::fork_local::generation() })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.generation == crate::fork_local::generation() {
            // What its callback holds may be a watch, or a child: dropped without the lock.
            let removed = lock().remove(self.id);
            drop(removed);
        }
    }
}

/// Keeps our handler in place for a signal, whoever watches.
pub(crate) fn keep_handler(signal: Signal) -> Result<(), Error> {
    let mut watchers = lock();
    watchers.kept.push(signal);
    watchers.install(signal)
}

/// Returns what was to happen at a signal before it was watched; [`Handled`](Disposition::Handled) also when somebody has
/// put a handler in front of ours since.
pub(crate) fn disposition_before(signal: Signal) -> Disposition {
    if !signal::is_ours(signal.number()) {
        return Disposition::Handled;
    }
    let watchers = lock();
    let before = watchers.installed.iter().find(|(known, _)| *known == signal);
    before.map_or(Disposition::Default, |(_, before)| *before)
}

/// Forgets what the parent watches, in a process just forked: its handlers, and the descriptor that they write to.
pub(crate) fn forked() {
    PIPE.store(-1, Ordering::SeqCst);
    signal::default_ours();
}

/// What the handler does: async-signal-safe.
fn react(number: i32) {
    // A child between its fork and its exec still has the handler, and our descriptors. What it gets is not for us.
    if OWNER.load(Ordering::Relaxed) != getpid().as_raw_pid() {
        return;
    }
    if number == Signal::INTERRUPT.number() {
        interrupt::on_interrupt();
    }
    signal::write_byte(&PIPE, u8::try_from(number).unwrap_or(0));
}

impl Watchers {
    fn install(&mut self, signal: Signal) -> Result<(), Error> {
        if self.installed.iter().any(|(known, _)| *known == signal) {
            return Ok(());
        }
        OWNER.store(getpid().as_raw_pid(), Ordering::Relaxed);
        let found = signal::install(signal.number(), react).map_err(Error::system("install a signal handler"))?;
        self.installed.push((signal, found.unwrap_or(Disposition::Default)));
        Ok(())
    }

    fn remove(&mut self, id: u64) -> Option<Watcher> {
        let place = self.all.iter().position(|watcher| watcher.id == id);
        let removed = place.map(|place| self.all.remove(place));
        let (all, kept) = (&self.all, &self.kept);
        self.installed.retain(|(signal, _)| {
            let used = kept.contains(signal) || all.iter().any(|watcher| watcher.signals.contains(signal));
            if !used {
                signal::restore(signal.number());
            }
            used
        });
        removed
    }
}

/// Starts the thread that calls back; returns what the handler is to write to.
fn start_thread() -> Result<PrivateFd, Error> {
    let gate = no_fork();
    let (read, write) = UnixStream::pair().map_err(Error::system("create a socket"))?;
    write.set_nonblocking(true).map_err(Error::system("set up a socket"))?;
    let (read, write) = (PrivateFd::new(read).resident(), PrivateFd::new(write).resident());
    drop(gate);
    thread::start("signals", move || dispatch(&read)).map_err(Error::system("start a thread"))?;
    PIPE.store(write.as_fd().as_raw_fd(), Ordering::SeqCst);
    Ok(write)
}

fn dispatch(read: &PrivateFd) {
    let mut numbers = [0_u8; 64];
    loop {
        let count = match rustix::io::read(read, &mut numbers) {
            Ok(0) => return,
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        };
        for number in &numbers[..count] {
            call(Signal::from_number(i32::from(*number)));
        }
    }
}

/// Calls all who watch a signal, without the lock, so that they may watch more and less.
///
/// Whether somebody has claimed it is decided at the beginning: a claim that is given up because of this very signal counts.
fn call(signal: Signal) {
    let watchers = lock();
    let watching = || watchers.all.iter().filter(|watcher| watcher.signals.contains(&signal));
    let claimed = watching().any(|watcher| watcher.claims);
    let all: Vec<(u64, Callback)> = watching()
        .filter(|watcher| watcher.claims || !claimed)
        .map(|watcher| (watcher.id, Arc::clone(&watcher.callback)))
        .collect();
    drop(watchers);
    for (id, callback) in all {
        if lock().all.iter().any(|watcher| watcher.id == id) {
            let mut callback = callback.lock().unwrap_or_else(PoisonError::into_inner);
            // One that panics has said so, and must not keep the others from being called.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| callback(signal)));
        }
    }
}

fn lock() -> MutexGuard<'static, Watchers> {
    WATCHERS.get().lock().unwrap_or_else(PoisonError::into_inner)
}
