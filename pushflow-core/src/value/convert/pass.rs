//! Handing values over as they are, through the interfaces of serde, which know no such values.
//!
//! A [`Value`] that is serialized shows itself as a newtype of a private [`NAME`], which other formats see through. Our
//! writer knows the name: it asks, by a mark of this thread, the content of the newtype to [`offer`] itself in place of
//! being taken apart. Our reader does the same the other way round: a visitor that comes with the name finds the value
//! ready to be [accepted](accept). Between the mark and the look at it no foreign code runs, so nobody else sees it.

use std::cell::Cell;

use serde::de::{Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::value::Value;

/// Name of the newtype around what is handed over.
pub(super) const NAME: &str = "$pushflow::Value";

#[derive(Default)]
enum Desk {
    #[default]
    Empty,
    /// The writer asks for a value.
    Asked,
    /// A value for the writer, or for the visitor.
    Handed(Value),
}

thread_local! {
    static DESK: Cell<Desk> = const { Cell::new(Desk::Empty) };
}

/// Exchanges what is on the desk; a thread that is ending has none.
fn exchange(with: Desk) -> Desk {
    DESK.try_with(|desk| desk.replace(with)).unwrap_or_default()
}

/// Serializes something as a newtype whose content [offers](offer) itself.
pub(in crate::value) fn offered<S: Serializer, T: Serialize>(serializer: S, content: &T) -> Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(NAME, content)
}

/// Hands a value to our writer if that is who asks; `false` when the content has to be written out.
pub(in crate::value) fn offer(value: impl FnOnce() -> Value) -> bool {
    let is_asked = matches!(exchange(Desk::Empty), Desk::Asked);
    if is_asked {
        exchange(Desk::Handed(value()));
    }
    is_asked
}

/// Asks for what the content of a newtype offers: that, or what the writer wrote of it.
pub(super) fn ask<E>(write: impl FnOnce() -> Result<Value, E>) -> Result<Value, E> {
    exchange(Desk::Asked);
    let written = write();
    match exchange(Desk::Empty) {
        Desk::Handed(value) => Ok(value),
        Desk::Empty | Desk::Asked => written,
    }
}

/// Has a visitor visited with a value ready for it.
pub(super) fn lend<'de, D: Deserializer<'de>, V: Visitor<'de>>(
    value: &Value,
    rest: D,
    visitor: V,
) -> Result<V::Value, D::Error> {
    exchange(Desk::Handed(value.clone()));
    let visited = visitor.visit_newtype_struct(rest);
    exchange(Desk::Empty);
    visited
}

/// Deserializes something whose visitor, visited as a newtype, [accepts](accept) a value.
pub(in crate::value) fn accepting<'de, D: Deserializer<'de>, V: Visitor<'de>>(
    deserializer: D,
    visitor: V,
) -> Result<V::Value, D::Error> {
    deserializer.deserialize_newtype_struct(NAME, visitor)
}

/// Takes the value that our reader has ready; `None` for other formats.
pub(in crate::value) fn accept() -> Option<Value> {
    match exchange(Desk::Empty) {
        Desk::Handed(value) => Some(value),
        Desk::Empty | Desk::Asked => None,
    }
}
