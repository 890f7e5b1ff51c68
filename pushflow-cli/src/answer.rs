//! [`Answer`]: what came of a run, as the one JSON object of `--output-format json`.
//!
//! It is strict JSON: NaN and infinities are marked objects, as `pushflow_core` writes all that JSON cannot hold.

use pushflow_core::Payload;
use pushflow_core::engine::Failure;
use pushflow_core::graph::check::Finding;
use pushflow_core::graph::{NodeId, Place, Warning};
use serde::ser::{Serialize, Serializer};

use crate::outcome::RunOutcome;
use crate::problem::Problem;

/// What came of a run, or why there was none.
#[derive(serde::Serialize)]
pub(crate) struct Answer<'a> {
    status: &'static str,
    result: Option<Payload>,
    nodes: Nodes<'a>,
    failures: Vec<FailureView<'a>>,
    error: Option<ErrorView<'a>>,
}

impl<'a> Answer<'a> {
    pub(crate) fn of_outcome(outcome: &'a RunOutcome) -> Answer<'a> {
        Answer {
            status: outcome.report.status.name(),
            result: outcome.result(),
            nodes: Nodes(&outcome.nodes),
            failures: outcome.report.failures.iter().map(FailureView).collect(),
            error: outcome.error().map(ErrorView::of_failure),
        }
    }

    /// A workflow that was not run, though it could have been.
    pub(crate) fn of_dry_run() -> Answer<'a> {
        Answer { status: "valid", result: None, nodes: Nodes(&[]), failures: Vec::new(), error: None }
    }

    pub(crate) fn of_problem(problem: &'a Problem) -> Answer<'a> {
        Answer {
            status: "invalid",
            result: None,
            nodes: Nodes(&[]),
            failures: Vec::new(),
            error: Some(ErrorView::of_problem(problem)),
        }
    }
}

struct Nodes<'a>(&'a [(String, Payload)]);

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, outputs)| (name, outputs)))
    }
}

struct FailureView<'a>(&'a Failure);

impl Serialize for FailureView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct View<'a> {
            node: &'a str,
            attempt: u32,
            kind: &'static str,
            r#type: &'a str,
            message: &'a str,
            traceback: &'a [String],
        }
        let Failure { node, attempt, kind, type_name, message, traceback, .. } = self.0;
        View { node, attempt: *attempt, kind: kind.name(), r#type: type_name, message, traceback }.serialize(serializer)
    }
}

/// An error, with its place in a file when it has one.
#[derive(serde::Serialize)]
pub(crate) struct ErrorView<'a> {
    r#type: &'a str,
    message: &'a str,
    kind: &'static str,
    node: Option<&'a str>,
    #[serde(flatten)]
    place: PlaceView,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl<'a> ErrorView<'a> {
    fn of_failure(failure: &'a Failure) -> ErrorView<'a> {
        ErrorView {
            r#type: &failure.type_name,
            message: &failure.message,
            kind: failure.kind.name(),
            node: Some(failure.node.as_str()).filter(|node| !node.is_empty()),
            place: PlaceView::default(),
            hint: None,
        }
    }

    pub(crate) fn of_problem(problem: &'a Problem) -> ErrorView<'a> {
        ErrorView {
            r#type: &problem.type_name,
            message: &problem.message,
            kind: problem.kind,
            node: problem.node.as_deref(),
            place: problem.place.as_ref().map(PlaceView::of).unwrap_or_default(),
            hint: problem.hint.as_deref(),
        }
    }
}

/// A warning with its place.
#[derive(serde::Serialize)]
pub(crate) struct WarningView<'a> {
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
    node: Option<&'a NodeId>,
    #[serde(flatten)]
    place: PlaceView,
}

impl<'a> WarningView<'a> {
    pub(crate) fn of(warning: &'a Warning) -> WarningView<'a> {
        let place = PlaceView::of(&warning.place);
        WarningView { kind: "no_effect", message: &warning.message, hint: None, node: None, place }
    }

    pub(crate) fn of_finding(finding: &'a Finding) -> WarningView<'a> {
        WarningView {
            kind: finding.kind.name(),
            message: &finding.message,
            hint: finding.hint.as_deref(),
            node: finding.node.as_ref(),
            place: PlaceView::of(&finding.place),
        }
    }
}

#[derive(Default, serde::Serialize)]
struct PlaceView {
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
}

impl PlaceView {
    fn of(place: &Place) -> PlaceView {
        let known = |number: u32| Some(number).filter(|_| place.line > 0);
        let file = place.path().map(|path| path.to_string_lossy().into_owned());
        PlaceView { file, line: known(place.line), column: known(place.column) }
    }
}
