//! The worker: reads a call, runs it, writes the reply.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pushflow_core::error::ErrorKind;
use pushflow_core::event::{Event, Listener, RunId, Stream};
use pushflow_core::interrupt::{Cause, Interruption, Source};
use pushflow_core::pool::{Outcome, Subject};
use pushflow_core::value::Buffer;
use pushflow_core::{Task, TaskError, registry};
use pushflow_signals::fork_local::ForkLocal;
use pushflow_signals::signal::Watch;
use pushflow_signals::{Inside, Returned, Signal, interrupt, streams};

use super::call::{Call, INITIALIZER};
use super::codec::{Decoder, Malformed};
use super::frame::{FrameReader, Header, Kind, MESSAGE, PROGRESS};
use super::hello::Hello;
use super::local::Local;
use super::log::Forwarder;
use super::mouth::Mouth;
use super::page::{Page, Side};
use super::slots::Slot;
use super::wire::Wire;

/// The name of the worker among the processes of a program.
pub(super) const NAME: &str = "pushflow-pools worker";

pushflow_signals::register_process!(NAME, work);

/// How long calls are begun without looking whether the parent lives: looking takes less than a hundredth of that. A parent that was awake
/// when it was killed is not noticed otherwise, since nobody rings it.
const TRUST: Duration = Duration::from_micros(20);
/// How long a signal may be on its way.
const SIGNAL: Duration = Duration::from_secs(1);

/// The body of a worker process.
fn work(inside: &mut Inside) -> Returned {
    interrupt::idle();
    let mut frames = FrameReader::default();
    let mut descriptors = Vec::new();
    let (hello, page) = loop {
        if let Some((header, body)) = frames.next()? {
            if header.kind != Kind::Hello || descriptors.is_empty() {
                return Err(invalid("a frame before the greeting").into());
            }
            break (Hello::read(body)?, Arc::new(Page::from_fd(descriptors.remove(0))?));
        }
        let count = inside.link.receive(frames.spare(), &mut descriptors)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        frames.advance(count);
    };
    let mouth = Arc::new(Mouth::new(Wire::Local(Local::new(inside.link.share(), page, Side::Worker))));
    let Some(local) = mouth.wire().local() else { return Ok(Vec::new()) };
    let mut worker = Worker::new(Arc::clone(&mouth), Arc::new(BySignal));
    worker.begin(hello, descriptors)?;
    let mut frames = FrameReader::default();
    let mut looked = Instant::now();
    loop {
        let Some((header, body)) = frames.next()? else {
            let count = local.read(frames.spare())?;
            if count == 0 {
                return Ok(Vec::new());
            }
            frames.advance(count);
            continue;
        };
        // What was sent ahead is not begun when the parent has ended: it may have been read since then.
        if looked.elapsed() > TRUST {
            looked = Instant::now();
            if !local.parent_lives() {
                return Ok(Vec::new());
            }
        }
        if worker.take(header, body)? == Flow::Exit {
            return Ok(Vec::new());
        }
    }
}

/// Whether a worker goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    GoOn,
    Exit,
}

/// What a worker knows.
pub(super) struct Worker {
    mouth: Arc<Mouth>,
    pid: u32,
    hello: Hello,
    tasks: HashMap<u64, Result<Arc<dyn Task>, TaskError>>,
    mark: Interruption,
    /// The call that runs, for what its task tells.
    current: Arc<AtomicU64>,
    listener: Listener,
    /// What makes the mark of a call, and is told of it.
    marks: Arc<dyn Marks>,
    /// Where this thread's events go, when that of the process is inherited.
    _log: Option<tracing::subscriber::DefaultGuard>,
}

/// Who interrupts what runs.
pub(super) trait Marks: Send + Sync {
    /// Makes the mark of the next call.
    fn make(&self, call: u64, deadline: Option<Instant>) -> Interruption;

    /// Whether a mark without deadline may serve for several calls, as long as it is not set.
    fn lasts(&self) -> bool;
}

/// SIGINT does.
struct BySignal;

impl Marks for BySignal {
    fn make(&self, _call: u64, deadline: Option<Instant>) -> Interruption {
        Interruption::with_source(Sigint, deadline)
    }

