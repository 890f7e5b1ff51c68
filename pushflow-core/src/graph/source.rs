//! The text of a document and the things in it, each of which knows its place.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;

use smol_str::SmolStr;

use super::error::{GraphError, GraphErrorKind};
use super::json;
use super::model::{NodeId, Place};
use super::yaml;
use crate::payload::Key;
use crate::value::Value;

/// How deeply values and ids may be nested, as in `serde_json`.
pub(super) const MAX_DEPTH: usize = 128;

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML, of which JSON is nearly a part.
    Yaml,
}

/// A text and its name.
#[derive(Debug)]
pub(super) struct Source<'t> {
    file: Option<Arc<PathBuf>>,
    text: &'t str,
    /// The last place that was asked for: places are mostly asked for in order, so counting goes on from there.
    cursor: Cell<Cursor>,
    /// Places at equal distances up to the furthest one so far, for when counting has to go back.
    marks: RefCell<Vec<Cursor>>,
}

/// Distance between two marks.
const MARK_BYTES: usize = 1 << 14;

#[derive(Clone, Copy, Debug)]
struct Cursor {
    offset: usize,
    line: u32,
    column: u32,
}

const START: Cursor = Cursor { offset: 0, line: 1, column: 1 };

impl Cursor {
    /// Counts the bytes that follow.
    fn advance(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.column = 1;
            } else if byte & 0xC0 != 0x80 {
                self.column = self.column.saturating_add(1);
            }
        }
        self.offset += bytes.len();
    }
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str, file: Option<Arc<PathBuf>>) -> Source<'t> {
        Source {
            file,
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            cursor: Cell::new(START),
            marks: RefCell::default(),
        }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    pub(super) fn place(&self, line: u32, column: u32) -> Place {
        Place { file: self.file.clone(), line, column }
    }

    /// Returns the place of a byte of the text.
    pub(super) fn place_at(&self, offset: usize) -> Place {
        let mut cursor = self.cursor.get();
        let mut marks = self.marks.borrow_mut();
        if offset < cursor.offset {
            let before = marks.partition_point(|mark| mark.offset <= offset);
            cursor = before.checked_sub(1).map_or(START, |last| marks[last]);
        }
        let end = offset.min(self.text.len());
        while cursor.offset < end {
            let stop = end.min((cursor.offset / MARK_BYTES + 1) * MARK_BYTES);
            cursor.advance(&self.text.as_bytes()[cursor.offset..stop]);
            if stop.is_multiple_of(MARK_BYTES) && marks.last().is_none_or(|mark| mark.offset < stop) {
                marks.push(cursor);
            }
        }
        self.cursor.set(cursor);
        self.place(cursor.line, cursor.column)
    }

    /// Returns the place of a part of the text, which has to be a slice of it.
    pub(super) fn place_of(&self, part: &str) -> Place {
        self.place_at((part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize))
    }
}

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

    /// Returns a truth value; null is false, and in YAML `yes`, `no`, `on` and `off` are truth values too.
    pub(super) fn truth(&self, what: &str) -> Result<bool, GraphError> {
        match self.scalar()? {
            Some(Value::Str(text)) if matches!(self.raw, Raw::Yaml(_)) => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" => Ok(true),
                "no" | "off" => Ok(false),
                _ => Err(self.unexpected(what, "true or false")),
            },
            Some(Value::Bool(truth)) => Ok(truth),
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

pub(super) fn too_deep() -> GraphError {
    let message = format!("values are nested more than {MAX_DEPTH} levels deep");
    GraphError::new(GraphErrorKind::TooDeep, "RecursionError", message)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_any_order() {
        let text: String = (0..9000).map(|line| format!("{line} ä\n")).collect();
        let source = Source::new(&text, None);
        let known = |offset: usize| {
            let before = &text[..offset];
            let line = before.matches('\n').count() + 1;
            (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
        };
        for offset in [0, 40_000, 17, 16_384, 50_000, 16_383, text.len(), 33_000, 2] {
            let offset = (offset..).find(|offset| text.is_char_boundary(*offset)).unwrap();
            let place = source.place_at(offset);
            assert_eq!((place.line as usize, place.column as usize), known(offset), "{offset}");
        }
    }
}
