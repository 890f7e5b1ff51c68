//! [`NetworkBuilder`]: a network built by hand, as with pypushflow's classes.

use smol_str::SmolStr;

use super::network::{ActorId, Edge, Network, Node, Order, Ports, Span};
use crate::actor::{Actor, Placement, Port, PortName, RouterActor, Submodel};

/// Names a container of a network: a sub-model, or the workflow itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartId(u32);

/// Why actors cannot be connected so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The router declares no such port.
    #[error("port {port} not defined for router actor {router}")]
    UnknownPort {
        /// The port that was asked for.
        port: String,
        /// Name of the router.
        router: SmolStr,
    },
    /// The actor is not a router.
    #[error("actor {actor} has no ports, only a router has")]
    NotARouter {
        /// Name of the actor.
        actor: SmolStr,
    },
    /// The sub-model has no such port.
    #[error("sub-model {submodel} has no port {port}")]
    UnknownSubmodelPort {
        /// The port that was asked for.
        port: SmolStr,
        /// Name of the sub-model.
        submodel: SmolStr,
    },
    /// A merge got another number of connections than it has inputs.
    #[error("merge {actor} has {inputs} inputs and {connections} connections")]
    MergeInputs {
        /// Name of the merge.
        actor: SmolStr,
        /// Its inputs.
        inputs: usize,
        /// The connections made to it.
        connections: usize,
    },
    /// More names of pools than 16 bits can number.
    #[error("the tasks of a network are run by at most {} pools", u16::MAX)]
    TooManyPools,
    /// More actors or connections than 32 bits can number.
    #[error("a network has at most {} actors and connections", u32::MAX)]
    TooLarge,
}

/// Collects actors and connections, and makes a [`Network`] of them.
///
/// # Examples
///
/// ```
/// use pushflow_core::actor::{StartActor, StopActor, TaskActor};
/// use pushflow_core::engine::{NetworkBuilder, RunOptions};
/// use pushflow_core::{Context, Payload};
///
/// let mut network = NetworkBuilder::new("sum");
/// let start = network.add("start", StartActor);
/// let sum = network.add("sum", TaskActor::new(|inputs: &Payload, _: &Context<'_>| {
///     let number = |name| inputs.get(name).and_then(|x| x.as_int()).unwrap_or(0);
///     Ok(Payload::single("sum", number("a") + number("b")))
/// }));
/// let stop = network.add("stop", StopActor);
/// network.connect(start, sum);
/// network.connect(sum, stop);
///
/// let report = network.build()?.run_in_place(RunOptions::default().data([("a", 1), ("b", 2)].into()));
/// assert_eq!(report.output, Some([("a", 1), ("b", 2), ("sum", 3)].into()));
/// # Ok::<(), pushflow_core::engine::BuildError>(())
/// ```
#[derive(Debug)]
pub struct NetworkBuilder {
    name: SmolStr,
    order: Order,
    actors: Vec<(SmolStr, Actor, Option<PartId>)>,
    success: Vec<(u32, u32)>,
    error: Vec<(u32, u32)>,
    ports: Vec<(u32, PortName, u32)>,
    parts: Vec<Part>,
    unreported: Vec<u32>,
}

#[derive(Debug)]
struct Part {
    submodel: Submodel,
    ports: Vec<ActorId>,
    around: Option<PartId>,
    on_error: Vec<u32>,
}

impl NetworkBuilder {
    /// Starts an empty network.
    pub fn new(name: impl Into<SmolStr>) -> NetworkBuilder {
        NetworkBuilder {
            name: name.into(),
            order: Order::DepthFirst,
            actors: Vec::new(),
            success: Vec::new(),
            error: Vec::new(),
            ports: Vec::new(),
            parts: Vec::new(),
            unreported: Vec::new(),
        }
    }

    /// Sets the order of runs without a pool; depth first by default.
    pub fn order(&mut self, order: Order) {
        self.order = order;
    }

    /// Adds an actor.
    pub fn add(&mut self, name: impl Into<SmolStr>, actor: impl Into<Actor>) -> ActorId {
        self.push(name.into(), actor.into(), None)
    }

    /// Adds an actor whose unhandled errors go to a container.
    pub fn add_to(&mut self, part: PartId, name: impl Into<SmolStr>, actor: impl Into<Actor>) -> ActorId {
        self.push(name.into(), actor.into(), Some(part))
    }

    /// Adds the workflow itself as a container for errors.
    pub fn workflow(&mut self) -> PartId {
        let name = self.name.clone();
        self.part(Submodel::new(name).with_ports([] as [&str; 0]), None)
    }

