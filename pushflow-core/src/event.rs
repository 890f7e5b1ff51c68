//! Events of a run: what a listener is told while it goes on.

use std::sync::Arc;

use crate::error::TaskError;

/// Number of a run, unique within this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RunId(pub u64);

/// Something that happened in a run. Nodes are named by their labels.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An execution of a node starts.
    Started {
        /// The node.
        node: &'a str,
        /// 1 for the first try.
        attempt: u32,
    },
    /// An execution of a node gave a result.
    Finished {
        /// The node.
        node: &'a str,
    },
    /// An execution of a node failed.
    Failed {
        /// The node.
        node: &'a str,
        /// Why.
        error: &'a TaskError,
        /// Whether a link takes care of it.
        handled: bool,
    },
    /// An execution of a node failed, and is tried again.
    Retrying {
        /// The node.
        node: &'a str,
        /// Which try failed, from 1.
        attempt: u32,
        /// Why.
        error: &'a TaskError,
    },
    /// A task says how far it is.
    Progress {
        /// The node.
        node: &'a str,
        /// From 0 to 1.
        fraction: f64,
    },
    /// A task says something.
    Message {
        /// The node.
        node: &'a str,
        /// The text, without line end.
        text: &'a str,
    },
    /// What an execution has printed, when it was captured. Told before its outcome.
    Output {
        /// The node.
        node: &'a str,
        /// Which try printed it, from 1.
        attempt: u32,
        /// Where to.
        stream: Stream,
        /// The text, with its line ends. What is no UTF-8 is replaced.
        text: &'a str,
        /// How many bytes before the text were dropped, because they were too many.
        dropped_bytes: u64,
    },
}

/// Where a task prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Who is told the events of a run. Called from any thread; it must not block.
pub type Listener = Arc<dyn Fn(&Event<'_>) + Send + Sync>;
