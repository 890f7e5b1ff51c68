//! Runs in the calling thread, without any pool, in constant stack.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::carry::{Sink, Step};
use super::network::{Edge, Network, Order};
use super::options::RunOptions;
use super::report::Report;
use super::run::Run;
use crate::error::TaskError;
use crate::payload::Payload;
use crate::pool::{Done, Outcome};
use crate::task::Context;

type Here<'n> = Run<&'n Network>;

pub(super) fn run(network: &Network, options: RunOptions) -> Report {
    let run = Run::new(network, &options);
    match network.order {
        Order::Fair => fair(&run, options.data),
        Order::DepthFirst => depth_first(&run, options.data),
    }
    run.report(&[])
}

/// What was triggered first is executed first.
struct Queue(VecDeque<(u32, Payload)>);

impl Sink for Queue {
    fn task(&mut self, slot: u32, data: Payload) {
        self.0.push_back((slot, data));
    }
}

fn fair(run: &Here<'_>, data: Payload) {
    let mut queue = Queue(VecDeque::new());
    for edge in &run.network.start {
        if let Err(error) = run.carry_from(None, &[*edge], data.clone(), &mut queue) {
            run.fail_at_start(&error);
        }
    }
    while let Some((slot, data)) = queue.0.pop_front() {
        let outcome = execute(run, slot, &data);
        run.complete(Done { slot, attempt: 1, data, outcome }, &mut queue);
    }
}

fn execute(run: &Here<'_>, slot: u32, data: &Payload) -> Outcome {
    let inputs = run.prepare(slot, data)?;
    let subject = run.subject(slot);
    let ctx = Context::new(subject.node, subject.run, 1)
        .with_marks(Some(subject.interruption), None)
        .with_listener(subject.listener);
    catch_unwind(AssertUnwindSafe(|| subject.task.run(&inputs, &ctx)))
        .unwrap_or_else(|panic| Err(TaskError::panicked(&*panic)))
}

/// What is still to be done when actors call each other, on a stack of ours instead of the thread's.
enum Frame {
    /// Trigger an actor with data that comes from a task, or from the start.
    Trigger(Option<u32>, Edge, Payload),
    /// Above this lies what a task has triggered: an actor that fails there fails that task.
    Result(u32, Payload),
    /// Above this lies what the error of a task has triggered: a failure there is final.
    Error(u32),
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
                Err(error) => unwind(run, &mut stack, error),
            }
        }
    }
}

fn task(run: &Here<'_>, stack: &mut Vec<Frame>, slot: u32, data: Payload) {
    // This was the last that these frames had triggered: a loop leaves none behind.
    while matches!(stack.last(), Some(Frame::Result(..) | Frame::Error(_))) {
        stack.pop();
    }
    match execute(run, slot, &data) {
        Ok(outputs) => {
            let passed = run.succeed(slot, &data, outputs);
            stack.push(Frame::Result(slot, data));
            push(stack, Some(slot), run.network.edges(run.network.node(slot).success), &passed);
        }
        Err(error) => fail(run, stack, slot, &data, error),
    }
}

fn fail(run: &Here<'_>, stack: &mut Vec<Frame>, slot: u32, data: &Payload, error: TaskError) {
    if let Some((span, payload)) = run.fail(slot, 1, data, error) {
        stack.push(Frame::Error(slot));
        push(stack, Some(slot), run.network.edges(span), &payload);
    }
}

/// Drops what the failing actor's source has still to trigger, and fails the source.
fn unwind(run: &Here<'_>, stack: &mut Vec<Frame>, error: TaskError) {
    while let Some(frame) = stack.pop() {
        match frame {
            Frame::Trigger(..) => {}
            Frame::Result(slot, data) => return fail(run, stack, slot, &data, error),
            Frame::Error(slot) => return run.fail_finally(slot, 1, &error),
        }
    }
    run.fail_at_start(&error);
}

fn push(stack: &mut Vec<Frame>, source: Option<u32>, edges: &[Edge], data: &Payload) {
    stack.extend(edges.iter().rev().map(|edge| Frame::Trigger(source, *edge, data.clone())));
}
