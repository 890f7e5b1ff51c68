//! [`Settings`]: what a node says to this engine alone, under its key `pushflow`.

use std::time::Duration;

use smol_str::SmolStr;

use super::checked::{amounts, count, delay, factor, needed, seconds};
use super::error::{GraphError, GraphErrorKind};
use super::item::Item;
use super::kind::KindSettings;
use super::suggest::closest;
use crate::actor::Backoff;
use crate::value::{Map, Value};

/// What a node says to this engine alone, under its key `pushflow`.
///
/// Other tools keep what they need elsewhere in a node, so a key that is not known here is a mistake.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// In what the task runs: in place by default.
    pub kind: Option<KindSettings>,
    /// Name of the pool that runs the node; by default that of the run.
    pub pool: Option<SmolStr>,
    /// The interpreter of a Python task, or of a script in Python: a path or a name; by default that of the run.
    pub python: Option<SmolStr>,
    /// How often an execution that failed is tried again; by default as the run says, which is 0 unless told otherwise.
    pub retries: Option<u32>,
    /// How long to wait before a try; not at all by default.
    pub backoff: Option<Backoff>,
    /// After which failures: names of kinds (`lost`) and of types (`TimeoutError`). By default after those of the task.
    pub retry_on: Option<Box<[SmolStr]>>,
    /// Bound of each try, from its start; without bound by default.
    pub timeout: Option<Duration>,
    /// Amounts of what an execution occupies, by name.
    pub resources: Map,
    /// Executions of nodes with a higher number go first; 0 by default.
    pub priority: i64,
}

const KNOWN: [&str; 8] = ["kind", "pool", "python", "retries", "retry_on", "timeout", "resources", "priority"];
const RETRIES: [&str; 4] = ["count", "delay", "factor", "max_delay"];

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
            "kind" => self.kind = if is_null { None } else { Some(KindSettings::read(item)?) },
            "pool" => self.pool = if is_null { None } else { Some(item.text("'pool' of a node")?) },
            "python" => self.python = if is_null { None } else { Some(item.text("'python' of a node")?) },
            "retries" if is_null => (self.retries, self.backoff) = (None, None),
            "retries" if item.is_object() => self.set_backoff(item)?,
            "retries" => {
                const EXPECTED: &str = "an integer of 0 or more, or an object with 'count' and 'delay'";
                (self.retries, self.backoff) = (Some(needed(item, key, EXPECTED, count)?), None);
            }
            "retry_on" => self.retry_on = if is_null { None } else { Some(names(item)?) },
            "timeout" if is_null => self.timeout = None,
            "timeout" => self.timeout = Some(needed(item, key, "a number of seconds above 0", seconds)?),
            "resources" if is_null => self.resources = default.resources,
            "resources" => self.resources = needed(item, key, "an object of amounts of 0 or more", amounts)?,
            "priority" if is_null => self.priority = default.priority,
            "priority" => self.priority = needed(item, key, "an integer", Value::as_int)?,
            _ => {
                return Err(unknown(key, "under 'pushflow' of a node", &KNOWN).at(item.place()));
            }
        }
        Ok(())
    }

    /// Reads `{"count": 3, "delay": 0.5, "factor": 2, "max_delay": 60}`, of which only the count has to be there.
    fn set_backoff(&mut self, item: &Item<'_>) -> Result<(), GraphError> {
        let mut backoff = Backoff::default();
        let mut retries = None;
        for (key, item) in item.entries("'retries' of a node")? {
            match key.as_str() {
                "count" => retries = Some(needed(&item, &key, "an integer of 0 or more", count)?),
                "delay" => backoff.delay = needed(&item, &key, "a number of seconds of 0 or more", delay)?,
                "factor" => backoff.factor = needed(&item, &key, "a number of 1 or more", factor)?,
                "max_delay" => backoff.most = needed(&item, &key, "a number of seconds of 0 or more", delay)?,
                _ => return Err(unknown(&key, "in 'retries' of a node", &RETRIES).at(item.place())),
            }
        }
        let Some(retries) = retries else { return Err(GraphError::missing_key("count").at(item.place())) };
        (self.retries, self.backoff) = (Some(retries), Some(backoff));
        Ok(())
    }

    /// Returns the keys that say something, in the order of the documentation.
    pub fn entries(&self) -> Vec<(&'static str, Value)> {
        let retry_on = self.retry_on.as_ref().map(|names| Value::list(names.iter().map(|name| name.as_str())));
        let seconds = self.timeout.map(|timeout| Value::Float(timeout.as_secs_f64()));
        let entries = [
            ("kind", self.kind.as_ref().map(KindSettings::value)),
            ("pool", self.pool.as_deref().map(Value::from)),
            ("python", self.python.as_deref().map(Value::from)),
            ("retries", self.retries.map(|count| retries_value(count, self.backoff))),
            ("retry_on", retry_on),
            ("timeout", seconds),
            ("resources", (!self.resources.is_empty()).then(|| Value::Map(self.resources.clone().into()))),
            ("priority", (self.priority != 0).then_some(Value::Int(self.priority))),
        ];
        entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

fn retries_value(count: u32, backoff: Option<Backoff>) -> Value {
    let Some(Backoff { delay, factor, most }) = backoff else { return Value::Int(count.into()) };
    Value::map([
        ("count", Value::Int(count.into())),
        ("delay", Value::Float(delay.as_secs_f64())),
        ("factor", Value::Float(factor)),
        ("max_delay", Value::Float(most.as_secs_f64())),
    ])
}

fn unknown(key: &str, place: &str, known: &[&str]) -> GraphError {
    let meant = closest(key, known.iter().copied());
    let meant = meant.map_or_else(String::new, |meant| format!("; did you mean '{meant}'?"));
    let message = format!("unknown key '{key}' {place}, expected one of: {}{meant}", known.join(", "));
    GraphError::value(GraphErrorKind::UnknownName, message)
}

fn names(item: &Item<'_>) -> Result<Box<[SmolStr]>, GraphError> {
    let mut names = Vec::new();
    item.each("'retry_on' of a node", |item| {
        names.push(item.text("an entry of 'retry_on'")?);
        Ok(())
    })?;
    Ok(names.into())
}
