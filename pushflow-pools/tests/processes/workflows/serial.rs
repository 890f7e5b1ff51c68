//! [`Serial`]: a pool on which executions run at once, but end one after the other, with all that follows from an end.
//!
//! What the order of ends decides is then decided as in some order of the stepped scheduler.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pushflow_core::event::RunId;
use pushflow_core::pool::{Done, Execution, Origin, Ready, Rejected, Stats, Subject};
use pushflow_core::{Payload, Pool, PoolError, TaskError};

pub(super) struct Serial {
    pool: Arc<dyn Pool>,
    turn: Arc<Mutex<()>>,
}

/// An execution that ends in its turn.
struct Turn {
    execution: Execution,
    turn: Arc<Mutex<()>>,
}

impl Serial {
    pub(super) fn new(pool: Arc<dyn Pool>) -> Serial {
        Serial { pool, turn: Arc::default() }
    }
}

fn wrap(execution: Execution, turn: &Arc<Mutex<()>>) -> Execution {
    let (slot, attempt) = (execution.slot(), execution.attempt());
    Execution::new(Arc::new(Turn { execution, turn: Arc::clone(turn) }), slot, attempt, Payload::new())
}

impl Origin for Turn {
    fn subject(&self, _: u32) -> Subject<'_> {
        self.execution.subject()
    }

    fn prepare<'a>(&'a self, _: u32, _: u32, _: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        self.execution.prepare()
    }

    fn complete(self: Arc<Self>, done: Done, ready: &mut Ready) {
        let Some(Turn { execution, turn }) = Arc::into_inner(self) else {
            panic!("an execution is completed while somebody else has it")
        };
        let mut next = Ready::default();
        let guard = turn.lock().unwrap();
        execution.complete(done.outcome, &mut next);
        drop(guard);
        while let Some(execution) = next.pop() {
            ready.push(wrap(execution, &turn));
        }
    }

    fn run(&self, _: u32) -> RunId {
        self.execution.run_id()
    }
}

impl Pool for Serial {
    fn submit(&self, execution: Execution) -> Result<(), Rejected> {
        self.pool.submit(wrap(execution, &self.turn))
    }

    fn close(&self) {
        self.pool.close();
    }

    fn join(&self, timeout: Option<Duration>) -> Result<(), PoolError> {
        self.pool.join(timeout)
    }

    fn stats(&self) -> Stats {
        self.pool.stats()
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Serial").field(&self.pool).finish()
    }
}
