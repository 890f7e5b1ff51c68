//! [`InPlaceRun`]: a run in the calling thread, without any pool, in constant stack.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use super::carry::Step;
use super::delayed::Delayed;
use super::network::{Edge, Network, Order};
use super::options::RunOptions;
use super::report::Report;
use super::run::Run;
use super::stopper::Stopper;
use super::trigger::{Sink, Trigger};
use crate::error::TaskError;
use crate::payload::Payload;
use crate::pool::{Done, Outcome};

type Here<'n> = Run<&'n Network>;

impl Network {
    /// Runs the network in the calling thread, without any pool, to its end.
    ///
    /// A timeout cannot take the thread away from a task that does not look at its interruption: the run ends after it.
    pub fn run_in_place(&self, options: RunOptions) -> Report {
        self.in_place(options).run()
    }

    /// Prepares a run in the calling thread that others can stop. Its timeout counts from here.
    pub fn in_place(&self, options: RunOptions) -> InPlaceRun<'_> {
        InPlaceRun::new(self, options)
    }
}

/// A run that is still to be gone through, in the thread that calls [`run`](Self::run).
#[must_use = "nothing is executed before `run`"]
pub struct InPlaceRun<'n> {
    run: Here<'n>,
    data: Payload,
}

impl<'n> InPlaceRun<'n> {
    pub(super) fn new(network: &'n Network, options: RunOptions) -> InPlaceRun<'n> {
        InPlaceRun { run: Run::new(network, &options), data: options.data }
    }

    /// Returns a handle that stops the run from another thread, or from one of its tasks.
    pub fn stopper(&self) -> Stopper {
        self.run.stopper()
    }

    /// Runs to the end. Blocks the calling thread, which executes all tasks.
    pub fn run(self) -> Report {
        let InPlaceRun { run, data } = self;
        match run.network.order {
            Order::Fair => fair(&run, data),
            Order::DepthFirst => depth_first(&run, data),
        }
        run.report(&[])
    }
}

impl fmt::Debug for InPlaceRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InPlaceRun")
            .field("id", &self.run.id())
            .field("network", self.run.network)
            .finish_non_exhaustive()
    }
}

/// Of what was triggered, the highest priority is executed first, and then what came first.
struct Queue {
    plain: VecDeque<Trigger>,
    /// Other priorities than 0, in networks that have any.
    ordered: Option<BTreeMap<(Reverse<i64>, u64), Trigger>>,
    arrivals: u64,
    delayed: Delayed<Trigger>,
}

impl Queue {
    fn new(network: &Network) -> Queue {
        let ordered = network.ordered.then(BTreeMap::new);
        Queue { plain: VecDeque::new(), ordered, arrivals: 0, delayed: Delayed::default() }
    }

    fn push(&mut self, run: &Here<'_>, trigger: Trigger) {
        let Some(ordered) = &mut self.ordered else { return self.plain.push_back(trigger) };
        let priority = run.task(trigger.slot).placement().map_or(0, |placement| placement.priority);
        ordered.insert((Reverse(priority), self.arrivals), trigger);
        self.arrivals += 1;
    }

    /// Returns the next one; waits for it when it is not due yet.
    fn pop(&mut self, run: &Here<'_>) -> Option<Trigger> {
        loop {
            if self.delayed.next_due().is_some() {
                let due = if run.is_ending() { self.delayed.take_all() } else { self.delayed.take_due(Instant::now()) };
                due.into_iter().for_each(|trigger| self.push(run, trigger));
            }
            let next = match &mut self.ordered {
                Some(ordered) => ordered.pop_first().map(|(_, trigger)| trigger),
                None => self.plain.pop_front(),
            };
            match (next, self.delayed.next_due()) {
                (Some(next), _) => return Some(next),
                (None, None) => return None,
                (None, Some(due)) => run.sleep_until(due),
            }
        }
    }
}

/// The queue, as carrying sees it.
struct Entrance<'a, 'n> {
    queue: &'a mut Queue,
    run: &'a Here<'n>,
}

impl Sink for Entrance<'_, '_> {
    fn task(&mut self, trigger: Trigger) {
        self.queue.push(self.run, trigger);
    }

    fn later(&mut self, delay: Duration, trigger: Trigger) {
        match Instant::now().checked_add(delay) {
            Some(due) => self.queue.delayed.add(due, trigger),
            None => self.task(trigger),
        }
    }
}

