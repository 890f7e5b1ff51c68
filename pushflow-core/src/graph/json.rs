//! Reading JSON lazily: every value is a slice of the text, so that its place is known.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::error::{GraphError, GraphErrorKind};
use super::source::{MAX_DEPTH, Source, too_deep};
use crate::value::{Map, Value};

/// Checks that a whole text is JSON and returns the value without the space around it.
pub(super) fn check<'d>(source: &Source<'d>) -> Result<&'d str, GraphError> {
    let text = source.text();
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax(source, text, &error))?;
    Ok(raw.get())
}

/// Names the type of a checked value, which its first byte tells.
pub(super) fn type_name(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "list",
        Some(b'"') => "text",
        Some(b't' | b'f') => "boolean",
        Some(b'n') | None => "null",
        Some(_) if text.contains(['.', 'e', 'E']) => "number",
        Some(_) => "integer",
    }
}

/// Returns the entries of an object.
pub(super) fn entries<'d>(source: &Source<'d>, text: &'d str) -> Result<Vec<(SmolStr, &'d str)>, GraphError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(EntriesVisitor).map_err(|error| syntax(source, text, &error))
}

/// Hands the items of a list over, one after the other.
pub(super) fn each<'d>(
    source: &Source<'d>,
    text: &'d str,
    visit: impl FnMut(&'d str) -> Result<(), GraphError>,
) -> Result<(), GraphError> {
    let mut failure = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let visitor = ItemsVisitor { visit, failure: &mut failure, text: PhantomData };
    let result = deserializer.deserialize_seq(visitor);
    match (failure, result) {
        (Some(failure), _) => Err(failure),
        (None, Err(error)) => Err(syntax(source, text, &error)),
        (None, Ok(())) => Ok(()),
    }
}

/// Returns the value of a checked text.
pub(super) fn value<'d>(source: &Source<'d>, text: &'d str, depth: usize) -> Result<Value, GraphError> {
    if depth > MAX_DEPTH {
        return Err(too_deep().at(source.place_of(text)));
    }
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let mut map = Map::new();
            for (key, text) in entries(source, text)? {
                map.insert(key, value(source, text, depth + 1)?);
            }
            Value::Map(Arc::new(map))
        }
        Some(b'[') => {
            let mut list = Vec::new();
            each(source, text, |text| {
                list.push(value(source, text, depth + 1)?);
                Ok(())
            })?;
            Value::List(list.into())
        }
        Some(b'"') => Value::Str(serde_json::from_str(text).map_err(|error| syntax(source, text, &error))?),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') | None => Value::Null,
        Some(_) => number(source.original_of(text)),
    })
}

/// Reads a number as Python does: integers of any size, floats beyond the largest are infinite, and `NaN` and `Infinity`
/// are numbers, too.
fn number(text: &str) -> Value {
    Value::integer(text).or_else(|| text.parse().ok().map(Value::Float)).unwrap_or(Value::Null)
}

/// What Python's `json` writes for numbers that JSON cannot express, and numbers of the same length.
const BEYOND_JSON: [(&str, &str); 2] = [("NaN", "0.0"), ("Infinity", "0.000000")];

/// Puts numbers in the place of `NaN` and `Infinity`, which Python's `json` writes and reads; `None` when there are none.
///
/// Semantics: those words alone are values, and `-` may come before the second.
pub(super) fn mask(text: &str) -> Option<String> {
    if !BEYOND_JSON.iter().any(|(word, _)| text.contains(word)) {
        return None;
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let (taken, put) = match BEYOND_JSON.iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, number)) => {
                let is_part = |char: char| char.is_alphanumeric() || char == '.' || (char == '-' && *word == "NaN");
                if masked.ends_with(is_part) || rest[word.len()..].starts_with(char::is_alphanumeric) {
                    return None;
                }
                (word.len(), *number)
            }
            None if char == '"' => {
                let string = string_length(rest);
                (string, &rest[..string])
            }
            None => (char.len_utf8(), &rest[..char.len_utf8()]),
        };
        masked.push_str(put);
        rest = &rest[taken..];
    }
    Some(masked)
}

/// The length of the string that a text begins with, to the end of the text when it has no end.
fn string_length(text: &str) -> usize {
    let mut escaped = true;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1)
}

/// Returns the error about a part of the source that is not JSON.
fn syntax(source: &Source<'_>, part: &str, error: &serde_json::Error) -> GraphError {
    let start = (part.as_ptr() as usize).saturating_sub(source.text().as_ptr() as usize);
    let line_start: usize = part.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    // serde_json names the last byte that it has read, which is the one it did not expect.
    let offset = (line_start + error.column().saturating_sub(1)).min(part.len());
    let place = source.place_at(start + offset);
    let full = error.to_string();
    let reason = full.split_once(" at line ").map_or(full.as_str(), |(reason, _)| reason);
    let found = match part.get(offset..).and_then(|rest| rest.chars().next()) {
        _ if error.is_eof() => "the end of the text".to_owned(),
        Some(char) => format!("{char:?}"),
        None => "the end of the text".to_owned(),
    };
    let message = format!("not JSON: {reason}, found {found} in line {} column {}", place.line, place.column);
    GraphError::new(GraphErrorKind::Syntax, "EwoksDecodeError", message).at(place)
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Vec<(SmolStr, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(4);
        while let Some((key, value)) = map.next_entry::<SmolStr, &RawValue>()? {
            entries.push((key, value.get()));
        }
        Ok(entries)
    }
}

struct ItemsVisitor<'f, 'd, F> {
    visit: F,
    failure: &'f mut Option<GraphError>,
    text: PhantomData<&'d str>,
}

impl<'d, F: FnMut(&'d str) -> Result<(), GraphError>> Visitor<'d> for ItemsVisitor<'_, 'd, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'d>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element_seed(RawSeed)? {
            if let Err(error) = (self.visit)(item) {
                *self.failure = Some(error);
                return Err(serde::de::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

struct RawSeed;

impl<'de> DeserializeSeed<'de> for RawSeed {
    type Value = &'de str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'de str, D::Error> {
        <&RawValue as serde::Deserialize>::deserialize(deserializer).map(RawValue::get)
    }
}
