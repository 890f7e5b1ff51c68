//! [`Wire`]: the streams between a pool and one worker; [`Outbox`]: what they have not taken yet.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pushflow_core::value::Buffer;
use pushflow_signals::memory::Sealed;

use super::codec::MOST_BESIDE;
use super::frame::FrameReader;
use super::ledger::Ledger;
use super::local::Local;
use super::socket::Socket;

/// An ordered pair of byte streams.
#[derive(Debug)]
pub(super) enum Wire {
    /// Within this machine. Carries descriptors.
    Local(Local),
    /// Within this machine, with another program. Carries descriptors.
    Socket(Socket),
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
        matches!(self, Wire::Local(_) | Wire::Socket(_))
    }

    pub(super) fn local(&self) -> Option<&Local> {
        match self {
            Wire::Local(local) => Some(local),
            Wire::Socket(_) | Wire::Streams { .. } => None,
        }
    }

    pub(super) fn ledger(&self) -> Option<&Ledger> {
        match self {
            Wire::Socket(socket) => Some(socket.ledger()),
            Wire::Local(_) | Wire::Streams { .. } => None,
        }
    }

    /// Reads once what is there; 0 at the end. For the parent, whose streams do not block.
    pub(super) fn read(&self, into: &mut FrameReader) -> io::Result<usize> {
        let count = match self {
            Wire::Local(local) => local.read_now(into.spare())?,
            Wire::Socket(socket) => socket.read_now(into.spare())?,
            Wire::Streams { reader, .. } => read_file(reader, into.spare())?,
        };
        into.advance(count);
        Ok(count)
    }

    fn write(&self, bytes: &[u8], beside: &[BorrowedFd<'_>]) -> io::Result<usize> {
        match self {
            Wire::Local(local) => local.write(bytes, beside),
            Wire::Socket(socket) => socket.write(bytes, beside),
            Wire::Streams { writer, .. } => {
                let mut writer = writer;
                writer.write(bytes)
            }
        }
    }

    /// What to wait for to read.
    pub(super) fn read_end(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Local(local) => local.as_fd(),
            Wire::Socket(socket) => socket.as_fd(),
            Wire::Streams { reader, .. } => reader.as_fd(),
        }
    }

    /// What to wait for to write, if that is waited for.
    pub(super) fn write_end(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Wire::Local(_) => None,
            Wire::Socket(socket) => Some(socket.room()),
            Wire::Streams { writer, .. } => Some(writer.as_fd()),
        }
    }

    /// Takes what came beside a frame.
    pub(super) fn take_beside(&self, count: u16) -> io::Result<Vec<Buffer>> {
        match self {
            _ if count == 0 => Ok(Vec::new()),
            Wire::Local(local) => sealed(local.take_descriptors(count.into())?),
            Wire::Socket(socket) => sealed(socket.take_descriptors(count.into())?),
            Wire::Streams { .. } => Err(io::Error::other("descriptors are announced on a stream that carries none")),
        }
    }
}

fn sealed(descriptors: Vec<OwnedFd>) -> io::Result<Vec<Buffer>> {
    descriptors.into_iter().map(|descriptor| Sealed::from_fd(descriptor).map(Buffer::new)).collect()
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
