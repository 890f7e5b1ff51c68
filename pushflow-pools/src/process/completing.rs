//! Telling outcomes without recursion, and knowing from where a call comes.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use pushflow_core::Execution;
use pushflow_core::pool::Outcome;

use super::shared::{Completions, Shared};

/// An outcome that is still to be told, and the pool whose execution it is of.
type Untold = (Arc<Shared>, Execution, Outcome);

thread_local! {
    /// What this thread has still to tell, and for which pool; there while it is telling.
    static TELLING: RefCell<Option<VecDeque<Untold>>> = const { RefCell::new(None) };
    /// Pools that this thread supervises, or tells outcomes of: it cannot wait for their end.
    static WITHIN: Cell<Vec<*const Shared>> = const { Cell::new(Vec::new()) };
}

/// Tells outcomes one after the other. From inside of that, they are told when the one outside has been.
pub(super) fn complete(shared: &Arc<Shared>, completions: Completions) {
    if completions.is_empty() {
        return;
    }
    let all = completions.into_iter().map(|(execution, outcome)| (Arc::clone(shared), execution, outcome));
    let outermost = TELLING.with_borrow_mut(|telling| match telling {
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
    TELLING.with_borrow_mut(|telling| telling.as_mut().and_then(VecDeque::pop_front))
}

/// Also when an outcome makes its receiver panic: what is left is dropped, and so completed as lost.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let left = TELLING.with_borrow_mut(Option::take);
        drop(left);
    }
}

/// Whether this thread is one that the end of the pool depends on.
pub(super) fn is_within(shared: &Arc<Shared>) -> bool {
    WITHIN.with(|within| {
        let all = within.take();
        let found = all.contains(&Arc::as_ptr(shared));
        within.set(all);
        found
    })
}

/// Notes that the end of a pool depends on this thread, until it is dropped.
pub(super) struct Within(());

pub(super) fn enter(shared: &Arc<Shared>) -> Within {
    WITHIN.with(|within| {
        let mut all = within.take();
        all.push(Arc::as_ptr(shared));
        within.set(all);
    });
    Within(())
}

impl Drop for Within {
    fn drop(&mut self) {
        WITHIN.with(|within| {
            let mut all = within.take();
            all.pop();
            within.set(all);
        });
    }
}
