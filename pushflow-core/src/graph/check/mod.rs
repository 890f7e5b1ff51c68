//! Looking for mistakes in a workflow that can be loaded: what has no effect, what never happens, what never ends.
//!
//! [`keys`] looks at a document as it is written, [`flow`] at the loaded workflow. None of it keeps a workflow from
//! running; it is what its author most likely did not mean.

mod exclusion;
mod flow;
mod inputs;
mod keys;
mod loops;

use std::fmt;

use super::id::NodeId;
use super::place::Place;

pub use flow::flow;
pub use inputs::{Interfaces, TaskTypes};
pub use keys::keys;

/// Something that is most likely a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of mistake.
    pub kind: FindingKind,
    /// What is wrong, in words.
    pub message: String,
    /// What may have been meant.
    pub hint: Option<String>,
    /// The node that it is about, if it is about one.
    pub node: Option<NodeId>,
    /// Where it was written.
    pub place: Place,
}

/// What kind of mistake a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// A key without meaning that is nearly one that has a meaning.
    UnknownKey,
    /// A link hands over an output that the task of its source does not have.
    UnknownOutput,
    /// An input that a task requires is given by nobody.
    MissingInput,
    /// A node is never executed, since no start node leads to it.
    NeverReached,
    /// A node is never executed, since what it waits for excludes each other.
    Excluded,
    /// A loop never ends, unless one of its tasks fails.
    EndlessLoop,
}

impl FindingKind {
    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::UnknownKey => "unknown_key",
            FindingKind::UnknownOutput => "unknown_output",
            FindingKind::MissingInput => "missing_input",
            FindingKind::NeverReached => "never_reached",
            FindingKind::Excluded => "excluded",
            FindingKind::EndlessLoop => "endless_loop",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}
