//! New processes from this one.

use std::io;

/// Which side of a fork this is.
pub(crate) enum Side {
    /// The process that forked; the id of the new one.
    Parent(u32),
    /// The new process.
    Child,
}

/// Forks. fork(2), through the C library: it keeps the allocator and its own locks usable in the child.
///
/// The caller sees to it that the child touches no lock that another thread may have held: see `fork_local`.
pub(crate) fn fork() -> io::Result<Side> {
    // SAFETY: fork(2) itself has no precondition; what a child of a process with threads may do is the caller's part.
    side(unsafe { libc::fork() }.into())
}

/// Forks a child of the *parent* of this process. clone(2), `CLONE_PARENT`.
///
/// For a process with a single thread only: the C library is not asked to put its locks in order.
pub(crate) fn fork_sibling() -> io::Result<Side> {
    // As the C library does it: the kernel keeps the thread's id where the library has it, and clears it at the end.
    let tid = thread_id_address();
    let set = if tid.is_null() { 0 } else { libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID };
    let flags = libc::c_long::from(libc::CLONE_PARENT | set | libc::SIGCHLD);
    let none: libc::c_long = 0;
    #[cfg(target_arch = "x86_64")]
    let (fourth, fifth) = (tid as libc::c_long, none);
    #[cfg(not(target_arch = "x86_64"))]
    let (fourth, fifth) = (none, tid as libc::c_long);
    // SAFETY: without CLONE_VM the child has its own copy of the memory and goes on with the same stack; the only address
    // that the kernel writes to is the one that it already writes to for this thread.
    side(unsafe { libc::syscall(libc::SYS_clone, flags, none, none, fourth, fifth) })
}

/// Ends this process without what was registered for its end. _exit(2).
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: it has no precondition and does not return.
    unsafe { libc::_exit(code) }
}

/// Where the C library has the id of this thread; null when the kernel does not say. prctl(2), `PR_GET_TID_ADDRESS`.
fn thread_id_address() -> *mut libc::c_int {
    let mut address: *mut libc::c_int = std::ptr::null_mut();
    // SAFETY: the kernel writes one pointer to where the second argument points.
    let answer = unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut address) };
    if answer == 0 { address } else { std::ptr::null_mut() }
}

fn side(answer: libc::c_long) -> io::Result<Side> {
    match u32::try_from(answer) {
        Ok(0) => Ok(Side::Child),
        Ok(pid) => Ok(Side::Parent(pid)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}
