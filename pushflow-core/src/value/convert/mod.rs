//! Values from and to any type of serde, without a detour over text.
//!
//! | in Rust | as a value |
//! | --- | --- |
//! | `bool`, integers, floats, texts, `char` | boolean, integer of any size, number, text |
//! | `()`, unit structs, `None` | null; `Some(x)` and newtypes are what they hold |
//! | sequences, tuples | list |
//! | structs, maps | map; keys that are integers, characters, truth values or names of variants become texts |
//! | enums | the name of the variant, or a map of one entry from it to the content |
//! | `serialize_bytes` | bytes |
//! | [`Value`](super::Value), [`Buffer`](super::Buffer), [`Array`](super::Array) | themselves: handed over, shared |
//!
//! A `Vec<u8>` is a sequence like any other, one value per byte; a [`Buffer`](super::Buffer) is the type for much data.
//! Integers convert to floats, floats never to integers, and booleans to neither.

mod error;
mod key;
mod pass;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use error::{ConvertError, Fault};
pub use read::{from_value, from_value_ref};
pub use write::to_value;

pub(super) use pass::{accept, accepting, offer, offered};

/// How deep values may be nested, as in serde_json: what is deeper is refused before it exhausts the stack.
const MOST_LEVELS: u32 = 128;

/// Levels that are left, one less than above.
fn below(levels: u32) -> Result<u32, ConvertError> {
    levels.checked_sub(1).ok_or_else(|| Fault::TooDeep { limit: MOST_LEVELS }.into())
}
