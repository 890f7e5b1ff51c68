//! Signal handlers, masks, and what a handler may do.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// Signal numbers are below this one.
pub(crate) const MOST: usize = 65;

/// What a handler does: it must be async-signal-safe, see signal-safety(7).
type Reaction = fn(i32);

static REACTION: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
/// Dispositions that were there before ours. Never freed: a handler may be reading them.
static PREVIOUS: [AtomicPtr<libc::sigaction>; MOST] = [const { AtomicPtr::new(std::ptr::null_mut()) }; MOST];

/// What was to happen at a signal before a handler of ours was put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// What the system does by default.
    Default,
    /// Nothing.
    Ignored,
    /// A handler.
    Handled,
}

/// Puts our handler in place; returns what was there, or `None` when ours was. sigaction(2).
///
/// The handler calls `reaction`, which is one for all signals, then the handler that was there before.
pub(crate) fn install(signal: i32, reaction: Reaction) -> io::Result<Option<Disposition>> {
    let slot = PREVIOUS.get(usize::try_from(signal).unwrap_or(MOST)).ok_or(io::ErrorKind::InvalidInput)?;
    REACTION.store(reaction as *mut (), Ordering::SeqCst);
    let mut ours = zeroed();
    ours.sa_sigaction = on_signal as *const () as usize;
    // One at a time, so that those that come together are heard in the order of their numbers and not the other way round.
    // SAFETY: it fills the set that it is given.
    unsafe { libc::sigfillset(&raw mut ours.sa_mask) };
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    let mut old = current(signal)?;
    if old.sa_sigaction == ours.sa_sigaction {
        return Ok(None);
    }
    let found = disposition(&old);
    // Before the handler can run, so that it chains from the first signal on.
    slot.store(Box::into_raw(Box::new(old)), Ordering::SeqCst);
    // SAFETY: both point to whole structures, and the handler only does what a handler may do.
    let answer = unsafe { libc::sigaction(signal, &raw const ours, &raw mut old) };
    if answer == 0 { Ok(Some(found)) } else { Err(io::Error::last_os_error()) }
}

/// Puts back what was there before [`install`], unless somebody has put something else in place since. sigaction(2).
pub(crate) fn restore(signal: i32) {
    let Some(slot) = PREVIOUS.get(usize::try_from(signal).unwrap_or(MOST)) else { return };
    let previous = slot.load(Ordering::SeqCst);
    if previous.is_null() || !is_ours(signal) {
        return;
    }
    // SAFETY: the pointer came from a box that is never freed.
    unsafe { libc::sigaction(signal, previous, std::ptr::null_mut()) };
}

