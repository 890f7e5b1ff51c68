//! The coroutines of `may`: the one module that knows them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::task::{Wake, Waker};
use std::time::Instant;

use ::may::coroutine::Builder;
use ::may::sync::Blocker;
use pushflow_core::PoolError;
use pushflow_core::wait::{self, Parker, Parkers};
use pushflow_signals::wait::Blocking;
use pushflow_signals::{stack, wait as signals_wait};

pub(crate) use ::may::coroutine_local;

/// The process that the coroutines belong to, and the number of threads that run them.
struct Scheduler {
    process: u32,
    threads: usize,
    /// Stacks with a guard page of their own that there may be.
    most_heavy: usize,
}

static SCHEDULER: OnceLock<Scheduler> = OnceLock::new();
/// Coroutines of ours that are not parked.
static AWAKE: AtomicUsize = AtomicUsize::new(0);
/// Stacks whose guard page splits the mapping.
static HEAVY: AtomicUsize = AtomicUsize::new(0);
/// Held while a stack is made, so that the next one finds its guard page light.
static MAKING: Mutex<()> = Mutex::new(());

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// A thread takes about as long to wake, in microseconds.
const NUDGES_APART_US: u64 = 50;
/// The size of stacks that are not those of runners, as of threads: what outcomes lead to runs there.
const STACK_BYTES: usize = 2 << 20;
/// Stacks of that size that `may` keeps.
const STACKS_OF_MAY: usize = 16;
const OVERFLOWED: &str = "\na task has overflowed the stack of its coroutine; the setting stack_bytes of the pool `gevent` makes it larger\n";

/// Starts the threads that run coroutines, unless they run already.
pub(super) fn start() -> Result<(), PoolError> {
    let mut failed = None;
    let scheduler = SCHEDULER.get_or_init(|| {
        let threads = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
        let config = ::may::config();
        config.set_workers(threads).set_stack_size(words(STACK_BYTES)).set_pool_capacity(STACKS_OF_MAY);
        config.set_worker_pin(false);
        // The first coroutine installs handlers for faults, before which ours is put.
        start_elsewhere(|| {});
        let watched = stack::tell_overflow(::may::coroutine::is_coroutine, OVERFLOWED);
        failed = watched.err();
        wait::set_parkers(Parkers { is_called: may_park, make: || Arc::new(Seat::take()) });
        signals_wait::set_blocking(Blocking {
            is_called: may_park,
            block: |until, poll| {
                wait::block(until, |waker| poll(waker).then_some(()));
            },
        });
        let mappings = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
        let mappings = mappings.and_then(|text| text.trim().parse().ok()).unwrap_or(65_530_usize);
        // Two for each stack, and some for everything else.
        Scheduler { process: std::process::id(), threads, most_heavy: mappings.saturating_sub(4096) / 2 }
    });
    if let Some(error) = failed {
        tracing::warn!(%error, "the overflow of a coroutine's stack will not be explained");
    }
    if scheduler.process == std::process::id() {
        return Ok(());
    }
    let forked = "this process was forked from one that has coroutines, and can have none itself";
    Err(PoolError::System { action: "start coroutines", source: io::Error::new(io::ErrorKind::Unsupported, forked) })
}

/// Whether coroutines can be used in this process; `false` before [`start`].
pub(super) fn is_running() -> bool {
    SCHEDULER.get().is_some_and(|scheduler| scheduler.process == std::process::id())
}

pub(super) fn threads() -> usize {
    SCHEDULER.get().map_or(1, |scheduler| scheduler.threads)
}

pub(super) fn is_coroutine() -> bool {
    ::may::coroutine::is_coroutine()
}

/// Whether the caller is a coroutine, and no panic is under way, which is counted with the thread.
fn may_park() -> bool {
    is_coroutine() && !std::thread::panicking()
}

fn words(bytes: usize) -> usize {
    // An odd number would make may track the use of the stack, touching all of it.
    (bytes / size_of::<usize>()) & !1
}

