//! Every order in which the executions of a workflow can end.

use std::collections::BTreeSet;
use std::sync::Arc;

use pushflow_core::engine::Network;

use super::answer::{Answer, Watched};
use super::stepped::step_through;

/// Goes through all orders, and returns all answers; `None` when there are more orders than so many. Each node is
/// executed at most so many `rounds`.
pub(super) fn every_answer(network: &Arc<Network>, most: usize, rounds: u64) -> Option<BTreeSet<Answer>> {
    let mut answers = BTreeSet::new();
    // At each step what was chosen, and from how many.
    let mut path: Vec<(usize, usize)> = Vec::new();
    for _ in 0..most {
        let mut depth = 0;
        let watched = Watched::bounded(rounds);
        let report = step_through(network, watched.options(), |count| {
            if depth == path.len() {
                path.push((0, count));
            }
            assert_eq!(path[depth].1, count, "the same choices lead to the same");
            depth += 1;
            path[depth - 1].0
        });
        path.truncate(depth);
        answers.insert(watched.answer(network, &report));
        while path.last().is_some_and(|(chosen, count)| chosen + 1 == *count) {
            path.pop();
        }
        match path.last_mut() {
            Some((chosen, _)) => *chosen += 1,
            None => return Some(answers),
        }
    }
    None
}
