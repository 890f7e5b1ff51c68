//! Why something has no bytes, or bytes have no meaning.

use pushflow_core::TaskError;
use pushflow_core::error::ErrorKind;

use super::MOST_DEPTH;
use crate::process::frame::MOST_BODY_BYTES;

/// Why something cannot be sent to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsendable {
    /// Lists and maps lie too deep within each other.
    #[error("values are nested more than {MOST_DEPTH} deep, which cannot be sent to a process or back")]
    TooDeep,
    /// The body of the frame would have more bytes than can be counted in its header.
    #[error(
        "{bytes} bytes are too many for one message, which has at most {MOST_BODY_BYTES}; large arrays and bytes do not \
         count where they go beside it"
    )]
    TooLarge {
        /// Size of the body.
        bytes: usize,
    },
    /// The value is of a kind that has no encoding.
    #[error("a value of type {type_name} cannot be sent to a process or back")]
    Unknown {
        /// Type of the value.
        type_name: &'static str,
    },
}

impl Unsendable {
    /// Returns the outcome of an execution whose inputs or outputs cannot be sent.
    pub(crate) fn outcome(self) -> TaskError {
        TaskError::new(ErrorKind::Delivery, "Unsendable", self.to_string())
    }
}

/// Bytes that mean nothing: where they stop to, and what should have been there.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message: {} at byte {}, expected {}", .0.found, .0.at, .0.expected)]
pub(crate) struct Malformed(Box<Place>);

/// Boxed, because results of decoding should be no larger than what they give when all is well.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    at: u64,
    found: String,
    expected: String,
}

impl Malformed {
    /// Says what was found at a byte, counted from zero, and what was expected there.
    #[cold]
    pub(crate) fn new(at: u64, found: impl Into<String>, expected: impl Into<String>) -> Malformed {
        Malformed(Box::new(Place { at, found: found.into(), expected: expected.into() }))
    }

    /// Puts the place behind this many bytes.
    #[cold]
    pub(super) fn behind(mut self, bytes: u64) -> Malformed {
        self.0.at += bytes;
        self
    }

    /// Returns where it is, in bytes from the start of what was decoded.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn at(&self) -> u64 {
        self.0.at
    }
}