/// Makes a coroutine and runs it on the calling thread until it parks for the first time, which it has to do soon.
///
/// `stack_bytes` is a multiple of the page size.
pub(super) fn make(stack_bytes: usize, name: String, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let full = SCHEDULER.get().is_none_or(|scheduler| HEAVY.load(Ordering::Relaxed) >= scheduler.most_heavy);
    if full {
        return Err(io::Error::new(io::ErrorKind::OutOfMemory, "vm.max_map_count allows for no further stack"));
    }
    let builder = Builder::new().name(name).stack_size(words(stack_bytes));
    let first = move || {
        let heavy = Heavy::unless(stack::lighten_guard(stack_bytes));
        let awake = Awake::new();
        body();
        drop((heavy, awake));
    };
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    // Refused memory is a panic there.
    let made = catch_unwind(AssertUnwindSafe(|| {
        #[expect(unsafe_code, reason = "the one place where coroutines of a size of their own begin")]
        // SAFETY: nothing of ours holds thread-local state across a waiting point, and what tasks do there is documented; the
        // stack ends in a guard page. It is the caller's thread that runs it first, which returns at its first park.
        unsafe {
            builder.spawn_local(first)
        }
    }));
    match made {
        Ok(made) => made.map(drop),
        Err(_) => Err(io::Error::new(io::ErrorKind::OutOfMemory, "the system has no memory for a stack")),
    }
}

/// Starts a coroutine with a stack like that of a thread on one of the threads for them.
pub(super) fn start_elsewhere(body: impl FnOnce() + Send + 'static) {
    let first = move || {
        let awake = Awake::new();
        body();
        drop(awake);
    };
    #[expect(unsafe_code, reason = "the one place where coroutines with large stacks begin")]
    // SAFETY: as in `make`.
    drop(unsafe { ::may::coroutine::spawn(first) });
}

/// Wakes threads that seem to sleep, so that they take some of what is waiting in the queue of this one. Not too often.
pub(super) fn nudge() {
    static LAST: AtomicU64 = AtomicU64::new(0);
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    if AWAKE.load(Ordering::Relaxed) >= threads() || !is_coroutine() {
        return;
    }
    let now = u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX);
    let last = LAST.load(Ordering::Relaxed);
    if now.saturating_sub(last) < NUDGES_APART_US
        || LAST.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err()
    {
        return;
    }
    // One of two is not this thread.
    for _ in 0..2 {
        let builder = Builder::new().id(NEXT.fetch_add(1, Ordering::Relaxed));
        #[expect(unsafe_code, reason = "the one place where empty coroutines begin")]
        // SAFETY: it does nothing. When it cannot begin nothing is lost.
        let _ = unsafe { builder.spawn(|| {}) };
    }
}

/// Lets other coroutines have the thread.
pub(super) fn yield_now() {
    ::may::coroutine::yield_now();
}

struct Awake(());

impl Awake {
    fn new() -> Awake {
        AWAKE.fetch_add(1, Ordering::Relaxed);
        Awake(())
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        AWAKE.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Heavy(bool);

impl Heavy {
    fn unless(light: bool) -> Heavy {
        HEAVY.fetch_add(usize::from(!light), Ordering::Relaxed);
        Heavy(!light)
    }
}

impl Drop for Heavy {
    fn drop(&mut self) {
        HEAVY.fetch_sub(usize::from(self.0), Ordering::Relaxed);
    }
}

/// Where a coroutine waits. Any number of times, but only the coroutine that has taken it.
pub(super) struct Seat(Arc<Place>);

struct Place(Blocker);

impl Seat {
    /// Takes a seat for the calling coroutine.
    pub(super) fn take() -> Seat {
        Seat(Arc::new(Place(Blocker::new(true))))
    }
}

impl Parker for Seat {
    fn park(&self, deadline: Option<Instant>) {
        let place = &self.0;
        let alarm = deadline.map(|deadline| signals_wait::wake_at(deadline, Waker::from(Arc::clone(place))));
        AWAKE.fetch_sub(1, Ordering::Relaxed);
        if matches!(alarm, Some(Err(_))) {
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // Woken or over time: who waits looks.
            let _ = place.0.park(rest);
            // Away from the thread of the timers.
            yield_now();
        } else {
            // It can neither run out of time nor be cancelled.
            let _ = place.0.park(None);
        }
        AWAKE.fetch_add(1, Ordering::Relaxed);
    }

    fn unpark(&self) {
        self.0.0.unpark();
    }
}

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
