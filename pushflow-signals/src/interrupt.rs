//! The interruption of what this process is doing: a mark that SIGINT sets.
//!
//! Armed in processes that this crate has started. Idle, SIGINT is ignored; while something [runs](run), it sets the mark,
//! and the blocking calls of this crate end early.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFlags, Timespec, eventfd};
use rustix::thread::futex;

use crate::error::Error;
use crate::fork_local::{ForkLocal, PrivateFd, no_fork};
use crate::sys;
use crate::wait;

/// Not armed: SIGINT is not ours.
const UNARMED: u8 = 0;
const IDLE: u8 = 1;
const RUNNING: u8 = 2;
const INTERRUPTED: u8 = 3;

static STATE: AtomicU8 = AtomicU8::new(UNARMED);
/// The number of the latest SIGINT, armed or not: counted before it takes effect, for who sees the effect asks for it.
static LATEST: AtomicU64 = AtomicU64::new(0);
/// The number of the latest SIGINT at the beginning of what runs: what comes later is for that, and for its children.
static BEFORE: AtomicU64 = AtomicU64::new(0);
/// How many have taken effect.
static RECEIVED: AtomicU64 = AtomicU64::new(0);
/// Changes with each that has; who waits for one sleeps on it.
static BELL: AtomicU32 = AtomicU32::new(0);
/// How many threads wait.
static WAITING: AtomicU32 = AtomicU32::new(0);
/// Wakes whoever waits; written to by the signal handler.
static WAKE: AtomicI32 = AtomicI32::new(-1);

static EVENT: ForkLocal<Option<PrivateFd>> = ForkLocal::new(|| {
    let _gate = no_fork();
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok().map(PrivateFd::new).map(PrivateFd::resident)
});

/// Whether what runs has been interrupted.
pub fn is_interrupted() -> bool {
    STATE.load(Ordering::Relaxed) == INTERRUPTED
}

/// Runs something that SIGINT interrupts; returns its result, and whether it was interrupted.
///
/// The mark is cleared at the end. Inside of another run it is that one's mark: it stays, and was perhaps set before.
pub fn run<R>(body: impl FnOnce() -> R) -> (R, bool) {
    // Not after the mark can be set: who sees it passes it on.
    let before = latest();
    let is_outermost = STATE.compare_exchange(IDLE, RUNNING, Ordering::SeqCst, Ordering::SeqCst).is_ok();
    // Also when the body panics.
    let reset = is_outermost.then(|| Reset);
    if is_outermost {
        BEFORE.store(before, Ordering::SeqCst);
    }
    let result = body();
    let interrupted = is_interrupted();
    drop(reset);
    (result, interrupted)
}

struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        idle();
    }
}

/// Declares that nothing runs until the next [`run`]: SIGINT is ignored.
///
/// For a process whose body is a loop that waits for work: the body itself counts as running at first.
pub fn idle() {
    // The event comes after the mark: one that comes later than this is stale, which who waits next finds out.
    if is_armed() && STATE.swap(IDLE, Ordering::SeqCst) == INTERRUPTED {
        drain();
    }
}

/// Sleeps for a duration, less when what runs is interrupted. Returns whether it slept to the end.
pub fn sleep(duration: Duration) -> bool {
    let until = Instant::now().checked_add(duration);
    while !is_interrupted() {
        if until.is_some_and(|until| Instant::now() >= until) {
            return true;
        }
        let fds: Vec<_> = event().map(|event| (event, PollFlags::IN)).into_iter().collect();
        // Interrupted by a signal or not, the mark and the clock tell.
        let _ = wait::ready(&fds, until);
        drain_stale();
    }
    false
}

/// Returns how many SIGINTs this process has received, and had their effect: set the mark, or been ignored.
///
/// It counts in processes that this crate has started, and while SIGINT is watched. Two that come at nearly the same time may be
/// one to the system.
pub fn received() -> u64 {
    RECEIVED.load(Ordering::SeqCst)
}

