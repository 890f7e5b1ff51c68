//! [`Keeper`]: what the supervisor has of one worker: its process, its output, how far its ending has come.

use std::any::Any;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use pushflow_core::event::{Event, Stream};
use pushflow_core::interrupt::Cause;
use pushflow_core::{Execution, PoolError, TaskError};
use pushflow_signals::memory;
use pushflow_signals::{Interest, Link, Poller, Process, streams};

use super::builder::{Output, ProcessPoolBuilder};
use super::call::INITIALIZER;
use super::codec::Encoder;
use super::frame::{Header, Kind};
use super::hello::Hello;
use super::lane::{Lane, LaneId};
use super::launcher::{Attended, Launched, Launcher, Wanted};
use super::ledger::Ledger;
use super::local::Local;
use super::log;
use super::lost::Remains;
use super::page::{Page, Side};
use super::part::Part;
use super::prints::Prints;
use super::receive::listener;
use super::remote::Connection;
use super::shared::Shared;
use super::socket::Socket;
use super::wire::Wire;
use super::worker::NAME;

/// How long the process of a worker may live without its stream, on the way to its end.
const DEAF: Duration = Duration::from_millis(200);
/// The same for one that is another program.
const REAPED: Duration = Duration::from_secs(5);
/// How soon SIGINT is sent again. It may have come just before a call into the system that waits, which it did not end then.
const UNHEARD: Duration = Duration::from_millis(10);
/// How many heartbeats may be missing.
const MOST_MISSING: u32 = 5;

/// A worker, as its supervisor has it.
pub(super) struct Keeper {
    pub(super) lane: Arc<Lane>,
    /// `None` for a worker that somebody else has started.
    pub(super) process: Option<Attended>,
    _keep: Option<Box<dyn Any + Send>>,
    pub(super) prints: Vec<Prints>,
    /// Of what execution was told last what it had printed, and who heard of it. It may be over for that one.
    told: Option<(Weak<Heard>, String, u32)>,
    pub(super) ready: bool,
    pub(super) failed: Option<TaskError>,
    /// What is being done to end a call.
    pub(super) escalation: Option<Escalation>,
    /// Since when it is to exit, and whether it was sent SIGTERM for that.
    pub(super) leaving: Option<(Instant, u8)>,
    /// Whether it may not take as long as it likes for that.
    pub(super) hurried: bool,
    /// Why it was given up.
    pub(super) given_up: Option<String>,
    /// When its stream has ended: its process is about to.
    pub(super) stream_ended: Option<Instant>,
    /// When it could not be written to, and why: its process may be about to end.
    pub(super) deafened: Option<(Instant, String)>,
    /// What it says is no frame: nothing that follows can be understood.
    pub(super) unreadable: bool,
    connected: Instant,
    /// When it has said something the last time.
    heard: Option<Instant>,
    oom_kills: Option<u64>,
}

/// The signals that a call has been sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Escalation {
    pub(super) call: u64,
    /// How many signals it has got: SIGINT, SIGTERM, SIGKILL.
    pub(super) sent: u8,
    pub(super) due: Option<Instant>,
    /// When SIGINT is sent again unless it was heard, and how long after the one before; `None` where nobody says that.
    pub(super) again: Option<(Instant, Duration)>,
}

