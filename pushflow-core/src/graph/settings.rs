//! [`Settings`]: what a node says to this engine alone, under its key `pushflow`.

use std::time::Duration;

use smol_str::SmolStr;

use super::error::{GraphError, GraphErrorKind};
use super::source::Item;
use crate::value::{Map, Value};

/// What a node says to this engine alone, under its key `pushflow`.
///
/// Other tools keep what they need elsewhere in a node, so a key that is not known here is a mistake.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Name of the pool that runs the node; by default that of the run.
    pub pool: Option<SmolStr>,
    /// How often an execution that failed is tried again; 0 by default.
    pub retries: u32,
    /// After which failures: names of kinds (`lost`) and of types (`TimeoutError`). By default after those of the task.
    pub retry_on: Option<Box<[SmolStr]>>,
    /// Bound of each try, from its start; without bound by default.
    pub timeout: Option<Duration>,
    /// Amounts of what an execution occupies, by name.
    pub resources: Map,
    /// Executions of nodes with a higher number go first; 0 by default.
    pub priority: i64,
}

const KNOWN: &str = "pool, retries, retry_on, timeout, resources, priority";

impl Settings {
    /// Reads the content of the key `pushflow`; `None` for null.
    pub(super) fn read(item: &Item<'_>) -> Result<Option<Settings>, GraphError> {
        if item.is_null() {
            return Ok(None);
        }
        let mut settings = Settings::default();
        for (key, item) in item.entries("'pushflow' of a node")? {
            settings.set(&key, &item)?;
        }
        Ok(Some(settings))
    }

    /// Sets one of them; null is its default.
    fn set(&mut self, key: &str, item: &Item<'_>) -> Result<(), GraphError> {
        let default = Settings::default();
        let is_null = item.is_null();
        match key {
            "pool" => self.pool = if is_null { None } else { Some(item.text("'pool' of a node")?) },
            "retries" if is_null => self.retries = default.retries,
            "retries" => self.retries = needed(item, key, "an integer of 0 or more", count)?,
            "retry_on" => self.retry_on = if is_null { None } else { Some(names(item)?) },
            "timeout" if is_null => self.timeout = None,
            "timeout" => self.timeout = Some(needed(item, key, "a number of seconds above 0", seconds)?),
            "resources" if is_null => self.resources = default.resources,
            "resources" => self.resources = needed(item, key, "an object of amounts of 0 or more", amounts)?,
            "priority" if is_null => self.priority = default.priority,
            "priority" => self.priority = needed(item, key, "an integer", Value::as_int)?,
            _ => {
                let message = format!("unknown key '{key}' under 'pushflow' of a node, expected one of: {KNOWN}");
                return Err(GraphError::value(GraphErrorKind::UnknownName, message).at(item.place()));
            }
        }
        Ok(())
    }

    /// Returns the keys that say something, in the order of the documentation.
    pub fn entries(&self) -> Vec<(&'static str, Value)> {
        let retry_on = self.retry_on.as_ref().map(|names| Value::list(names.iter().map(|name| name.as_str())));
        let seconds = self.timeout.map(|timeout| Value::Float(timeout.as_secs_f64()));
        let entries = [
            ("pool", self.pool.as_deref().map(Value::from)),
            ("retries", (self.retries > 0).then(|| Value::Int(self.retries.into()))),
            ("retry_on", retry_on),
            ("timeout", seconds),
            ("resources", (!self.resources.is_empty()).then(|| Value::Map(self.resources.clone().into()))),
            ("priority", (self.priority != 0).then_some(Value::Int(self.priority))),
        ];
        entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }

    /// Returns the keys that say something to which nothing in this engine listens.
    pub(super) fn without_effect(&self) -> Vec<&'static str> {
        let has_effect = |key: &str| matches!(key, "retries" | "retry_on" | "timeout");
        self.entries().into_iter().map(|(key, _)| key).filter(|key| !has_effect(key)).collect()
    }
}

fn needed<T>(
    item: &Item<'_>,
    key: &str,
    expected: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<T, GraphError> {
    let value = item.value()?;
    read(&value).ok_or_else(|| {
        let message = format!("'{key}' of a node: expected {expected}, found {}", value.python_repr());
        GraphError::value(GraphErrorKind::Value, message).at(item.place())
    })
}

fn count(value: &Value) -> Option<u32> {
    value.as_int().and_then(|count| u32::try_from(count).ok())
}

fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_float()?).ok().filter(|duration| !duration.is_zero())
}

fn amounts(value: &Value) -> Option<Map> {
    let map = value.as_map()?;
    map.values().all(|amount| amount.as_float().is_some_and(|amount| amount >= 0.0)).then(|| map.clone())
}

fn names(item: &Item<'_>) -> Result<Box<[SmolStr]>, GraphError> {
    let mut names = Vec::new();
    item.each("'retry_on' of a node", |item| {
        names.push(item.text("an entry of 'retry_on'")?);
        Ok(())
    })?;
    Ok(names.into())
}
