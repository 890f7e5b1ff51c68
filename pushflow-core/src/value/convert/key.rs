//! Keys of maps: texts, and what can be told from a text again.

use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde::ser::{Impossible, Serialize, Serializer};
use smol_str::{SmolStr, ToSmolStr};

use super::error::{ConvertError, Fault};

/// Makes the text of a key.
pub(super) struct KeyWriter;

type Written = Result<SmolStr, ConvertError>;
type Never = Impossible<SmolStr, ConvertError>;

fn refuse<T>(found: &'static str) -> Result<T, ConvertError> {
    Err(Fault::Key { found }.into())
}

macro_rules! displayed {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, key: $type) -> Written {
            Ok(key.to_smolstr())
        })*
    };
}

impl Serializer for KeyWriter {
    type Ok = SmolStr;
    type Error = ConvertError;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    displayed! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_f32(self, _: f32) -> Written {
        refuse("a number")
    }

    fn serialize_f64(self, _: f64) -> Written {
        refuse("a number")
    }

    fn serialize_bytes(self, _: &[u8]) -> Written {
        refuse("bytes")
    }

    fn serialize_none(self) -> Written {
        refuse("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Written {
        refuse("an option")
    }

    fn serialize_unit(self) -> Written {
        refuse("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        refuse("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        Ok(SmolStr::new_static(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, content: &T) -> Written {
        content.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        refuse("a variant with content")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Never, ConvertError> {
        refuse("a list")
    }

    fn serialize_tuple(self, _: usize) -> Result<Never, ConvertError> {
        refuse("a tuple")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Never, ConvertError> {
        refuse("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never, ConvertError> {
        refuse("a variant with content")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Never, ConvertError> {
        refuse("a map")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Never, ConvertError> {
        refuse("a struct")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never, ConvertError> {
        refuse("a variant with content")
    }
}

/// Reads a key as what is wanted from it.
pub(super) struct KeyReader<'a>(pub(super) &'a str);

macro_rules! parsed {
    ($($method:ident => $visit:ident: $type:ty),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
            match self.0.parse::<$type>() {
                Ok(key) => visitor.$visit(key),
                Err(_) => visitor.visit_str(self.0),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for KeyReader<'_> {
    type Error = ConvertError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ConvertError> {
        visitor.visit_str(self.0)
    }

    parsed! {
        deserialize_bool => visit_bool: bool,
        deserialize_i8 => visit_i64: i64, deserialize_i16 => visit_i64: i64, deserialize_i32 => visit_i64: i64,
        deserialize_i64 => visit_i64: i64, deserialize_i128 => visit_i128: i128,
        deserialize_u8 => visit_u64: u64, deserialize_u16 => visit_u64: u64, deserialize_u32 => visit_u64: u64,
        deserialize_u64 => visit_u64: u64, deserialize_u128 => visit_u128: u128
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ConvertError> {
        let name: de::value::StrDeserializer<'_, ConvertError> = self.0.into_deserializer();
        visitor.visit_enum(name)
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}
