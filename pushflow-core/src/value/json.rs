//! Values and serde: plain in both directions.
//!
//! What JSON cannot hold is written as an object with one marked key: `{"__missing__": true}`,
//! `{"__bytes__": "<hex>"}`, `{"__array__": {..}}`, `{"__repr__": "<type>"}`, and `{"__float__": "nan"}`, `"inf"` or
//! `"-inf"`, which Python's `float()` reads. Such objects are *not* read back as anything but maps: data files have no magic.
//!
//! Python's `json` writes the bare words `NaN` and `Infinity`. One of them in an answer would keep every strict reader from
//! all of it; null, as others write, would make another value of it, and say nothing.
//!
//! Integers beyond 64 bits are written with all digits, but serde_json hands them over as floats when it reads;
//! `graph::parse_value` does not.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Map, Value, convert};

/// Integer text that goes out as a bare number: what serde_json calls a raw value.
///
/// Any other serializer sees a newtype over the text.
#[derive(Clone, Copy, Debug)]
struct JsonText<'a>(&'a str);

impl Serialize for JsonText<'_> {
    #[cfg(feature = "workflow")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue = serde_json::from_str(self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }

    #[cfg(not(feature = "workflow"))]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        convert::offered(serializer, &Plain(self))
    }
}

/// A value that is written out, unless it can be handed over as it is.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if convert::offer(|| self.0.clone()) {
            return serializer.serialize_unit();
        }
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::BigInt(big) => JsonText(big.digits()).serialize(serializer),
            Value::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Value::Float(number) => marked(serializer, "__float__", float_text(*number)),
            Value::Str(text) => serializer.serialize_str(text),
            Value::List(items) => serializer.collect_seq(items.iter()),
            Value::Map(map) => serializer.collect_map(map.iter()),
            Value::Missing => marked(serializer, "__missing__", &true),
            Value::Bytes(bytes) => marked(serializer, "__bytes__", &hex(bytes.as_bytes())),
            Value::Opaque(opaque) => match &opaque.shown {
                Some(shown) => shown.serialize(serializer),
                None => marked(serializer, "__repr__", opaque.type_name.as_str()),
            },
            Value::Array(array) => {
                let parts = Value::map([
                    ("dtype", Value::from(array.dtype().name())),
                    ("shape", Value::list(array.shape().iter().copied())),
                    ("data", Value::from(hex(array.data().as_bytes()))),
                ]);
                marked(serializer, "__array__", &parts)
            }
        }
    }
}

fn marked<S: Serializer, T: Serialize + ?Sized>(serializer: S, mark: &str, content: &T) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(mark, content)?;
    map.end()
}

/// Names a number that is none of JSON's.
fn float_text(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        _ => "nan",
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        convert::accepting(deserializer, AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        convert::accept().map_or_else(|| deserializer.deserialize_any(self), Ok)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i128<E: serde::de::Error>(self, number: i128) -> Result<Value, E> {
        Value::integer(&number.to_string()).ok_or_else(|| E::custom("not an integer"))
    }

    fn visit_u128<E: serde::de::Error>(self, number: u128) -> Result<Value, E> {
        Value::integer(&number.to_string()).ok_or_else(|| E::custom("not an integer"))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec().into()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            map.insert(key.into(), value);
        }
        Ok(Value::Map(Arc::new(map)))
    }
}

#[cfg(all(test, feature = "workflow"))]
mod tests {
    use super::*;

    #[test]
    fn what_json_can_hold_comes_back() {
        let text = r#"{"b":true,"i":1,"f":1.0,"s":"x","l":[null,{}],"a":{}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }

    #[test]
    fn big_integers_go_out_as_numbers() {
        let value = Value::list([Value::integer("123456789012345678901234567890").unwrap()]);
        assert_eq!(serde_json::to_string(&value).unwrap(), "[123456789012345678901234567890]");
    }

    #[test]
    fn numbers_that_json_lacks_are_marked() {
        let value = Value::list([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.5]);
        let text = r#"[{"__float__":"nan"},{"__float__":"inf"},{"__float__":"-inf"},0.5]"#;
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }

    #[test]
    fn the_rest_is_marked() {
        let value = Value::list([Value::Missing, Value::Bytes(vec![0, 255].into())]);
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"[{"__missing__":true},{"__bytes__":"00ff"}]"#);
        let back: Value = serde_json::from_str(r#"{"__missing__":true}"#).unwrap();
        assert_eq!(back, Value::map([("__missing__", true)]));
    }
}
