//! Options of the command `ewoks execute` that are about ewoks itself: taken as they are, or refused with the reason.

use clap::{Args, ValueEnum};
use pushflow_core::Value;
use pushflow_tasks::python::EwoksOptions;

use crate::inputs::{json_or_text, split};
use crate::problem::Problem;

/// The class that writes events into a database.
const SQLITE3_HANDLER: &str = "ewokscore.events.handlers.Sqlite3EwoksEventHandler";

#[derive(Args, Debug, Default)]
pub(crate) struct EwoksArgs {
    /// Keep the outputs of tasks in this directory, and do not execute a task whose outputs are there: `ewokscore` does that, in the
    /// interpreter that runs Python tasks.
    #[arg(long, value_name = "DIRECTORY")]
    data_root_uri: Option<String>,

    /// How outputs are kept: `json`, `nexus` [default: json].
    #[arg(long, value_name = "SCHEME")]
    data_scheme: Option<String>,

    /// Set an option that `ewokscore` makes the classes of tasks with. The value is JSON, else text.
    #[arg(short, long = "task-option", value_name = "NAME=VALUE")]
    task_options: Vec<String>,

    /// Name the job in the events that `ewokscore` sends of this run.
    #[arg(short, long = "jobid", visible_alias = "job-id", value_name = "ID")]
    job_id: Option<String>,

    /// Store the events that `ewokscore` sends of this run in a database of SQLite.
    #[arg(long, value_name = "FILE")]
    sqlite3: Option<String>,

    /// Send no events, whatever other options say.
    #[arg(long)]
    disable_events: bool,

    /// The engine: `ppf`, which pushflow is.
    #[arg(long, value_name = "ENGINE", hide = true)]
    engine: Option<String>,

    /// What is logged.
    #[arg(short, long, value_name = "LEVEL", value_enum, hide = true)]
    log: Option<Log>,

    #[arg(long, value_name = "FORMAT", hide = true)]
    workflow_format: Option<String>,

    #[arg(long, value_name = "MODULE", hide = true)]
    workflow_module: Option<String>,

    #[arg(long, hide = true)]
    search: bool,

    #[arg(long, hide = true)]
    test: bool,
}

/// Levels of ewoks' log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Log {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl EwoksArgs {
    /// Whether more is to be said than what goes wrong.
    pub(crate) fn is_verbose(&self) -> bool {
        matches!(self.log, Some(Log::Debug | Log::Info))
    }

    /// Refuses what ewoks can and pushflow cannot.
    ///
    /// # Errors
    ///
    /// What to do instead.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let refuse = |option: &str, why: &str| Err(Problem::usage(format!("`{option}` is not supported: {why}")));
        if let Some(engine) = self.engine.as_ref().filter(|engine| !matches!(&***engine, "ppf" | "pushflow")) {
            return refuse(&format!("--engine {engine}"), "pushflow executes as the engine `ppf` does");
        }
        if self.workflow_format.as_ref().is_some_and(|format| !matches!(&**format, "" | "json" | "yaml")) {
            return refuse("--workflow-format", "the name of the file says whether it is JSON or YAML: .yml, .yaml");
        }
        if self.workflow_module.is_some() {
            return refuse("--workflow-module", "give the file of the workflow, and its directory by --workflow-dir");
        }
        if self.search {
            return refuse("--search", "give the file of one workflow");
        }
        if self.test {
            return refuse("--test", "pushflow comes without workflows, give the file of one");
        }
        Ok(())
    }

    /// Adds what these arguments say to options that were named as in Python; an argument counts more.
    ///
    /// # Errors
    ///
    /// When a task option has no value.
    pub(crate) fn add_to(&self, mut options: EwoksOptions) -> Result<EwoksOptions, Problem> {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let root = text(&self.data_root_uri);
        // Without a directory nothing is kept, however.
        let scheme = text(&self.data_scheme).filter(|_| root.is_some() || options.varinfo != Value::Null);
        extend(&mut options.varinfo, [("root_uri", root), ("scheme", scheme)]);
        for option in &self.task_options {
            let (name, value) = split(option, "NAME=VALUE")?;
            extend(&mut options.task_options, [(name, Some(json_or_text(value)))]);
        }
        if self.disable_events {
            options.execinfo = Value::Null;
            return Ok(options);
        }
        let handlers = self.sqlite3.as_deref().map(|file| Value::list([sqlite3_handler(file)]));
        // As ewoks has it: events that are stored by another thread may be lost.
        let asynchronous = handlers.as_ref().map(|_| Value::from(false));
        let entries = [("job_id", text(&self.job_id)), ("asynchronous", asynchronous), ("handlers", handlers)];
        extend(&mut options.execinfo, entries);
        Ok(options)
    }
}

