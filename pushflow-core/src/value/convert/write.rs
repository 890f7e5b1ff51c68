//! From any type to a value.

use std::sync::Arc;

use serde::ser::{self, Serialize, Serializer};
use smol_str::SmolStr;

use super::error::ConvertError;
use super::key::KeyWriter;
use super::{MOST_LEVELS, below, pass};
use crate::value::{Map, Value};

/// Makes a value of anything that serde can serialize.
///
/// # Errors
///
/// Where something has no value: keys of a map that are no texts, more than 128 levels of nesting, whatever the type
/// itself complains about.
///
/// # Examples
///
/// ```
/// use pushflow_core::value::{self, Value};
///
/// assert_eq!(value::to_value(&(1, "a", None::<f64>))?, Value::list([Value::from(1), "a".into(), Value::Null]));
/// # Ok::<(), value::ConvertError>(())
/// ```
pub fn to_value<T: Serialize + ?Sized>(content: &T) -> Result<Value, ConvertError> {
    content.serialize(Writer { levels: MOST_LEVELS })
}

struct Writer {
    levels: u32,
}

type Written = Result<Value, ConvertError>;

impl Writer {
    fn deeper(self) -> Result<Writer, ConvertError> {
        Ok(Writer { levels: below(self.levels)? })
    }

    fn list(self, length: Option<usize>, variant: Option<&'static str>) -> Result<ListWriter, ConvertError> {
        let items = Vec::with_capacity(length.unwrap_or(0).min(MOST_RESERVED));
        Ok(ListWriter { items, levels: below(self.levels)?, variant })
    }

    fn map(self, length: Option<usize>, variant: Option<&'static str>) -> Result<MapWriter, ConvertError> {
        let map = Map::with_capacity(length.unwrap_or(0).min(MOST_RESERVED));
        Ok(MapWriter { map, key: SmolStr::default(), levels: below(self.levels)?, variant })
    }
}

/// A type that announces more items than that may be wrong: the rest gets its room when it comes.
const MOST_RESERVED: usize = 1 << 16;

fn integer(number: impl TryInto<i64> + ToString + Copy) -> Value {
    // Digits always are an integer.
    number.try_into().map_or_else(|_| Value::integer(&number.to_string()).unwrap_or_default(), Value::Int)
}

/// The value of a variant: its content under its name.
fn tagged(variant: Option<&'static str>, content: Value) -> Value {
    match variant {
        None => content,
        Some(name) => Value::map([(SmolStr::new_static(name), content)]),
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, number: $type) -> Written {
            Ok(integer(number))
        })*
    };
}

impl Serializer for Writer {
    type Ok = Value;
    type Error = ConvertError;
    type SerializeSeq = ListWriter;
    type SerializeTuple = ListWriter;
    type SerializeTupleStruct = ListWriter;
    type SerializeTupleVariant = ListWriter;
    type SerializeMap = MapWriter;
    type SerializeStruct = MapWriter;
    type SerializeStructVariant = MapWriter;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_bool(self, truth: bool) -> Written {
        Ok(Value::Bool(truth))
    }

    fn serialize_f32(self, number: f32) -> Written {
        Ok(Value::Float(number.into()))
    }

    fn serialize_f64(self, number: f64) -> Written {
        Ok(Value::Float(number))
    }

    fn serialize_char(self, character: char) -> Written {
        Ok(Value::Str(SmolStr::new_inline(character.encode_utf8(&mut [0; 4]))))
    }

    fn serialize_str(self, text: &str) -> Written {
        Ok(text.into())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Written {
        Ok(Value::Bytes(bytes.to_vec().into()))
    }

    fn serialize_none(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, content: &T) -> Written {
        content.serialize(self.deeper()?)
    }

    fn serialize_unit(self) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        Ok(Value::Str(SmolStr::new_static(variant)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, content: &T) -> Written {
        let inner = self.deeper()?;
        if name == pass::NAME { pass::ask(|| content.serialize(inner)) } else { content.serialize(inner) }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        content: &T,
    ) -> Written {
        let written = content.serialize(self.deeper()?).map_err(|error| error.at_key(variant))?;
        Ok(tagged(Some(variant), written))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<ListWriter, ConvertError> {
        self.list(length, None)
    }

    fn serialize_tuple(self, length: usize) -> Result<ListWriter, ConvertError> {
        self.list(Some(length), None)
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<ListWriter, ConvertError> {
        self.list(Some(length), None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<ListWriter, ConvertError> {
        self.list(Some(length), Some(variant))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<MapWriter, ConvertError> {
        self.map(length, None)
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<MapWriter, ConvertError> {
        self.map(Some(length), None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<MapWriter, ConvertError> {
        self.map(Some(length), Some(variant))
    }
}

struct ListWriter {
    items: Vec<Value>,
    levels: u32,
    variant: Option<&'static str>,
}

impl ListWriter {
    fn push<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), ConvertError> {
        let written = item.serialize(Writer { levels: self.levels });
        self.items.push(written.map_err(|error| error.at_index(self.items.len()))?);
        Ok(())
    }

    fn finish(self) -> Value {
        tagged(self.variant, self.items.into())
    }
}

macro_rules! lists {
    ($($trait:ident::$method:ident),*) => {
        $(impl ser::$trait for ListWriter {
            type Ok = Value;
            type Error = ConvertError;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), ConvertError> {
                self.push(item)
            }

            fn end(self) -> Written {
                Ok(self.finish())
            }
        })*
    };
}

lists! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
}

struct MapWriter {
    map: Map,
    /// The key whose value comes next.
    key: SmolStr,
    levels: u32,
    variant: Option<&'static str>,
}

impl MapWriter {
    fn insert<T: Serialize + ?Sized>(&mut self, key: SmolStr, content: &T) -> Result<(), ConvertError> {
        match content.serialize(Writer { levels: self.levels }) {
            Ok(value) => {
                self.map.insert(key, value);
                Ok(())
            }
            Err(error) => Err(error.at_key(&key)),
        }
    }

    fn finish(self) -> Value {
        tagged(self.variant, Value::Map(Arc::new(self.map)))
    }
}

impl ser::SerializeMap for MapWriter {
    type Ok = Value;
    type Error = ConvertError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ConvertError> {
        self.key = key.serialize(KeyWriter)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, content: &T) -> Result<(), ConvertError> {
        let key = std::mem::take(&mut self.key);
        self.insert(key, content)
    }

    fn end(self) -> Written {
        Ok(self.finish())
    }
}

macro_rules! structs {
    ($($trait:ident),*) => {
        $(impl ser::$trait for MapWriter {
            type Ok = Value;
            type Error = ConvertError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                content: &T,
            ) -> Result<(), ConvertError> {
                self.insert(SmolStr::new_static(name), content)
            }

            fn end(self) -> Written {
                Ok(self.finish())
            }
        })*
    };
}

structs!(SerializeStruct, SerializeStructVariant);
