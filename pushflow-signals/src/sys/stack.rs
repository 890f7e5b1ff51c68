//! Stacks that are not those of threads: the page that guards them, and their overflow.

use std::ffi::c_void;
use std::io;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::sys::signal;

/// Makes the guard page of the stack that calls a light one: the page stays inaccessible, but no longer splits the mapping.
///
/// A page without access is a mapping of its own to the kernel, and so is the stack above it; a process may have 65,530 by default.
/// Since Linux 6.13 a page can be inaccessible within a mapping. `stack_bytes` is the size of the stack, a multiple of the page size, with
/// the guard page right below it; the caller has to be in its uppermost pages. Returns whether it was done: not before Linux 6.13, nor when the page
/// is not found where it is to be.
pub(crate) fn lighten_guard(stack_bytes: usize) -> bool {
    let page = rustix::param::page_size();
    let here = 0_u8;
    let top = (&raw const here).addr().next_multiple_of(page);
    // The frames so far may take more than a page.
    let guard = (0..FRAMES).filter_map(|pages| (top + pages * page).checked_sub(stack_bytes + page));
    let Some(guard) = guard.into_iter().find(|guard| !is_readable(*guard) && is_readable(guard + page)) else {
        return false;
    };
    let address = std::ptr::with_exposed_provenance_mut::<c_void>(guard);
    // SAFETY: the page is that below the stack of the caller, as was just seen: nobody can read or write there, so nobody has anything there.
    let installed = unsafe { libc::madvise(address, page, MADV_GUARD_INSTALL) };
    if installed != 0 {
        return false;
    }
    // SAFETY: the same page. It stays inaccessible, by what was installed.
    unsafe { libc::mprotect(address, page, libc::PROT_READ | libc::PROT_WRITE) == 0 }
}

/// How many pages of frames there may be above the caller.
const FRAMES: usize = 8;
/// From the kernel's mman.h.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Whether there is memory that can be read at an address. process_vm_readv(2) tells without a fault.
fn is_readable(address: usize) -> bool {
    let mut byte = 0_u8;
    let into = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let from = libc::iovec { iov_base: std::ptr::with_exposed_provenance_mut(address), iov_len: 1 };
    let pid = rustix::process::getpid().as_raw_pid();
    // SAFETY: the kernel writes one byte to where the first vector points, and checks the address of the second itself.
    unsafe { libc::process_vm_readv(pid, &raw const into, 1, &raw const from, 1, 0) == 1 }
}

/// Says whether the stack that is in use is one of those whose overflow is told.
type Concerns = fn() -> bool;

static CONCERNS: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static SAYS: AtomicPtr<&'static str> = AtomicPtr::new(std::ptr::null_mut());

/// Tells the overflow of a stack, and aborts. `concerns` is asked in a signal handler, and must do no more than a handler may.
pub(crate) fn tell_overflow(concerns: Concerns, says: &'static str) -> io::Result<()> {
    SAYS.store(Box::into_raw(Box::new(says)), Ordering::SeqCst);
    CONCERNS.store(concerns as *mut (), Ordering::SeqCst);
    signal::put_before(libc::SIGSEGV, on_fault)?;
    signal::put_before(libc::SIGBUS, on_fault)
}

extern "C" fn on_fault(number: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let concerns = CONCERNS.load(Ordering::SeqCst);
    let says = SAYS.load(Ordering::SeqCst);
    // SAFETY: the kernel passes a valid structure, with an address for these two signals.
    let address = unsafe { (*info).si_addr() }.addr();
    if !concerns.is_null() && stack_pointer(context).is_some_and(|pointer| pointer.abs_diff(address) <= NEAR) {
        // SAFETY: only functions of this type are stored there.
        let concerns = unsafe { std::mem::transmute::<*mut (), Concerns>(concerns) };
        if concerns() {
            // SAFETY: the pointer came from a box that is never freed.
            let says = unsafe { *says };
            // SAFETY: it reads the bytes of the text. Nothing is left to do when it fails.
            unsafe { libc::write(libc::STDERR_FILENO, says.as_ptr().cast(), says.len()) };
            // SAFETY: it may be called in a handler, and does not return.
            unsafe { libc::abort() };
        }
    }
    signal::pass_fault_on(number, info, context);
}

/// A fault that far from the stack pointer is that of a frame: compilers touch the pages of larger ones one by one.
const NEAR: usize = 1 << 16;

#[cfg(target_arch = "x86_64")]
fn stack_pointer(context: *mut libc::c_void) -> Option<usize> {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel passes a structure of this type to a handler with SA_SIGINFO.
    let pointer = unsafe { (*context).uc_mcontext.gregs[libc::REG_RSP as usize] };
    usize::try_from(pointer).ok()
}

#[cfg(target_arch = "aarch64")]
fn stack_pointer(context: *mut libc::c_void) -> Option<usize> {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel passes a structure of this type to a handler with SA_SIGINFO.
    let pointer = unsafe { (*context).uc_mcontext.sp };
    usize::try_from(pointer).ok()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn stack_pointer(_context: *mut libc::c_void) -> Option<usize> {
    None
}
