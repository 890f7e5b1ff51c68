//! [`compile`]: from a loaded workflow to the network that executes it.
//!
//! Each node becomes a task actor, each link what is needed of a conditional, a name mapper and a merge; trivial ones are
//! left out. Node `i` of the graph is actor `i` of the network.

use std::collections::HashMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::build::{BuildError, NetworkBuilder};
use super::network::{ActorId, Network, Order};
use crate::actor::{
    Attempts, ConditionalActor, ErrorHandler, Identity, InputMergeActor, MergeInput, NameMapperActor, Passes,
    Placement, StartActor, StopActor, TaskActor, Wanted,
};
use crate::error::TaskError;
use crate::graph::{Graph, Link, Node, Place, TaskType};
use crate::payload::{Key, Payload};
use crate::task::Task;
use crate::value::Value;

/// Finds the task that a node names.
///
/// Functions and closures of the same shape are resolvers.
pub trait TaskResolver {
    /// Returns the task of a node.
    ///
    /// # Errors
    ///
    /// Why there is none, with the type and message that users search for.
    fn resolve(&self, node: &Node) -> Result<Arc<dyn Task>, TaskError>;
}

impl<F: Fn(&Node) -> Result<Arc<dyn Task>, TaskError>> TaskResolver for F {
    fn resolve(&self, node: &Node) -> Result<Arc<dyn Task>, TaskError> {
        self(node)
    }
}

/// Why a loaded workflow cannot be executed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A node names no task that can be found.
    #[error("{error}")]
    Task {
        /// Label of the node.
        node: String,
        /// Where the node was written.
        place: Place,
        /// Why there is no task.
        error: TaskError,
    },
    /// The network is too large.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Compiles a loaded workflow.
///
/// # Errors
///
/// When a node's task cannot be found, or the workflow has more than 2^32 actors.
pub fn compile(graph: &Graph, tasks: &dyn TaskResolver) -> Result<Network, CompileError> {
    let mut builder = NetworkBuilder::new(graph.label.clone());
    builder.order(Order::Fair);
    for node in &graph.nodes {
        let task = tasks.resolve(node).map_err(|error| CompileError::Task {
            node: node.label().to_string(),
            place: node.place.clone(),
            error,
        })?;
        builder.add(node.label(), task_actor(node, task));
    }
    let start = builder.add("start", StartActor);
    let entries = add_entries(graph, &mut builder, start);
    connect_links(graph, &mut builder, &entries);
    connect_ends(graph, &mut builder);
    Ok(builder.build()?)
}

fn task_actor(node: &Node, task: Arc<dyn Task>) -> TaskActor {
    let identifier = node.task_identifier.clone().unwrap_or_default();
    let defaults: Payload = node.default_inputs.iter().cloned().collect();
    TaskActor::of(task)
        .with_defaults(defaults)
        .passing(Passes::Outputs)
        .trying(attempts(node))
        .placed(placement(node))
        .identified(Identity { label: node.label(), task_identifier: identifier })
}

fn attempts(node: &Node) -> Attempts {
    node.settings.as_ref().map_or_else(Attempts::default, |settings| Attempts {
        retries: settings.retries.unwrap_or_default(),
        retry_on: settings.retry_on.clone(),
        timeout: settings.timeout,
        backoff: settings.backoff.unwrap_or_default(),
    })
}

fn placement(node: &Node) -> Placement {
    node.settings.as_ref().map_or_else(Placement::default, |settings| {
        let amount = |(name, amount): (&SmolStr, &Value)| Some((name.clone(), amount.as_float()?));
        Placement {
            pool: settings.pool.clone(),
            priority: settings.priority,
            resources: settings.resources.iter().filter_map(amount).collect(),
        }
    })
}

/// Adds a merge before each node that needs one, connects the start, and returns where links to each node go.
///
/// A node with one way in needs none: whatever kind of link it is, each delivery executes the node with that data.
fn add_entries(graph: &Graph, builder: &mut NetworkBuilder, start: ActorId) -> Vec<ActorId> {
    let mut incoming: Vec<Vec<u32>> = vec![Vec::new(); graph.nodes.len()];
    for (link, index) in graph.links.iter().zip(0_u32..) {
        incoming[link.target].push(index);
    }
    let mut starts = vec![false; graph.nodes.len()];
    graph.start_nodes.iter().for_each(|node| starts[*node] = true);
    let mut entries = Vec::with_capacity(graph.nodes.len());
    for (((links, is_start), task), node) in incoming.iter().zip(starts).zip(0_u32..).zip(&graph.nodes) {
        let task = ActorId(task);
        let mut entry = task;
        if links.len() + usize::from(is_start) > 1 {
            entry = builder.add(node.label(), merge(graph, links, is_start));
            builder.connect(entry, task);
        }
        if is_start {
            builder.connect(start, entry);
        }
        entries.push(entry);
    }
    entries
}