    fn lasts(&self) -> bool {
        true
    }
}

struct Sigint;

/// Who waits for SIGINT, and the thread that tells it: made by the first task that waits.
static WAITING: ForkLocal<Mutex<(Option<Watch>, Option<Interruption>)>> = ForkLocal::new(Mutex::default);

impl Source for Sigint {
    fn is_set(&self) -> bool {
        interrupt::is_interrupted()
    }

    fn arm(&self, mark: &Interruption) {
        let mut waiting = WAITING.get().lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.0.is_none() {
            waiting.0 = Watch::aside(&[Signal::INTERRUPT], |_| {
                let mark = WAITING.get().lock().unwrap_or_else(PoisonError::into_inner).1.clone();
                // The mark is that of what runs now; the signal may have been for what ran before.
                if let Some(mark) = mark
                    && interrupt::is_interrupted()
                {
                    mark.interrupt(Cause::Interrupted);
                }
            })
            .ok();
        }
        waiting.1 = Some(mark.clone());
    }
}

impl Worker {
    pub(super) fn new(mouth: Arc<Mouth>, marks: Arc<dyn Marks>) -> Worker {
        let current = Arc::new(AtomicU64::new(0));
        let (speaks, call) = (Arc::clone(&mouth), Arc::clone(&current));
        let listener: Listener = Arc::new(move |event: &Event<'_>| {
            let call = call.load(Ordering::Relaxed);
            match event {
                Event::Progress { fraction, .. } => speaks.say(Kind::Event, call, |encoder| {
                    encoder.u8(PROGRESS);
                    encoder.u64(fraction.to_bits());
                }),
                Event::Message { text, .. } => speaks.say(Kind::Event, call, |encoder| {
                    encoder.u8(MESSAGE);
                    encoder.text(text);
                }),
                // What was printed in a pool of the task's is printed by the task.
                Event::Output { stream, text, .. } => print(*stream, text),
                _ => {}
            }
        });
        Worker {
            mouth,
            pid: std::process::id(),
            hello: Hello::default(),
            tasks: HashMap::new(),
            mark: marks.make(0, None),
            current,
            listener,
            marks,
            _log: None,
        }
    }

    /// Takes a frame, and does what it says.
    pub(super) fn take(&mut self, header: Header, body: &[u8]) -> io::Result<Flow> {
        match header.kind {
            Kind::Hello => self.begin(Hello::read(body).map_err(invalid)?, Vec::new())?,
            Kind::Define => self.define(header.id, body).map_err(invalid)?,
            Kind::Call => {
                let beside = self.mouth.wire().take_beside(header.beside)?;
                return self.call(header.id, body, beside);
            }
            Kind::Exit => return Ok(Flow::Exit),
            // One that was handled where it was read, for a call that has ended.
            Kind::Interrupt | Kind::Heartbeat => {}
            Kind::Ready | Kind::Failed | Kind::Started | Kind::Event | Kind::Log | Kind::Reply => {
                return Err(invalid("a frame that only workers send"));
            }
        }
        Ok(Flow::GoOn)
    }

    /// Becomes what the parent wants; the descriptors are those of its outputs.
    fn begin(&mut self, hello: Hello, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        self.hello = hello;
        let mut descriptors = descriptors.into_iter();
        let mut next = |is_there: bool| {
            let missing = || invalid("a descriptor is missing");
            if is_there { descriptors.next().ok_or_else(missing).map(Some) } else { Ok(None) }
        };
        let (stdout, stderr) = (next(hello.has_stdout)?, next(hello.has_stderr)?);
        if stdout.is_some() || stderr.is_some() {
            streams::redirect(stdout, stderr)?;
            // Not daemonic, it may live on without anybody who reads what it prints.
            streams::outlive_parent().map_err(io::Error::other)?;
        }
        if self.hello.log_level > 0 {
            let forwarder = || Forwarder::new(Arc::clone(&self.mouth), self.hello.log_level);
            if tracing::subscriber::set_global_default(forwarder()).is_err() {
                // That of the parent, inherited by a fork, stays for other threads: it cannot be replaced.
                self._log = Some(tracing::subscriber::set_default(forwarder()));
            }
        }
        if !self.hello.has_initializer {
            self.mouth.say(Kind::Ready, self.pid.into(), |_| {});
        }
        Ok(())
    }

    fn slots(&self) -> Option<&[AtomicU64]> {
        self.mouth.wire().local().map(|local| local.page().slots())
    }

    fn define(&mut self, number: u64, body: &[u8]) -> Result<(), Malformed> {
        let mut decoder = Decoder::new(body, Vec::new());
        let kind = decoder.text("a kind of task")?.to_owned();
        let settings = decoder.value()?;
        decoder.finish()?;
        self.tasks.insert(number, registry::make(&kind, &settings));
        Ok(())
    }

    fn call(&mut self, id: u64, body: &[u8], beside: Vec<Buffer>) -> io::Result<Flow> {
        let call = Call::read(body, beside).map_err(invalid)?;
        let deadline = call.deadline.and_then(|left| Instant::now().checked_add(left));
        if deadline.is_some() || !self.marks.lasts() || self.mark.is_interrupted() {
            self.mark = self.marks.make(id, deadline);
        }
        self.current.store(id, Ordering::Relaxed);
        let received = interrupt::received();
        // The signal counts from the moment that the parent may send it.
        let (outcome, _) = interrupt::run(|| self.begins(id).then(|| self.run(&call)));
        let Some(outcome) = outcome else { return Ok(Flow::GoOn) };
        if std::process::id() != self.pid {
            // The task has forked this process, and this is the copy, which nobody waits for.
            pushflow_signals::leave_copy();
        }
        if self.hello.has_stdout {
            let _ = io::Write::flush(&mut io::stdout());
        }
        if let Some(slots) = self.slots()
            && id != INITIALIZER
            && !Slot::of(slots, id).end()
        {
            interrupt::wait_received(received, SIGNAL);
        }
        if id == INITIALIZER {
            return Ok(self.initialized(outcome));
        }
        let memory_bytes = if self.hello.reports_memory { resident_bytes() } else { 0 };
        self.mouth.reply(id, memory_bytes, &outcome)?;
        Ok(Flow::GoOn)
    }

    /// Begins a call, unless it was taken back.
    fn begins(&self, id: u64) -> bool {
        match self.slots() {
            _ if id == INITIALIZER => true,
            Some(slots) => Slot::of(slots, id).begin(),
            None => {
                self.mouth.say(Kind::Started, id, |_| {});
                true
            }
        }
    }

    fn run(&self, call: &Call<'_>) -> Outcome {
        let task = match self.tasks.get(&call.task.into()) {
            Some(Ok(task)) => task,
            Some(Err(error)) => {
                let copy = TaskError::new(error.kind(), error.type_name().clone(), error.text());
                return Err(copy.with_traceback(error.traceback().iter().cloned()));
            }
            None => return Err(TaskError::new(ErrorKind::Unavailable, "KeyError", "the task was never defined")),
        };
        let subject = Subject {
            task,
            node: call.node,
            run: RunId(call.run),
            interruption: &self.mark,
            listener: Some(&self.listener),
            timeout: call.timeout,
        };
        subject.run(call.attempt, &call.inputs, None)
    }

    fn initialized(&self, outcome: Outcome) -> Flow {
        match outcome {
            Ok(_) => {
                self.mouth.say(Kind::Ready, self.pid.into(), |_| {});
                Flow::GoOn
            }
            Err(error) => {
                self.mouth.say(Kind::Failed, 0, |encoder| encoder.error(&error));
                Flow::Exit
            }
        }
    }
}

/// Prints as the task would. Nobody is left to be told that nobody reads.
fn print(stream: Stream, text: &str) {
    let _ = match stream {
        Stream::Stdout => io::Write::write_all(&mut io::stdout().lock(), text.as_bytes()),
        Stream::Stderr => io::Write::write_all(&mut io::stderr().lock(), text.as_bytes()),
    };
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Returns how much memory this process has resident. proc_pid_status(5), `VmRSS`.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")).and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
