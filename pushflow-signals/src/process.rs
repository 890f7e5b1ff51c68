//! [`Process`]: a function of this program that runs in a process of its own.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::process::Signal;

use crate::boot::{Boot, Told};
use crate::child::Interrupter;
use crate::daemonic::{self, Children};
use crate::ending::{Ended, Ending, Escalation};
use crate::entry::{self, Inside, Returned};
use crate::error::Error;
use crate::family::{self, Kind, Membership};
use crate::fork_local::PrivateFd;
use crate::interrupt;
use crate::kin::Kin;
use crate::link::Link;
use crate::start::fork::Closure;
use crate::start::{Role, StartMethod, fork, forkserver, is_initialized, spawn};
use crate::thread;
use crate::tree;
use crate::wait;

/// What a process is to run, and how it is started.
pub struct ProcessBuilder {
    body: Body,
    method: StartMethod,
    daemonic: bool,
    tied: bool,
    children: Children,
    exempt: bool,
    grace: Duration,
    input: Vec<u8>,
}

enum Body {
    Registered(String),
    Closure(Closure),
}

/// A function of this program that runs in a process of its own.
///
/// Dropping it kills a daemonic process with its group. One that is not daemonic goes on; a thread waits for it.
pub struct Process {
    kin: Arc<Kin>,
    membership: Option<Membership>,
    link: Option<Link>,
    wake: Arc<PrivateFd>,
    daemonic: bool,
    tied: bool,
    grace: Duration,
    place: String,
    begin: Instant,
    /// Whether its end of the link has ended.
    said_all: bool,
    waited: bool,
}

/// Bytes that are read before the deadline and the interruption are looked at again.
const ONE_TURN: usize = 1 << 20;

/// How a process ended, and what it returned.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProcessEnd {
    /// What the function returned, or why it did not.
    pub returned: Result<Vec<u8>, ProcessFailure>,
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// Whether it was told to end.
    pub ended: Ended,
    /// The most memory that it had at once; see [`Ending`] for what that includes.
    pub peak_memory_bytes: Option<u64>,
    /// From its start to its end.
    pub elapsed: Duration,
}

/// Why a process returned nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessFailure {
    /// Its function returned an error.
    #[error("{0}")]
    Failed(String),
    /// Its function panicked.
    #[error("the process panicked: {0}")]
    Panicked(String),
    /// It ended before it said anything.
    #[error("the process was lost: {0}")]
    Lost(ExitStatus),
}

impl Process {
    /// Describes a process that runs a [registered](crate::register_process) function.
    pub fn builder(name: impl Into<String>) -> ProcessBuilder {
        ProcessBuilder::new(Body::Registered(name.into()), StartMethod::default())
    }

    /// Describes a process that runs a closure: by [`StartMethod::Fork`], which inherits what the closure holds.
    pub fn closure(body: impl FnOnce(&mut Inside) -> Returned + Send + 'static) -> ProcessBuilder {
        ProcessBuilder::new(Body::Closure(Box::new(body)), StartMethod::Fork)
    }

    /// Returns the process id, which is also the id of its group.
    pub fn pid(&self) -> u32 {
        self.kin.pid()
    }

