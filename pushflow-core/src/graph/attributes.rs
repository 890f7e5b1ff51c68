//! Attributes of links, while it still matters which of them are there and in which order they were written.

use std::sync::Arc;

use smol_str::SmolStr;

use super::error::{GraphError, GraphErrorKind};
use super::item::{Item, Name};
use crate::value::{Map, Value};

/// What is written about a link. `None` is an attribute that is absent, which differs from one that is false.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    pub(super) data_mapping: Option<Box<[RawMapping]>>,
    pub(super) conditions: Option<Box<[RawCondition]>>,
    pub(super) map_all_data: Option<bool>,
    pub(super) on_error: Option<bool>,
    /// The inner option is null, which means the same as absent, except in a conflict.
    pub(super) required: Option<Option<bool>>,
    pub(super) cache_if_optional: Option<bool>,
    /// Attributes without meaning; they can still be in conflict.
    other: Option<Box<Map>>,
    order: Order,
}

/// An entry of a mapping, of which anything may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawMapping {
    pub(super) source_output: Option<Name>,
    pub(super) target_input: Option<Name>,
}

/// A condition, of which anything may be missing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RawCondition {
    pub(super) source_output: Option<Name>,
    pub(super) value: Option<Value>,
}

/// Kinds of attributes, in the order in which they were written: a half byte each, from the lowest.
#[derive(Clone, Copy, Debug, Default)]
struct Order(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    DataMapping = 1,
    Conditions,
    MapAllData,
    OnError,
    Required,
    CacheIfOptional,
    /// All attributes without meaning.
    Other,
}

const KINDS: [(Kind, &str); 7] = [
    (Kind::DataMapping, "data_mapping"),
    (Kind::Conditions, "conditions"),
    (Kind::MapAllData, "map_all_data"),
    (Kind::OnError, "on_error"),
    (Kind::Required, "required"),
    (Kind::CacheIfOptional, "cache_if_optional"),
    (Kind::Other, ""),
];

impl Order {
    fn push(&mut self, kind: Kind) {
        if self.kinds().all(|known| known != kind) {
            let count = self.kinds().count();
            self.0 |= (kind as u64) << (4 * count);
        }
    }

    fn kinds(self) -> impl Iterator<Item = Kind> {
        (0..KINDS.len()).map_while(move |index| {
            let code = (self.0 >> (4 * index)) & 0xF;
            KINDS.iter().map(|(kind, _)| *kind).find(|kind| *kind as u64 == code)
        })
    }
}

impl Attributes {
    /// Reads an object of attributes; null is an empty one.
    pub(super) fn read(item: &Item<'_>, what: &str) -> Result<Attributes, GraphError> {
        let mut attributes = Attributes::default();
        if !item.is_null() {
            for (key, item) in item.entries(what)? {
                attributes.set(&key, &item)?;
            }
        }
        Ok(attributes)
    }

    /// Returns those of a link to a default error handler, from what the handler says about them.
    pub(super) fn of_default_handler(mut self) -> Attributes {
        self.on_error = Some(true);
        self.order.push(Kind::OnError);
        if self.map_all_data.is_none() && self.data_mapping.is_none() {
            self.map_all_data = Some(true);
            self.order.push(Kind::MapAllData);
        }
        self
    }

    /// Sets one attribute.
    pub(super) fn set(&mut self, key: &SmolStr, item: &Item<'_>) -> Result<(), GraphError> {
        let kind = KINDS.iter().find(|(_, name)| name == key).map_or(Kind::Other, |(kind, _)| *kind);
        match kind {
            Kind::DataMapping => self.data_mapping = Some(mappings(item)?),
            Kind::Conditions => self.conditions = Some(conditions(item)?),
            Kind::MapAllData => self.map_all_data = Some(item.truth("'map_all_data' of a link")?),
            Kind::OnError => self.on_error = Some(item.truth("'on_error' of a link")?),
            Kind::Required => {
                let required = if item.is_null() { None } else { Some(item.truth("'required' of a link")?) };
                self.required = Some(required);
            }
            Kind::CacheIfOptional => self.cache_if_optional = Some(item.truth("'cache_if_optional' of a link")?),
            Kind::Other => {
                self.other.get_or_insert_default().insert(key.clone(), item.value()?);
            }
        }
        self.order.push(kind);
        Ok(())
    }

    /// Overwrites these attributes, one by one, with those that `over` has.
    pub(super) fn overwrite(&mut self, over: Attributes) {
        for kind in over.order.kinds() {
            self.order.push(kind);
        }
        replace(&mut self.data_mapping, over.data_mapping);
        replace(&mut self.conditions, over.conditions);
        replace(&mut self.map_all_data, over.map_all_data);
        replace(&mut self.on_error, over.on_error);
        replace(&mut self.required, over.required);
        replace(&mut self.cache_if_optional, over.cache_if_optional);
        if let Some(other) = over.other {
            self.other.get_or_insert_default().extend(*other);
        }
    }