/// Who hears of events.
type Heard = dyn Fn(&Event<'_>) + Send + Sync;

impl Keeper {
    /// Starts a worker, and tells it what to be. A start that takes long may be given up.
    pub(super) fn start(
        id: LaneId,
        settings: &ProcessPoolBuilder,
        is_given_up: &dyn Fn() -> bool,
    ) -> Result<Keeper, PoolError> {
        match &settings.connect {
            Some(connect) => {
                let connection = connect().map_err(PoolError::system("connect to a worker"))?;
                Keeper::connected(id, connection, settings).map_err(PoolError::system("set up the streams of a worker"))
            }
            None => match &settings.launcher {
                Some(launcher) => Keeper::launched(id, &**launcher, settings, is_given_up),
                None => Keeper::started(id, settings),
            },
        }
    }

    fn started(id: LaneId, settings: &ProcessPoolBuilder) -> Result<Keeper, PoolError> {
        let oom_kills = memory::oom_kills();
        let mut builder = Process::builder(NAME).method(settings.method).grace(settings.grace);
        builder = builder.children(settings.children.unwrap_or(settings.policy.children));
        if settings.policy.daemonic {
            builder = builder.daemonic();
        }
        if settings.policy.exempt {
            builder = builder.exempt();
        }
        if settings.tied {
            builder = builder.tied();
        }
        let mut process = builder.start().map_err(|error| PoolError::Start { source: error.into() })?;
        let link = process.take_link().ok_or(PoolError::Closed)?;
        let setup = || -> io::Result<(Lane, Vec<Prints>)> {
            link.set_nonblocking(true)?;
            let page = Page::new()?;
            let hello = Hello { has_slots: true, ..Hello::default() };
            let prints = greet(&link, hello, page.as_fd(), settings)?;
            let wire = Wire::Local(Local::new(link.share(), Arc::new(page), Side::Parent));
            Ok((Lane::new(id, Some(process.pid()), wire), prints))
        };
        let (lane, prints) = setup().map_err(PoolError::system("set up a worker"))?;
        Ok(Keeper::new(lane, Some(Attended::Own(process)), None, prints, oom_kills))
    }

    fn launched(
        id: LaneId,
        launcher: &dyn Launcher,
        settings: &ProcessPoolBuilder,
        is_given_up: &dyn Fn() -> bool,
    ) -> Result<Keeper, PoolError> {
        let oom_kills = memory::oom_kills();
        let wanted = Wanted {
            daemonic: settings.policy.daemonic,
            children: settings.children.unwrap_or(settings.policy.children),
            exempt: settings.policy.exempt,
            method: settings.method,
            grace: settings.grace,
        };
        let Launched { link, process } = launcher.launch(&wanted, is_given_up)?;
        let setup = || -> io::Result<(Lane, Vec<Prints>)> {
            link.set_nonblocking(true)?;
            let ledger = Ledger::new()?;
            let hello = Hello { has_ledger: true, ..Hello::default() };
            let prints = greet(&link, hello, ledger.as_fd(), settings)?;
            Ok((Lane::new(id, Some(process.pid()), Wire::Socket(Socket::new(link, ledger)?)), prints))
        };
        let (lane, prints) = setup().map_err(PoolError::system("set up a worker"))?;
        Ok(Keeper::new(lane, Some(process), None, prints, oom_kills))
    }

    fn connected(id: LaneId, connection: Connection, settings: &ProcessPoolBuilder) -> io::Result<Keeper> {
        let Connection { reader, writer, keep } = connection;
        streams::set_nonblocking(reader.as_fd())?;
        streams::set_nonblocking(writer.as_fd())?;
        let hello = Hello {
            reports_memory: settings.max_memory_per_child.is_some(),
            has_initializer: settings.initializer.is_some(),
            log_level: log::wanted(),
            heartbeat: settings.heartbeat,
            ..Hello::default()
        };
        let lane = Lane::new(id, None, Wire::Streams { reader: reader.into(), writer: writer.into() });
        lane.outgoing().append_bytes(&greeting(&hello, 0));
        Ok(Keeper::new(lane, None, keep, Vec::new(), None))
    }

    fn new(
        lane: Lane,
        process: Option<Attended>,
        keep: Option<Box<dyn Any + Send>>,
        prints: Vec<Prints>,
        oom_kills: Option<u64>,
    ) -> Keeper {
        Keeper {
            lane: Arc::new(lane),
            process,
            _keep: keep,
            prints,
            told: None,
            ready: false,
            failed: None,
            escalation: None,
            leaving: None,
            hurried: false,
            given_up: None,
            stream_ended: None,
            deafened: None,
            unreadable: false,
            connected: Instant::now(),
            heard: None,
            oom_kills,
        }
    }

    /// Sends what makes the worker ready.
    pub(super) fn initialize(&self, shared: &Shared) {
        if let Some((task, inputs)) = &shared.settings.initializer {
            self.lane.initialize(task, inputs, INITIALIZER, shared);
        }
        self.lane.flush(shared);
    }

    /// Has the poller watch all that belongs to the worker.
    pub(super) fn watch(&mut self, poller: &Poller) -> io::Result<()> {
        let id = self.lane.id;
        poller.add(self.lane.wire.read_end(), Part::Stream.token(id), Interest::Read)?;
        if let Some(process) = &self.process {
            poller.add(process.end(), Part::Process.token(id), Interest::Read)?;
        }
        self.prints.iter_mut().try_for_each(|prints| prints.watch(poller, id))
    }

    /// Has the poller forget it, before its descriptors are closed.
    pub(super) fn unwatch(&mut self, poller: &Poller) {
        // What was forgotten before is not there, which is an error that says nothing.
        let _ = poller.remove(self.lane.wire.read_end());
        if let Some(end) = self.lane.wire.write_end() {
            let _ = poller.remove(end);
        }
        if let Some(process) = &self.process {
            let _ = poller.remove(process.end());
        }
        self.prints.iter_mut().for_each(|prints| prints.unwatch(poller));
    }

    /// The rings of one that can be listened to.
    pub(super) fn ear(&self) -> Option<&Local> {
        if self.stream_ended.is_none() { self.lane.wire.local() } else { None }
    }

    /// Gives the worker up: whatever it says does not count any more.
    pub(super) fn give_up(&mut self, why: String) {
        if self.given_up.is_none() && self.leaving.is_none() {
            self.given_up = Some(why);
        }
        if let Some(process) = &self.process {
            process.kill();
        }
    }

    /// When it is given up because it lives on without a stream.
    pub(super) fn deaf_at(&self) -> Option<Instant> {
        let is_expected = self.process.is_none() || self.given_up.is_some() || self.leaving.is_some();
        let deafened = self.deafened.as_ref().map(|(at, _)| *at);
        let since = if is_expected { None } else { [self.stream_ended, deafened].into_iter().flatten().min() };
        // Somebody else may have to reap it, and tell.
        since?.checked_add(if self.lane.wire.ledger().is_some() { REAPED } else { DEAF })
    }

    pub(super) fn heard(&mut self) {
        self.heard = Some(Instant::now());
    }

    /// When a worker that somebody else has started, or that is another program and may be any, is given up unless it says
    /// something.
    pub(super) fn silent_at(&self, settings: &ProcessPoolBuilder) -> Option<Instant> {
        let since = self.heard.unwrap_or(self.connected);
        let is_fresh = !self.ready && self.heard.is_none() && self.given_up.is_none() && settings.initializer.is_none();
        let is_unknown = is_fresh && self.lane.wire.ledger().is_some();
        if self.process.is_none() || is_unknown { since.checked_add(self.patience(settings)) } else { None }
    }

    /// How long it may say nothing.
    pub(super) fn patience(&self, settings: &ProcessPoolBuilder) -> Duration {
        if self.heard.is_some() { settings.heartbeat * MOST_MISSING } else { settings.connect_timeout }
    }

    /// When one that is to exit and does not gets its next signal.
    pub(super) fn leaves_at(&self, settings: &ProcessPoolBuilder) -> Option<Instant> {
        // One that is not daemonic may be waiting for its own children; one that never became ready, for anything.
        let may_stay = !settings.policy.daemonic && self.process.is_some() && self.ready && !self.hurried;
        match self.leaving {
            Some((since, steps @ 0..2)) if !may_stay => since.checked_add(settings.grace * u32::from(steps + 1)),
            _ => None,
        }
    }

    /// What is known of it at its end.
    pub(super) fn remains(&self, ending: Option<pushflow_signals::Ending>) -> Remains {
        let status = ending.as_ref().map(|ending| ending.status);
        let was_killed = self.given_up.is_none() && self.escalation.is_none_or(|escalation| escalation.sent < 3);
        let by_kill = status.is_some_and(|status| {
            std::os::unix::process::ExitStatusExt::signal(&status) == Some(pushflow_signals::Signal::KILL.number())
        });
        let grown = || self.oom_kills.zip(memory::oom_kills()).is_some_and(|(before, now)| now > before);
        Remains {
            pid: self.lane.pid,
            status,
            peak_memory_bytes: ending.and_then(|ending| ending.peak_memory_bytes),
            out_of_memory: was_killed && by_kill && grown(),
            stderr: self.prints.iter().flat_map(Prints::tail).collect(),
            given_up: self.given_up.clone(),
        }
    }

    /// Tells who hears of an execution what it has printed.
    pub(super) fn tell_prints(&mut self, execution: &Execution, shared: &Shared) {
        let listener = listener(execution, shared);
        let (node, attempt) = (execution.subject().node.to_owned(), execution.attempt());
        for prints in &mut self.prints {
            prints.read();
            prints.tell(listener.as_ref(), &node, attempt);
        }
        self.told = listener.map(|listener| (Arc::downgrade(&listener), node, attempt));
    }

    /// Tells what the worker has printed since the last execution, when it has ended: as of that one, which may have left what prints at
    /// the end. Without anybody who hears of that, or of the pool, it is not to vanish either; but the last words of one that was
    /// never ready are in the error.
    pub(super) fn tell_last_prints(&mut self, shared: &Shared) {
        let (listener, node, attempt) = match self.told.take() {
            Some((listener, node, attempt)) => (listener.upgrade(), node, attempt),
            None => (None, String::new(), 1),
        };
        let listener = listener.or_else(|| shared.settings.listener.clone());
        for prints in &mut self.prints {
            if listener.is_some() || !self.ready {
                prints.tell(listener.as_ref(), &node, attempt);
            } else {
                prints.pass_on();
            }
        }
    }

    /// Tells who hears of the pool what the worker has printed before it was ready, which is of no execution.
    pub(super) fn tell_early_prints(&mut self, shared: &Shared) {
        for prints in &mut self.prints {
            prints.read();
            prints.tell(shared.settings.listener.as_ref(), "", 1);
        }
    }

    /// Tells a call that runs to end, for the first time or again.
    pub(super) fn signal(&mut self, call: u64, grace: Duration, now: Instant) {
        let sent = match &self.escalation {
            Some(escalation) if escalation.call == call => escalation.sent + 1,
            _ => 1,
        };
        match (&self.process, sent) {
            (Some(process), 1) => process.interrupt_now(),
            (Some(process), 2) => process.terminate(),
            (Some(process), _) => process.kill(),
            (None, 1 | 2) => {}
            (None, _) => self.give_up("it did not end what it was told to end".to_owned()),
        }
        let due = if sent < 3 { now.checked_add(grace) } else { None };
        let again = now.checked_add(UNHEARD).filter(|_| sent == 1 && self.lane.wire.ledger().is_some());
        self.escalation = Some(Escalation { call, sent, due, again: again.map(|again| (again, UNHEARD)) });
    }

    /// Sends the signal again to a call that has not heard it.
    pub(super) fn signal_again(&mut self, now: Instant) {
        let Some(Escalation { call, again: Some((at, pause)), .. }) = self.escalation else { return };
        if now < at {
            return;
        }
        // As long as it is there, no other call can have begun.
        let mut outgoing = self.lane.outgoing();
        let is_there = outgoing.flight(call).is_some();
        if let (true, Some(ledger), Some(process)) = (is_there, self.lane.wire.ledger(), &self.process)
            && !ledger.has_heard(call)
        {
            process.interrupt_alone();
        }
        drop(outgoing);
        let again = now.checked_add(pause * 2).filter(|_| is_there).map(|at| (at, pause * 2));
        self.escalation = self.escalation.map(|escalation| Escalation { again, ..escalation });
    }
}

/// What is asked for is why a call is told to end.
pub(super) fn cause_of(mark: Option<Cause>, is_late: bool) -> Option<Cause> {
    mark.or(is_late.then_some(Cause::TimedOut))
}

/// Tells a worker on its link what to be; returns what it prints. The memory that both see goes first.
fn greet(link: &Link, hello: Hello, memory: BorrowedFd<'_>, settings: &ProcessPoolBuilder) -> io::Result<Vec<Prints>> {
    let (mut prints, mut ends) = (Vec::new(), Vec::new());
    let piped: &[Stream] = match settings.output {
        Output::Inherit => &[],
        Output::Forward => &[Stream::Stderr],
        Output::Capture => &[Stream::Stdout, Stream::Stderr],
    };
    for stream in piped {
        let (reader, writer) = streams::pipe()?;
        prints.push(Prints::new(reader, *stream, settings.output == Output::Forward));
        ends.push(writer);
    }
    let hello = Hello {
        has_stdout: piped.contains(&Stream::Stdout),
        has_stderr: piped.contains(&Stream::Stderr),
        reports_memory: settings.max_memory_per_child.is_some(),
        has_initializer: settings.initializer.is_some(),
        log_level: log::wanted(),
        ..hello
    };
    let descriptors: Vec<BorrowedFd<'_>> = std::iter::once(memory).chain(ends.iter().map(AsFd::as_fd)).collect();
    let frame = greeting(&hello, descriptors.len());
    // It fits into a stream that has just been made.
    match link.send(&frame, &descriptors) {
        // It has ended already: how, its process tells.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(prints),
    }
}

fn greeting(hello: &Hello, descriptors: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    let beside = u16::try_from(descriptors).unwrap_or(0);
    let header = Header { kind: Kind::Hello, beside, id: 0 };
    let framed = header.frame(&mut frame, None, |encoder: &mut Encoder<'_>| {
        hello.write(encoder);
        Ok(())
    });
    debug_assert!(framed.is_ok(), "a greeting is small");
    frame
}