    /// Returns what becomes readable when the process has ended, for loops that wait for many things.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.kin.pidfd()
    }

    /// Whether it ends with this process.
    pub fn is_daemonic(&self) -> bool {
        self.daemonic
    }

    /// Returns the link with the process, for a protocol of one's own.
    ///
    /// What comes last over it, when its function has returned, is what the function returned; who takes the link does not
    /// get that from [`wait`](Process::wait).
    pub fn take_link(&mut self) -> Option<Link> {
        self.link.take()
    }

    /// Returns what interrupts the process from elsewhere: SIGINT, after the grace period SIGTERM, then SIGKILL.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter::of(&self.wake)
    }

    /// Sends SIGINT to the process and its group now, as the first step of an [`interrupter`](Process::interrupter), which
    /// takes effect in [`wait`](Process::wait) only. No step follows.
    pub fn interrupt_now(&self) {
        self.kin.signal(Signal::INT);
    }

    /// Sends SIGINT to the process, without its group: to one that may not have heard the first one.
    pub fn interrupt_alone(&self) {
        self.kin.signal_alone(Signal::INT);
    }

    /// Says whether nothing is lost with it: then the end of this process does not wait for it, but ends it as a daemonic one.
    pub(crate) fn set_expendable(&self, expendable: bool) {
        self.kin.set_expendable(expendable);
    }

    pub(crate) fn is_expendable(&self) -> bool {
        self.kin.is_expendable()
    }

    /// Sends SIGTERM to the process and its group.
    pub fn terminate(&self) {
        self.kin.signal(Signal::TERM);
    }

    /// Sends SIGKILL to the process and its group.
    pub fn kill(&self) {
        self.kin.signal(Signal::KILL);
    }

    /// Waits for the end of the process. At the deadline it gets SIGTERM, after the grace period SIGKILL.
    ///
    /// Blocks the calling thread, less when an [interruption](crate::interrupt) of this process interrupts the other one.
    ///
    /// # Errors
    ///
    /// When the system refuses to wait.
    pub fn wait(mut self, deadline: Option<Instant>) -> Result<ProcessEnd, Error> {
        let mut escalation = Escalation::new(deadline, self.grace);
        let mut told = Vec::new();
        loop {
            escalation.advance(&self.kin, self.is_interrupted());
            if self.poll(&escalation, &mut told).map_err(Error::system("wait for a process"))? {
                break;
            }
        }
        let Ending { status, peak_memory_bytes } = self.reap().map_err(Error::system("reap a process"))?;
        if let Some(link) = &mut self.link {
            // All that it has written is there: nobody else has its end.
            link.drain(&mut told, usize::MAX).map_err(Error::system("read what a process has told"))?;
        }
        let returned = match Told::parse(&told) {
            Some(Told::Returned(bytes)) => Ok(bytes),
            Some(Told::Failed(text)) => Err(ProcessFailure::Failed(text)),
            Some(Told::Panicked(text)) => Err(ProcessFailure::Panicked(text)),
            None if self.link.is_none() && status.success() => Ok(Vec::new()),
            None => Err(ProcessFailure::Lost(status)),
        };
        let (ended, elapsed) = (escalation.ended, self.begin.elapsed());
        Ok(ProcessEnd { returned, status, ended, peak_memory_bytes, elapsed })
    }

    /// Reaps the process if it has ended, by the rules of [`wait`](Process::wait): what is left of a daemonic one's group is
    /// killed. Tells the same again later.
    ///
    /// Does not wait: for loops over [`pidfd`](Process::pidfd) and the link. What the process said last stays in the link.
    ///
    /// # Errors
    ///
    /// When the system refuses, or in the child of a fork, whose process it is not.
    pub fn try_end(&mut self) -> Result<Option<Ending>, Error> {
        if !self.kin.wait_until(Some(Instant::now())) {
            return Ok(None);
        }
        self.reap().map(Some).map_err(Error::system("reap a process"))
    }

    /// Waits for something to do and does it; returns whether the process has ended.
    fn poll(&mut self, escalation: &Escalation, told: &mut Vec<u8>) -> io::Result<bool> {
        let mut fds = vec![(self.kin.pidfd(), PollFlags::IN), (self.wake.as_fd(), PollFlags::IN)];
        // The event stays readable; once something has begun because of it, the clock alone tells what is next.
        let event = interrupt::event().filter(|_| !escalation.has_begun());
        fds.extend(event.map(|event| (event, PollFlags::IN)));
        // At its end it would be readable for ever.
        let link = self.link.as_ref().filter(|_| !self.said_all);
        fds.extend(link.map(|link| (link.as_fd(), PollFlags::IN)));
        let ended = wait::ready(&fds, escalation.due())? & 1 != 0;
        drop(fds);
        interrupt::drain_stale();
        if let Some(link) = &mut self.link
            && !ended
            && !self.said_all
        {
            self.said_all = link.drain(told, ONE_TURN)?;
        }
        Ok(ended)
    }

    fn is_interrupted(&self) -> bool {
        rustix::io::read(&*self.wake, &mut [0_u8; 8]).is_ok()
    }

    fn reap(&mut self) -> io::Result<Ending> {
        let ending = self.kin.reap(self.daemonic)?;
        if self.tied && !self.waited && !ending.status.success() {
            // It had no time to end what it had started.
            tree::sweep(&self.place);
        }
        self.waited = true;
        self.membership = None;
        Ok(ending)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.waited {
            return;
        }
        if self.daemonic {
            self.kin.signal(Signal::KILL);
            let _ = self.reap();
            return;
        }
        let (kin, membership) = (Arc::clone(&self.kin), Arc::new(self.membership.take()));
        let kept = Arc::clone(&membership);
        let wait = move || {
            let _ = kin.reap(false);
            drop(kept);
        };
        if thread::start("reaper", wait).is_err() {
            // It stays in the family, whose end reaps it.
            std::mem::forget(membership);
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("pid", &self.pid()).field("daemonic", &self.daemonic).finish_non_exhaustive()
    }
}

impl ProcessBuilder {
    fn new(body: Body, method: StartMethod) -> ProcessBuilder {
        ProcessBuilder {
            body,
            method,
            daemonic: false,
            tied: false,
            children: Children::ByRule,
            exempt: false,
            grace: Duration::from_secs(5),
            input: Vec::new(),
        }
    }

