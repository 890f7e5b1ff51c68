//! [`Sealed`]: bytes that any number of processes have without a copy. [`Draft`]: such bytes while they are written.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use crate::fork_local::{PrivateFd, no_fork};
use crate::sys::mapping::{self, FixedBytes, OwnBytes};

/// As `/proc` shows it.
const NAME: &str = "pushflow-sealed";

/// Immutable memory, known by its descriptor to any number of processes.
///
/// Nobody can change it any more, nor its size, not who has made it either: what was checked once stays so. It takes no
/// memory here but for what of it is read. To hand it on, send its descriptor over a [`Link`](crate::Link).
///
/// The child of a fork may read what a closure has brought along; the descriptor refers to the null device there.
///
/// # Examples
///
/// ```
/// use pushflow_signals::memory::Sealed;
/// use std::os::fd::AsFd;
///
/// # fn main() -> std::io::Result<()> {
/// let sealed = Sealed::copy_of(b"once and for all")?;
/// // As if it had come from another process.
/// let received = Sealed::from_fd(sealed.as_fd().try_clone_to_owned()?)?;
/// assert_eq!(received.as_ref(), b"once and for all");
/// # Ok(())
/// # }
/// ```
pub struct Sealed {
    // In this order: unmapped, then closed.
    bytes: FixedBytes,
    file: PrivateFd,
}

/// Memory of a fixed size that is written here, and sealed then without a copy.
///
/// Zeros at first. It takes memory as it is written. A fork does not inherit it: in a child, a closure that has brought it
/// along panics when it looks at it.
///
/// # Examples
///
/// ```
/// use pushflow_signals::memory::Draft;
///
/// # fn main() -> std::io::Result<()> {
/// let mut draft = Draft::new(5)?;
/// draft[..2].copy_from_slice(b"ab");
/// assert_eq!(draft.seal()?.as_ref(), b"ab\0\0\0");
/// # Ok(())
/// # }
/// ```
pub struct Draft {
    // In this order: unmapped, then closed.
    bytes: OwnBytes,
    file: PrivateFd,
}

impl Sealed {
    /// Makes an immutable copy of bytes.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn copy_of(bytes: &[u8]) -> io::Result<Sealed> {
        let gate = no_fork();
        let file = PrivateFd::new(mapping::create_file(NAME)?);
        drop(gate);
        let mut rest = bytes;
        while !rest.is_empty() {
            match rustix::io::write(&file, rest) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Sealed::close(file)
    }

    /// Takes over memory that another process has sealed. Looks at it closely, for the other one may not be honest, and takes
    /// no more time for a large one.
    ///
    /// A process that is forked between the making of the descriptor and this inherits it.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) for whatever is not a file in memory that is sealed against writing,
    /// shrinking and growing; when the system refuses.
    pub fn from_fd(descriptor: OwnedFd) -> io::Result<Sealed> {
        let gate = no_fork();
        let file = PrivateFd::new(descriptor);
        drop(gate);
        Ok(Sealed { bytes: FixedBytes::of(file.as_fd())?, file })
    }

    /// Returns how many bytes it has.
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Seals a file that is mapped nowhere.
    fn close(file: PrivateFd) -> io::Result<Sealed> {
        mapping::seal(&file)?;
        Ok(Sealed { bytes: FixedBytes::of(file.as_fd())?, file })
    }
}

impl AsRef<[u8]> for Sealed {
    fn as_ref(&self) -> &[u8] {
        self.bytes.bytes()
    }
}

impl AsFd for Sealed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Draft {
    /// Creates memory of a size, in bytes.
    ///
    /// # Errors
    ///
    /// When the system refuses, such as for a size that no file can have.
    pub fn new(len: usize) -> io::Result<Draft> {
        let _gate = no_fork();
        let (file, bytes) = OwnBytes::create(NAME, len)?;
        Ok(Draft { bytes, file: PrivateFd::new(file) })
    }

    /// Makes it immutable.
    ///
    /// # Errors
    ///
    /// When the system refuses, or in the child of a fork.
    pub fn seal(self) -> io::Result<Sealed> {
        let Draft { bytes, file } = self;
        // It cannot be sealed while somebody may write to it.
        drop(bytes);
        Sealed::close(file)
    }
}

impl Deref for Draft {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.bytes()
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.bytes_mut()
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").finish_non_exhaustive()
    }
}
