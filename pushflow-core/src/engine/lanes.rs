//! [`Lanes`]: from tasks that are ready to the pools that run them, where that is not one pool in any order.

use std::sync::{Arc, Mutex};

use super::gate::{Gate, Needs};
use super::network::Network;
use super::options::RunOptions;
use super::run::lock;
use super::trigger::Trigger;
use crate::actor::{Actor, Placement};
use crate::error::{ErrorKind, TaskError};
use crate::pool::{Execution, Pool, Rejected};

/// The pools of a run by their numbers, and the gate before them if there is one. `T` is what waits there.
pub(super) struct Lanes<T> {
    pools: Vec<Option<Arc<dyn Pool>>>,
    gate: Option<Mutex<Gate<T>>>,
}

impl<T> Lanes<T> {
    /// Returns them, unless every task goes to the same pool at once.
    pub(super) fn new(network: &Network, pool: &Arc<dyn Pool>, options: &RunOptions) -> Option<Lanes<T>> {
        if network.pools.is_empty() && !network.ordered {
            return None;
        }
        let named = network.pools.iter().map(|wanted| {
            let found = options.pools.iter().rev().find(|(name, _)| name == wanted);
            found.map(|(_, pool)| Arc::clone(pool))
        });
        let pools: Vec<Option<Arc<dyn Pool>>> = [Some(Arc::clone(pool))].into_iter().chain(named).collect();
        let gate = network.ordered.then(|| {
            let capacities = pools.iter().map(|pool| pool.as_ref().and_then(|pool| pool.stats().capacity));
            Mutex::new(Gate::new(capacities, options.resources.iter().cloned()))
        });
        Some(Lanes { pools, gate })
    }

    /// Takes what is ready; returns it again where there is no gate.
    pub(super) fn enter(&self, network: &Network, slot: u32, what: T) -> Option<(usize, T)> {
        let lane = usize::from(network.node(slot).lane);
        let Some(gate) = &self.gate else { return Some((lane, what)) };
        let placement = placement(network, slot);
        let priority = placement.map_or(0, |placement| placement.priority);
        let needs: Needs = placement.map(|placement| placement.resources.clone()).unwrap_or_default();
        lock(gate).push(lane, priority, needs, what);
        None
    }

    /// Returns what may run now, and in which lane.
    pub(super) fn next(&self) -> Option<(usize, T)> {
        lock(self.gate.as_ref()?).next()
    }

    /// An execution has ended.
    pub(super) fn leave(&self, network: &Network, slot: u32) {
        if let Some(gate) = &self.gate {
            let needs = placement(network, slot).map(|placement| &*placement.resources).unwrap_or_default();
            lock(gate).leave(usize::from(network.node(slot).lane), needs);
        }
    }

    /// Gives an execution to the pool of its lane; gives it back with the reason when that does not take it.
    pub(super) fn submit(
        &self,
        network: &Network,
        lane: usize,
        execution: Execution,
    ) -> Result<(), (Trigger, TaskError)> {
        let (execution, error) = match &self.pools[lane] {
            Some(pool) => match pool.submit(execution) {
                Ok(()) => return Ok(()),
                Err(Rejected { execution, reason }) => {
                    (execution, TaskError::new(ErrorKind::Closed, "RuntimeError", reason.to_string()))
                }
            },
            None => {
                let name = network.pools.get(lane - 1).map_or("", |name| name.as_str());
                let message = format!("the run has no pool `{name}`, which the node asks for");
                (execution, TaskError::new(ErrorKind::Closed, "KeyError", message))
            }
        };
        let (slot, attempt, data) = execution.withdraw();
        Err((Trigger { slot, attempt, data }, error))
    }
}

fn placement(network: &Network, slot: u32) -> Option<&Placement> {
    if let Actor::Task(task) = &network.node(slot).actor { task.placement() } else { None }
}
