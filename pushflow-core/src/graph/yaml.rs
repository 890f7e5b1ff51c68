//! Reading YAML into a tree of which every node knows its place.
//!
//! Tags call nothing. Aliases are expanded up to a budget, so that a small text cannot become a large tree.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use smol_str::SmolStr;

use super::error::{GraphError, GraphErrorKind};
use super::source::{MAX_DEPTH, Source};
use crate::value::{Map, Value};

/// Values that a text may have, those of aliases included: ten million links are about this many.
const MAX_VALUES: usize = 200_000_000;
/// Integers above this one come from the parser as floating point numbers.
const LARGEST_EXACT: f64 = 9.0e18;
/// Values that aliases may add.
const MAX_ALIASED: usize = 1_000_000;

/// A value and where it was written; of an alias, where it was used.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) line: u32,
    pub(super) column: u32,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Scalar(Value),
    /// A number that may be an integer too large for the parser, and where its text begins and ends.
    LargeNumber(f64, usize, usize),
    List(Vec<Tree>),
    Object(Vec<(SmolStr, Tree)>),
}

/// Reads the text of a source.
pub(super) fn read(source: &Source<'_>) -> Result<Tree, GraphError> {
    let tree = serde_saphyr::from_str_with_options(source.text(), options());
    let mut tree: Tree = tree.map_err(|error| refusal(source, &error))?;
    tree.restore_digits(source.text());
    Ok(tree)
}

impl Tree {
    pub(super) fn type_name(&self) -> &'static str {
        match &self.content {
            Content::Scalar(value) => value.type_name(),
            Content::LargeNumber(..) => "number",
            Content::List(_) => "list",
            Content::Object(_) => "object",
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        match &self.content {
            Content::Scalar(Value::Null) => true,
            Content::Scalar(Value::Str(text)) => text.is_empty(),
            _ => false,
        }
    }

    pub(super) fn items(&self) -> &[Tree] {
        if let Content::List(items) = &self.content { items } else { &[] }
    }

    pub(super) fn entries(&self) -> &[(SmolStr, Tree)] {
        if let Content::Object(entries) = &self.content { entries } else { &[] }
    }

    /// Reads large numbers again, from the text: integers among them keep their digits.
    fn restore_digits(&mut self, text: &str) {
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::List(items) => items.iter_mut().for_each(|item| item.restore_digits(text)),
            Content::Object(entries) => entries.iter_mut().for_each(|(_, item)| item.restore_digits(text)),
            Content::LargeNumber(number, start, end) => {
                let digits = text.get(*start..*end).map(|digits| digits.trim_start_matches('+'));
                let value = digits.and_then(Value::integer).unwrap_or(Value::Float(*number));
                self.content = Content::Scalar(value);
            }
        }
    }

    pub(super) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::LargeNumber(number, ..) => Value::Float(*number),
            Content::List(items) => Value::List(items.iter().map(Tree::value).collect()),
            Content::Object(entries) => {
                let entries = entries.iter().map(|(key, tree)| (key.clone(), tree.value()));
                Value::Map(Arc::new(entries.collect::<Map>()))
            }
        }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED },
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        budget: serde_saphyr::budget! {
            max_events: MAX_VALUES * 2,
            max_nodes: MAX_VALUES,
            max_total_scalar_bytes: usize::MAX,
            max_depth: MAX_DEPTH,
            max_documents: 1,
        },
        // With YAML 1.1, a node of the id `n` would be false.
        strict_booleans: true,
        with_snippet: false,
    }
}

fn refusal(source: &Source<'_>, error: &serde_saphyr::Error) -> GraphError {
    let place =
        error.location().map_or_else(|| source.place(1, 1), |at| source.place(small(at.line()), small(at.column())));
    let full = error.to_string();
    let reason = full.lines().next().unwrap_or_default();
    let message = format!("not YAML: {reason}, in line {} column {}", place.line, place.column);
    GraphError::new(GraphErrorKind::Syntax, "EwoksDecodeError", message).at(place)
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        let at = spanned.referenced;
        let span = spanned.defined.span();
        let bytes = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| {
            Some((usize::try_from(start).ok()?, usize::try_from(start.checked_add(length)?).ok()?))
        });
        let content = match (spanned.value, bytes) {
            (Content::Scalar(Value::Float(number)), Some((start, end))) if number.abs() > LARGEST_EXACT => {
                Content::LargeNumber(number, start, end)
            }
            (content, _) => content,
        };
        Ok(Tree { line: small(at.line()), column: small(at.column()), content })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Content, E> {
        Ok(Content::Scalar(truth.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Scalar(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Scalar(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Content, E> {
        Ok(Content::Scalar(Value::integer(&number.to_string()).unwrap_or_default()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Content, E> {
        Ok(Content::Scalar(Value::integer(&number.to_string()).unwrap_or_default()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Content, E> {
        Ok(Content::Scalar(number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Scalar(text.into()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Bytes(bytes.to_vec().into())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut object = Vec::new();
        while let Some(entry) = entries.next_entry::<SmolStr, Tree>()? {
            object.push(entry);
        }
        Ok(Content::Object(object))
    }
}
