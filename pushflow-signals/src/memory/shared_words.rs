//! [`SharedWords`]: numbers that processes share.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use crate::fork_local::{PrivateFd, no_fork};
use crate::sys::mapping::Words;

/// As `/proc` shows it.
const NAME: &str = "pushflow-words";

/// A fixed number of words that are the same in each process that has their descriptor.
///
/// Any of these may write anything at any time: what is read is to be taken for no more than a number. The child of a fork
/// shares what a closure has brought along; the descriptor refers to the null device there.
///
/// # Examples
///
/// ```
/// use pushflow_signals::memory::SharedWords;
/// use std::os::fd::AsFd;
/// use std::sync::atomic::Ordering;
///
/// # fn main() -> std::io::Result<()> {
/// let words = SharedWords::create(2)?;
/// // As if it had come from another process.
/// let same = SharedWords::from_fd(words.as_fd().try_clone_to_owned()?, 2)?;
/// words.words()[1].store(7, Ordering::Relaxed);
/// assert_eq!(same.words()[1].load(Ordering::Relaxed), 7);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SharedWords {
    // In this order: unmapped, then closed.
    words: Words,
    file: PrivateFd,
}

impl SharedWords {
    /// Creates words, all 0.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn create(words: usize) -> io::Result<SharedWords> {
        let _gate = no_fork();
        let (file, words) = Words::create(NAME, words)?;
        Ok(SharedWords { words, file: PrivateFd::new(file) })
    }

    /// Takes over the words of another process. A process that is forked between the making of the descriptor and this inherits
    /// it.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) for whatever is not a file in memory of exactly this size, which is sealed,
    /// that can be written; when the system refuses.
    pub fn from_fd(descriptor: OwnedFd, words: usize) -> io::Result<SharedWords> {
        let gate = no_fork();
        let file = PrivateFd::new(descriptor);
        drop(gate);
        Ok(SharedWords { words: Words::of(file.as_fd(), words)?, file })
    }

    /// Returns the words.
    pub fn words(&self) -> &[AtomicU64] {
        self.words.words()
    }
}

impl AsFd for SharedWords {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
