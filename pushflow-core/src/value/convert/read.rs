//! From a value to any type.

use std::slice;

use indexmap::map;
use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use smol_str::SmolStr;

use super::error::ConvertError;
use super::key::KeyReader;
use super::{MOST_LEVELS, below, pass};
use crate::value::{BigInt, Map, Value};

/// Makes anything that serde can deserialize of a value.
///
/// # Errors
///
/// Where something else was found than expected.
///
/// # Examples
///
/// ```
/// use pushflow_core::value::{self, Value};
///
/// let pairs: Vec<(String, f64)> = value::from_value(Value::list([Value::list(["a".into(), Value::Int(1)])]))?;
/// assert_eq!(pairs, [("a".to_owned(), 1.0)]);
///
/// let error = value::from_value::<Vec<i64>>(Value::list([Value::Int(1), "x".into()])).unwrap_err();
/// assert_eq!(error.to_string(), r#"expected i64, found text "x" at `[1]`"#);
/// # Ok::<(), value::ConvertError>(())
/// ```
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ConvertError> {
    from_value_ref(&value)
}

/// As [`from_value`], from a value that others hold.
///
/// # Errors
///
/// Where something else was found than expected.
pub fn from_value_ref<T: DeserializeOwned>(value: &Value) -> Result<T, ConvertError> {
    T::deserialize(Reader { value, levels: MOST_LEVELS })
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    value: &'a Value,
    levels: u32,
}

impl<'a> Reader<'a> {
    fn deeper(self) -> Result<Reader<'a>, ConvertError> {
        Ok(Reader { value: self.value, levels: below(self.levels)? })
    }

    fn list<'de, V: Visitor<'de>>(self, items: &'a [Value], visitor: V) -> Result<V::Value, ConvertError> {
        let mut access = ListReader { items: items.iter(), length: items.len(), levels: below(self.levels)? };
        let visited = visitor.visit_seq(&mut access)?;
        if access.items.len() == 0 { Ok(visited) } else { Err(too_many(items.len(), "fewer items")) }
    }

    fn map<'de, V: Visitor<'de>>(self, map: &'a Map, visitor: V) -> Result<V::Value, ConvertError> {
        let mut access = MapReader { entries: map.iter(), current: None, levels: below(self.levels)? };
        let visited = visitor.visit_map(&mut access)?;
        if access.entries.len() == 0 { Ok(visited) } else { Err(too_many(map.len(), "fewer entries")) }
    }
}

fn too_many(length: usize, expected: &'static str) -> ConvertError {
    ConvertError::mismatch(&expected, format!("{length}"))
}

fn big_integer<'de, V: Visitor<'de>>(big: &BigInt, visitor: V) -> Result<V::Value, ConvertError> {
    let digits = big.digits();
    if let Ok(number) = digits.parse() {
        return visitor.visit_u64(number);
    }
    if let Ok(number) = digits.parse() {
        return visitor.visit_i128(number);
    }
    match digits.parse() {
        Ok(number) => visitor.visit_u128(number),
        Err(_) => Err(ConvertError::mismatch(&visitor, format!("integer of {} digits", digits.len()))),
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ConvertError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Int(number) => visitor.visit_i64(*number),
            Value::BigInt(big) => big_integer(big, visitor),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Str(text) => visitor.visit_str(text),
            Value::Bytes(bytes) => visitor.visit_bytes(bytes.as_bytes()),
            Value::List(items) => self.list(items, visitor),
            Value::Map(map) => self.map(map, visitor),
            Value::Missing | Value::Array(_) | Value::Opaque(_) => {
                Err(ConvertError::mismatch(&visitor, self.value.type_name()))
            }
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.value {
            // Digits always are a number, if need be an infinite one.
            Value::BigInt(big) => visitor.visit_f64(big.digits().parse().unwrap_or(f64::NAN)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.value {
            Value::Null | Value::Missing => visitor.visit_none(),
            _ => visitor.visit_some(self.deeper()?),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        let inner = self.deeper()?;
        if name == pass::NAME { pass::lend(self.value, inner, visitor) } else { visitor.visit_newtype_struct(inner) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        match self.value {
            Value::Bytes(bytes) => {
                let mut access = SeqDeserializer::<_, ConvertError>::new(bytes.as_bytes().iter().copied());
                let visited = visitor.visit_seq(&mut access)?;
                access.end()?;
                Ok(visited)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ConvertError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        match self.value {
            Value::Str(name) => visitor.visit_enum(EnumReader { name, content: None }),
            Value::Map(map) if map.len() == 1 => match map.first() {
                Some((name, value)) => {
                    let content = Reader { value, levels: below(self.levels)? };
                    visitor.visit_enum(EnumReader { name, content: Some(content) })
                }
                None => unreachable!("a map of one entry has a first"),
            },
            Value::Map(map) => Err(ConvertError::mismatch(&"one variant", format!("object of {} entries", map.len()))),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct
        tuple_struct map struct identifier
    }
}

struct ListReader<'a> {
    items: slice::Iter<'a, Value>,
    length: usize,
    levels: u32,
}

impl<'de> SeqAccess<'de> for ListReader<'_> {
    type Error = ConvertError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ConvertError> {
        let Some(value) = self.items.next() else { return Ok(None) };
        let index = self.length - self.items.len() - 1;
        let read = seed.deserialize(Reader { value, levels: self.levels });
        read.map(Some).map_err(|error| error.at_index(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct MapReader<'a> {
    entries: map::Iter<'a, SmolStr, Value>,
    current: Option<(&'a SmolStr, &'a Value)>,
    levels: u32,
}

impl<'de> MapAccess<'de> for MapReader<'_> {
    type Error = ConvertError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ConvertError> {
        self.current = self.entries.next();
        let Some((key, _)) = self.current else { return Ok(None) };
        seed.deserialize(KeyReader(key)).map(Some).map_err(|error| error.at_key(key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ConvertError> {
        let Some((key, value)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(Reader { value, levels: self.levels }).map_err(|error| error.at_key(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

struct EnumReader<'a> {
    name: &'a SmolStr,
    content: Option<Reader<'a>>,
}

impl<'de, 'a> EnumAccess<'de> for EnumReader<'a> {
    type Error = ConvertError;
    type Variant = EnumReader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, EnumReader<'a>), ConvertError> {
        let name: StrDeserializer<'_, ConvertError> = self.name.as_str().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl EnumReader<'_> {
    fn content<T>(
        self,
        expected: &'static str,
        read: impl FnOnce(Reader<'_>) -> Result<T, ConvertError>,
    ) -> Result<T, ConvertError> {
        match self.content {
            Some(content) => read(content).map_err(|error| error.at_key(self.name)),
            None => Err(ConvertError::mismatch(&expected, format!("the bare name {:?}", self.name.as_str()))),
        }
    }
}

impl<'de> VariantAccess<'de> for EnumReader<'_> {
    type Error = ConvertError;

    fn unit_variant(self) -> Result<(), ConvertError> {
        match self.content {
            None | Some(Reader { value: Value::Null, .. }) => Ok(()),
            Some(Reader { value, .. }) => {
                Err(ConvertError::mismatch(&"a variant without content", value.type_name()).at_key(self.name))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ConvertError> {
        self.content("a variant with content", |content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, ConvertError> {
        self.content("a variant with a list", |content| content.deserialize_tuple(length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        self.content("a variant with fields", |content| content.deserialize_struct("", fields, visitor))
    }
}