fn merge(graph: &Graph, links: &[u32], is_start: bool) -> InputMergeActor {
    let link = |index: u32| &graph.links[index as usize];
    // Kept data is merged in node order: required links first, then cached ones.
    let mut kept: Vec<u32> = links.iter().copied().filter(|index| keeps(link(*index))).collect();
    kept.sort_by_key(|index| (!link(*index).required, link(*index).source));
    let slots: HashMap<u32, u32> = kept.into_iter().zip(0..).collect();
    let start = is_start.then_some(MergeInput::Start);
    let inputs = links.iter().map(|index| match slots.get(index) {
        Some(slot) if link(*index).required => MergeInput::Required { slot: *slot },
        Some(slot) => MergeInput::Cached { slot: *slot },
        None => MergeInput::Optional,
    });
    InputMergeActor::new(start.into_iter().chain(inputs).collect())
}

fn keeps(link: &Link) -> bool {
    link.required || link.cache_if_optional
}

fn connect_links(graph: &Graph, builder: &mut NetworkBuilder, entries: &[ActorId]) {
    let known = wanted_values(graph);
    for link in &graph.links {
        let source = actor(link.source);
        let mut target = entries[link.target];
        if !link.map_all_data {
            let mapping = link.data_mapping.iter().map(|map| (map.source_output.clone(), map.target_input.clone()));
            target = before(builder, NameMapperActor::new(mapping), target);
        }
        if !link.conditions.is_empty() {
            target = before(builder, conditional(graph, link, &known), target);
        }
        if target == entries[link.target] && target != actor(link.target) && link.on_error {
            // Connections into a merge are numbered in the order of `connect`, those for errors after all others. With an
            // actor in between the numbers follow the order of the links, as the inputs of the merge do.
            target = before(builder, crate::actor::ForkActor, target);
        }
        if link.on_error {
            builder.connect_on_error(source, target);
        } else {
            builder.connect(source, target);
        }
    }
}

/// Puts an actor before another and returns it.
fn before(builder: &mut NetworkBuilder, first: impl Into<crate::actor::Actor>, then: ActorId) -> ActorId {
    let id = builder.add("", first);
    builder.connect(id, then);
    id
}

/// The values that the outgoing links of each node want for each output.
fn wanted_values(graph: &Graph) -> HashMap<(usize, Key), Arc<[Value]>> {
    let mut wanted: HashMap<(usize, Key), Vec<Value>> = HashMap::new();
    for link in &graph.links {
        for condition in link.conditions.iter() {
            wanted.entry((link.source, condition.source_output.clone())).or_default().push(condition.value.clone());
        }
    }
    wanted.into_iter().map(|(output, values)| (output, values.into())).collect()
}

/// The conditions of a link; of several about one output the last counts.
fn last_conditions(link: &Link) -> impl Iterator<Item = (&Key, &Value)> {
    let later = |index: usize, output: &Key| link.conditions[index + 1..].iter().any(|c| c.source_output == *output);
    link.conditions
        .iter()
        .enumerate()
        .filter(move |(index, condition)| !later(*index, &condition.source_output))
        .map(|(_, condition)| (&condition.source_output, &condition.value))
}

fn conditional(graph: &Graph, link: &Link, known: &HashMap<(usize, Key), Arc<[Value]>>) -> ConditionalActor {
    let wanted = last_conditions(link).map(|(output, value)| Wanted {
        output: output.clone(),
        value: value.clone(),
        known: known.get(&(link.source, output.clone())).cloned().unwrap_or_default(),
    });
    let source = &graph.nodes[link.source];
    let conditions = ConditionalActor::new(wanted.collect(), source.conditions_else_value.clone());
    match source.task_type {
        TaskType::PpfMethod | TaskType::PpfPort => conditions.within("_ppfdict"),
        _ => conditions,
    }
}

/// Connects end nodes with the stop, after their links, and errors that no link handles with the error handler.
fn connect_ends(graph: &Graph, builder: &mut NetworkBuilder) {
    let stop = builder.add("stop", StopActor);
    let errors = builder.add("error handler", ErrorHandler);
    builder.connect(errors, stop);
    for node in &graph.end_nodes {
        builder.connect(actor(*node), stop);
    }
    let mut handled = vec![false; graph.nodes.len()];
    graph.links.iter().filter(|link| link.on_error).for_each(|link| handled[link.source] = true);
    for (node, handled) in handled.into_iter().enumerate() {
        if !handled {
            builder.connect_on_error(actor(node), errors);
            builder.report_failures_of(actor(node));
        }
    }
}

fn actor(node: usize) -> ActorId {
    // Builders refuse networks whose actors 32 bits cannot number.
    ActorId(u32::try_from(node).unwrap_or(u32::MAX))
}
