//! [`Prints`]: what a worker prints, as it comes out of its pipes.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;

use pushflow_core::event::{Event, Listener, Stream};
use pushflow_signals::streams::{self, PipeReader};
use pushflow_signals::{Interest, Poller};

use super::lane::LaneId;
use super::part::Part;

/// The most that is kept of one stream: captured of an execution, or not forwarded yet because whoever reads our standard
/// error does not. What is older is dropped: a worker never waits for a reader.
const MOST_KEPT: usize = 1 << 20;
/// Lines of standard error that the error of a lost worker brings along: enough for what a crash of Python says, a hundred
/// frames of its own and some of C below them, for the innermost are the first.
const TAIL_LINES: usize = 160;
const TAIL_BYTES: usize = 32 << 10;

/// One stream of a worker.
#[derive(Debug)]
pub(super) struct Prints {
    pipe: PipeReader,
    stream: Stream,
    forwards: bool,
    /// Captured, or still to be forwarded.
    kept: VecDeque<u8>,
    dropped_bytes: u64,
    tail: VecDeque<u8>,
    ended: bool,
    watched: bool,
}

impl Prints {
    pub(super) fn new(pipe: PipeReader, stream: Stream, forwards: bool) -> Prints {
        let (kept, tail) = (VecDeque::new(), VecDeque::new());
        Prints { pipe, stream, forwards, kept, dropped_bytes: 0, tail, ended: false, watched: false }
    }

    fn part(&self) -> Part {
        match self.stream {
            Stream::Stdout => Part::Stdout,
            Stream::Stderr => Part::Stderr,
        }
    }

    pub(super) fn is(&self, part: Part) -> bool {
        self.part() == part
    }

    /// Has the poller watch it as long as reading is of use: at its end it would be readable for ever.
    pub(super) fn watch(&mut self, poller: &Poller, lane: LaneId) -> io::Result<()> {
        let wanted = !self.ended;
        if wanted == self.watched {
            return Ok(());
        }
        self.watched = wanted;
        if wanted {
            poller.add(self.pipe.as_fd(), self.part().token(lane), Interest::Read)
        } else {
            poller.remove(self.pipe.as_fd())
        }
    }

    /// Has the poller forget it, before it is closed.
    pub(super) fn unwatch(&mut self, poller: &Poller) {
        if std::mem::take(&mut self.watched) {
            let _ = poller.remove(self.pipe.as_fd());
        }
    }

    /// Reads what is there.
    pub(super) fn read(&mut self) {
        let mut bytes = [0; 16 << 10];
        // Bounded, for one that prints for ever.
        for _ in 0..64 {
            if self.ended {
                return;
            }
            match self.pipe.read(&mut bytes) {
                Ok(count @ 1..) => self.take(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => self.ended = true,
            }
        }
    }

    /// Whether there is something to forward.
    pub(super) fn has_pending(&self) -> bool {
        self.forwards && !(self.kept.is_empty() && self.dropped_bytes == 0)
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.stream == Stream::Stderr {
            self.tail.extend(bytes);
            let surplus = self.tail.len().saturating_sub(TAIL_BYTES);
            self.tail.drain(..surplus);
        }
        self.kept.extend(bytes);
        if self.forwards {
            self.forward();
        }
        let surplus = self.kept.len().saturating_sub(MOST_KEPT);
        self.dropped_bytes += surplus as u64;
        self.kept.drain(..surplus);
    }

    /// Passes on to our own standard error what that takes without waiting.
    pub(super) fn forward(&mut self) {
        while self.has_pending() {
            let note = match self.dropped_bytes {
                0 => String::new(),
                bytes => format!("\n[{bytes} bytes of a worker's standard error were dropped: nobody read them]\n"),
            };
            let (first, _) = self.kept.as_slices();
            let printed = streams::print_error(if note.is_empty() { first } else { note.as_bytes() });
            match printed {
                // A note is shorter than what a stream takes at once.
                Ok(1..) if !note.is_empty() => self.dropped_bytes = 0,
                Ok(count @ 1..) => drop(self.kept.drain(..count)),
                Ok(_) => return,
                // Nobody is there to read it, for ever.
                Err(_) => {
                    self.kept.clear();
                    self.dropped_bytes = 0;
                }
            }
        }
    }

    /// Tells a listener what was captured since the last time.
    pub(super) fn tell(&mut self, listener: Option<&Listener>, node: &str, attempt: u32) {
        if self.forwards || (self.kept.is_empty() && self.dropped_bytes == 0) {
            return;
        }
        let bytes: Vec<u8> = std::mem::take(&mut self.kept).into();
        let dropped_bytes = std::mem::take(&mut self.dropped_bytes);
        if let Some(listener) = listener {
            let text = String::from_utf8_lossy(&bytes);
            listener(&Event::Output { node, attempt, stream: self.stream, text: &text, dropped_bytes });
        }
    }

    /// Passes on what was captured to our own standard error, as far as that takes it without waiting.
    pub(super) fn pass_on(&mut self) {
        self.forwards = true;
        self.forward();
    }

    /// Returns the last lines of standard error.
    pub(super) fn tail(&self) -> Vec<String> {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| (*line).to_owned()).collect()
    }
}