fn fair(run: &Here<'_>, data: Payload) {
    let mut queue = Queue::new(run.network);
    for edge in &run.network.start {
        let mut entrance = Entrance { queue: &mut queue, run };
        if let Err(error) = run.carry_from(None, &[*edge], data.clone(), &mut entrance) {
            run.fail_at_start(&error);
            break;
        }
    }
    while let Some(Trigger { slot, attempt, data }) = queue.pop(run) {
        let outcome = execute(run, slot, attempt, &data);
        run.complete(Done { slot, attempt, data, outcome }, &mut Entrance { queue: &mut queue, run });
    }
}

fn execute(run: &Here<'_>, slot: u32, attempt: u32, data: &Payload) -> Outcome {
    let inputs = run.prepare(slot, attempt, data)?;
    run.subject(slot).run(attempt, &inputs, None)
}

/// What is still to be done when actors call each other, on a stack of ours instead of the thread's. A task has the number
/// of its try beside it.
enum Frame {
    /// Trigger an actor with data that comes from a task, or from the start.
    Trigger(Option<u32>, Edge, Payload),
    /// Above this lies what a task has triggered: an actor that fails there fails that task.
    Result(u32, u32, Payload),
    /// Above this lies what the error of a task has triggered: a failure there is final.
    Error(u32, u32),
}

fn depth_first(run: &Here<'_>, data: Payload) {
    for edge in &run.network.start {
        let mut stack = vec![Frame::Trigger(None, *edge, data.clone())];
        while let Some(frame) = stack.pop() {
            let Frame::Trigger(source, edge, data) = frame else { continue };
            match run.step(source, edge, data) {
                Ok(Step::Kept) => {}
                Ok(Step::Task(data)) => task(run, &mut stack, edge.target, data),
                Ok(Step::On(span, data)) => push(&mut stack, source, run.network.edges(span), &data),
                Ok(Step::Several(span, all)) => {
                    all.iter().rev().for_each(|data| push(&mut stack, source, run.network.edges(span), data));
                }
                Err(error) if unwind(run, &mut stack, &error) => {}
                // As an exception does: what the start has still to trigger is not.
                Err(error) => return run.fail_at_start(&error),
            }
        }
    }
}

fn task(run: &Here<'_>, stack: &mut Vec<Frame>, slot: u32, data: Payload) {
    // This was the last that these frames had triggered: a loop leaves none behind.
    while matches!(stack.last(), Some(Frame::Result(..) | Frame::Error(..))) {
        stack.pop();
    }
    let mut attempt = 1;
    let outcome = loop {
        match execute(run, slot, attempt, &data) {
            Err(error) if run.tries_again(slot, attempt, &error) => {
                let delay = run.task(slot).backoff(attempt);
                Instant::now()
                    .checked_add(delay)
                    .filter(|_| !delay.is_zero())
                    .into_iter()
                    .for_each(|due| run.sleep_until(due));
                attempt += 1;
            }
            outcome => break outcome,
        }
    };
    if run.is_over() {
        run.complete_late(slot, attempt, &outcome);
        return;
    }
    match outcome {
        Ok(outputs) => {
            let passed = run.succeed(slot, &data, outputs);
            stack.push(Frame::Result(slot, attempt, data));
            push(stack, Some(slot), run.network.edges(run.network.node(slot).success), &passed);
        }
        Err(error) => fail(run, stack, slot, attempt, &data, error),
    }
}

fn fail(run: &Here<'_>, stack: &mut Vec<Frame>, slot: u32, attempt: u32, data: &Payload, error: TaskError) {
    if let Some((span, payload)) = run.fail(slot, attempt, data, error) {
        stack.push(Frame::Error(slot, attempt));
        push(stack, Some(slot), run.network.edges(span), &payload);
    }
}

/// Drops what the failing actor's source has still to trigger, and fails the source. Returns whether there is one.
fn unwind(run: &Here<'_>, stack: &mut Vec<Frame>, error: &TaskError) -> bool {
    while let Some(frame) = stack.pop() {
        match frame {
            Frame::Trigger(..) => continue,
            Frame::Result(slot, attempt, data) => fail(run, stack, slot, attempt, &data, error.clone()),
            Frame::Error(slot, attempt) => run.fail_finally(slot, attempt, error),
        }
        return true;
    }
    false
}

fn push(stack: &mut Vec<Frame>, source: Option<u32>, edges: &[Edge], data: &Payload) {
    stack.extend(edges.iter().rev().map(|edge| Frame::Trigger(source, *edge, data.clone())));
}
