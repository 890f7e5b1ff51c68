//! This program, executed again.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Where what is executed stands to the process group and the session of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// It leads a group of its own.
    Group,
    /// It leads a session of its own.
    Session,
}

/// Executes this program again with a descriptor as its standard input and all signals blocked; returns its process id.
/// posix_spawn(3), which copies nothing of this process.
///
/// The standard library's way cannot block signals without a true fork.
pub(crate) fn execute_again(
    title: &CStr,
    environment: &[CString],
    input: BorrowedFd<'_>,
    leads: Leads,
) -> io::Result<i32> {
    let mut attributes = Attributes::new()?;
    attributes.block_signals()?;
    attributes.lead(leads)?;
    let mut actions = Actions::new()?;
    actions.set_input(input)?;
    let arguments = [title.as_ptr().cast_mut(), std::ptr::null_mut()];
    let mut variables: Vec<*mut libc::c_char> = environment.iter().map(|text| text.as_ptr().cast_mut()).collect();
    variables.push(std::ptr::null_mut());
    let mut pid = 0;
    // SAFETY: all pointers are to whole objects that live to the end of the call; both arrays end with a null pointer.
    check(unsafe {
        libc::posix_spawn(
            &raw mut pid,
            c"/proc/self/exe".as_ptr(),
            &raw const actions.0,
            &raw const attributes.0,
            arguments.as_ptr(),
            variables.as_ptr(),
        )
    })?;
    Ok(pid)
}

struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new() -> io::Result<Attributes> {
        let mut new = MaybeUninit::uninit();
        // SAFETY: it fills the object that it is given.
        check(unsafe { libc::posix_spawnattr_init(new.as_mut_ptr()) })?;
        // SAFETY: the call has filled it.
        Ok(Attributes(unsafe { new.assume_init() }))
    }

    fn block_signals(&mut self) -> io::Result<()> {
        let mut all = MaybeUninit::uninit();
        // SAFETY: it fills the set that it is given.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: the set was filled just now, and is copied.
        check(unsafe { libc::posix_spawnattr_setsigmask(&raw mut self.0, all.as_ptr()) })
    }

    fn lead(&mut self, leads: Leads) -> io::Result<()> {
        let flag = match leads {
            Leads::Group => libc::POSIX_SPAWN_SETPGROUP,
            Leads::Session => libc::POSIX_SPAWN_SETSID.into(),
        };
        let flags = i16::try_from(flag | libc::POSIX_SPAWN_SETSIGMASK).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: the object is initialized. A group of 0, which it has from there, is one of its own.
        check(unsafe { libc::posix_spawnattr_setflags(&raw mut self.0, flags) })
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: the object is initialized and not used any more.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> io::Result<Actions> {
        let mut new = MaybeUninit::uninit();
        // SAFETY: it fills the object that it is given.
        check(unsafe { libc::posix_spawn_file_actions_init(new.as_mut_ptr()) })?;
        // SAFETY: the call has filled it.
        Ok(Actions(unsafe { new.assume_init() }))
    }

    fn set_input(&mut self, input: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: the object is initialized; the descriptor is a plain number for now.
        check(unsafe { libc::posix_spawn_file_actions_adddup2(&raw mut self.0, input.as_raw_fd(), 0) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: the object is initialized and not used any more.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

/// These functions return the number of an error.
fn check(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(answer)) }
}
