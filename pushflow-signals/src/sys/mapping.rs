//! Memory of files that exist in memory only, mapped: mmap(2), memfd_create(2).
//!
//! Each constructor sees to what makes its accessors sound: a size that cannot change, for pages beyond the end of a file are
//! SIGBUS, and bytes that nobody else changes while there is a reference to them.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use crate::fork_local::generation;

/// The size of the file can never change.
const FIXED: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);
/// Nor can its bytes.
const IMMUTABLE: SealFlags = FIXED.union(SealFlags::WRITE);

/// Returns a new, empty file in memory.
pub(crate) fn create_file(name: &str) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Before Linux 6.3.
        Err(Errno::INVAL) => Ok(memfd_create(name, flags)?),
        answer => Ok(answer?),
    }
}

/// Makes a file immutable for ever. It fails while it is mapped for writing.
pub(crate) fn seal(file: impl AsFd) -> io::Result<()> {
    Ok(fcntl_add_seals(file, IMMUTABLE | SealFlags::SEAL)?)
}

/// Bytes of an immutable file.
#[derive(Debug)]
pub(crate) struct FixedBytes(Mapping);

/// Bytes of a file that nobody else has.
#[derive(Debug)]
pub(crate) struct OwnBytes {
    mapping: Mapping,
    /// They do not exist in the child of a fork.
    generation: u64,
}

/// Words of a file that others may have mapped, too.
#[derive(Debug)]
pub(crate) struct Words(Mapping);

impl FixedBytes {
    /// Maps a file for reading. Refuses what is not sealed, with `InvalidData`.
    pub(crate) fn of(file: BorrowedFd<'_>) -> io::Result<FixedBytes> {
        require(seals(file)?.contains(IMMUTABLE), "memory that is not sealed")?;
        // Private, for before Linux 6.7 a shared mapping counts as one that may write. It copies nothing that it reads.
        Ok(FixedBytes(Mapping::new(file, size(file)?, ProtFlags::READ, MapFlags::PRIVATE)?))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is whole for as long as it is borrowed, its size is sealed, and so are its bytes.
        unsafe { std::slice::from_raw_parts(self.0.address.as_ptr(), self.0.length) }
    }
}

impl OwnBytes {
    /// Creates a file of a size, which it maps for writing. Forks do not inherit the mapping, which would keep the file
    /// from being sealed; `no_fork` is to be held.
    ///
    /// Nobody else may get the file before this is dropped.
    pub(crate) fn create(name: &str, length: usize) -> io::Result<(OwnedFd, OwnBytes)> {
        let file = create_file(name)?;
        resize(&file, length)?;
        fcntl_add_seals(&file, FIXED)?;
        let mapping = Mapping::new(file.as_fd(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)?;
        if length > 0 {
            // SAFETY: it concerns this mapping alone, and changes what a child has of it and not what is here.
            unsafe { madvise(mapping.address.as_ptr().cast(), length, Advice::LinuxDontFork) }?;
        }
        Ok((file, OwnBytes { mapping, generation: generation() }))
    }

    /// # Panics
    ///
    /// In the child of a fork.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.require_here();
        // SAFETY: the mapping is whole for as long as it is borrowed, its size is sealed, and nobody else has the file.
        unsafe { std::slice::from_raw_parts(self.mapping.address.as_ptr(), self.mapping.length) }
    }

    /// # Panics
    ///
    /// In the child of a fork.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.require_here();
        // SAFETY: as above; it is borrowed by one.
        unsafe { std::slice::from_raw_parts_mut(self.mapping.address.as_ptr(), self.mapping.length) }
    }

    fn require_here(&self) {
        assert!(self.generation == generation(), "memory that is being written is not inherited by a fork");
    }
}

impl Drop for OwnBytes {
    fn drop(&mut self) {
        if self.generation != generation() {
            // Not mapped here: there may be something else.
            self.mapping.length = 0;
        }
    }
}

impl Words {
    /// Creates a file of a number of words, all 0, and maps it.
    pub(crate) fn create(name: &str, words: usize) -> io::Result<(OwnedFd, Words)> {
        let file = create_file(name)?;
        resize(&file, bytes_of(words)?)?;
        fcntl_add_seals(&file, FIXED | SealFlags::SEAL)?;
        let mapped = Words::of(file.as_fd(), words)?;
        Ok((file, mapped))
    }

    /// Maps a file. Refuses one whose size may change, or is another one, with `InvalidData`.
    pub(crate) fn of(file: BorrowedFd<'_>, words: usize) -> io::Result<Words> {
        let seals = seals(file)?;
        require(seals.contains(FIXED), "shared words whose size is not sealed")?;
        require(!seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE), "shared words that cannot be written")?;
        let length = size(file)?;
        require(length == bytes_of(words)?, "another number of shared words")?;
        Ok(Words(Mapping::new(file, length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)?))
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        let length = self.0.length / size_of::<AtomicU64>();
        // SAFETY: the mapping is whole for as long as it is borrowed, at the beginning of a page or dangling with this
        // alignment; its size is sealed. All bits are a valid value, and whoever else has it mapped may change it: atomics.
        unsafe { std::slice::from_raw_parts(self.0.address.as_ptr().cast::<AtomicU64>(), length) }
    }
}

/// Pages of a file. None when the length is 0.
#[derive(Debug)]
struct Mapping {
    address: NonNull<u8>,
    length: usize,
}

// SAFETY: an address range of the process, owned by this value, which no thread is tied to.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference gives the address and the length, which do not change.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: BorrowedFd<'_>, length: usize, protection: ProtFlags, flags: MapFlags) -> io::Result<Mapping> {
        if length == 0 {
            return Ok(Mapping { address: NonNull::<AtomicU64>::dangling().cast(), length });
        }
        // Slices cannot be longer.
        require(isize::try_from(length).is_ok(), "memory that is too large")?;
        // SAFETY: at an address of the kernel's choice, so nothing that is there already changes.
        let address = unsafe { mmap(std::ptr::null_mut(), length, protection, flags, file, 0) }?;
        let address = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { address, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: the range is that of this mapping, and every reference into it borrows the value that ends here.
            let _ = unsafe { munmap(self.address.as_ptr().cast::<c_void>(), self.length) };
        }
    }
}

/// What is not a file in memory has no seals, which the system says with various errors.
fn seals(file: BorrowedFd<'_>) -> io::Result<SealFlags> {
    fcntl_get_seals(file).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not a file in memory"))
}

fn size(file: BorrowedFd<'_>) -> io::Result<usize> {
    usize::try_from(fstat(file)?.st_size).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn resize(file: &OwnedFd, length: usize) -> io::Result<()> {
    Ok(ftruncate(file, u64::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?)?)
}

fn bytes_of(words: usize) -> io::Result<usize> {
    words.checked_mul(size_of::<AtomicU64>()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

fn require(holds: bool, otherwise: &'static str) -> io::Result<()> {
    if holds { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, otherwise)) }
}
