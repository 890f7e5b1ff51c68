//! The live children of this process, and what becomes of them when it ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::error::Error;
use crate::fork_local::ForkLocal;
use crate::kin::Kin;
use crate::signal::{self, Watch};
use crate::start::forkserver;
use crate::sys;
use crate::sys::signal::Disposition;

/// A child that lives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relative {
    /// Its process id, which is also that of its group.
    pub pid: u32,
    /// Whether it ends with this process.
    pub daemonic: bool,
    /// Whether it is a command.
    pub command: bool,
}

#[derive(Clone)]
struct Member {
    relative: Relative,
    kin: Arc<Kin>,
    grace: Duration,
}

#[derive(Default)]
struct Family {
    members: BTreeMap<u32, Member>,
    watch: Option<Watch>,
}

static FAMILY: ForkLocal<Mutex<Family>> = ForkLocal::new(Mutex::default);
static ENDING: ForkLocal<AtomicBool> = ForkLocal::new(|| AtomicBool::new(false));

/// A child's place in the family, given up when it has been reaped.
#[derive(Debug)]
pub(crate) struct Membership {
    pid: u32,
    generation: u64,
}

/// Returns the children of this process that live, or have not been waited for: processes and commands.
pub fn children() -> Vec<Relative> {
    lock().members.values().map(|member| member.relative.clone()).collect()
}

/// Refuses when this process is ending.
pub(crate) fn check_open() -> Result<(), Error> {
    if ENDING.get().load(Ordering::SeqCst) { Err(Error::Ending) } else { Ok(()) }
}

/// Makes the end of this process end its children, also when a signal ends it.
pub(crate) fn look_after() -> Result<(), Error> {
    if sys::signal::disposition_of(libc::SIGCHLD).is_ok_and(|found| found == Disposition::Ignored) {
        return Err(Error::ChildrenIgnored);
    }
    let mut family = lock();
    if family.watch.is_none() {
        sys::at_exit(end).map_err(Error::system("register what is done at the end"))?;
        let signals = [crate::Signal::INTERRUPT, crate::Signal::TERMINATE];
        family.watch = Some(Watch::aside(&signals, on_signal)?);
    }
    Ok(())
}

/// Adds a child.
pub(crate) fn join(kin: &Arc<Kin>, daemonic: bool, command: bool, grace: Duration) -> Membership {
    let pid = kin.pid();
    let relative = Relative { pid, daemonic, command };
    lock().members.insert(pid, Member { relative, kin: Arc::clone(kin), grace });
    Membership { pid, generation: crate::fork_local::generation() }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if self.generation == crate::fork_local::generation() {
            lock().members.remove(&self.pid);
        }
    }
}

/// Ends the children: daemonic ones by SIGTERM, and SIGKILL after their grace period; others are waited for.
///
/// Called at the end of the process. Starts are refused from here on.
pub(crate) fn end() {
    if ENDING.get().swap(true, Ordering::SeqCst) {
        return;
    }
    let members: Vec<Member> = lock().members.values().cloned().collect();
    let (daemonic, others): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| member.relative.daemonic);
    daemonic.iter().for_each(|member| member.kin.signal(Signal::TERM));
    let begin = Instant::now();
    for Member { kin, grace, .. } in &daemonic {
        if !kin.wait_until(begin.checked_add(*grace)) {
            kin.signal(Signal::KILL);
        }
        // Somebody who waits for it may have been quicker; what it has left of its group ends with it.
        let _ = kin.reap(true);
    }
    for Member { kin, .. } in &others {
        let _ = kin.reap(false);
    }
    forkserver::leave();
}

/// SIGINT and SIGTERM when nobody else has claimed them.
fn on_signal(signal: crate::Signal) {
    let (claimed, before) = signal::is_claimed(signal);
    if claimed {
        return;
    }
    if signal == crate::Signal::INTERRUPT {
        // Each has a group of its own, so it has not got it from the terminal.
        let members: Vec<Arc<Kin>> = lock().members.values().map(|member| Arc::clone(&member.kin)).collect();
        members.iter().for_each(|kin| kin.signal(Signal::INT));
    }
    let is_ours = signal == crate::Signal::INTERRUPT && crate::interrupt::is_armed();
    if before == Disposition::Default && !is_ours {
        end();
        signal::end_by_signal(signal);
    }
}

fn lock() -> MutexGuard<'static, Family> {
    FAMILY.get().lock().unwrap_or_else(PoisonError::into_inner)
}
