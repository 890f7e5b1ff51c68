//! [`Link`]: the socket between a process and its parent.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, Shutdown, recvmsg, sendmsg, shutdown,
};

use crate::fork_local::{PrivateFd, no_fork};

/// One end of the socket between a process and its parent. It ends when the other side has ended.
///
/// Any number of threads may use it at once; what two send at the same time arrives in pieces of both, so senders take
/// turns. The same for receivers.
#[derive(Debug)]
pub struct Link(Arc<PrivateFd>);

/// For the descriptors of one call.
const SPACE: usize = rustix::cmsg_space!(ScmRights(Link::MOST_DESCRIPTORS));

impl Link {
    /// Descriptors that one call sends or receives at most.
    pub const MOST_DESCRIPTORS: usize = 64;

    /// Takes over the end of a process that has just begun, before it has threads.
    pub(crate) fn of(socket: UnixStream) -> Link {
        let _gate = no_fork();
        Link(Arc::new(PrivateFd::new(socket)))
    }

    /// Makes both ends of a link.
    pub(crate) fn pair() -> io::Result<(Link, Link)> {
        let _gate = no_fork();
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Link(Arc::new(PrivateFd::new(ours))), Link(Arc::new(PrivateFd::new(theirs)))))
    }

    /// Returns a reference that does not keep it open.
    pub(crate) fn downgrade(&self) -> Weak<PrivateFd> {
        Arc::downgrade(&self.0)
    }

    /// Returns another handle of the same end. It closes when the last one is dropped.
    #[must_use]
    pub fn share(&self) -> Link {
        Link(Arc::clone(&self.0))
    }

    /// Sends bytes with descriptors, which the other side gets copies of; returns how many bytes were sent.
    ///
    /// The descriptors go with the first byte, so at least one byte has to be there, and all of them have gone once any byte
    /// has: what is left is sent without them. Who ends before it has received them leaves them to the kernel, which closes
    /// them.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for more than [`MOST_DESCRIPTORS`](Link::MOST_DESCRIPTORS), or for
    /// descriptors without a byte; [`BrokenPipe`](io::ErrorKind::BrokenPipe) when the other side has ended;
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) of a [non-blocking](Link::set_nonblocking) link; what the system refuses,
    /// such as more descriptors on the way than the limit for open files (`ETOOMANYREFS`).
    pub fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if descriptors.len() > Self::MOST_DESCRIPTORS || (bytes.is_empty() && !descriptors.is_empty()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        loop {
            // A process that has ended is an error, not a signal.
            match sendmsg(&*self.0, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL) {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Receives bytes, and the descriptors that came with them, which are added to `descriptors` in the order in which they
    /// were sent; returns how many bytes, 0 at the end.
    ///
    /// What was sent with descriptors is not joined with what came after it: one call receives those of one
    /// [`send`](Link::send), with some or all of its bytes. They close on exec. A process that is forked
    /// before somebody here owns them, such as a [`Sealed`](crate::memory::Sealed), inherits them.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) of a [non-blocking](Link::set_nonblocking) link;
    /// [`Other`](io::ErrorKind::Other) when this process may not open as many descriptors as were sent: bytes and descriptors
    /// are lost then. When the system refuses.
    pub fn receive(&self, into: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
        self.receive_with(into, descriptors, RecvFlags::empty())
    }

    /// As [`receive`](Link::receive), without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) when there is nothing; else as for [`receive`](Link::receive).
    pub fn receive_now(&self, into: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
        self.receive_with(into, descriptors, RecvFlags::DONTWAIT)
    }

    fn receive_with(&self, into: &mut [u8], found: &mut Vec<OwnedFd>, flags: RecvFlags) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            match recvmsg(&*self.0, &mut [IoSliceMut::new(into)], &mut ancillary, flags | RecvFlags::CMSG_CLOEXEC) {
                Ok(received) => break received,
                Err(Errno::INTR) => {}
                // It has ended with something unread.
                Err(Errno::CONNRESET) => return Ok(0),
                Err(errno) => return Err(errno.into()),
            }
        };
        if received.flags.contains(ReturnFlags::CTRUNC) {
            // Those that did come through are closed with the buffer.
            return Err(io::Error::other("descriptors were lost on a link: too many are open here"));
        }
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                found.extend(descriptors);
            }
        }
        Ok(received.bytes)
    }

    /// Says that nothing more is sent: the other side reads to the end, and may go on sending.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(shutdown(&*self.0, Shutdown::Write)?)
    }

    /// Whether the other side has ended, or has shut its end. Looks without reading.
    pub fn is_shut(&self) -> bool {
        let mut fds = [PollFd::new(&*self.0, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let ended = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(ended)
    }

    /// Makes reading and writing return at once, with [`WouldBlock`](io::ErrorKind::WouldBlock) where they would wait.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        Ok(rustix::io::ioctl_fionbio(&*self.0, nonblocking)?)
    }

    /// Reads what is there, up to about `most` bytes, without waiting; returns whether that was the end.
    pub(crate) fn drain(&mut self, into: &mut Vec<u8>, most: usize) -> io::Result<bool> {
        let limit = into.len().saturating_add(most);
        while into.len() < limit {
            into.reserve(1 << 16);
            match rustix::net::recv(&*self.0, spare_capacity(into), RecvFlags::DONTWAIT) {
                // The latter: it has ended with something unread.
                Ok((0, _)) | Err(Errno::CONNRESET) => return Ok(true),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(false)
    }
}

impl From<PrivateFd> for Link {
    fn from(socket: PrivateFd) -> Link {
        Link(Arc::new(socket))
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Link {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Read for &Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&*self.0, buffer)?)
    }
}

impl Write for &Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A process that has ended is an error, not a signal.
        Ok(rustix::net::send(&*self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}