    /// Adds a sub-model with its ports, in another container or in none.
    pub fn submodel(&mut self, submodel: Submodel, around: Option<PartId>) -> PartId {
        self.part(submodel, around)
    }

    /// Returns the actor that is a port of a sub-model.
    ///
    /// # Errors
    ///
    /// [`BuildError::UnknownSubmodelPort`] when it has no such port.
    pub fn port(&self, part: PartId, port: &str) -> Result<ActorId, BuildError> {
        let Part { submodel, ports, .. } = &self.parts[part.0 as usize];
        let index = submodel.ports.iter().position(|known| known == port);
        index
            .map(|index| ports[index])
            .ok_or_else(|| BuildError::UnknownSubmodelPort { port: port.into(), submodel: submodel.name.clone() })
    }

    /// Connects two actors: the target is triggered by what the source passes on.
    pub fn connect(&mut self, source: ActorId, target: ActorId) {
        self.success.push((source.0, target.0));
    }

    /// Connects an actor to a task for its errors.
    pub fn connect_on_error(&mut self, source: ActorId, target: ActorId) {
        self.error.push((source.0, target.0));
    }

    /// Connects an actor to a container, for errors in it that nobody else handles.
    pub fn connect_part_on_error(&mut self, part: PartId, target: ActorId) {
        self.parts[part.0 as usize].on_error.push(target.0);
    }

    /// Connects an actor to a port of a router.
    ///
    /// # Errors
    ///
    /// When the router does not declare the port; `other` always is one.
    pub fn connect_port(
        &mut self,
        router: ActorId,
        port: impl Into<PortName>,
        target: ActorId,
    ) -> Result<(), BuildError> {
        let port = port.into();
        let (name, actor, _) = &self.actors[router.index()];
        let Actor::Router(actor) = actor else { return Err(BuildError::NotARouter { actor: name.clone() }) };
        if port.0.as_str() != Some(RouterActor::OTHER) && !actor.ports.contains(&port) {
            return Err(BuildError::UnknownPort { port: port.0.python_repr(), router: name.clone() });
        }
        self.ports.push((router.0, port, target.0));
        Ok(())
    }

    /// Makes failures of a task count as unhandled although it has connections for errors: those that only collect.
    pub(super) fn report_failures_of(&mut self, task: ActorId) {
        self.unreported.push(task.0);
    }

    /// Returns the network.
    ///
    /// # Errors
    ///
    /// When connections and actors do not fit.
    pub fn build(mut self) -> Result<Network, BuildError> {
        self.connect_containers();
        let count = self.actors.len();
        let total = self.success.len() + self.error.len() + self.ports.len();
        if u32::try_from(count.max(total)).is_err() {
            return Err(BuildError::TooLarge);
        }
        let mut incoming = vec![0_u32; count];
        let mut edges = Vec::with_capacity(total);
        // A merge is told by number over which connection data came: in the order of the calls to `connect`.
        let success_inputs: Vec<u32> = self.success.iter().map(|(_, target)| arrive(&mut incoming, *target)).collect();
        let error_inputs: Vec<u32> = self.error.iter().map(|(_, target)| arrive(&mut incoming, *target)).collect();
        let success = group(count, &self.success, &success_inputs, &mut edges);
        let error = group(count, &self.error, &error_inputs, &mut edges);
        let mut handled = vec![false; count];
        self.error.iter().for_each(|(source, _)| handled[*source as usize] = true);
        self.unreported.iter().for_each(|task| handled[*task as usize] = false);
        let mut ports = self.group_ports(&mut incoming, &mut edges);
        let mut start = Vec::new();
        let mut states = 0;
        let mut pools: Vec<SmolStr> = Vec::new();
        let mut ordered = false;
        let mut nodes = Vec::with_capacity(count);
        for (index, (name, actor, _)) in self.actors.into_iter().enumerate() {
            let own_state = states;
            match &actor {
                Actor::Start(_) => start.extend_from_slice(slice(&edges, success[index])),
                Actor::Join(_) | Actor::InputMerge(_) => states += 1,
                _ => {}
            }
            let placement = if let Actor::Task(task) = &actor { task.placement() } else { None };
            ordered |= placement.is_some_and(Placement::orders);
            let lane = number_of(&mut pools, placement.and_then(|placement| placement.pool.as_ref()))?;
            if let Actor::InputMerge(merge) = &actor
                && merge.inputs() != incoming[index] as usize
            {
                let connections = incoming[index] as usize;
                return Err(BuildError::MergeInputs { actor: name, inputs: merge.inputs(), connections });
            }
            nodes.push(Node {
                actor,
                name,
                success: success[index],
                error: error[index],
                state: own_state,
                incoming: incoming[index],
                handled: handled[index],
                lane,
                ports: ports[index].take(),
            });
        }
        let (nodes, edges, start) = (nodes.into(), edges.into(), start.into());
        Ok(Network { name: self.name, order: self.order, nodes, edges, start, states, pools: pools.into(), ordered })
    }

