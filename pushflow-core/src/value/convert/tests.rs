use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;
use crate::value::{Array, Buffer, Dtype, Opaque, Value};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(i32, i32),
    Named { name: String, parts: Vec<Shape> },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Colour {
    Red,
    Green,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Id(u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    small: (i8, u16, char, bool),
    large: (u64, i128, u128),
    floats: (f32, f64),
    option: Option<Option<String>>,
    ids: Vec<Id>,
    unit: ((), Unit),
    by_number: BTreeMap<i64, Shape>,
    by_colour: BTreeMap<Colour, String>,
    value: Value,
    values: Vec<Value>,
}

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(content: &T) {
    let value = to_value(content).unwrap();
    assert_eq!(&from_value::<T>(value).unwrap(), content);
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Point),
        (-1e300..1e300).prop_map(Shape::Circle),
        any::<(i32, i32)>().prop_map(|(a, b)| Shape::Line(a, b)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        (any::<String>(), prop::collection::vec(inner, 0..4)).prop_map(|(name, parts)| Shape::Named { name, parts })
    })
}

/// Any value at all, but NaN, which does not equal itself.
fn value() -> impl Strategy<Value = Value> {
    let array = |bytes: Vec<u8>| Array::new(Dtype::U8, [bytes.len()], bytes.into()).unwrap();
    let opaque = |bytes: Vec<u8>| Opaque { kind: "k".into(), type_name: "t".into(), data: bytes.into(), shown: None };
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(Value::Missing),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        "-?[1-9][0-9]{19,60}".prop_map(|digits| Value::integer(&digits).unwrap()),
        any::<f64>().prop_filter("equals itself", |number| !number.is_nan()).prop_map(Value::Float),
        any::<String>().prop_map(Value::from),
        any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        any::<Vec<u8>>().prop_map(move |bytes| array(bytes).into()),
        any::<Vec<u8>>().prop_map(move |bytes| Value::Opaque(opaque(bytes).into())),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|entries| Value::map(entries.iter().map(|(key, value)| (key.as_str(), value.clone())))),
        ]
    })
}

proptest! {
    #[test]
    fn derived_types_come_back(
        small in any::<(i8, u16, char, bool)>(),
        large in any::<(u64, i128, u128)>(),
        floats in (-1e30_f32..1e30, -1e300..1e300),
        text in any::<Option<String>>(),
        ids in prop::collection::vec(any::<u64>().prop_map(Id), 0..4),
        by_number in prop::collection::btree_map(any::<i64>(), shape(), 0..4),
        values in prop::collection::vec(value(), 1..4),
    ) {
        comes_back(&Everything {
            small, large, floats, ids, by_number,
            option: text.map(Some),
            unit: ((), Unit),
            by_colour: [(Colour::Red, "r".to_owned()), (Colour::Green, "g".to_owned())].into(),
            value: values[0].clone(),
            values,
        });
    }

    #[test]
    fn values_pass_through(value in value()) {
        prop_assert_eq!(&to_value(&value).unwrap(), &value);
        prop_assert_eq!(&from_value::<Value>(value.clone()).unwrap(), &value);
        let nested = BTreeMap::from([("x", (Some(value.clone()), 1))]);
        let back: BTreeMap<String, (Value, u8)> = from_value(to_value(&nested).unwrap()).unwrap();
        prop_assert_eq!(&back["x"].0, &value);
    }
}

#[test]
fn enums_are_tagged_from_outside() {
    let cases = [
        (Shape::Point, Value::from("Point")),
        (Shape::Circle(1.0), Value::map([("Circle", 1.0)])),
        (Shape::Line(1, 2), Value::map([("Line", Value::list([1, 2]))])),
        (
            Shape::Named { name: "n".into(), parts: vec![] },
            Value::map([("Named", Value::map([("name", Value::from("n")), ("parts", Value::from(vec![]))]))]),
        ),
    ];
    for (shape, value) in cases {
        assert_eq!(to_value(&shape).unwrap(), value);
        assert_eq!(from_value::<Shape>(value).unwrap(), shape);
    }
}

#[test]
fn buffers_and_arrays_are_shared() {
    let buffer = Buffer::from(vec![1, 2, 3, 4]);
    let array = Array::new(Dtype::U16, [2], buffer.clone()).unwrap();
    let value = to_value(&(&buffer, &array)).unwrap();
    let (a, b): (Buffer, Array) = from_value(value).unwrap();
    assert!(a.ptr_eq(&buffer) && b.data().ptr_eq(&buffer));
    assert_eq!(b, array);
}

