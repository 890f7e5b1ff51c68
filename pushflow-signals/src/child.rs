//! [`Child`]: a command that runs, and its end. The protocol is in the crate's README.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::command::{Output, SharedBytes};
use crate::error::Error;
use crate::sys;

/// A started command. Dropping it kills the command with its group.
pub struct Child {
    process: std::process::Child,
    /// `None` once reaped.
    pidfd: Option<OwnedFd>,
    wake: Arc<OwnedFd>,
    input: Option<Input>,
    stdout: Option<Drain>,
    stderr: Option<Drain>,
    grace: Duration,
    begin: Instant,
}

/// The parent's ends of a command's pipes.
pub(crate) struct Pipes {
    pub(crate) input: Option<(PipeWriter, SharedBytes)>,
    pub(crate) from_stdout: Option<(PipeReader, Output)>,
    pub(crate) from_stderr: Option<(PipeReader, Output)>,
}

struct Input {
    pipe: PipeWriter,
    bytes: SharedBytes,
    written: usize,
}

struct Drain {
    stream: Stream,
    /// `None` at the end of the output.
    pipe: Option<PipeReader>,
    output: Output,
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

/// Whether a command was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// It was not.
    ByItself,
    /// It was interrupted.
    Interrupted,
    /// Its time was over.
    TimedOut,
}

/// Interrupts a command: from any thread, at any time, any number of times.
#[derive(Clone, Debug)]
pub struct Interrupter(Arc<OwnedFd>);

impl Interrupter {
    /// Makes the wait for the command end it: SIGINT, after the grace period SIGTERM, after another one SIGKILL.
    pub fn interrupt(&self) {
        // It fails only when the counter is at its end, and then the wait is woken all the same.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

/// The signals that are still to be sent, and when the next one is due.
struct Escalation {
    ended: Ended,
    due: Option<Instant>,
    rest: &'static [Signal],
}

impl Child {
    pub(crate) fn new(process: std::process::Child, pipes: Pipes, grace: Duration) -> Result<Child, Error> {
        let begin = Instant::now();
        let (wake, pidfd) = match watch(&process) {
            Ok(watched) => watched,
            Err(source) => {
                kill_unwatched(process);
                return Err(Error::System { action: "watch a process", source });
            }
        };
        let (wake, pidfd) = (Arc::new(wake), Some(pidfd));
        let mut child = Child { process, pidfd, wake, input: None, stdout: None, stderr: None, grace, begin };
        // From here on dropping the child ends it.
        child.connect(pipes).map_err(Error::system("set up a pipe"))?;
        Ok(child)
    }

    /// Returns the process id, which is also the id of its group.
    pub fn pid(&self) -> u32 {
        self.process.id()
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
        let mut escalation = Escalation { ended: Ended::ByItself, due: deadline, rest: &[Signal::TERM, Signal::KILL] };
        let ended = loop {
            if self.poll(escalation.due, &mut take).map_err(Error::system("wait for a process"))? {
                break escalation.ended;
            }
            if self.is_interrupted() && escalation.ended == Ended::ByItself {
                escalation = Escalation {
                    ended: Ended::Interrupted,
                    due: Some(Instant::now()),
                    rest: &[Signal::INT, Signal::TERM, Signal::KILL],
                };
            }
            self.escalate(&mut escalation);
        };
        self.end(&mut take).map_err(Error::system("reap a process"))?;
        let status = self.process.wait().map_err(Error::system("reap a process"))?;
        Ok(Finished {
            status,
            stdout: captured(self.stdout.take()),
            stderr: captured(self.stderr.take()),
            ended,
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
    fn poll(&mut self, due: Option<Instant>, take: Taker<'_>) -> io::Result<bool> {
        let Some(pidfd) = &self.pidfd else { return Ok(true) };
        let timeout = due.map(|due| due.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = vec![PollFd::new(pidfd, PollFlags::IN), PollFd::new(&*self.wake, PollFlags::IN)];
        let pipes = [&self.stdout, &self.stderr].map(|drain| drain.as_ref().and_then(|drain| drain.pipe.as_ref()));
        fds.extend(pipes.into_iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(self.input.iter().map(|input| PollFd::new(&input.pipe, PollFlags::OUT)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ended = !fds[0].revents().is_empty();
        drop(fds);
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
            match input.pipe.write(&bytes[input.written..]) {
                Ok(count) => input.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The command does not want to read on, which is its right.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                Err(error) => return Err(error),
            }
        }
        self.input = None;
        Ok(())
    }

    fn is_interrupted(&self) -> bool {
        rustix::io::read(&*self.wake, &mut [0_u8; 8]).is_ok()
    }

    /// Sends the next signal if it is due.
    fn escalate(&self, escalation: &mut Escalation) {
        let now = Instant::now();
        let Some((signal, rest)) = escalation.rest.split_first() else { return };
        if escalation.due.is_none_or(|due| now < due) {
            return;
        }
        if escalation.ended == Ended::ByItself {
            escalation.ended = Ended::TimedOut;
        }
        self.signal_group(*signal);
        escalation.rest = rest;
        escalation.due = if rest.is_empty() { None } else { now.checked_add(self.grace) };
    }

    /// Kills what is left of the group of a command that has ended, and reads what its pipes still hold.
    fn end(&mut self, take: Taker<'_>) -> io::Result<()> {
        let Some(pidfd) = self.pidfd.take() else { return Ok(()) };
        sys::wait_ended(pidfd.as_fd())?;
        self.signal_group(Signal::KILL);
        for drain in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            drain.read(usize::MAX, take)?;
        }
        Ok(())
    }

    /// Signals the group. Called only before the command is reaped, so the id is its own.
    fn signal_group(&self, signal: Signal) {
        // It fails when nobody is left to hear it.
        let _ = kill_process_group(self.group(), signal);
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

/// Bytes that are read of one output before the others are looked at again.
const ONE_TURN: usize = 1 << 20;

impl Drain {
    fn new(stream: Stream, (pipe, output): (PipeReader, Output)) -> io::Result<Drain> {
        set_nonblocking(&pipe)?;
        Ok(Drain { stream, pipe: Some(pipe), output, captured: Vec::new() })
    }

    /// Reads what is there, up to about `most` bytes, without waiting.
    fn read(&mut self, most: usize, take: Taker<'_>) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let mut buffer = [0; 1 << 16];
        let mut read = 0;
        while read < most {
            match pipe.read(&mut buffer) {
                Ok(0) => {
                    self.pipe = None;
                    return Ok(());
                }
                Ok(count) => {
                    read += count;
                    match &self.output {
                        Output::Stream => take(self.stream, &buffer[..count]),
                        _ => self.captured.extend_from_slice(&buffer[..count]),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
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

fn watch(process: &std::process::Child) -> io::Result<(OwnedFd, OwnedFd)> {
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    Ok((wake, pidfd_open(Pid::from_child(process), PidfdFlags::empty())?))
}

/// Ends a command that cannot be watched.
fn kill_unwatched(mut process: std::process::Child) {
    let _ = kill_process_group(Pid::from_child(&process), Signal::KILL);
    let _ = process.wait();
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.pidfd.is_some() {
            self.signal_group(Signal::KILL);
            let _ = self.process.wait();
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
