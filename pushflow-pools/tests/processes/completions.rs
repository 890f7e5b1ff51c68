//! What completions of a pool of processes lead to.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use libtest_mimic::Trial;
use pushflow_core::interrupt::Interruption;
use pushflow_core::pool::{Done, Origin, Ready, Subject};
use pushflow_core::{Context, Execution, Payload, Pool, Task, TaskError};

use crate::LONG;
use crate::backends::BACKENDS;
use crate::gates::named;

/// More than a thread of this stack could go down.
const LINKS: u32 = 20_000;
const STACK_BYTES: usize = 128 << 10;

pub(crate) fn trials() -> Vec<Trial> {
    trials![a_chain_of_refused_executions_does_not_recurse, a_chain_of_executions_does_not_recurse]
}

/// Each execution makes the next one ready.
struct Chain {
    task: Arc<dyn Task>,
    interruption: Interruption,
    left: AtomicU32,
    end: mpsc::Sender<u32>,
    failed: AtomicU32,
}

impl Origin for Chain {
    fn subject(&self, _slot: u32) -> Subject<'_> {
        Subject::alone(&self.task, &self.interruption)
    }

    fn prepare<'a>(&'a self, _slot: u32, _attempt: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        Ok(Cow::Borrowed(data))
    }

    fn complete(self: Arc<Self>, done: Done, ready: &mut Ready) {
        self.failed.fetch_add(u32::from(done.outcome.is_err()), Ordering::Relaxed);
        if self.left.fetch_sub(1, Ordering::Relaxed) > 1 {
            ready.push(Execution::new(self, 0, 1, Payload::new()));
        } else {
            self.end.send(self.failed.load(Ordering::Relaxed)).unwrap();
        }
    }
}

/// Runs a chain of a task, begun on a thread with a small stack; returns how many of its links have failed.
fn failed(pool: &dyn Pool, task: Arc<dyn Task>) -> u32 {
    let (end, ended) = mpsc::channel();
    let (left, failed) = (AtomicU32::new(LINKS), AtomicU32::new(0));
    let chain = Arc::new(Chain { task, interruption: Interruption::new(), left, end, failed });
    std::thread::scope(|scope| {
        let begin = || pool.submit(Execution::new(chain, 0, 1, Payload::new())).unwrap();
        std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, begin).unwrap();
    });
    ended.recv_timeout(LONG).unwrap()
}

fn a_chain_of_refused_executions_does_not_recurse() {
    for backend in BACKENDS {
        let pool = backend.builder().workers(1).build().unwrap();
        let unnamed = Arc::new(|_: &Payload, _: &Context<'_>| Ok(Payload::new()));
        // Each is refused where it is submitted, by the completion of the one before.
        assert_eq!(failed(&pool, unnamed), LINKS, "{}", backend.name);
    }
}

fn a_chain_of_executions_does_not_recurse() {
    let pool = BACKENDS[0].builder().workers(1).build().unwrap();
    assert_eq!(failed(&pool, named("echo")), 0);
}
