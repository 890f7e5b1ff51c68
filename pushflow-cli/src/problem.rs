//! [`Problem`]: why there is no run at all.

use pushflow_core::TaskError;
use pushflow_core::engine::CompileError;
use pushflow_core::graph::{GraphError, GraphErrorKind, Place};

use crate::exit_code;

/// Why there is no run at all: the arguments, the inputs, the workflow.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) type_name: Box<str>,
    pub(crate) message: String,
    pub(crate) kind: &'static str,
    pub(crate) node: Option<Box<str>>,
    pub(crate) place: Option<Place>,
    /// What may have been meant.
    pub(crate) hint: Option<Box<str>>,
    pub(crate) exit_code: u8,
}

impl Problem {
    /// Arguments that cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Problem {
        Problem {
            type_name: "ValueError".into(),
            message: message.into(),
            kind: "usage",
            node: None,
            place: None,
            hint: None,
            exit_code: exit_code::USAGE,
        }
    }

    /// The system refused something.
    pub(crate) fn internal(message: impl Into<String>) -> Problem {
        Problem {
            type_name: "OSError".into(),
            kind: "internal",
            exit_code: exit_code::INTERNAL,
            ..Problem::usage(message)
        }
    }

    /// A workflow that cannot be loaded.
    pub(crate) fn of_graph(error: &GraphError) -> Problem {
        Problem {
            type_name: error.type_name().into(),
            message: error.message().to_owned(),
            kind: kind_name(error.kind()),
            node: None,
            place: error.place().cloned(),
            hint: error.hint().map(Box::from),
            exit_code: exit_code::INVALID,
        }
    }

    /// A file with inputs that cannot be read.
    pub(crate) fn of_inputs(error: &GraphError) -> Problem {
        Problem { exit_code: exit_code::USAGE, ..Problem::of_graph(error) }
    }

    /// A workflow that cannot be executed.
    pub(crate) fn of_compile(error: &CompileError) -> Problem {
        let usage = Problem { exit_code: exit_code::INVALID, ..Problem::usage(error.to_string()) };
        match error {
            CompileError::Task { node, place, error } => Problem {
                type_name: error.type_name().as_str().into(),
                message: error.text().to_owned(),
                kind: error.kind().name(),
                node: Some(node.as_str().into()),
                place: Some(place.clone()),
                ..usage
            },
            _ => Problem { kind: "too_large", ..usage },
        }
    }

    /// What is to be done before a run, and cannot be done.
    pub(crate) fn of_task(error: &TaskError) -> Problem {
        Problem {
            type_name: error.type_name().as_str().into(),
            kind: error.kind().name(),
            exit_code: exit_code::INVALID,
            ..Problem::usage(error.text())
        }
    }

    /// Returns the message with its place, for people.
    pub(crate) fn text(&self) -> String {
        let what = self.explained();
        match &self.place {
            // A file as a whole: the message names it.
            Some(place) if place.line == 0 && what.contains(&place.to_string()) => what,
            Some(place) => format!("{place}: {what}"),
            None => what,
        }
    }

    /// Returns the message in words where Python has a bare name.
    fn explained(&self) -> String {
        let message = &self.message;
        let is_name = |text: &str| text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_' || char == '\'');
        match (self.kind, &*self.type_name) {
            ("file_not_found", _) => format!("{message}: there is no such file"),
            ("unknown_name", "KeyError") => format!("there is no node {message}"),
            ("missing_key", "KeyError") if is_name(message) => format!("the key {message} is missing"),
            _ => message.clone(),
        }
    }
}

fn kind_name(kind: GraphErrorKind) -> &'static str {
    match kind {
        GraphErrorKind::FileNotFound => "file_not_found",
        GraphErrorKind::Unreadable => "unreadable",
        GraphErrorKind::Syntax => "syntax",
        GraphErrorKind::Type => "type",
        GraphErrorKind::MissingKey => "missing_key",
        GraphErrorKind::UnknownName => "unknown_name",
        GraphErrorKind::Conflict => "conflict",
        GraphErrorKind::Value => "value",
        GraphErrorKind::SchemaVersion => "schema_version",
        GraphErrorKind::InvalidVersion => "invalid_version",
        GraphErrorKind::Cycle => "cycle",
        GraphErrorKind::TooDeep => "too_deep",
        GraphErrorKind::NoStartNode => "no_start_node",
        GraphErrorKind::NoEndNode => "no_end_node",
        _ => "invalid",
    }
}