    /// Sets how it is started; by a fork server by default.
    #[must_use]
    pub fn method(mut self, method: StartMethod) -> ProcessBuilder {
        self.method = method;
        self
    }

    /// Makes it daemonic: it ends with this process, and may start no processes.
    #[must_use]
    pub fn daemonic(mut self) -> ProcessBuilder {
        self.daemonic = true;
        self
    }

    /// Has it killed, with all below it, when this process is killed, as a daemonic one; otherwise it is none.
    ///
    /// For what is of no use to anybody else than this process.
    #[must_use]
    pub fn tied(mut self) -> ProcessBuilder {
        self.tied = true;
        self
    }

    /// Sets whether it may start processes itself; by the rule by default.
    #[must_use]
    pub fn children(mut self, children: Children) -> ProcessBuilder {
        self.children = children;
        self
    }

    /// Lets it be started also by a daemonic process that may have no children.
    ///
    /// Semantics: `billiard`, whose pools and processes may be started in any daemonic process.
    #[must_use]
    pub fn exempt(mut self) -> ProcessBuilder {
        self.exempt = true;
        self
    }

    /// Sets how long it may take to end before the next, harder signal; 5 s by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> ProcessBuilder {
        self.grace = grace;
        self
    }

    /// Sets what it gets as its input; nothing by default.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> ProcessBuilder {
        self.input = input.into();
        self
    }

    /// Starts the process. Returns when its input is on the way.
    ///
    /// From any thread. The calling thread must not hold the lock of a standard stream: a fork that another thread has asked
    /// for at the same time waits for it. So for commands.
    ///
    /// # Errors
    ///
    /// [`Error::DaemonicChildren`] in a daemonic process, [`Error::NotInitialized`] when the program does not call
    /// [`init`](crate::init), [`Error::UnknownProcess`], [`Error::ClosureNeedsFork`], [`Error::Ending`], [`Error::ChildrenIgnored`]; or when the system
    /// refuses.
    pub fn start(self) -> Result<Process, Error> {
        let begin = Instant::now();
        if !self.exempt {
            daemonic::check_may_have_children()?;
        }
        let _starting = family::starting()?;
        if self.method != StartMethod::Fork && !is_initialized() {
            return Err(Error::NotInitialized { method: self.method });
        }
        let ProcessBuilder { body, method, daemonic, tied, children, grace, input, .. } = self;
        let tied = tied || daemonic || daemonic::is_tied();
        let place = tree::place(tied);
        let (parent, tree) = (std::process::id(), place.clone());
        let mut boot = Boot { name: String::new(), daemonic, tied, children, parent, tree, grace, input };
        let closure = match body {
            Body::Registered(name) => {
                let found = entry::find(&name)?;
                boot.name = name;
                (method == StartMethod::Fork).then(|| Box::new(found) as Closure)
            }
            Body::Closure(_) if method != StartMethod::Fork => return Err(Error::ClosureNeedsFork { method }),
            Body::Closure(closure) => Some(closure),
        };
        family::look_after()?;
        forkserver::guard();
        let wake = Arc::new(Interrupter::event()?);
        let ((pid, link), boot) = match closure {
            Some(closure) => (fork::start(boot, closure)?, None),
            None if method == StartMethod::Spawn => {
                // The environment shows where it was executed: below this process, when it is to end with it.
                (spawn::execute(Role::Process, c"pushflow-process", tied.then(tree::own))?, Some(boot))
            }
            None => (forkserver::start()?, Some(boot)),
        };
        let kin = Arc::new(Kin::new(pid).map_err(Error::system("watch a process"))?);
        let link = Link::from(link);
        let kind = if daemonic { Kind::Daemonic } else { Kind::Other { link: link.downgrade() } };
        let membership = Some(family::join(&kin, kind, grace));
        let link = Some(link);
        let mut process = Process {
            kin,
            membership,
            link,
            wake,
            daemonic,
            tied,
            grace,
            place,
            begin,
            said_all: false,
            waited: false,
        };
        if let (Some(boot), Some(link)) = (boot, &mut process.link) {
            // One that ends before it has read all says so when it is waited for.
            match boot.write(link) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    return Err(Error::System { action: "tell a process what to do", source: error });
                }
                _ => {}
            }
        }
        Ok(process)
    }
}

impl fmt::Debug for ProcessBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProcessBuilder { method, daemonic, children, grace, .. } = self;
        let mut debug = f.debug_struct("ProcessBuilder");
        debug.field("method", method).field("daemonic", daemonic).field("children", children).field("grace", grace);
        debug.finish_non_exhaustive()
    }
}
