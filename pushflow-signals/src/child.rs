//! [`Child`]: a command that runs, and its end. The protocol is in the crate's README.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, PollFlags, eventfd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::Signal;

use crate::command::{Output, SharedBytes};
use crate::ending::{Ended, Escalation};
use crate::error::Error;
use crate::family::{self, Kind, Membership};
use crate::fork_local::{PrivateFd, no_fork};
use crate::interrupt;
use crate::kin::Kin;
use crate::sys;
use crate::wait;

/// A started command. Dropping it kills the command with its group.
pub struct Child {
    kin: Arc<Kin>,
    _membership: Membership,
    wake: Arc<PrivateFd>,
    input: Option<Input>,
    stdout: Option<Drain>,
    stderr: Option<Drain>,
    grace: Duration,
    begin: Instant,
    reaped: bool,
}

/// The parent's ends of a command's pipes.
pub(crate) struct Pipes {
    pub(crate) input: Option<(PrivateFd, SharedBytes)>,
    pub(crate) from_stdout: Option<(PrivateFd, Output)>,
    pub(crate) from_stderr: Option<(PrivateFd, Output)>,
}

struct Input {
    pipe: PrivateFd,
    bytes: SharedBytes,
    written: usize,
}

struct Drain {
    stream: Stream,
    /// `None` at the end of the output.
    pipe: Option<PrivateFd>,
    output: Output,
    /// What was read: all of it, or when it is streamed what was not given on yet.
    captured: Vec<u8>,
}

/// One of the two outputs of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// Who takes streamed output, in pieces as they come.
type Taker<'t> = &'t mut dyn FnMut(Stream, &[u8]);

/// How a command ended, and what it said.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// Its output, if captured.
    pub stdout: Option<Vec<u8>>,
    /// Its error output, if captured.
    pub stderr: Option<Vec<u8>>,
    /// Whether it was told to end.
    pub ended: Ended,
    /// From its start to its end.
    pub elapsed: Duration,
}

/// Interrupts a command: from any thread, at any time, any number of times.
#[derive(Clone, Debug)]
pub struct Interrupter(Arc<PrivateFd>);

impl Interrupter {
    pub(crate) fn event() -> Result<PrivateFd, Error> {
        let _gate = no_fork();
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        event.map(PrivateFd::new).map_err(|errno| Error::System { action: "create an event", source: errno.into() })
    }

    pub(crate) fn of(event: &Arc<PrivateFd>) -> Interrupter {
        Interrupter(Arc::clone(event))
    }

    /// Makes the wait for the command end it: SIGINT, after the grace period SIGTERM, after another one SIGKILL.
    pub fn interrupt(&self) {
        // It fails only when the counter is at its end, and then the wait is woken all the same.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

impl Child {
    /// Takes charge of a command that was started. What it leads is in the pipes' other ends.
    pub(crate) fn new(kin: Kin, wake: PrivateFd, pipes: Pipes, grace: Duration) -> Result<Child, Error> {
        let begin = Instant::now();
        let kin = Arc::new(kin);
        let membership = family::join(&kin, Kind::Command, grace);
        // From here on dropping the child ends it.
        let mut child = Child {
            wake: Arc::new(wake),
            kin,
            _membership: membership,
            input: None,
            stdout: None,
            stderr: None,
            grace,
            begin,
            reaped: false,
        };
        child.connect(pipes).map_err(Error::system("set up a pipe"))?;
        Ok(child)
    }

    /// Returns the process id, which is also the id of its group.
    pub fn pid(&self) -> u32 {
        self.kin.pid()
    }

    /// Returns what interrupts the command from elsewhere.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.wake))
    }

    /// Feeds and drains the command until it has ended. At the deadline it gets SIGTERM, after the grace period SIGKILL.
    ///
    /// Blocks the calling thread. What [`Output::Stream`] would tell is dropped.
    ///
    /// # Errors
    ///
    /// When the system refuses to wait or to read; the command has been killed then.
    pub fn wait(self, deadline: Option<Instant>) -> Result<Finished, Error> {
        self.wait_with(deadline, |_, _| {})
    }

    /// As [`wait`](Child::wait); gives `take` the outputs that are streamed, in pieces as they come, on this thread.
    ///
    /// While `take` runs nothing else is done: it holds up the command, its deadline and its interruption.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Child::wait).
    pub fn wait_with(
        mut self,
        deadline: Option<Instant>,
        mut take: impl FnMut(Stream, &[u8]),
    ) -> Result<Finished, Error> {
        let mut escalation = Escalation::new(deadline, self.grace);
        loop {
            escalation.advance(&self.kin, self.is_interrupted());
            if self.poll(&escalation, &mut take).map_err(Error::system("wait for a process"))? {
                break;
            }
        }
        let status = self.end(&mut take).map_err(Error::system("reap a process"))?;
        Ok(Finished {
            status,
            stdout: captured(self.stdout.take()),
            stderr: captured(self.stderr.take()),
            ended: escalation.ended,
            elapsed: self.begin.elapsed(),
        })
    }

    fn connect(&mut self, pipes: Pipes) -> io::Result<()> {
        self.stdout = pipes.from_stdout.map(|pipe| Drain::new(Stream::Stdout, pipe)).transpose()?;
        self.stderr = pipes.from_stderr.map(|pipe| Drain::new(Stream::Stderr, pipe)).transpose()?;
        if let Some((pipe, bytes)) = pipes.input {
            set_nonblocking(&pipe)?;
            self.input = Some(Input { pipe, bytes, written: 0 });
        }
        Ok(())
    }

    /// Waits for something to do and does it; returns whether the command has ended.
    fn poll(&mut self, escalation: &Escalation, take: Taker<'_>) -> io::Result<bool> {
        let mut fds = vec![(self.kin.pidfd(), PollFlags::IN), (self.wake.as_fd(), PollFlags::IN)];
        // The event stays readable; once something has begun because of it, the clock alone tells what is next.
        let event = interrupt::event().filter(|_| !escalation.has_begun());
        fds.extend(event.map(|event| (event, PollFlags::IN)));
        let pipes = [&self.stdout, &self.stderr].map(|drain| drain.as_ref().and_then(|drain| drain.pipe.as_ref()));
        fds.extend(pipes.into_iter().flatten().map(|pipe| (pipe.as_fd(), PollFlags::IN)));
        fds.extend(self.input.iter().map(|input| (input.pipe.as_fd(), PollFlags::OUT)));
        let ended = wait::ready(&fds, escalation.due())? & 1 != 0;
        drop(fds);
        interrupt::drain_stale();
        self.feed()?;
        for drain in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            drain.read(ONE_TURN, take)?;
        }
        Ok(ended)
    }

