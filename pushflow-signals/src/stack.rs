//! Stacks that are not those of threads, for who has coroutines.

use crate::error::Error;
use crate::sys;

/// Makes the guard page of the stack that calls one that costs the kernel nothing, so that there may be hundreds of thousands of them.
///
/// A page without access splits a mapping, and a process may have some 65,000 mappings by default (`vm.max_map_count`). Since
/// Linux 6.13 a page can be inaccessible without that: madvise(2), `MADV_GUARD_INSTALL`. For stacks that are mapped next to each other,
/// one after the other, each lightened before the next is mapped.
///
/// `stack_bytes` is the size of the stack, a multiple of the page size, without the guard page right below it. To be called near the
/// top of the stack. Returns whether it was done: otherwise the guard page stays as it was.
pub fn lighten_guard(stack_bytes: usize) -> bool {
    sys::lighten_guard(stack_bytes)
}

/// Returns a size in bytes rounded up to whole pages.
pub fn whole_pages(bytes: usize) -> usize {
    bytes.next_multiple_of(rustix::param::page_size())
}

/// Makes the overflow of certain stacks end the process with a text on the standard error, and SIGABRT.
///
/// `concerns` is asked in a signal handler whether the stack in use is one of them: it must not allocate, lock or block. Handlers that are
/// there when this is called do the rest; one that is put in place later comes first.
///
/// # Errors
///
/// When the system refuses.
pub fn tell_overflow(concerns: fn() -> bool, says: &'static str) -> Result<(), Error> {
    sys::tell_overflow(concerns, says).map_err(Error::system("watch for the overflow of stacks"))
}
