//! Values: what flows along links.
//!
//! A [`Value`] is immutable and cheap to clone: what is large (long texts, bytes, lists, maps, arrays) is reference
//! counted, so a fork to a thousand actors copies none of it.

mod array;
mod buffer;
mod convert;
mod equality;
mod json;
mod text;

use std::sync::Arc;

use indexmap::IndexMap;
use smol_str::SmolStr;

pub use array::{Array, ArrayError, Dtype};
pub use buffer::Buffer;
pub use convert::{ConvertError, Fault, from_value, from_value_ref, to_value};
pub use text::PythonText;

/// Ordered map with string keys, the [`Value::Map`] of a value.
pub type Map = IndexMap<SmolStr, Value>;

/// One datum: what an input, an output, a condition or a default is.
///
/// `PartialEq` is strict: a boolean is not an integer and an integer not a float. Conditions of links compare as Python
/// does, with [`Value::python_eq`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Python's `None`, JSON's `null`: an ordinary value.
    #[default]
    Null,
    /// An output that was declared and not set. It removes the default of the input that it is mapped to.
    Missing,
    /// A truth value. It stays one on every road, although it compares equal to 0 or 1.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer beyond 64 bits, which keeps its digits.
    BigInt(BigInt),
    /// A floating point number, NaN and infinities among them.
    Float(f64),
    /// A text.
    Str(SmolStr),
    /// A sequence of bytes in a shared buffer.
    Bytes(Buffer),
    /// A list.
    List(Arc<[Value]>),
    /// A map with ordered string keys.
    Map(Arc<Map>),
    /// An n-dimensional array in a shared buffer.
    Array(Arc<Array>),
    /// Something that only the producer's kind understands: carried, never opened.
    Opaque(Arc<Opaque>),
}

/// Decimal digits of an integer that needs more than 64 bits.
///
/// Semantics: Python's `int`, which has no largest value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BigInt(Arc<str>);

impl BigInt {
    /// Returns the digits, with a leading `-` when negative and no leading zero.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

/// A sealed value: bytes that only tasks of the producer's kind can open.
#[derive(Clone, Debug, PartialEq)]
pub struct Opaque {
    /// Who can open it, `python` for instance.
    pub kind: SmolStr,
    /// Name of the type of the sealed object, for messages.
    pub type_name: SmolStr,
    /// The sealed bytes.
    pub data: Buffer,
    /// What it looks like from outside, as far as its producer has said so: shown in its place, and compared in conditions
    /// when it is a single value such as a number. There is nothing opaque in it.
    pub shown: Option<Value>,
}

impl Opaque {
    /// What it is equal to, when that is a single value.
    fn single(&self) -> Option<&Value> {
        self.shown.as_ref().filter(|shown| !matches!(shown, Value::List(_) | Value::Map(_) | Value::Array(_)))
    }
}

impl Value {
    /// Reads a decimal integer of any size; `None` when the text is not one.
    ///
    /// Semantics: an optional `-`, then ASCII digits. Results that fit become [`Value::Int`].
    pub fn integer(text: &str) -> Option<Value> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        if let Ok(small) = text.parse::<i64>() {
            return Some(Value::Int(small));
        }
        let digits = digits.trim_start_matches('0');
        let sign = if text.starts_with('-') { "-" } else { "" };
        Some(Value::BigInt(BigInt(format!("{sign}{digits}").into())))
    }

    /// Creates a map from pairs; of equal keys the last value counts, at the place of the first.
    pub fn map<K: Into<SmolStr>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Value {
        Value::Map(Arc::new(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect()))
    }

    /// Creates a list.
    pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }

    /// Returns the text of a [`Value::Str`].
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Str(text) = self { Some(text) } else { None }
    }

    /// Returns the number of a [`Value::Int`].
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(number) = self { Some(*number) } else { None }
    }

    /// Returns the number of a [`Value::Float`], or of a [`Value::Int`] as a float.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "what Python's float() does")]
            Value::Int(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// Returns the truth value of a [`Value::Bool`].
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// Returns the items of a [`Value::List`].
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Value::List(items) = self { Some(items) } else { None }
    }

    /// Returns the entries of a [`Value::Map`].
    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Map(map) = self { Some(map) } else { None }
    }

    /// Returns what an opaque value looks like, where that was said; any other value itself.
    pub fn shown(&self) -> &Value {
        match self {
            Value::Opaque(opaque) => opaque.shown.as_ref().unwrap_or(self),
            other => other,
        }
    }

    /// Whether this is an output that was not set.
    pub fn is_missing(&self) -> bool {
        matches!(self, Value::Missing)
    }

    /// Names the type as users of workflow files know it: `null`, `boolean`, `integer`, `number`, `text`, ...
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Missing => "missing",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::BigInt(_) => "integer",
            Value::Float(_) => "number",
            Value::Str(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "object",
            Value::Array(_) => "array",
            Value::Opaque(_) => "opaque object",
        }
    }
}

macro_rules! from {
    ($($from:ty => |$value:ident| $into:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Value {
                $into
            }
        })*
    };
}

from! {
    () => |_unit| Value::Null;
    bool => |truth| Value::Bool(truth);
    i64 => |number| Value::Int(number);
    i32 => |number| Value::Int(number.into());
    u32 => |number| Value::Int(number.into());
    u8 => |number| Value::Int(number.into());
    f64 => |number| Value::Float(number);
    &str => |text| Value::Str(text.into());
    String => |text| Value::Str(text.into());
    SmolStr => |text| Value::Str(text);
    Vec<Value> => |items| Value::List(items.into());
    Map => |map| Value::Map(Arc::new(map));
    Buffer => |bytes| Value::Bytes(bytes);
    Array => |array| Value::Array(Arc::new(array));
    u64 => |number| from_u64(number);
    usize => |number| from_u64(number as u64);
}

fn from_u64(number: u64) -> Value {
    i64::try_from(number).map_or_else(|_| Value::BigInt(BigInt(number.to_string().into())), Value::Int)
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_three_words() {
        assert_eq!(size_of::<Value>(), 24);
    }

    #[test]
    fn integers_keep_their_digits() {
        assert_eq!(Value::integer("9223372036854775807"), Some(Value::Int(i64::MAX)));
        let Some(Value::BigInt(big)) = Value::integer("-0009223372036854775809") else { panic!("not a big integer") };
        assert_eq!(big.digits(), "-9223372036854775809");
        assert_eq!(Value::integer("00000000000000000000000000000000012"), Some(Value::Int(12)));
        for text in ["", "-", "1.0", "1e3", "+1", "０"] {
            assert_eq!(Value::integer(text), None, "{text:?}");
        }
    }

    #[test]
    fn cloning_shares() {
        let list = Value::list([1, 2, 3]);
        let (Value::List(a), Value::List(b)) = (&list, &list.clone()) else { panic!("not lists") };
        assert!(Arc::ptr_eq(a, b));
    }
}