fn sqlite3_handler(file: &str) -> Value {
    let argument = map([("name", "uri".into()), ("value", file.into())]);
    map([("class", SQLITE3_HANDLER.into()), ("arguments", Value::list([argument]))])
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    entries.map(|(name, value)| (name.into(), value)).into_iter().collect::<pushflow_core::value::Map>().into()
}

/// Sets those entries that there are.
fn extend<const N: usize>(value: &mut Value, entries: [(&str, Option<Value>); N]) {
    let entries: Vec<_> = entries.into_iter().filter_map(|(name, value)| Some((name.into(), value?))).collect();
    if !entries.is_empty() {
        let mut all = value.as_map().cloned().unwrap_or_default();
        all.extend(entries);
        *value = all.into();
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use pushflow_core::graph::{Format, parse_value};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        ewoks: EwoksArgs,
    }

    fn json(text: &str) -> Value {
        parse_value(text, Format::Json).unwrap()
    }

    fn options(arguments: &[&str], before: EwoksOptions) -> EwoksOptions {
        let line = Line::try_parse_from([&["pushflow"], arguments].concat()).unwrap();
        line.ewoks.add_to(before).unwrap()
    }

    #[test]
    fn nothing_said_is_nothing_asked_for() {
        assert!(options(&[], EwoksOptions::default()).is_empty());
        assert!(options(&["--data-scheme", "json"], EwoksOptions::default()).is_empty(), "there is no directory");
        assert!(options(&["--disable-events", "-j", "x"], EwoksOptions::default()).is_empty());
    }

    #[test]
    fn arguments_become_what_ewoks_makes_of_them() {
        let line = ["-j", "7", "--sqlite3", "e.db", "-t", "a=[1]", "-t", "b=x=y", "--data-root-uri", "d"];
        let options = options(&line, EwoksOptions::default());
        assert_eq!(options.task_options, json(r#"{"a": [1], "b": "x=y"}"#));
        assert_eq!(options.varinfo, json(r#"{"root_uri": "d"}"#));
        let expected = r#"{"job_id": "7", "asynchronous": false, "handlers": [{"class":
            "ewokscore.events.handlers.Sqlite3EwoksEventHandler", "arguments": [{"name": "uri", "value": "e.db"}]}]}"#;
        assert_eq!(options.execinfo, json(expected));
    }

    #[test]
    fn an_argument_counts_more_than_an_option() {
        let before = || EwoksOptions {
            varinfo: json(r#"{"root_uri": "a", "scheme": "nexus"}"#),
            execinfo: json(r#"{"job_id": "a", "user_name": "me"}"#),
            task_options: json(r#"{"a": 1, "b": 2}"#),
        };
        let after = options(&["-j", "b", "-t", "a=3", "--data-scheme", "json"], before());
        assert_eq!(after.varinfo, json(r#"{"root_uri": "a", "scheme": "json"}"#));
        assert_eq!(after.execinfo, json(r#"{"job_id": "b", "user_name": "me"}"#));
        assert_eq!(after.task_options, json(r#"{"a": 3, "b": 2}"#));
        assert_eq!(options(&["--disable-events"], before()).execinfo, Value::Null);
    }
}
