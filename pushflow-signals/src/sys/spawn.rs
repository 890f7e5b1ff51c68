//! Starting a command that does not outlive its parent.

use std::io;
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{Child, Command};

use rustix::process::{Signal, set_parent_process_death_signal};

/// Starts a command that gets SIGKILL when the calling thread ends. prctl(2), `PR_SET_PDEATHSIG`.
pub(crate) fn spawn_with_parent(command: &mut Command) -> io::Result<Child> {
    let parent = std::process::id();
    // SAFETY: the closure runs between fork and exec; it makes two bare system calls and does not allocate, lock, log, or
    // panic.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have ended before the setting took effect.
            if parent_id() == parent { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
        });
    }
    command.spawn()
}
