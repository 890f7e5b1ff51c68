//! [`Item`]: something in a document, which is read when it is asked for.

use smol_str::SmolStr;

use super::error::{GraphError, GraphErrorKind};
use super::id::NodeId;
use super::json;
use super::place::Place;
use super::source::{MAX_DEPTH, Source, too_deep};
use super::yaml;
use crate::payload::Key;
use crate::value::Value;

/// An object of a document, entry by entry, in the order of the text. A name may come twice: the last one counts.
pub(super) type Entries<'d> = Vec<(SmolStr, Item<'d>)>;

/// Something in a document: a value that is not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'d> {
    source: &'d Source<'d>,
    raw: Raw<'d>,
}

#[derive(Clone, Copy, Debug)]
enum Raw<'d> {
    /// The text of the value.
    Json(&'d str),
    Yaml(&'d yaml::Tree),
}

impl<'d> Item<'d> {
    /// Checks the whole text of a source and returns what it contains.
    pub(super) fn json(source: &'d Source<'d>) -> Result<Item<'d>, GraphError> {
        Ok(Item { source, raw: Raw::Json(json::check(source)?) })
    }

    pub(super) fn yaml(source: &'d Source<'d>, tree: &'d yaml::Tree) -> Item<'d> {
        Item { source, raw: Raw::Yaml(tree) }
    }

    pub(super) fn place(&self) -> Place {
        match self.raw {
            Raw::Json(text) => self.source.place_of(text),
            Raw::Yaml(tree) => self.source.place(tree.line, tree.column),
        }
    }

    /// Names the type as users know it.
    pub(super) fn type_name(&self) -> &'static str {
        match self.raw {
            Raw::Json(text) => json::type_name(text),
            Raw::Yaml(tree) => tree.type_name(),
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.type_name() == "null"
    }

    /// Whether it is null or an empty text, which for many keys is as if they were not there.
    pub(super) fn is_nothing(&self) -> bool {
        match self.raw {
            Raw::Json(text) => matches!(text, "null" | "\"\""),
            Raw::Yaml(tree) => tree.is_nothing(),
        }
    }

    pub(super) fn is_object(&self) -> bool {
        self.type_name() == "object"
    }

    /// Returns the error of an item that has the wrong type.
    pub(super) fn unexpected(&self, what: &str, expected: &str) -> GraphError {
        let message = format!("{what}: expected {expected}, found {}", self.type_name());
        GraphError::new(GraphErrorKind::Type, "TypeError", message).at(self.place())
    }

    /// Returns the entries of an object.
    pub(super) fn entries(&self, what: &str) -> Result<Entries<'d>, GraphError> {
        if !self.is_object() {
            return Err(self.unexpected(what, "an object"));
        }
        let source = self.source;
        match self.raw {
            Raw::Json(text) => {
                let entries = json::entries(source, text)?;
                Ok(entries.into_iter().map(|(key, raw)| (key, Item { source, raw: Raw::Json(raw) })).collect())
            }
            Raw::Yaml(tree) => {
                Ok(tree.entries().iter().map(|(key, tree)| (key.clone(), Item::yaml(source, tree))).collect())
            }
        }
    }

    /// Hands every item of a list over; null is an empty list.
    pub(super) fn each(
        &self,
        what: &str,
        mut visit: impl FnMut(Item<'d>) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        let source = self.source;
        match (self.type_name(), self.raw) {
            ("null", _) => Ok(()),
            ("list", Raw::Json(text)) => json::each(source, text, |raw| visit(Item { source, raw: Raw::Json(raw) })),
            ("list", Raw::Yaml(tree)) => tree.items().iter().try_for_each(|tree| visit(Item::yaml(source, tree))),
            _ => Err(self.unexpected(what, "a list")),
        }
    }

    /// Returns a text.
    pub(super) fn text(&self, what: &str) -> Result<SmolStr, GraphError> {
        match self.scalar()? {
            Some(Value::Str(text)) => Ok(text),
            _ => Err(self.unexpected(what, "a text")),
        }
    }

    /// Returns a text, or a number as a text.
    pub(super) fn label(&self, what: &str) -> Result<SmolStr, GraphError> {
        match self.scalar()? {
            Some(Value::Str(text)) => Ok(text),
            Some(number @ (Value::Int(_) | Value::BigInt(_) | Value::Float(_))) => Ok(number.python_repr().into()),
            _ => Err(self.unexpected(what, "a text")),
        }
    }

    /// Returns a truth value; null is false, as is 0 among the numbers, and in YAML `yes`, `no`, `on` and `off` are truth values too.
    pub(super) fn truth(&self, what: &str) -> Result<bool, GraphError> {
        match self.scalar()? {
            Some(Value::Str(text)) if matches!(self.raw, Raw::Yaml(_)) => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" => Ok(true),
                "no" | "off" => Ok(false),
                _ => Err(self.unexpected(what, "true or false")),
            },
            Some(Value::Bool(truth)) => Ok(truth),
            Some(Value::Int(number)) => Ok(number != 0),
            Some(Value::Float(number)) => Ok(number != 0.0),
            Some(Value::Null) => Ok(false),
            _ => Err(self.unexpected(what, "true or false")),
        }
    }

    /// Returns a name: a text or an integer.
    pub(super) fn name(&self, what: &str) -> Result<Name, GraphError> {
        match self.scalar()? {
            Some(Value::Str(text)) => Ok(Name::Text(text)),
            Some(Value::Int(number)) => Ok(Name::Int(number)),
            _ => Err(self.unexpected(what, "a text or an integer")),
        }
    }

    /// Returns the id of a node: a text, an integer, or a list of two ids.
    pub(super) fn node_id(&self, what: &str) -> Result<NodeId, GraphError> {
        self.nested_id(what, 0)
    }

    fn nested_id(&self, what: &str, depth: usize) -> Result<NodeId, GraphError> {
        const EXPECTED: &str = "a text, an integer or a list of two ids";
        if depth > MAX_DEPTH {
            return Err(too_deep().at(self.place()));
        }
        match self.scalar()? {
            Some(Value::Str(text)) => return Ok(NodeId::Text(text)),
            Some(Value::Int(number)) => return Ok(NodeId::Int(number)),
            Some(_) => return Err(self.unexpected(what, EXPECTED)),
            None => {}
        }
        let mut parts = Vec::with_capacity(2);
        self.each(what, |part| {
            parts.push(part.nested_id(what, depth + 1)?);
            Ok(())
        })?;
        match <[NodeId; 2]>::try_from(parts) {
            Ok([outer, inner]) => Ok(NodeId::nested(outer, inner)),
            Err(_) => Err(self.unexpected(what, EXPECTED)),
        }
    }

    /// Returns the whole value.
    pub(super) fn value(&self) -> Result<Value, GraphError> {
        match self.raw {
            Raw::Json(text) => json::value(self.source, text, 0),
            Raw::Yaml(tree) => Ok(tree.value()),
        }
    }

    /// Returns the value unless it is a list or an object.
    fn scalar(&self) -> Result<Option<Value>, GraphError> {
        if matches!(self.type_name(), "list" | "object") { Ok(None) } else { self.value().map(Some) }
    }
}

/// Name of an input or output as it is written, which may be a negative number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Text(SmolStr),
    Int(i64),
}

impl Name {
    /// Returns the name in a payload; there is none for a negative number.
    pub(super) fn key(&self) -> Option<Key> {
        match self {
            Name::Text(text) => Some(Key::Name(text.clone())),
            Name::Int(number) => u64::try_from(*number).ok().map(Key::Position),
        }
    }

    pub(super) fn python_repr(&self) -> String {
        match self {
            Name::Text(text) => Value::Str(text.clone()).python_repr(),
            Name::Int(number) => number.to_string(),
        }
    }
}
