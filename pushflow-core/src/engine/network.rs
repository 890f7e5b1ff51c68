//! [`Network`]: actors and their connections, immutable.

use std::fmt;
use std::ops::Range;

use smol_str::SmolStr;

use crate::actor::{Actor, PortName};

/// Names an actor of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorId(pub(crate) u32);

impl ActorId {
    /// Returns the place of the actor in its network.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// In which order a run without a pool goes through the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// First what an actor triggers, with all that follows from it, then what its next connection triggers.
    ///
    /// Semantics: pypushflow's actors without a workflow, which call each other. A side branch of a loop that is
    /// connected *after* the way back waits until the loop has ended, and its data with it.
    DepthFirst,
    /// What was triggered first is executed first; in bounded memory for any loop.
    Fair,
}

/// A network of actors: compiled from a workflow document, or built by hand. Runs any number of times, also at once.
pub struct Network {
    pub(super) name: SmolStr,
    pub(super) order: Order,
    pub(super) nodes: Box<[Node]>,
    pub(super) edges: Box<[Edge]>,
    pub(super) start: Box<[Edge]>,
    /// Number of actors with state in a run.
    pub(super) states: u32,
    /// Names of the pools that tasks ask for; their numbers count from 1, as 0 is the pool of the run.
    pub(super) pools: Box<[SmolStr]>,
    /// Whether some tasks go before others, or occupy something.
    pub(super) ordered: bool,
}

/// An actor with its connections.
pub(super) struct Node {
    pub(super) actor: Actor,
    pub(super) name: SmolStr,
    pub(super) success: Span,
    pub(super) error: Span,
    /// Where its state is in a run, for joins and merges.
    pub(super) state: u32,
    /// Number of incoming connections, for joins.
    pub(super) incoming: u32,
    /// Whether a link handles its failures.
    pub(super) handled: bool,
    /// The number of its pool.
    pub(super) lane: u16,
    /// Connections of a router's ports.
    pub(super) ports: Option<Box<Ports>>,
}

/// The connected ports of a router and, at the same index, their connections.
pub(super) struct Ports {
    pub(super) names: Vec<PortName>,
    pub(super) spans: Vec<Span>,
}

/// A run of edges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) begin: u32,
    pub(super) end: u32,
}

/// A connection: to whom, and which of its incoming connections this is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) target: u32,
    pub(super) input: u32,
}

impl Network {
    /// Returns the name of the network.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of actors.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no actors.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns the names of the pools that tasks ask for, beside the one that a run is started on.
    ///
    /// A run in place has no pools: there these tasks are run like all others.
    pub fn pools(&self) -> &[SmolStr] {
        &self.pools
    }

    /// Returns the name of an actor: the label of the node that it is of.
    pub fn actor_name(&self, id: ActorId) -> Option<&str> {
        self.nodes.get(id.index()).map(|node| node.name.as_str())
    }

    pub(super) fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    pub(super) fn edges(&self, span: Span) -> &[Edge] {
        &self.edges[Range { start: span.begin as usize, end: span.end as usize }]
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Network { name, nodes, edges, .. } = self;
        let mut debug = f.debug_struct("Network");
        debug.field("name", name).field("actors", &nodes.len()).field("edges", &edges.len()).finish_non_exhaustive()
    }
}
