//! [`RunHandle`]: a run on a pool, from outside.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::delayed::Delayed;
use super::lanes::Lanes;
use super::network::Network;
use super::options::RunOptions;
use super::report::Report;
use super::run::{Run, lock};
use super::stopper::Stopper;
use super::trigger::{Sink, Trigger};
use crate::error::TaskError;
use crate::event::RunId;
use crate::interrupt::Cause;
use crate::payload::Payload;
use crate::pool::{Done, Execution, Origin, Pool, Ready, Subject};
use crate::wait;

/// How long after its deadline a run waits for tasks that end when they are told to.
const LAST_CALL: Duration = Duration::from_millis(40);

impl Network {
    /// Starts a run on a pool. Any number of runs may be going on at once.
    pub fn start(self: &Arc<Self>, pool: Arc<dyn Pool>, options: RunOptions) -> RunHandle {
        RunHandle::start(Arc::clone(self), pool, options)
    }

    /// Runs the network on a pool and waits for its end. Blocks the calling thread.
    pub fn run(self: &Arc<Self>, pool: Arc<dyn Pool>, options: RunOptions) -> Report {
        self.start(pool, options).wait()
    }
}

/// A run that is going on. Dropping the handle lets it go on.
///
/// Delays between tries are kept while somebody [waits](Self::wait) or asks whether it [has ended](Self::is_ended).
pub struct RunHandle {
    shared: Arc<Shared>,
    pool: Arc<dyn Pool>,
}

struct Shared {
    run: Run<Arc<Network>>,
    ended: AtomicBool,
    lanes: Option<Lanes<Waiting>>,
    later: Mutex<Later>,
}

/// Tries that are to be made later, by whoever looks at the clock.
struct Later {
    delayed: Delayed<Waiting>,
    /// Whether somebody looks: without, they are made at once.
    is_kept: bool,
}

/// A task that is ready, or will be, and its share in the run.
struct Waiting {
    in_flight: Arc<InFlight>,
    trigger: Trigger,
}

/// A trigger in flight. The run ends when the last one is gone, however it went.
///
/// Aligned away from its own reference count: that one changes with every fork and every end of a branch, while all
/// threads read what is in here.
#[repr(align(128))]
struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.run.bell.ring();
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
        if let Some(lanes) = &self.0.lanes {
            let here = usize::from(self.0.run.network.node(done.slot).lane);
            dispatch(&self, lanes, Some(done), Vec::new(), Some((here, ready)));
            return;
        }
        let mut sink = Next { held: None, in_flight: &self, ready };
        self.0.run.complete(done, &mut sink);
        let held = sink.held;
        // The last trigger takes over the reference of the one that has ended: a chain never touches the count.
        if let Some(Trigger { slot, attempt, data }) = held {
            ready.push(Execution::new(self, slot, attempt, data));
        }
    }
}

/// Makes executions of the tasks that carrying arrives at; the latest one is held back.
struct Next<'a> {
    held: Option<Trigger>,
    in_flight: &'a Arc<InFlight>,
    ready: &'a mut Ready,
}

impl Sink for Next<'_> {
    fn task(&mut self, trigger: Trigger) {
        if let Some(Trigger { slot, attempt, data }) = self.held.replace(trigger) {
            let in_flight: Arc<InFlight> = Arc::clone(self.in_flight);
            self.ready.push(Execution::new(in_flight, slot, attempt, data));
        }
    }

    fn later(&mut self, delay: Duration, trigger: Trigger) {
        if let Some(trigger) = put_off(self.in_flight, delay, trigger) {
            self.task(trigger);
        }
    }
}

/// Collects the tasks that carrying arrives at.
struct Collected<'a> {
    tasks: &'a mut Vec<Trigger>,
    in_flight: &'a Arc<InFlight>,
}

impl Sink for Collected<'_> {
    fn task(&mut self, trigger: Trigger) {
        self.tasks.push(trigger);
    }

    fn later(&mut self, delay: Duration, trigger: Trigger) {
        self.tasks.extend(put_off(self.in_flight, delay, trigger));
    }
}

/// Keeps a task for later; gives it back when nobody looks at the clock.
fn put_off(in_flight: &Arc<InFlight>, delay: Duration, trigger: Trigger) -> Option<Trigger> {
    let shared = &in_flight.0;
    let due = Instant::now().checked_add(delay).filter(|_| !shared.run.is_ending());
    let mut later = lock(&shared.later);
    match due.filter(|_| later.is_kept) {
        Some(due) => later.delayed.add(due, Waiting { in_flight: Arc::clone(in_flight), trigger }),
        None => return Some(trigger),
    }
    drop(later);
    shared.run.bell.ring();
    None
}

