//! [`RunHandle`]: a run on a pool, from outside.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::lanes::Lanes;
use super::later::{Ending, Later};
use super::network::Network;
use super::options::RunOptions;
use super::report::Report;
use super::run::Run;
use super::stopper::Stopper;
use super::trigger::{Sink, Trigger};
use crate::clock::{self, Alarm};
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
pub struct RunHandle {
    shared: Arc<Shared>,
    pool: Arc<dyn Pool>,
    /// Set when the time is over: until then the run may still end by itself.
    last_call: Option<Instant>,
    /// Wakes who awaits the run at its deadline.
    alarm: Option<Alarm>,
}

struct Shared {
    run: Run<Arc<Network>>,
    ended: AtomicBool,
    lanes: Option<Lanes<Waiting>>,
    later: Later<Waiting>,
    /// For what waits between tries. The pool is its owner's, whose drop is to wait for it.
    pool: Weak<dyn Pool>,
    /// Itself, for what is called later.
    this: Weak<Shared>,
    /// What the bell of the run wakes while tries wait.
    doorkeeper: Waker,
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

/// Keeps a task for later; gives it back when it is to be tried at once.
fn put_off(in_flight: &Arc<InFlight>, delay: Duration, trigger: Trigger) -> Option<Trigger> {
    let shared = &in_flight.0;
    let Some(due) = Instant::now().checked_add(delay).filter(|_| !shared.run.is_ending()) else { return Some(trigger) };
    let waiting = Waiting { in_flight: Arc::clone(in_flight), trigger };
    shared.later.add(due, waiting, &**shared, &shared.doorkeeper).map(|waiting| waiting.trigger)
}

impl Shared {
    /// Gives tasks to their pools, all at once.
    fn submit(&self, in_flight: Arc<InFlight>, tasks: Vec<Trigger>, pool: Option<&Arc<dyn Pool>>) {
        if let Some(lanes) = &self.lanes {
            dispatch(&in_flight, lanes, None, tasks, None);
            return;
        }
        let mut ready = Ready::default();
        for Trigger { slot, attempt, data } in tasks {
            let in_flight: Arc<InFlight> = Arc::clone(&in_flight);
            ready.push(Execution::new(in_flight, slot, attempt, data));
        }
        drop(in_flight);
        // Without a pool the executions end as those that were lost with it.
        if let Some(pool) = pool {
            ready.submit_to(&**pool);
        }
    }

    /// Makes the tries whose time has come.
    fn try_again(&self) {
        for Waiting { in_flight, trigger } in self.later.take(self, &self.doorkeeper) {
            self.submit(in_flight, vec![trigger], self.pool.upgrade().as_ref());
        }
    }
}

impl Ending for Shared {
    fn register(&self, waker: &Waker) {
        self.run.bell.register(waker);
    }

    fn is_ending(&self) -> bool {
        self.run.is_ending()
    }

    fn deadline(&self) -> Option<Instant> {
        self.run.interruption.deadline()
    }

    fn look(&self) -> Box<dyn FnOnce() + Send> {
        let this = Weak::clone(&self.this);
        Box::new(move || {
            if let Some(shared) = this.upgrade() {
                shared.try_again();
            }
        })
    }
}

/// Hears the bell of a run for the tries that wait.
struct Doorkeeper(Weak<Shared>);

impl Wake for Doorkeeper {
    fn wake(self: Arc<Self>) {
        if let Some(shared) = self.0.upgrade() {
            shared.later.hurry(&*shared);
        }
    }
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
        let shared = Arc::new_cyclic(|this| Shared {
            run,
            ended: AtomicBool::new(false),
            lanes,
            later: Later::default(),
            pool: Arc::downgrade(&pool),
            this: Weak::clone(this),
            doorkeeper: Waker::from(Arc::new(Doorkeeper(Weak::clone(this)))),
        });
        let in_flight = Arc::new(InFlight(Arc::clone(&shared)));
        let mut tasks = Vec::new();
        let mut sink = Collected { tasks: &mut tasks, in_flight: &in_flight };
        for edge in &shared.run.network.start {
            if let Err(error) = shared.run.carry_from(None, &[*edge], options.data.clone(), &mut sink) {
                shared.run.fail_at_start(&error);
                break;
            }
        }
        shared.submit(in_flight, tasks, Some(&pool));
        RunHandle { shared, pool, last_call: None, alarm: None }
    }

    /// Returns the number of the run.
    pub fn id(&self) -> RunId {
        self.shared.run.id()
    }

    /// Waits for the end of the run, or for its deadline. Blocks the calling thread.
    ///
    /// At the deadline running tasks are interrupted; those that do not end soon are reported as failures, and their
    /// results are ignored.
    pub fn wait(mut self) -> Report {
        let mut until = None;
        loop {
            let look = wait::block(until, |waker| match self.poll_report(waker) {
                Ok(report) => Some(Ok(report)),
                Err(next) => (next != until).then_some(Err(next)),
            });
            match look {
                Some(Ok(report)) => return report,
                Some(Err(next)) => until = next,
                None => {}
            }
        }
    }

    /// Whether the run has ended.
    pub fn is_ended(&self) -> bool {
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

    /// Returns the report when the run has ended, or its time is over; otherwise when to look again at the latest.
    fn poll_report(&mut self, waker: &Waker) -> Result<Report, Option<Instant>> {
        let run = &self.shared.run;
        run.bell.register(waker);
        if self.is_ended() {
            return Ok(run.report(&[]));
        }
        let now = Instant::now();
        match (self.last_call, run.interruption.deadline()) {
            (None, Some(deadline)) if deadline <= now => {
                run.mark_timed_out();
                run.interruption.interrupt(Cause::TimedOut);
                // Wakes who waits for tries, and this one, who may have to look again.
                run.bell.ring();
                self.last_call = Some(now + LAST_CALL);
                Err(self.last_call)
            }
            (None, deadline) => Err(deadline),
            (Some(last_call), _) if now < last_call => Err(Some(last_call)),
            (Some(_), _) => {
                let running = self.pool.stats().running;
                let own: Vec<u32> =
                    running.iter().filter(|(run, _)| *run == self.id()).map(|(_, slot)| *slot).collect();
                Ok(run.report(&own))
            }
        }
    }
}

impl Future for RunHandle {
    type Output = Report;

    /// Ends as [`wait`](RunHandle::wait) does; at the deadline by the [clock](crate::clock) of the program, without which the run is
    /// awaited beyond it.
    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Report> {
        match self.poll_report(cx.waker()) {
            Ok(report) => Poll::Ready(report),
            Err(None) => Poll::Pending,
            Err(Some(next)) => {
                let waker = cx.waker().clone();
                self.alarm = clock::call_at(next, move || waker.wake());
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for RunHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunHandle").field("id", &self.id()).field("ended", &self.is_ended()).finish_non_exhaustive()
    }
}
