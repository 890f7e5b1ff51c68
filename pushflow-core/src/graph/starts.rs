//! [`Starts`]: where an execution begins.

use std::sync::Arc;

use super::draft::DraftLink;
use super::model::{Node, TaskType};

/// Tells whether the default inputs of a class node cover all inputs that the class requires.
pub type CanStart = Arc<dyn Fn(&Node) -> bool + Send + Sync>;

/// What the choice of start nodes depends on, apart from default inputs.
#[derive(Debug)]
pub(super) struct Starts {
    /// Nodes that start in any case.
    certain: Vec<usize>,
    /// Class nodes without required incoming link, for when there are no others.
    possible: Vec<usize>,
}

impl Starts {
    pub(super) fn new(nodes: &[Node], links: &[DraftLink], required: &[bool]) -> Starts {
        let mut entered = vec![false; nodes.len()];
        let mut waits = vec![false; nodes.len()];
        for (link, required) in links.iter().zip(required) {
            entered[link.target as usize] = true;
            waits[link.target as usize] |= required;
        }
        let certain: Vec<usize> =
            (0..nodes.len()).filter(|node| !entered[*node] || nodes[*node].force_start_node).collect();
        let is_possible = |node: &usize| !waits[*node] && nodes[*node].task_type == TaskType::Class;
        let possible = if certain.is_empty() { (0..nodes.len()).filter(is_possible).collect() } else { Vec::new() };
        Starts { certain, possible }
    }

    /// Returns the start nodes that there are with the present default inputs.
    pub(super) fn find(&self, nodes: &[Node], can_start: Option<&CanStart>) -> Vec<usize> {
        match can_start {
            Some(can_start) if self.certain.is_empty() => {
                self.possible.iter().copied().filter(|node| can_start(&nodes[*node])).collect()
            }
            _ => self.certain.clone(),
        }
    }
}
