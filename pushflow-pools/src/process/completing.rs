//! Telling outcomes without recursion, and knowing from where a call comes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use pushflow_core::Execution;
use pushflow_core::pool::Outcome;

use super::shared::{Completions, Shared};
use crate::local;

/// An outcome that is still to be told, and the pool whose execution it is of.
type Untold = (Arc<Shared>, Execution, Outcome);

local! {
    // What the caller has still to tell, and for which pool; there while it is telling.
    static TELLING: RefCell<Option<VecDeque<Untold>>> = RefCell::new(None)
}

local! {
    // Pools that the caller supervises, or tells outcomes of: it cannot wait for their end.
    static WITHIN: RefCell<Vec<usize>> = RefCell::new(Vec::new())
}

/// Tells outcomes one after the other: in the coroutine environment on a coroutine, for which the caller waits.
pub(super) fn complete(shared: &Arc<Shared>, completions: Completions) {
    if completions.is_empty() {
        return;
    }
    #[cfg(feature = "coroutine")]
    {
        let shared = Arc::clone(shared);
        crate::coroutine::tell(move || complete_here(&shared, completions));
    }
    #[cfg(not(feature = "coroutine"))]
    complete_here(shared, completions);
}

/// Tells outcomes one after the other. From inside of that, they are told when the one outside has been.
fn complete_here(shared: &Arc<Shared>, completions: Completions) {
    let all = completions.into_iter().map(|(execution, outcome)| (Arc::clone(shared), execution, outcome));
    let outermost = TELLING.with(|telling| match &mut *telling.borrow_mut() {
        Some(telling) => {
            telling.extend(all);
            false
        }
        none => {
            *none = Some(all.collect());
            true
        }
    });
    if !outermost {
        return;
    }
    let _end = End;
    while let Some((pool, execution, outcome)) = next() {
        let _within = enter(&pool);
        pool.tell(execution, outcome);
    }
}

fn next() -> Option<Untold> {
    TELLING.with(|telling| telling.borrow_mut().as_mut().and_then(VecDeque::pop_front))
}

/// Also when an outcome makes its receiver panic: what is left is dropped, and so completed as lost.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let left = TELLING.with(|telling| telling.borrow_mut().take());
        drop(left);
    }
}

/// Whether the caller is one that the end of the pool depends on.
pub(super) fn is_within(shared: &Arc<Shared>) -> bool {
    WITHIN.with(|within| within.borrow().contains(&Arc::as_ptr(shared).addr()))
}

/// Notes that the end of a pool depends on the caller, until it is dropped.
pub(super) struct Within(());

pub(super) fn enter(shared: &Arc<Shared>) -> Within {
    WITHIN.with(|within| within.borrow_mut().push(Arc::as_ptr(shared).addr()));
    Within(())
}

impl Drop for Within {
    fn drop(&mut self) {
        WITHIN.with(|within| within.borrow_mut().pop());
    }
}