/// Takes the end of an execution, and tasks that are ready, and gives pools what they may run.
///
/// `here` is the lane whose pool runs what is put in the queue. What a pool does not take ends here, without recursion.
fn dispatch(
    in_flight: &Arc<InFlight>,
    lanes: &Lanes<Waiting>,
    done: Option<Done>,
    mut tasks: Vec<Trigger>,
    mut here: Option<(usize, &mut Ready)>,
) {
    let run = &in_flight.0.run;
    let mut ended: Vec<Done> = done.into_iter().collect();
    loop {
        if let Some(done) = ended.pop() {
            lanes.leave(&run.network, done.slot);
            run.complete(done, &mut Collected { tasks: &mut tasks, in_flight });
        }
        let mut open: VecDeque<(usize, Waiting)> = VecDeque::new();
        for trigger in tasks.drain(..) {
            let slot = trigger.slot;
            open.extend(lanes.enter(&run.network, slot, Waiting { in_flight: Arc::clone(in_flight), trigger }));
        }
        while let Some((lane, waiting)) = open.pop_front().or_else(|| lanes.next()) {
            let Waiting { in_flight, trigger: Trigger { slot, attempt, data } } = waiting;
            let execution = Execution::new(in_flight, slot, attempt, data);
            match &mut here {
                Some((own, ready)) if *own == lane => ready.push(execution),
                _ => {
                    if let Err((Trigger { slot, attempt, data }, error)) = lanes.submit(&run.network, lane, execution) {
                        ended.push(Done { slot, attempt, data, outcome: Err(error) });
                    }
                }
            }
        }
        if ended.is_empty() {
            return;
        }
    }
}

impl RunHandle {
    pub(super) fn start(network: Arc<Network>, pool: Arc<dyn Pool>, options: RunOptions) -> RunHandle {
        let lanes = Lanes::new(&network, &pool, &options);
        let run = Run::new(network, &options);
        let later = Mutex::new(Later { delayed: Delayed::default(), is_kept: true });
        let shared = Arc::new(Shared { run, ended: AtomicBool::new(false), lanes, later });
        let in_flight = Arc::new(InFlight(Arc::clone(&shared)));
        let mut tasks = Vec::new();
        let mut sink = Collected { tasks: &mut tasks, in_flight: &in_flight };
        for edge in &shared.run.network.start {
            if let Err(error) = shared.run.carry_from(None, &[*edge], options.data.clone(), &mut sink) {
                shared.run.fail_at_start(&error);
            }
        }
        let handle = RunHandle { shared, pool };
        handle.submit(in_flight, tasks);
        handle
    }

    /// Gives tasks to their pools, all at once.
    fn submit(&self, in_flight: Arc<InFlight>, tasks: Vec<Trigger>) {
        if let Some(lanes) = &self.shared.lanes {
            dispatch(&in_flight, lanes, None, tasks, None);
            return;
        }
        let mut ready = Ready::default();
        for Trigger { slot, attempt, data } in tasks {
            let in_flight: Arc<InFlight> = Arc::clone(&in_flight);
            ready.push(Execution::new(in_flight, slot, attempt, data));
        }
        drop(in_flight);
        ready.submit_to(&*self.pool);
    }

    /// Makes the tries whose time has come: all, when nothing waits any more.
    fn submit_due(&self, all: bool) {
        let due = {
            let mut later = lock(&self.shared.later);
            let all = all || self.shared.run.is_ending() || !later.is_kept;
            if all { later.delayed.take_all() } else { later.delayed.take_due(Instant::now()) }
        };
        for Waiting { in_flight, trigger } in due {
            self.submit(in_flight, vec![trigger]);
        }
    }

    /// From here on nobody looks at the clock.
    fn let_go(&self) {
        lock(&self.shared.later).is_kept = false;
        self.submit_due(true);
    }

    fn next_due(&self) -> Option<Instant> {
        lock(&self.shared.later).delayed.next_due()
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
        loop {
            let due = self.next_due();
            let until = [deadline, due].into_iter().flatten().min();
            wait::block(until, |waker| self.poll_work(waker, due));
            if self.is_ended() {
                return self.shared.run.report(&[]);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break;
            }
            self.submit_due(false);
        }
        self.shared.run.mark_timed_out();
        self.shared.run.interruption.interrupt(Cause::TimedOut);
        self.submit_due(true);
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
        self.submit_due(false);
        self.shared.ended.load(Ordering::Acquire)
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
        self.shared.run.bell.register(waker);
        self.shared.ended.load(Ordering::Acquire).then_some(())
    }

    /// Whether the run has ended, or there are tries to be made before they were due.
    fn poll_work(&self, waker: &Waker, due: Option<Instant>) -> Option<()> {
        let ended = self.poll_end(waker);
        let next = self.next_due();
        let is_sooner = next.is_some_and(|next| due.is_none_or(|due| next < due) || self.shared.run.is_ending());
        ended.or(is_sooner.then_some(()))
    }
}

impl Future for RunHandle {
    type Output = Report;

    /// Ends with the run. A deadline is kept by the tasks, none of which starts after it, not by the future; nor are
    /// delays between tries: they are made at once.
    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Report> {
        self.let_go();
        self.poll_end(cx.waker()).map_or(Poll::Pending, |()| Poll::Ready(self.shared.run.report(&[])))
    }
}

impl Drop for RunHandle {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl fmt::Debug for RunHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunHandle").field("id", &self.id()).field("ended", &self.is_ended()).finish_non_exhaustive()
    }
}