/// Waits until more than `beyond` SIGINTs have been [received], for at most `timeout`; returns whether they have.
///
/// For who knows that one is on its way to what has just ended, and must not let it hit what runs next. Blocks the calling
/// thread; is not interrupted.
pub fn wait_received(beyond: u64, timeout: Duration) -> bool {
    let until = Instant::now().checked_add(timeout);
    WAITING.fetch_add(1, Ordering::SeqCst);
    let came = loop {
        let bell = BELL.load(Ordering::SeqCst);
        if received() > beyond {
            break true;
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            break false;
        }
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        // Rung, interrupted or over: the count and the clock tell.
        let _ = futex::wait(&BELL, futex::Flags::PRIVATE, bell, left.as_ref());
    };
    WAITING.fetch_sub(1, Ordering::SeqCst);
    came
}

/// Returns the number of the latest SIGINT, which may be about to take effect.
pub(crate) fn latest() -> u64 {
    LATEST.load(Ordering::SeqCst)
}

/// Returns the number of the latest SIGINT that is not for what runs, and not for the children that it starts: it may
/// still be about to be passed on.
pub(crate) fn before() -> u64 {
    BEFORE.load(Ordering::SeqCst)
}

/// Whether SIGINT is for what runs here.
pub(crate) fn is_armed() -> bool {
    STATE.load(Ordering::Relaxed) != UNARMED
}

/// What becomes readable when what runs is interrupted; `None` where nothing is armed.
pub(crate) fn event() -> Option<BorrowedFd<'static>> {
    if is_armed() { EVENT.get().as_ref().map(std::os::fd::AsFd::as_fd) } else { None }
}

/// Makes SIGINT the interruption of what runs in this process.
pub(crate) fn arm() -> Result<(), Error> {
    WAKE.store(-1, Ordering::Relaxed);
    STATE.store(IDLE, Ordering::SeqCst);
    let Some(event) = EVENT.get() else {
        return Err(Error::System { action: "create an event", source: std::io::ErrorKind::Other.into() });
    };
    WAKE.store(std::os::fd::AsFd::as_fd(event).as_raw_fd(), Ordering::Relaxed);
    crate::signal::keep_handler(crate::Signal::INTERRUPT)
}

/// Forgets the mark of the parent, in a process just forked.
pub(crate) fn disarm() {
    WAKE.store(-1, Ordering::Relaxed);
    LATEST.store(0, Ordering::SeqCst);
    BEFORE.store(0, Ordering::SeqCst);
    RECEIVED.store(0, Ordering::SeqCst);
    WAITING.store(0, Ordering::SeqCst);
    STATE.store(UNARMED, Ordering::SeqCst);
}

/// What the signal handler does at SIGINT.
pub(crate) fn on_interrupt() {
    LATEST.fetch_add(1, Ordering::SeqCst);
    if STATE.compare_exchange(RUNNING, INTERRUPTED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        sys::signal::raise_event(&WAKE);
    }
    RECEIVED.fetch_add(1, Ordering::SeqCst);
    BELL.fetch_add(1, Ordering::SeqCst);
    if WAITING.load(Ordering::SeqCst) > 0 {
        // A bare system call, which a handler may make.
        let _ = futex::wake(&BELL, futex::Flags::PRIVATE, i32::MAX.unsigned_abs());
    }
}

/// Clears an event whose mark was cleared before the event came, so that nobody is woken by it again and again.
pub(crate) fn drain_stale() {
    if is_interrupted() {
        return;
    }
    drain();
    // One that has come meanwhile may have lost its event, for which another thread is waiting.
    if is_interrupted() {
        sys::signal::raise_event(&WAKE);
    }
}

fn drain() {
    if let Some(event) = event() {
        let _ = rustix::io::read(event, &mut [0_u8; 8]);
    }
}
