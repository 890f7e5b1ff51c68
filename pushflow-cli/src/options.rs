//! Engine options: `-o NAME=VALUE`, by the names of pypushflow.

use std::time::Duration;

use pushflow_core::payload::Key;
use pushflow_core::{Payload, Value};
use pushflow_signals::StartMethod;
use pushflow_tasks::python::EwoksOptions;

use crate::inputs::{json_or_text, split};
use crate::problem::Problem;
use crate::values::positive_seconds;

/// What the options say.
#[derive(Debug)]
pub(crate) struct EngineOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) pool: Option<String>,
    /// 0: as many as there are nodes.
    pub(crate) max_workers: Option<usize>,
    /// `None`: nothing was said, which in pypushflow means that there is a worker for each task that runs.
    pub(crate) scaling: Option<bool>,
    pub(crate) start_method: Option<StartMethod>,
    pub(crate) raise_on_error: bool,
    pub(crate) start_data: Payload,
    /// `None`: nothing was said, and what goes wrong then is nobody's concern.
    pub(crate) pre_import: Option<bool>,
    pub(crate) ewoks: EwoksOptions,
    /// Whether the first signal breaks off what runs.
    pub(crate) forced_interruption: bool,
    /// Options that have no effect here.
    pub(crate) ignored: Vec<String>,
}

impl EngineOptions {
    /// Reads options; of one name the last counts.
    pub(crate) fn read(options: &[String]) -> Result<EngineOptions, Problem> {
        let mut read = EngineOptions {
            timeout: None,
            pool: None,
            max_workers: None,
            scaling: None,
            start_method: None,
            raise_on_error: true,
            start_data: Payload::new(),
            pre_import: None,
            ewoks: EwoksOptions::default(),
            forced_interruption: false,
            ignored: Vec::new(),
        };
        for option in options {
            let (name, text) = split(option, "NAME=VALUE")?;
            read.set(name, &value(text))?;
        }
        Ok(read)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), Problem> {
        match name {
            "timeout" => self.timeout = optional(value, |value| positive_seconds(value.as_float()?), name, SECONDS)?,
            "pool_type" => {
                self.pool = optional(value, |value| value.as_str().map(str::to_owned), name, "the name of a pool")?;
            }
            "max_workers" => {
                let number = |value: &Value| value.as_int().map(|n| usize::try_from(n).unwrap_or(0));
                self.max_workers = optional(value, number, name, "a number")?;
            }
            "scaling_workers" => self.scaling = Some(needed(value.as_bool(), name, TRUTH, value)?),
            "context" => self.start_method = optional(value, |value| value.as_str()?.parse().ok(), name, METHOD)?,
            "raise_on_error" => self.raise_on_error = optional(value, Value::as_bool, name, TRUTH)?.unwrap_or(true),
            "forced_interruption" => self.forced_interruption = needed(value.as_bool(), name, TRUTH, value)?,
            // From the command line signals always stop.
            "stop_on_signals" if value.as_bool() == Some(true) => {}
            "startargs" => self.start_data = optional(value, start_data, name, START)?.unwrap_or_default(),
            "pre_import" => self.pre_import = optional(value, Value::as_bool, name, TRUTH)?,
            "varinfo" => self.ewoks.varinfo = object(value, name)?,
            "execinfo" => {
                let known = |value: &Value| matches!(value, Value::Map(_) | Value::Bool(_) | Value::Str(_));
                let read = |value: &Value| known(value).then(|| value.clone());
                self.ewoks.execinfo =
                    optional(value, read, name, "an object, the name of a job, or a truth")?.unwrap_or_default();
            }
            "task_options" => self.ewoks.task_options = object(value, name)?,
            _ => self.ignored.push(name.to_owned()),
        }
        Ok(())
    }
}

/// Reads the value of an option. Options are named as in Python, so their truths are understood in its spelling too.
fn value(text: &str) -> Value {
    match text {
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        "None" => Value::Null,
        _ => json_or_text(text),
    }
}

const SECONDS: &str = "a number of seconds above 0";
const TRUTH: &str = "true or false";
const METHOD: &str = "one of forkserver, spawn, fork";
const START: &str = "an object, or a list of objects with `name` and `value`";

fn optional<T>(
    value: &Value,
    read: impl FnOnce(&Value) -> Option<T>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, Problem> {
    if *value == Value::Null { Ok(None) } else { needed(read(value), name, expected, value).map(Some) }
}

fn needed<T>(read: Option<T>, name: &str, expected: &str, found: &Value) -> Result<T, Problem> {
    let problem = || Problem::usage(format!("option `{name}` must be {expected}, found {}", found.python_repr()));
    read.ok_or_else(problem)
}

fn object(value: &Value, name: &str) -> Result<Value, Problem> {
    optional(value, |value| value.as_map().map(|_| value.clone()), name, "an object").map(Option::unwrap_or_default)
}

fn start_data(value: &Value) -> Option<Payload> {
    if let Some(map) = value.as_map() {
        return Some(map.iter().map(|(name, value)| (name.clone(), value.clone())).collect());
    }
    let entries = value.as_list()?.iter().map(|entry| {
        let entry = entry.as_map()?;
        let name = match entry.get("name")? {
            Value::Str(name) => Key::Name(name.clone()),
            Value::Int(position) => Key::Position(u64::try_from(*position).ok()?),
            _ => return None,
        };
        Some((name, entry.get("value")?.clone()))
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[&str]) -> Result<EngineOptions, Problem> {
        EngineOptions::read(&options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_of_pypushflow_are_understood() {
        let options = read(&[
            "timeout=0.5",
            "pool_type=thread",
            "max_workers=-1",
            "raise_on_error=false",
            "scaling_workers=true",
            r#"startargs=[{"name": "a", "value": 1}]"#,
            "context=fork",
            "stop_on_signals=true",
            "forced_interruption=true",
            "other=1",
        ])
        .unwrap();
        assert_eq!(options.timeout, Some(Duration::from_millis(500)));
        assert_eq!(options.pool.as_deref(), Some("thread"));
        assert_eq!(options.max_workers, Some(0));
        assert!(!options.raise_on_error);
        assert_eq!(options.start_data, Payload::single("a", 1));
        assert!(options.scaling == Some(true) && options.forced_interruption);
        assert_eq!(options.start_method, Some(StartMethod::Fork));
        assert_eq!(options.ignored, ["other"]);
    }

    #[test]
    fn truths_may_be_spelled_as_in_python() {
        let options =
            read(&["raise_on_error=False", "scaling_workers=True", "timeout=None", "pool_type=None", "context=None"])
                .unwrap();
        assert!(!options.raise_on_error && options.scaling == Some(true));
        assert_eq!((options.timeout, options.pool, options.start_method), (None, None, None));
        assert!(read(&["raise_on_error=True"]).unwrap().raise_on_error);
    }

    #[test]
    fn unusable_values_are_refused() {
        for option in [
            "context=threads",
            "context=1",
            "timeout=0",
            "timeout=-1",
            "timeout=x",
            "execinfo=1",
            "timeout=1e300",
            "raise_on_error=1",
            "startargs=[1]",
            "x",
        ] {
            assert!(read(&[option]).is_err(), "{option}");
        }
        assert!(read(&["timeout=null"]).unwrap().timeout.is_none());
    }
}
