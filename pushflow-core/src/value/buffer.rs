//! [`Buffer`]: bytes that many hold and nobody changes.

use std::fmt;
use std::sync::Arc;

/// Immutable bytes, shared by reference count: cloning copies nothing.
///
/// The owner may be anything that lends bytes: a vector, a mapped file, a memory descriptor.
#[derive(Clone)]
pub struct Buffer(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl Buffer {
    /// Takes over bytes of any owner, without copying.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Buffer {
        Buffer(Arc::new(owner))
    }

    /// Lends the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        (*self.0).as_ref()
    }

    /// Whether both are the same memory.
    pub fn ptr_eq(&self, other: &Buffer) -> bool {
        std::ptr::eq(self.as_bytes(), other.as_bytes())
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Buffer {
        Buffer::new(bytes)
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Buffer) -> bool {
        self.ptr_eq(other) || self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.as_bytes().len())
    }
}