    fn push(&mut self, name: SmolStr, actor: Actor, part: Option<PartId>) -> ActorId {
        let id = ActorId(u32::try_from(self.actors.len()).unwrap_or(u32::MAX));
        self.actors.push((name, actor, part));
        id
    }

    fn part(&mut self, submodel: Submodel, around: Option<PartId>) -> PartId {
        let id = PartId(u32::try_from(self.parts.len()).unwrap_or(u32::MAX));
        let names = submodel.ports.clone();
        let ports = names
            .iter()
            .map(|port| self.push(smol_str::format_smolstr!("{}.{port}", submodel.name), Port.into(), None));
        let ports = ports.collect();
        self.parts.push(Part { submodel, ports, around, on_error: Vec::new() });
        id
    }

    /// Connects each task for its errors with its container, with the container around that, and so on.
    fn connect_containers(&mut self) {
        for (index, (_, actor, part)) in self.actors.iter().enumerate() {
            let mut part = *part;
            while let (Actor::Task(_), Some(PartId(id))) = (actor, part) {
                let container = &self.parts[id as usize];
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                self.error.extend(container.on_error.iter().map(|target| (index, *target)));
                part = container.around;
            }
        }
    }

    fn group_ports(&self, incoming: &mut [u32], edges: &mut Vec<Edge>) -> Vec<Option<Box<Ports>>> {
        let mut connected: Vec<Vec<(&PortName, Vec<Edge>)>> = vec![Vec::new(); self.actors.len()];
        for (router, port, target) in &self.ports {
            let edge = Edge { target: *target, input: arrive(incoming, *target) };
            let ports = &mut connected[*router as usize];
            match ports.iter_mut().find(|(known, _)| *known == port) {
                Some((_, to)) => to.push(edge),
                None => ports.push((port, vec![edge])),
            }
        }
        let mut span = |to: &[Edge]| {
            let begin = length(edges);
            edges.extend_from_slice(to);
            Span { begin, end: length(edges) }
        };
        let grouped = connected.into_iter().map(|ports| {
            let (names, spans) = ports.into_iter().map(|(name, to)| (name.clone(), span(&to))).unzip();
            Some(Box::new(Ports { names, spans })).filter(|ports| !ports.names.is_empty())
        });
        grouped.collect()
    }
}

/// Returns the number of a pool by its name; 0 is the one without name.
fn number_of(pools: &mut Vec<SmolStr>, name: Option<&SmolStr>) -> Result<u16, BuildError> {
    let Some(name) = name else { return Ok(0) };
    let place = pools.iter().position(|known| known == name).unwrap_or_else(|| {
        pools.push(name.clone());
        pools.len() - 1
    });
    u16::try_from(place + 1).map_err(|_| BuildError::TooManyPools)
}

/// Counts one more connection into an actor, and numbers it.
fn arrive(incoming: &mut [u32], target: u32) -> u32 {
    let count = &mut incoming[target as usize];
    *count += 1;
    *count - 1
}

/// Sorts connections by their source, keeping their order, and appends them to the edges.
fn group(count: usize, connections: &[(u32, u32)], inputs: &[u32], edges: &mut Vec<Edge>) -> Vec<Span> {
    let mut spans = vec![Span::default(); count];
    for (source, _) in connections {
        spans[*source as usize].end += 1;
    }
    let mut next = length(edges);
    for span in &mut spans {
        let size = span.end;
        (span.begin, span.end) = (next, next);
        next += size;
    }
    edges.resize(next as usize, Edge { target: 0, input: 0 });
    for ((source, target), input) in connections.iter().zip(inputs) {
        let span = &mut spans[*source as usize];
        edges[span.end as usize] = Edge { target: *target, input: *input };
        span.end += 1;
    }
    spans
}

fn slice(edges: &[Edge], span: Span) -> &[Edge] {
    &edges[span.begin as usize..span.end as usize]
}

fn length(edges: &[Edge]) -> u32 {
    // The caller has checked that all edges can be numbered.
    u32::try_from(edges.len()).unwrap_or(u32::MAX)
}
