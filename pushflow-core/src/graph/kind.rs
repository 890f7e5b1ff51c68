//! [`KindSettings`]: in what a node runs its task, under the key `kind` of `pushflow`.

use std::time::Duration;

use smol_str::SmolStr;

use super::checked::{count, needed, seconds};
use super::error::{GraphError, GraphErrorKind};
use super::item::Item;
use crate::value::Value;

/// In what a node runs its task: in place, in a nested pool, in a nested process.
///
/// Written as the name of the kind, or as an object with its `name` and options. An option that the kind does not have is a
/// mistake, as is one that is not known at all.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct KindSettings {
    /// `simple`, `cfpool`, `mppool`, `mpprocess`, `bpool` or `bprocess`.
    pub name: SmolStr,
    /// How its processes are started: `forkserver`, `spawn` or `fork`; by a fork server by default.
    pub start_method: Option<SmolStr>,
    /// Number of workers of a pool; 1 by default.
    pub workers: Option<u32>,
    /// Whether a process is daemonic; it is not by default.
    pub daemonic: bool,
    /// After how long the task is interrupted; never by default.
    pub soft_time_limit: Option<Duration>,
    /// After how long the worker is killed; never by default.
    pub hard_time_limit: Option<Duration>,
    /// How long a task that was interrupted may take before the next, harder signal.
    pub grace: Option<Duration>,
    /// After how many executions a worker of a pool is replaced; never by default.
    pub max_tasks_per_child: Option<u32>,
    /// With how many bytes resident after an execution a worker of a pool is replaced; never by default.
    pub max_memory_per_child: Option<u64>,
}

const KINDS: [(&str, &[&str]); 6] = [
    ("simple", &["name"]),
    ("cfpool", POOL),
    ("mppool", POOL),
    ("mpprocess", PROCESS),
    ("bpool", POOL),
    ("bprocess", PROCESS),
];

const POOL: &[&str] = &[
    "name",
    "start_method",
    "workers",
    "soft_time_limit",
    "hard_time_limit",
    "grace",
    "max_tasks_per_child",
    "max_memory_per_child",
];
const PROCESS: &[&str] = &["name", "start_method", "daemonic", "soft_time_limit", "hard_time_limit", "grace"];

const START_METHODS: [&str; 3] = ["forkserver", "spawn", "fork"];

impl KindSettings {
    /// Reads the name of a kind, or an object with its options.
    pub(super) fn read(item: &Item<'_>) -> Result<KindSettings, GraphError> {
        let mut settings = KindSettings::default();
        if !item.is_object() {
            settings.name = item.text("'kind' of a node")?;
            options_of(&settings.name, item)?;
            return Ok(settings);
        }
        let entries = item.entries("'kind' of a node")?;
        let named = entries.iter().rev().find(|(key, item)| key == "name" && !item.is_null());
        let Some((_, name)) = named else {
            let message = format!("'kind' of a node needs a 'name', one of: {}", names());
            return Err(GraphError::value(GraphErrorKind::MissingKey, message).at(item.place()));
        };
        settings.name = name.text("'name' of 'kind' of a node")?;
        let known = options_of(&settings.name, name)?;
        for (key, item) in &entries {
            if !known.contains(&key.as_str()) {
                let (name, known) = (&settings.name, known.join(", "));
                let message = format!("unknown key '{key}' of the kind '{name}' of a node, expected one of: {known}");
                return Err(GraphError::value(GraphErrorKind::UnknownName, message).at(item.place()));
            }
            settings.set(key, item)?;
        }
        Ok(settings)
    }

    /// Sets an option; null is its default.
    fn set(&mut self, key: &str, item: &Item<'_>) -> Result<(), GraphError> {
        let is_null = item.is_null();
        let count = |expected| optional(is_null, || needed(item, key, expected, above_0));
        let time = || optional(is_null, || needed(item, key, "a number of seconds above 0", seconds));
        match key {
            "start_method" => self.start_method = optional(is_null, || start_method(item))?,
            "workers" => self.workers = count("an integer of 1 or more")?,
            "daemonic" => self.daemonic = !is_null && needed(item, key, "true or false", Value::as_bool)?,
            "soft_time_limit" => self.soft_time_limit = time()?,
            "hard_time_limit" => self.hard_time_limit = time()?,
            "grace" => self.grace = time()?,
            "max_tasks_per_child" => self.max_tasks_per_child = count("an integer of 1 or more")?,
            "max_memory_per_child" => {
                self.max_memory_per_child =
                    optional(is_null, || needed(item, key, "a number of bytes above 0", bytes))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns it as a document says it.
    pub(super) fn value(&self) -> Value {
        let time = |limit: Option<Duration>| limit.map(|limit| Value::Float(limit.as_secs_f64()));
        let entries = [
            ("start_method", self.start_method.as_deref().map(Value::from)),
            ("workers", self.workers.map(|workers| Value::Int(workers.into()))),
            ("daemonic", self.daemonic.then_some(Value::Bool(true))),
            ("soft_time_limit", time(self.soft_time_limit)),
            ("hard_time_limit", time(self.hard_time_limit)),
            ("grace", time(self.grace)),
            ("max_tasks_per_child", self.max_tasks_per_child.map(|most| Value::Int(most.into()))),
            (
                "max_memory_per_child",
                self.max_memory_per_child.and_then(|most| i64::try_from(most).ok()).map(Value::Int),
            ),
        ];
        let name = Value::from(self.name.as_str());
        let options: Vec<(&str, Value)> = entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        if options.is_empty() { name } else { Value::map(std::iter::once(("name", name)).chain(options)) }
    }
}

/// The options of a kind.
fn options_of(name: &str, item: &Item<'_>) -> Result<&'static [&'static str], GraphError> {
    KINDS.iter().find(|(known, _)| *known == name).map(|(_, options)| *options).ok_or_else(|| {
        let message = format!("unknown kind '{name}' of a node, expected one of: {}", names());
        GraphError::value(GraphErrorKind::UnknownName, message).at(item.place())
    })
}

fn names() -> String {
    KINDS.map(|(name, _)| name).join(", ")
}

fn optional<T>(is_null: bool, read: impl FnOnce() -> Result<T, GraphError>) -> Result<Option<T>, GraphError> {
    if is_null { Ok(None) } else { read().map(Some) }
}

fn start_method(item: &Item<'_>) -> Result<SmolStr, GraphError> {
    let expected = format!("one of {}", START_METHODS.join(", "));
    needed(item, "start_method", &expected, |value| {
        value.as_str().filter(|method| START_METHODS.contains(method)).map(SmolStr::from)
    })
}

fn above_0(value: &Value) -> Option<u32> {
    count(value).filter(|count| *count > 0)
}

fn bytes(value: &Value) -> Option<u64> {
    value.as_int().and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0)
}