/// Puts a handler for a fault in place, which passes on with [`pass_fault_on`] what it does not take. sigaction(2).
pub(crate) fn put_before(signal: i32, handler: Full) -> io::Result<()> {
    let slot = PREVIOUS.get(usize::try_from(signal).unwrap_or(MOST)).ok_or(io::ErrorKind::InvalidInput)?;
    let mut ours = zeroed();
    ours.sa_sigaction = handler as *const () as usize;
    // On the stack for signals: that of the fault may be full.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    let mut old = current(signal)?;
    slot.store(Box::into_raw(Box::new(old)), Ordering::SeqCst);
    // SAFETY: both point to whole structures, and the handler only does what a handler may do.
    let answer = unsafe { libc::sigaction(signal, &raw const ours, &raw mut old) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Does with a fault what would have been done without the handler of [`put_before`].
pub(crate) fn pass_fault_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let slot = usize::try_from(signal).ok().and_then(|signal| PREVIOUS.get(signal));
    let Some(previous) = slot.map(|slot| slot.load(Ordering::SeqCst)).filter(|previous| !previous.is_null()) else {
        return;
    };
    // SAFETY: the pointer came from a box that is never freed.
    let is_handled = disposition(unsafe { &*previous }) == Disposition::Handled;
    if is_handled {
        chain(signal, info, context);
    } else {
        // The instruction is tried again after this handler, and then the system does what it does.
        // SAFETY: it points to a whole structure.
        unsafe { libc::sigaction(signal, previous, std::ptr::null_mut()) };
    }
}

/// A handler that is told all that the system knows.
pub(crate) type Full = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// Returns what happens at a signal now.
pub(crate) fn disposition_of(signal: i32) -> io::Result<Disposition> {
    current(signal).map(|found| disposition(&found))
}

/// Whether our handler is the one that the system calls.
pub(crate) fn is_ours(signal: i32) -> bool {
    current(signal).is_ok_and(|found| found.sa_sigaction == on_signal as *const () as usize)
}

/// Sets what happens at each signal that has our handler to the default. sigaction(2).
pub(crate) fn default_ours() {
    let mut plain = zeroed();
    plain.sa_sigaction = libc::SIG_DFL;
    for signal in (1..MOST).filter_map(|signal| i32::try_from(signal).ok()).filter(|signal| is_ours(*signal)) {
        // SAFETY: it points to a whole structure without a handler.
        unsafe { libc::sigaction(signal, &raw const plain, std::ptr::null_mut()) };
    }
}

/// Sends a signal to a process and its group; to it alone where the system cannot do that by a pidfd.
/// pidfd_send_signal(2), `PIDFD_SIGNAL_PROCESS_GROUP`.
///
/// The system call and not a function of the C library, which may not have it.
pub(crate) fn signal_group(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    const PROCESS_GROUP: libc::c_uint = 1 << 2;
    match send(pidfd, signal, PROCESS_GROUP) {
        // Systems before Linux 6.9; or one that leads no group yet.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ESRCH)) => send(pidfd, signal, 0),
        sent => sent,
    }
}

/// Sends a signal to a process, without its group. pidfd_send_signal(2)
pub(crate) fn signal_process(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    send(pidfd, signal, 0)
}

fn send(pidfd: BorrowedFd<'_>, signal: i32, flags: libc::c_uint) -> io::Result<()> {
    let no_details = std::ptr::null::<libc::siginfo_t>();
    let (call, number) = (libc::SYS_pidfd_send_signal, pidfd.as_raw_fd());
    // SAFETY: it takes numbers, and a pointer that may be null.
    let answer = unsafe { libc::syscall(call, number, signal, no_details, flags) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has a signal ignored, also by what is executed in the place of this program. sigaction(2).
pub(crate) fn ignore(signal: i32) {
    let mut plain = zeroed();
    plain.sa_sigaction = libc::SIG_IGN;
    // SAFETY: it points to a whole structure without a handler.
    unsafe { libc::sigaction(signal, &raw const plain, std::ptr::null_mut()) };
}

/// Blocks all signals for the calling thread until it is dropped. pthread_sigmask(3).
pub(crate) struct Blocked(libc::sigset_t);

impl Blocked {
    pub(crate) fn all() -> Blocked {
        let mut all = MaybeUninit::uninit();
        let mut old = MaybeUninit::uninit();
        // SAFETY: it fills the set that it is given.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: the first set was filled just now, the second is filled by the call, which cannot fail with SIG_SETMASK.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr()) };
        // SAFETY: the call has filled it.
        Blocked(unsafe { old.assume_init() })
    }
}

/// Lets the calling thread receive all signals, whatever it, or its parent process, blocked. pthread_sigmask(3).
pub(crate) fn unblock_all() {
    let mut none = MaybeUninit::uninit();
    // SAFETY: it empties the set that it is given.
    unsafe { libc::sigemptyset(none.as_mut_ptr()) };
    // SAFETY: the set was emptied just now.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut()) };
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set is a whole one.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

/// Writes one byte to a descriptor that does not block, from a handler too. write(2).
pub(crate) fn write_byte(descriptor: &AtomicI32, byte: u8) {
    let number = descriptor.load(Ordering::Relaxed);
    if number >= 0 {
        // SAFETY: it reads one byte from where the pointer points. A closed descriptor is an error that nobody needs.
        unsafe { libc::write(number, (&raw const byte).cast(), 1) };
    }
}

/// Adds to an eventfd, from a handler too. write(2).
pub(crate) fn raise_event(descriptor: &AtomicI32) {
    let number = descriptor.load(Ordering::Relaxed);
    let one = 1_u64;
    if number >= 0 {
        // SAFETY: it reads eight bytes from where the pointer points.
        unsafe { libc::write(number, (&raw const one).cast(), 8) };
    }
}

thread_local! {
    /// The signals that this thread is in our handler for. Constant and without a destructor: a handler may use it.
    static HANDLING: Cell<u64> = const { Cell::new(0) };
}

extern "C" fn on_signal(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // A handler that was installed between two of ours calls ours, which must not call it again. For this signal only:
    // during somebody else's handler, which calls ours, another signal may come.
    let bit = 1_u64 << (signal & 63);
    let handling = HANDLING.get();
    if handling & bit != 0 {
        return;
    }
    HANDLING.set(handling | bit);
    let errno = errno_address();
    // SAFETY: the address is that of this thread's errno.
    let saved = unsafe { *errno };
    let reaction = REACTION.load(Ordering::SeqCst);
    if !reaction.is_null() {
        // SAFETY: only functions of this type are stored there.
        let reaction = unsafe { std::mem::transmute::<*mut (), Reaction>(reaction) };
        reaction(signal);
    }
    chain(signal, info, context);
    // SAFETY: as above.
    unsafe { *errno = saved };
    HANDLING.set(HANDLING.get() & !bit);
}

/// Calls the handler that was there before ours.
fn chain(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(slot) = usize::try_from(signal).ok().and_then(|signal| PREVIOUS.get(signal)) else { return };
    let previous = slot.load(Ordering::SeqCst);
    if previous.is_null() {
        return;
    }
    // SAFETY: the pointer came from a box that is never freed.
    let previous = unsafe { *previous };
    match previous.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {}
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: with SA_SIGINFO the address is that of such a function.
            let handler = unsafe { std::mem::transmute::<usize, Full>(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: without SA_SIGINFO the address is that of such a function.
            let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler) };
            handler(signal);
        }
    }
}

fn errno_address() -> *mut libc::c_int {
    // SAFETY: it has no precondition.
    unsafe { libc::__errno_location() }
}

fn current(signal: i32) -> io::Result<libc::sigaction> {
    let mut found = zeroed();
    // SAFETY: without a new action it only fills the structure.
    let answer = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut found) };
    if answer == 0 { Ok(found) } else { Err(io::Error::last_os_error()) }
}

fn disposition(action: &libc::sigaction) -> Disposition {
    match action.sa_sigaction {
        libc::SIG_DFL => Disposition::Default,
        libc::SIG_IGN => Disposition::Ignored,
        _ => Disposition::Handled,
    }
}

fn zeroed() -> libc::sigaction {
    // SAFETY: a structure of numbers, an empty set and an optional pointer, for which zeros are a valid value.
    unsafe { MaybeUninit::zeroed().assume_init() }
}
