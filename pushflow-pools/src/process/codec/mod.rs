//! From values to bytes and back: what the bodies of frames are made of.
//!
//! Both ends are the same program, so there is no version in here, and elements of arrays keep the byte order of the machine.
//! Everything else is little-endian:
//!
//! | what | bytes |
//! | --- | --- |
//! | size | one byte below 0xFD, else 0xFD and a `u16`, 0xFE and a `u32`, 0xFF and a `u64`, the shortest that holds it |
//! | text, bytes | size, content |
//! | buffer | 0, size, content; or 1, size, with the content *beside*: in the next of the buffers that go with the frame |
//! | value | a tag, then what the tag asks for; lists and maps begin with the number of items |
//! | key | 0 and the position as a size; or the size of the name plus one, and the name |
//! | payload | number of entries, then key and value of each |
//! | lines | their number, texts |
//! | optional number | 0; or 1 and the number as a size |
//! | opaque value | text, text, buffer; then 0, or 1, a size and a value of that many bytes without any opaque one |
//! | error | number of the kind, 0 or 1 when it is explained, name of the type, message, lines; 0, or 1 and the worker that was lost; 0, or 1 and an opaque value without what follows the buffer |
//! | lost worker | optional numbers: process, exit code, signal, peak of memory; 0 or 1 for out of memory; lines |
//! | outcome | 0 and a payload, or 1 and an error |
//!
//! There is one encoding of everything, save for what is beside; the decoder takes no other. It trusts nothing: any bytes
//! give a value or [`Malformed`], within memory in proportion to their number.

use pushflow_signals::Link;

mod decode;
mod encode;
mod error;
mod tag;
#[cfg(test)]
mod tests;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(super) use error::{Malformed, Unsendable};

/// Buffers from this size on go beside, when there is a place for them: below, a copy is cheaper than a descriptor.
pub(super) const BESIDE_BYTES: usize = 64 * 1024;

/// So many buffers at most go beside one frame; further ones stay in it.
pub(super) const MOST_BESIDE: usize = Link::MOST_DESCRIPTORS;

/// So many lists and maps at most may lie within each other: encoding and dropping them recurse, on small stacks too.
pub(super) const MOST_DEPTH: usize = 256;