    /// Joins these attributes with those of a parallel link.
    ///
    /// Lists are concatenated unless they are equal; other values have to be equal.
    pub(super) fn join(&mut self, later: Attributes) -> Result<(), GraphError> {
        let mut path = Path(Vec::new());
        let order = later.order;
        let (mut data_mapping, mut conditions) = (later.data_mapping, later.conditions);
        let mut other = later.other;
        for kind in order.kinds() {
            self.order.push(kind);
            let name = KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| *name);
            match kind {
                Kind::DataMapping => path.lists(name, &mut self.data_mapping, data_mapping.take()),
                Kind::Conditions => path.lists(name, &mut self.conditions, conditions.take()),
                Kind::MapAllData => path.same(name, &mut self.map_all_data, later.map_all_data)?,
                Kind::OnError => path.same(name, &mut self.on_error, later.on_error)?,
                Kind::Required => path.same(name, &mut self.required, later.required)?,
                Kind::CacheIfOptional => path.same(name, &mut self.cache_if_optional, later.cache_if_optional)?,
                Kind::Other => {
                    if let Some(other) = other.take() {
                        path.maps(self.other.get_or_insert_default(), *other)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn replace<T>(old: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *old = new;
    }
}

/// The keys that both links had so far.
struct Path(Vec<String>);

impl Path {
    fn conflict(&self) -> GraphError {
        GraphError::value(GraphErrorKind::Conflict, format!("Conflict at {}", self.0.join(".")))
    }

    fn same<T: PartialEq>(&mut self, name: &str, old: &mut Option<T>, new: Option<T>) -> Result<(), GraphError> {
        match old {
            None => *old = new,
            Some(known) => {
                self.0.push(name.to_owned());
                if new.as_ref() != Some(known) {
                    return Err(self.conflict());
                }
            }
        }
        Ok(())
    }

    fn lists<T: PartialEq>(&mut self, name: &str, old: &mut Option<Box<[T]>>, new: Option<Box<[T]>>) {
        match (old.take(), new) {
            (Some(known), Some(new)) => {
                self.0.push(name.to_owned());
                let same = known == new;
                let more = if same { Box::default() } else { new };
                *old = Some(known.into_iter().chain(more).collect());
            }
            (known, new) => *old = known.or(new),
        }
    }

    /// Joins two objects; nesting is bounded by that of documents.
    fn maps(&mut self, old: &mut Map, new: Map) -> Result<(), GraphError> {
        for (key, value) in new {
            let Some(known) = old.get_mut(&key) else {
                old.insert(key, value);
                continue;
            };
            self.0.push(key.to_string());
            match (known, value) {
                (Value::Map(known), Value::Map(value)) => {
                    let value = Arc::unwrap_or_clone(value);
                    Path(self.0.clone()).maps(Arc::make_mut(known), value)?;
                }
                (known, value) if known.python_eq(&value) => {}
                (Value::List(known), Value::List(value)) => {
                    *known = known.iter().chain(value.iter()).cloned().collect();
                }
                // Texts are sequences in Python.
                (Value::Str(known), Value::Str(value)) => *known = smol_str::format_smolstr!("{known}{value}"),
                _ => return Err(self.conflict()),
            }
        }
        Ok(())
    }
}

fn mappings(item: &Item<'_>) -> Result<Box<[RawMapping]>, GraphError> {
    let mut mappings = Vec::new();
    item.each("'data_mapping' of a link", |item| {
        let mut mapping = RawMapping { source_output: None, target_input: None };
        for (key, item) in item.entries("an entry of 'data_mapping'")? {
            match key.as_str() {
                "source_output" => mapping.source_output = Some(item.name("'source_output' of a mapping")?),
                "target_input" => mapping.target_input = Some(item.name("'target_input' of a mapping")?),
                _ => {}
            }
        }
        mappings.push(mapping);
        Ok(())
    })?;
    Ok(mappings.into())
}

fn conditions(item: &Item<'_>) -> Result<Box<[RawCondition]>, GraphError> {
    let mut conditions = Vec::new();
    item.each("'conditions' of a link", |item| {
        let mut condition = RawCondition { source_output: None, value: None };
        for (key, item) in item.entries("an entry of 'conditions'")? {
            match key.as_str() {
                "source_output" => condition.source_output = Some(item.name("'source_output' of a condition")?),
                "value" => condition.value = Some(item.value()?),
                _ => {}
            }
        }
        conditions.push(condition);
        Ok(())
    })?;
    Ok(conditions.into())
}
