//! [`Buffer`]: bytes that many hold and nobody changes.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Value, convert};

/// Immutable bytes, shared by reference count: cloning copies nothing.
///
/// The owner may be anything that lends bytes: a vector, a mapped file, a memory descriptor.
#[derive(Clone)]
pub struct Buffer(Arc<dyn Owner>);

/// What has bytes to lend, and can be asked what it is.
trait Owner: Any + Send + Sync {
    fn bytes(&self) -> &[u8];
}

impl<T: AsRef<[u8]> + Any + Send + Sync> Owner for T {
    fn bytes(&self) -> &[u8] {
        self.as_ref()
    }
}

impl Buffer {
    /// Takes over bytes of any owner, without copying.
    pub fn new(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Buffer {
        Buffer(Arc::new(owner))
    }

    /// Lends the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Returns the owner of the bytes, if it is of this type: memory that can be passed on as it is, for instance.
    pub fn owner<T: 'static>(&self) -> Option<&T> {
        let owner: &dyn Any = &*self.0;
        owner.downcast_ref()
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

impl Serialize for Buffer {
    /// Becomes the same buffer in a [`Value`], bytes in other formats.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        convert::offered(serializer, &Plain(self))
    }
}

struct Plain<'a>(&'a Buffer);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if convert::offer(|| Value::Bytes(self.0.clone())) {
            return serializer.serialize_unit();
        }
        serializer.serialize_bytes(self.0.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Buffer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Buffer, D::Error> {
        convert::accepting(deserializer, Bytes)
    }
}

struct Bytes;

impl<'de> Visitor<'de> for Bytes {
    type Value = Buffer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Buffer, D::Error> {
        match convert::accept() {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            Some(_) | None => deserializer.deserialize_byte_buf(self),
        }
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Buffer, E> {
        Ok(bytes.to_vec().into())
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Buffer, E> {
        Ok(bytes.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Buffer, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_known_by_its_type() {
        let buffer = Buffer::new("text");
        assert_eq!(buffer.owner::<&str>(), Some(&"text"));
        assert_eq!(buffer.owner::<Vec<u8>>(), None);
        assert_eq!(buffer.clone().as_bytes(), b"text");
    }
}