    fn feed(&mut self) -> io::Result<()> {
        let Some(input) = &mut self.input else { return Ok(()) };
        let bytes = (*input.bytes).as_ref();
        while input.written < bytes.len() {
            match rustix::io::write(&input.pipe, &bytes[input.written..]) {
                Ok(count) => input.written += count,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                // The command does not want to read on, which is its right.
                Err(Errno::PIPE) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        self.input = None;
        Ok(())
    }

    fn is_interrupted(&self) -> bool {
        rustix::io::read(&*self.wake, &mut [0_u8; 8]).is_ok()
    }

    /// Kills what is left of the group of a command that has ended, reads what its pipes still hold, and reaps it.
    fn end(&mut self, take: Taker<'_>) -> io::Result<ExitStatus> {
        sys::wait_ended(self.kin.pidfd())?;
        self.kin.signal(Signal::KILL);
        for drain in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            drain.read(usize::MAX, take)?;
        }
        let status = self.kin.reap(true)?.status;
        self.reaped = true;
        Ok(status)
    }
}

/// Bytes that are read of one output before the others are looked at again.
const ONE_TURN: usize = 1 << 20;

impl Drain {
    fn new(stream: Stream, (pipe, output): (PrivateFd, Output)) -> io::Result<Drain> {
        set_nonblocking(&pipe)?;
        Ok(Drain { stream, pipe: Some(pipe), output, captured: Vec::new() })
    }

    /// Reads what is there, up to about `most` bytes, without waiting.
    fn read(&mut self, most: usize, take: Taker<'_>) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let mut read = 0;
        while read < most {
            // Not on the stack, which may be that of a coroutine.
            self.captured.reserve(1 << 16);
            match rustix::io::read(&*pipe, spare_capacity(&mut self.captured)) {
                Ok(0) => {
                    self.pipe = None;
                    return Ok(());
                }
                Ok(count) => {
                    read += count;
                    if matches!(self.output, Output::Stream) {
                        take(self.stream, &self.captured);
                        self.captured.clear();
                    }
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

fn captured(drain: Option<Drain>) -> Option<Vec<u8>> {
    drain.filter(|drain| matches!(drain.output, Output::Capture)).map(|drain| drain.captured)
}

fn set_nonblocking(pipe: &impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(pipe)?;
    fcntl_setfl(pipe, flags | OFlags::NONBLOCK)?;
    Ok(())
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kin.signal(Signal::KILL);
            let _ = self.kin.reap(true);
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("pid", &self.pid()).finish_non_exhaustive()
    }
}

impl Finished {
    /// Returns the exit code; `None` when a signal ended the command.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns the signal that ended the command.
    pub fn signal(&self) -> Option<crate::Signal> {
        self.status.signal().map(crate::Signal::from_number)
    }
}
