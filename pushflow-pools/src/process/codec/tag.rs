//! The bytes that say what follows.

/// Sizes from here on do not fit the first byte, which says how many do.
pub(super) const SIZE_U16: u8 = 0xFD;
pub(super) const SIZE_U32: u8 = 0xFE;
pub(super) const SIZE_U64: u8 = 0xFF;

/// The content of a buffer follows.
pub(super) const INLINE: u8 = 0;
/// The content of a buffer is beside the frame.
pub(super) const BESIDE: u8 = 1;

/// A payload follows.
pub(super) const OUTPUTS: u8 = 0;
/// An error follows.
pub(super) const ERROR: u8 = 1;

// Values.
pub(super) const NULL: u8 = 0;
pub(super) const MISSING: u8 = 1;
pub(super) const FALSE: u8 = 2;
pub(super) const TRUE: u8 = 3;
pub(super) const INT: u8 = 4;
pub(super) const BIG_INT: u8 = 5;
pub(super) const FLOAT: u8 = 6;
pub(super) const STR: u8 = 7;
pub(super) const BYTES: u8 = 8;
pub(super) const LIST: u8 = 9;
pub(super) const MAP: u8 = 10;
pub(super) const ARRAY: u8 = 11;
pub(super) const OPAQUE: u8 = 12;
