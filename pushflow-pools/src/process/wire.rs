//! [`Wire`]: the streams between a pool and one worker; [`Outbox`]: what they have not taken yet.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pushflow_core::value::Buffer;
use pushflow_signals::Link;
use pushflow_signals::memory::Sealed;

use super::frame::{FrameReader, MOST_BESIDE};

/// An ordered pair of byte streams.
#[derive(Debug)]
pub(super) enum Wire {
    /// With a process that this one has started, or that has started this one. Carries descriptors.
    Link(Link),
    /// With whatever is at the other end.
    Streams {
        /// What comes from there.
        reader: File,
        /// What goes there.
        writer: File,
    },
}

impl Wire {
    /// Whether it carries descriptors.
    pub(super) fn carries_descriptors(&self) -> bool {
        matches!(self, Wire::Link(_))
    }

    /// Reads once; 0 at the end.
    pub(super) fn read(&self, into: &mut FrameReader, beside: &mut Vec<OwnedFd>) -> io::Result<usize> {
        let count = match self {
            Wire::Link(link) => link.receive(into.spare(), beside)?,
            Wire::Streams { reader, .. } => read_file(reader, into.spare())?,
        };
        into.advance(count);
        Ok(count)
    }

    /// Reads once, or fails with `WouldBlock`, whether the streams block or not. For a link only.
    pub(super) fn read_now(&self, into: &mut FrameReader, beside: &mut Vec<OwnedFd>) -> io::Result<usize> {
        let Wire::Link(link) = self else { return Err(io::ErrorKind::WouldBlock.into()) };
        let count = link.receive_now(into.spare(), beside)?;
        into.advance(count);
        Ok(count)
    }

    fn write(&self, bytes: &[u8], beside: &[BorrowedFd<'_>]) -> io::Result<usize> {
        match self {
            Wire::Link(link) => link.send(bytes, beside),
            Wire::Streams { writer, .. } => {
                let mut writer = writer;
                writer.write(bytes)
            }
        }
    }

    /// What to wait for to read.
    pub(super) fn read_end(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Link(link) => link.as_fd(),
            Wire::Streams { reader, .. } => reader.as_fd(),
        }
    }

    /// What to wait for to write.
    pub(super) fn write_end(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Link(link) => link.as_fd(),
            Wire::Streams { writer, .. } => writer.as_fd(),
        }
    }
}

fn read_file(mut file: &File, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Frames that are on their way, with what goes beside them.
#[derive(Default)]
pub(super) struct Outbox {
    /// Bytes from `sent` on have not been sent.
    bytes: Vec<u8>,
    sent: usize,
    /// At which byte a frame begins that has something beside it, and what.
    beside: VecDeque<(usize, Vec<Buffer>)>,
}

/// What is sent at once keeps this much room for the next.
const KEPT_BYTES: usize = 1 << 16;

impl Outbox {
    /// Where to append frames.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Attaches sealed memory to the frame that begins at a byte.
    pub(super) fn attach(&mut self, at: usize, sealed: Vec<Buffer>) {
        debug_assert!(sealed.len() <= MOST_BESIDE, "the encoder does not put more beside a frame");
        if !sealed.is_empty() {
            self.beside.push_back((at, sealed));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Sends what the wire takes; returns whether that was all. A wire that blocks takes all.
    pub(super) fn flush(&mut self, wire: &Wire) -> io::Result<bool> {
        self.compact();
        while self.sent < self.bytes.len() {
            let (until, attached) = match self.beside.front() {
                Some((at, _)) if *at > self.sent => (*at, false),
                Some(_) => (self.beside.get(1).map_or(self.bytes.len(), |(at, _)| *at), true),
                None => (self.bytes.len(), false),
            };
            let descriptors: Vec<BorrowedFd<'_>> = match self.beside.front() {
                Some((_, sealed)) if attached => {
                    sealed.iter().filter_map(Buffer::owner::<Sealed>).map(AsFd::as_fd).collect()
                }
                _ => Vec::new(),
            };
            match wire.write(&self.bytes[self.sent..until], &descriptors) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.sent += count;
                    if attached {
                        self.beside.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.sent = 0;
        Ok(true)
    }

    /// Forgets what was sent, before it becomes more than what was not.
    fn compact(&mut self) {
        if self.sent > KEPT_BYTES && self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.beside.iter_mut().for_each(|(at, _)| *at -= self.sent);
            self.sent = 0;
        }
    }
}

/// Makes sealed memory of what goes beside a frame; what is sealed already is passed on.
pub(super) fn seal(mut buffers: Vec<Buffer>) -> io::Result<Vec<Buffer>> {
    for buffer in &mut buffers {
        if buffer.owner::<Sealed>().is_none() {
            *buffer = Buffer::new(Sealed::copy_of(buffer.as_bytes())?);
        }
    }
    Ok(buffers)
}

/// Takes what came beside a frame.
pub(super) fn unseal(count: u16, descriptors: &mut Vec<OwnedFd>) -> io::Result<Vec<Buffer>> {
    let count = usize::from(count);
    if descriptors.len() < count {
        return Err(io::Error::other(format!("{count} descriptors announced, {} came", descriptors.len())));
    }
    descriptors.drain(..count).map(|descriptor| Sealed::from_fd(descriptor).map(Buffer::new)).collect()
}
