//! What only the pool over pools of one worker does.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pushflow_core::handle::Handle;
use pushflow_core::pool::{Rejected, Stats};
use pushflow_core::{Context, Execution, Payload, Pool, PoolError};
use pushflow_pools::{ScalingPool, ThreadPool};

use crate::suite::LONG;

/// A lane that takes its time to close: the first who closes it waits until somebody else has closed or joined it.
#[derive(Debug)]
struct Slow {
    lane: ThreadPool,
    closing: Mutex<Option<(Sender<()>, Receiver<()>)>>,
    joins: Sender<()>,
}

impl Pool for Slow {
    fn submit(&self, execution: Execution) -> Result<(), Rejected> {
        Pool::submit(&self.lane, execution)
    }

    fn close(&self) {
        let first = self.closing.lock().unwrap().take();
        if let Some((tell, joined)) = first {
            tell.send(()).unwrap();
            joined.recv_timeout(LONG).unwrap();
        }
        self.lane.close();
        let _ = self.joins.send(());
    }

    fn join(&self, timeout: Option<Duration>) -> Result<(), PoolError> {
        let joined = self.lane.join(timeout);
        if timeout != Some(Duration::ZERO) {
            let _ = self.joins.send(());
        }
        joined
    }

    fn stats(&self) -> Stats {
        self.lane.stats()
    }
}

#[test]
fn a_lane_that_is_about_to_close_is_joined() {
    let (closes, closing) = channel();
    let (joins, joined) = channel();
    let parts = Mutex::new(Some((closes, joined, joins)));
    let make = move || -> Result<Arc<dyn Pool>, PoolError> {
        let (closes, joined, joins) = parts.lock().unwrap().take().unwrap();
        let lane = ThreadPool::builder().workers(1).wait_on_exit(false).build()?;
        Ok(Arc::new(Slow { lane, closing: Mutex::new(Some((closes, joined))), joins }))
    };
    let pool = ScalingPool::builder().max_workers(Some(1)).over(make).unwrap();
    let (go, may_go) = channel::<()>();
    let may_go = Mutex::new(may_go);
    let task = move |_: &Payload, _: &Context<'_>| {
        let _ = may_go.lock().unwrap().recv();
        Ok(Payload::new())
    };
    let handle = Handle::submit(&pool, Arc::new(task), Payload::new()).unwrap();
    pool.close();
    drop(go);
    // The worker has completed the execution, and is in the midst of closing its lane.
    closing.recv_timeout(LONG).unwrap();
    pool.join(Some(LONG)).unwrap();
    assert!(handle.wait().is_ok());
}
