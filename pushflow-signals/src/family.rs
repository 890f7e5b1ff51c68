//! The live children of this process, and what becomes of them when it ends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::net::Shutdown;
use rustix::process::Signal;

use crate::error::Error;
use crate::fork_local::{ForkLocal, PrivateFd};
use crate::kin::Kin;
use crate::link::Link;
use crate::signal::{self, Watch};
use crate::start::forkserver;
use crate::sys::signal::Disposition;
use crate::{interrupt, sys, thread, tree};

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

/// What a child is, to its family.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Ends with this process.
    Command,
    /// Ends with this process.
    Daemonic,
    /// Is waited for; the end of its link tells it that nobody wants anything more of it.
    Other {
        /// Gone when nobody has the link any more.
        link: Weak<PrivateFd>,
    },
}

#[derive(Clone)]
struct Member {
    kind: Kind,
    kin: Arc<Kin>,
    grace: Duration,
}

#[derive(Default)]
struct Family {
    /// By the order of their starts.
    members: BTreeMap<u64, Member>,
    next: u64,
    watch: Option<Watch>,
    /// Links with processes that others have forked for this one.
    links: Vec<Weak<PrivateFd>>,
}

/// The end of this process, which is entered once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Ending,
    Ended,
}

#[derive(Default)]
struct End {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// How many children are being started just now.
    starting: usize,
    /// Whether a signal ends this process: then nobody else does.
    by_signal: bool,
}

/// A start that is under way. The end waits for it, so that it misses no child.
#[derive(Debug)]
pub(crate) struct Starting(());

static FAMILY: ForkLocal<Mutex<Family>> = ForkLocal::new(Mutex::default);
static END: ForkLocal<End> = ForkLocal::new(End::default);
/// Whether this process has started commands, which may have left something that is not known here.
static HAD_COMMANDS: ForkLocal<AtomicBool> = ForkLocal::new(|| AtomicBool::new(false));

/// A child's place in the family, given up when it has been reaped.
#[derive(Debug)]
pub(crate) struct Membership {
    number: u64,
    generation: u64,
}

/// Returns the children of this process that live, or have not been waited for: processes and commands.
pub fn children() -> Vec<Relative> {
    let relative = |member: &Member| Relative {
        pid: member.kin.pid(),
        daemonic: !matches!(member.kind, Kind::Other { .. }),
        command: matches!(member.kind, Kind::Command),
    };
    lock().members.values().map(relative).collect()
}

/// Kills all children, daemonic or not. What they have started ends with them, as when they are killed from outside.
///
/// For who ends at once; it waits for nothing, and does not keep others from being started.
pub fn kill() {
    let members: Vec<Member> = lock().members.values().cloned().collect();
    members.iter().for_each(|member| member.kin.signal(Signal::KILL));
}

/// Begins a start; refuses when this process is ending.
pub(crate) fn starting() -> Result<Starting, Error> {
    let mut state = state();
    if state.phase != Phase::Open {
        return Err(Error::Ending);
    }
    state.starting += 1;
    Ok(Starting(()))
}

impl Drop for Starting {
    fn drop(&mut self) {
        state().starting -= 1;
        END.get().changed.notify_all();
    }
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

/// Has a link shut at the end of this process: whoever is at its other end may be waiting for what would come next.
pub(crate) fn shut_at_end(link: &Link) {
    let mut family = lock();
    family.links.retain(|known| known.strong_count() > 0);
    family.links.push(link.downgrade());
}

/// Adds a child.
pub(crate) fn join(kin: &Arc<Kin>, kind: Kind, grace: Duration) -> Membership {
    if matches!(kind, Kind::Command) {
        HAD_COMMANDS.get().store(true, Ordering::Relaxed);
    }
    let mut family = lock();
    let number = family.next;
    family.next += 1;
    family.members.insert(number, Member { kind, kin: Arc::clone(kin), grace });
    Membership { number, generation: crate::fork_local::generation() }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if self.generation == crate::fork_local::generation() {
            // Dropped without the lock.
            let _member = lock().members.remove(&self.number);
        }
    }
}

/// Ends the children, at the end of the process; who comes second waits for the first. Starts are refused from here on.
pub(crate) fn end() {
    if enter() {
        end_children();
        return;
    }
    let ending = |state: &mut State| state.phase == Phase::Ending;
    let state = END.get().changed.wait_while(state(), ending).unwrap_or_else(PoisonError::into_inner);
    if state.by_signal {
        // The signal is about to end this process, which is how it is to be seen to end.
        drop(END.get().changed.wait_timeout_while(state, Duration::from_secs(5), |_| true));
    }
}

/// Enters the end; returns whether this is the first to do so.
fn enter() -> bool {
    let mut state = state();
    let is_first = state.phase == Phase::Open;
    if is_first {
        state.phase = Phase::Ending;
    }
    is_first
}

/// Ends daemonic and expendable children by SIGTERM, and SIGKILL after their grace period; waits for the others.
fn end_children() {
    // A start takes as long as a fork does; one that takes longer waits for something that may never come.
    let starting = |state: &mut State| state.starting > 0;
    drop(END.get().changed.wait_timeout_while(state(), Duration::from_secs(5), starting));
    let members: Vec<Member> = lock().members.values().cloned().collect();
    let (others, daemonic): (Vec<_>, Vec<_>) = members
        .into_iter()
        .partition(|member| matches!(member.kind, Kind::Other { .. }) && !member.kin.is_expendable());
    daemonic.iter().for_each(|member| member.kin.signal(Signal::TERM));
    let mut links = std::mem::take(&mut lock().links);
    links.extend(others.iter().filter_map(|member| match &member.kind {
        Kind::Other { link } => Some(Weak::clone(link)),
        Kind::Command | Kind::Daemonic => None,
    }));
    for link in links.iter().filter_map(Weak::upgrade) {
        // It may be waiting for what this process would say next.
        let _ = rustix::net::shutdown(&*link, Shutdown::Both);
    }
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
    if HAD_COMMANDS.get().load(Ordering::Relaxed) {
        // What they have sent to the background, out of their groups. Not before: the others may be below this process too.
        tree::sweep(&tree::own());
    }
    forkserver::leave();
    state().phase = Phase::Ended;
    END.get().changed.notify_all();
}

/// SIGINT and SIGTERM when nobody else has claimed them.
fn on_signal(signal: crate::Signal) {
    let before = signal::disposition_before(signal);
    if before == Disposition::Ignored {
        return;
    }
    if signal == crate::Signal::INTERRUPT {
        // Each has a group of its own, so it has not got it from the terminal.
        let members: Vec<Arc<Kin>> = lock().members.values().map(|member| Arc::clone(&member.kin)).collect();
        let number = interrupt::latest();
        members.iter().for_each(|kin| kin.pass_on(number));
    }
    let is_ours = signal == crate::Signal::INTERRUPT && interrupt::is_armed();
    if before == Disposition::Handled || is_ours {
        return;
    }
    if !enter() {
        // The second one: the children may take longer than whoever sends it is willing to wait.
        signal::end_by_signal(signal);
    }
    // On a thread of its own, so that a second signal is heard.
    state().by_signal = true;
    let in_order = move || {
        end_children();
        signal::end_by_signal(signal);
    };
    if thread::start("end", in_order).is_err() {
        in_order();
    }
}

fn lock() -> MutexGuard<'static, Family> {
    FAMILY.get().lock().unwrap_or_else(PoisonError::into_inner)
}

fn state() -> MutexGuard<'static, State> {
    END.get().state.lock().unwrap_or_else(PoisonError::into_inner)
}