#[test]
fn bytes_are_read_in_any_way() {
    let value = Value::Bytes(vec![1, 2].into());
    assert_eq!(from_value::<Vec<u8>>(value.clone()).unwrap(), [1, 2]);
    assert_eq!(from_value::<Buffer>(Value::list([1, 2])).unwrap(), Buffer::from(vec![1, 2]));
    assert_eq!(from_value::<[u8; 2]>(value.clone()).unwrap(), [1, 2]);
    assert!(from_value::<[u8; 1]>(value).is_err());
}

#[test]
fn numbers_convert_where_nothing_is_lost() {
    assert_eq!(from_value::<f64>(Value::Int(2)), Ok(2.0));
    assert_eq!(from_value::<f32>(Value::Int(2)), Ok(2.0));
    assert_eq!(from_value::<f64>(Value::integer("100000000000000000000").unwrap()), Ok(1e20));
    assert_eq!(from_value::<f32>(to_value(&0.1_f32).unwrap()), Ok(0.1));
    assert_eq!(to_value(&u64::MAX).unwrap(), Value::integer("18446744073709551615").unwrap());
    for (value, expected, found) in [
        (Value::Float(1.0), "i64", "number 1.0"),
        (Value::Bool(true), "i64", "boolean true"),
        (Value::from("1"), "i64", "text \"1\""),
        (Value::Null, "i64", "null"),
        (Value::Missing, "i64", "missing"),
        (Value::list([1]), "i64", "list"),
        (Value::integer("18446744073709551615").unwrap(), "i64", "integer 18446744073709551615"),
        (Value::integer(&"9".repeat(50)).unwrap(), "i64", "integer of 50 digits"),
    ] {
        let error = from_value::<i64>(value).unwrap_err();
        assert_eq!(error.fault(), &Fault::Mismatch { expected: expected.into(), found: found.into() });
    }
}

#[test]
fn errors_name_the_place() {
    let value = Value::list([Value::map([("Named", Value::map([("name", 1), ("parts", 2)]))])]);
    let error = from_value::<Vec<Shape>>(value).unwrap_err();
    assert_eq!(error.to_string(), "expected a string, found integer 1 at `[0].Named.name`");
    let error = from_value::<(i64, i64)>(Value::list([1, 2, 3])).unwrap_err();
    assert_eq!(error.to_string(), "expected fewer items, found 3");
    let error = from_value::<(i64, i64)>(Value::list([1])).unwrap_err();
    assert_eq!(error.to_string(), "expected a tuple of size 2, found 1 items");
    let error = from_value::<BTreeMap<String, u8>>(Value::map([("a b", 300)])).unwrap_err();
    assert_eq!(error.to_string(), r#"expected u8, found integer 300 at `["a b"]`"#);
    let error = from_value::<Everything>(Value::map::<&str, Value>([])).unwrap_err();
    assert_eq!(error.to_string(), "missing field `small`");
    let error = to_value(&[BTreeMap::from([((1, 2), 3)])]).unwrap_err();
    assert_eq!((error.place(), error.fault()), ("[0]", &Fault::Key { found: "a tuple" }));
    let text = from_value::<i64>(Value::from("x".repeat(1000))).unwrap_err().to_string();
    assert!(text.len() < 200 && text.ends_with("of 1000 bytes"), "{text}");
}

#[test]
fn too_deep_is_an_error() {
    #[derive(Serialize, Deserialize, Debug)]
    struct Nested(Vec<Nested>);
    let deep = (0..200).fold(Value::from(vec![]), |inner, _| Value::list([inner]));
    let error = from_value::<Nested>(deep).unwrap_err();
    assert_eq!(error.fault(), &Fault::TooDeep { limit: 128 });
    let deep = (0..200).fold(Nested(vec![]), |inner, _| Nested(vec![inner]));
    assert_eq!(to_value(&deep).unwrap_err().fault(), &Fault::TooDeep { limit: 128 });
}

#[test]
fn a_type_of_the_private_name_is_an_ordinary_newtype() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    #[serde(rename = "$pushflow::Value")]
    struct Impostor(Vec<i64>);
    comes_back(&Impostor(vec![1, 2]));
    comes_back(&(Impostor(vec![]), Value::Int(1)));
}

#[cfg(feature = "workflow")]
#[test]
fn other_formats_see_through_it() {
    let array = Array::new(Dtype::U8, [2], vec![1, 2].into()).unwrap();
    let text = serde_json::to_string(&(Buffer::from(vec![7]), &array)).unwrap();
    assert_eq!(text, r#"[[7],{"dtype":"uint8","shape":[2],"data":[1,2]}]"#);
    let back: (Buffer, Array) = serde_json::from_str(&text).unwrap();
    assert_eq!(back, (vec![7].into(), array));
}
