//! [`Link`]: the socket between a process and its parent.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak};

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::fork_local::{PrivateFd, no_fork};

/// One end of the socket between a process and its parent. It ends when the other side has ended.
#[derive(Debug)]
pub struct Link(Arc<PrivateFd>);

impl Link {
    /// Takes over the end of a process that has just begun, before it has threads.
    pub(crate) fn of(socket: UnixStream) -> Link {
        let _gate = no_fork();
        Link(Arc::new(PrivateFd::new(socket)))
    }

    /// Returns a reference that does not keep it open.
    pub(crate) fn downgrade(&self) -> Weak<PrivateFd> {
        Arc::downgrade(&self.0)
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

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&*self.0, buffer)?)
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A process that has ended is an error, not a signal.
        Ok(rustix::net::send(&*self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
