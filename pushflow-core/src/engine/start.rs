//! [`RunHandle`]: a run on a pool, from outside.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::carry::Sink;
use super::network::Network;
use super::options::RunOptions;
use super::report::Report;
use super::run::{Run, lock};
use super::stopper::Stopper;
use crate::error::TaskError;
use crate::event::RunId;
use crate::interrupt::Cause;
use crate::payload::Payload;
use crate::pool::{Done, Execution, Origin, Pool, Ready, Subject};
use crate::wait;

/// How long after its deadline a run waits for tasks that end when they are told to.
const LAST_CALL: Duration = Duration::from_millis(40);

/// A run that is going on. Dropping the handle lets it go on.
pub struct RunHandle {
    shared: Arc<Shared>,
    pool: Arc<dyn Pool>,
}

struct Shared {
    run: Run<Arc<Network>>,
    ended: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    yes: bool,
    wakers: Vec<Waker>,
}

/// A trigger in flight. The run ends when the last one is gone, however it went.
///
/// Aligned away from its own reference count: that one changes with every fork and every end of a branch, while all
/// threads read what is in here.
#[repr(align(128))]
struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut ended = lock(&self.0.ended);
        ended.yes = true;
        let wakers = std::mem::take(&mut ended.wakers);
        drop(ended);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Origin for InFlight {
    fn subject(&self, slot: u32) -> Subject<'_> {
        self.0.run.subject(slot)
    }

    fn prepare<'a>(&'a self, slot: u32, attempt: u32, data: &'a Payload) -> Result<Cow<'a, Payload>, TaskError> {
        self.0.run.prepare(slot, attempt, data)
    }

    fn run(&self, _slot: u32) -> RunId {
        self.0.run.id()
    }

    fn complete(self: Arc<Self>, done: Done, ready: &mut Ready) {
        let mut sink = Next { held: None, in_flight: &self, ready };
        self.0.run.complete(done, &mut sink);
        let held = sink.held;
        // The last trigger takes over the reference of the one that has ended: a chain never touches the count.
        if let Some((slot, attempt, data)) = held {
            ready.push(Execution::new(self, slot, attempt, data));
        }
    }
}

/// Makes executions of the tasks that carrying arrives at; the latest one is held back.
struct Next<'a> {
    held: Option<(u32, u32, Payload)>,
    in_flight: &'a Arc<InFlight>,
    ready: &'a mut Ready,
}

impl Sink for Next<'_> {
    fn task(&mut self, slot: u32, attempt: u32, data: Payload) {
        if let Some((slot, attempt, data)) = self.held.replace((slot, attempt, data)) {
            let in_flight: Arc<InFlight> = Arc::clone(self.in_flight);
            self.ready.push(Execution::new(in_flight, slot, attempt, data));
        }
    }
}

impl RunHandle {
    pub(super) fn start(network: Arc<Network>, pool: Arc<dyn Pool>, options: RunOptions) -> RunHandle {
        let run = Run::new(network, &options);
        let shared = Arc::new(Shared { run, ended: Mutex::default() });
        let in_flight = Arc::new(InFlight(Arc::clone(&shared)));
        let mut ready = Ready::default();
        let mut sink = Next { held: None, in_flight: &in_flight, ready: &mut ready };
        for edge in &shared.run.network.start {
            if let Err(error) = shared.run.carry_from(None, &[*edge], options.data.clone(), &mut sink) {
                shared.run.fail_at_start(&error);
            }
        }
        if let Some((slot, attempt, data)) = sink.held {
            ready.push(Execution::new(in_flight, slot, attempt, data));
        }
        ready.submit_to(&*pool);
        RunHandle { shared, pool }
    }

    /// Returns the number of the run.
    pub fn id(&self) -> RunId {
        self.shared.run.id()
    }

    /// Waits for the end of the run, or for its deadline. Blocks the calling thread.
    ///
    /// At the deadline running tasks are interrupted; those that do not end soon are reported as failures, and their
    /// results are ignored.
    pub fn wait(self) -> Report {
        let deadline = self.shared.run.interruption.deadline();
        if wait::block(deadline, |waker| self.poll_end(waker)).is_some() {
            return self.shared.run.report(&[]);
        }
        self.shared.run.mark_timed_out();
        self.shared.run.interruption.interrupt(Cause::TimedOut);
        let last_call = Instant::now() + LAST_CALL;
        if wait::block(Some(last_call), |waker| self.poll_end(waker)).is_some() {
            return self.shared.run.report(&[]);
        }
        let running = self.pool.stats().running;
        let own: Vec<u32> = running.iter().filter(|(run, _)| *run == self.id()).map(|(_, slot)| *slot).collect();
        self.shared.run.report(&own)
    }

    /// Whether the run has ended.
    pub fn is_ended(&self) -> bool {
        lock(&self.shared.ended).yes
    }

    /// Stops the run; see [`Stopper::stop`].
    pub fn stop(&self, reason: &str) {
        self.stopper().stop(reason);
    }

    /// Returns a handle that stops the run from elsewhere.
    pub fn stopper(&self) -> Stopper {
        self.shared.run.stopper()
    }

    fn poll_end(&self, waker: &Waker) -> Option<()> {
        let mut ended = lock(&self.shared.ended);
        if ended.yes {
            return Some(());
        }
        if !ended.wakers.iter().any(|known| known.will_wake(waker)) {
            ended.wakers.push(waker.clone());
        }
        None
    }
}

impl Future for RunHandle {
    type Output = Report;

    /// Ends with the run. A deadline is kept by the tasks, none of which starts after it, not by the future.
    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Report> {
        self.poll_end(cx.waker()).map_or(Poll::Pending, |()| Poll::Ready(self.shared.run.report(&[])))
    }
}

impl fmt::Debug for RunHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunHandle").field("id", &self.id()).field("ended", &self.is_ended()).finish_non_exhaustive()
    }
}
