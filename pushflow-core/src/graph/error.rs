//! Why a workflow could not be loaded.

use super::place::Place;

/// What kind of mistake keeps a workflow from being loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GraphErrorKind {
    /// A file does not exist.
    FileNotFound,
    /// A file exists and cannot be read.
    Unreadable,
    /// The text is not JSON, or not YAML.
    Syntax,
    /// Something is not of the type that it has to be.
    Type,
    /// A key is missing.
    MissingKey,
    /// An id, a label or an alias leads to nothing.
    UnknownName,
    /// Keys or values that are valid alone do not go together.
    Conflict,
    /// Another value is needed.
    Value,
    /// The version of the schema is not known.
    SchemaVersion,
    /// The text of the schema's version is not a version.
    InvalidVersion,
    /// Nodes of a cycle would wait for each other for ever.
    Cycle,
    /// Sub-workflows or values are nested too deeply, or a file contains itself.
    TooDeep,
    /// There is no start node.
    NoStartNode,
    /// There is no end node.
    NoEndNode,
}

/// Why a workflow could not be loaded: a kind, the type and message that users search for, and a place.
///
/// Semantics: type names and messages are those of the reference implementation of ewoks where it has usable ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.0.message)]
pub struct GraphError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: GraphErrorKind,
    type_name: &'static str,
    message: String,
    place: Option<Place>,
    hint: Option<String>,
}

impl GraphError {
    /// Creates an error; the name of its type is that of the Python exception.
    pub fn new(kind: GraphErrorKind, type_name: &'static str, message: impl Into<String>) -> GraphError {
        GraphError(Box::new(Inner { kind, type_name, message: message.into(), place: None, hint: None }))
    }

    /// Returns the error with a place, unless it has one.
    #[must_use]
    pub fn at(mut self, place: Place) -> GraphError {
        self.0.place.get_or_insert(place);
        self
    }

    /// Returns the kind of mistake.
    pub fn kind(&self) -> GraphErrorKind {
        self.0.kind
    }

    /// Returns the name of the Python exception, `ValueError` for instance.
    pub fn type_name(&self) -> &'static str {
        self.0.type_name
    }

    /// Returns the message, without type and place. That of a `KeyError` has the quotes that Python gives it.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the error with a hint, unless it has one.
    #[must_use]
    pub(super) fn hinting(mut self, hint: impl FnOnce() -> Option<String>) -> GraphError {
        if self.0.hint.is_none() {
            self.0.hint = hint();
        }
        self
    }

    /// Returns what may help to find the mistake, or what may have been meant.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns where the mistake was written, when it has one place.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    pub(super) fn value(kind: GraphErrorKind, message: impl Into<String>) -> GraphError {
        GraphError::new(kind, "ValueError", message)
    }

    /// A missing key, with the quotes of Python's `KeyError`.
    pub(super) fn missing_key(key: &str) -> GraphError {
        GraphError::new(GraphErrorKind::MissingKey, "KeyError", format!("'{key}'"))
    }
}
