//! Carrying: from the end of one execution through the actors that take no time, up to the next tasks.

use std::ops::Deref;

use super::network::{Edge, Network, Span};
use super::run::{Run, State, lock};
use super::trigger::{Sink, Trigger};
use crate::actor::{Actor, JoinActor};
use crate::error::TaskError;
use crate::payload::Payload;

/// What an actor does with what it is triggered with.
pub(super) enum Step {
    /// It passes data on along connections.
    On(Span, Payload),
    /// It passes several data on, one after the other.
    Several(Span, Vec<Payload>),
    /// It is a task.
    Task(Payload),
    /// It keeps the data.
    Kept,
}

impl<N: Deref<Target = Network>> Run<N> {
    /// Carries data along connections, one after the other, each as far as it goes.
    ///
    /// # Errors
    ///
    /// That of the first actor that cannot pass its data on; the connections after it are not used.
    pub(super) fn carry(&self, source: u32, span: Span, data: Payload, sink: &mut impl Sink) -> Result<(), TaskError> {
        self.carry_from(Some(source), self.network.edges(span), data, sink)
    }

    /// Carries data along connections; without source at the start.
    pub(super) fn carry_from(
        &self,
        source: Option<u32>,
        edges: &[Edge],
        data: Payload,
        sink: &mut impl Sink,
    ) -> Result<(), TaskError> {
        let Some((last, others)) = edges.split_last() else { return Ok(()) };
        let mut waiting = Vec::new();
        for edge in others {
            self.carry_along(source, *edge, data.clone(), &mut waiting, sink)?;
        }
        self.carry_along(source, *last, data, &mut waiting, sink)
    }

    fn carry_along(
        &self,
        source: Option<u32>,
        edge: Edge,
        data: Payload,
        waiting: &mut Vec<(Edge, Payload)>,
        sink: &mut impl Sink,
    ) -> Result<(), TaskError> {
        let mut next = Some((edge, data));
        while let Some((edge, data)) = next.or_else(|| waiting.pop()) {
            // The first connection is followed at once: most actors have one, and then nothing is put aside.
            next = match self.step(source, edge, data)? {
                Step::Task(data) => {
                    sink.task(Trigger { slot: edge.target, attempt: 1, data });
                    None
                }
                Step::Kept => None,
                Step::On(span, data) => self.follow(span, data, waiting),
                Step::Several(span, all) => {
                    for data in all.into_iter().rev() {
                        let first = self.follow(span, data, waiting);
                        waiting.extend(first);
                    }
                    None
                }
            };
        }
        Ok(())
    }

    /// Returns the first connection with its data and puts the others aside, the second uppermost.
    fn follow(&self, span: Span, data: Payload, waiting: &mut Vec<(Edge, Payload)>) -> Option<(Edge, Payload)> {
        let (first, others) = self.network.edges(span).split_first()?;
        waiting.extend(others.iter().rev().map(|edge| (*edge, data.clone())));
        Some((*first, data))
    }

    /// Lets one actor do its part.
    pub(super) fn step(&self, source: Option<u32>, edge: Edge, data: Payload) -> Result<Step, TaskError> {
        let node = self.network.node(edge.target);
        Ok(match &node.actor {
            Actor::Task(_) if self.may_execute(edge.target) => Step::Task(data),
            Actor::Task(_) => {
                self.refuse(edge.target, &data);
                Step::Kept
            }
            Actor::Start(_) | Actor::Fork(_) | Actor::Port(_) => Step::On(node.success, data),
            Actor::Stop(_) => {
                self.stop(source, data);
                Step::Kept
            }
            Actor::Conditional(conditional) => {
                if conditional.holds(&data)? {
                    Step::On(node.success, data)
                } else {
                    Step::Kept
                }
            }
            Actor::NameMapper(mapper) => Step::On(node.success, mapper.map(&data)?),
            Actor::InputMerge(_) => self.merge(edge, data),
            Actor::Join(join) => self.join(*join, edge, data),
            Actor::Router(router) => match &node.ports {
                Some(ports) => Step::On(ports.spans[router.choose(&node.name, &ports.names, &data)?], data),
                None => router.choose(&node.name, &[], &data).map(|_| Step::Kept)?,
            },
            Actor::ErrorHandler(_) => {
                self.set_status("error".into());
                Step::On(node.success, data)
            }
            Actor::RequestStatus(request) => {
                request.status.iter().for_each(|text| self.set_status(text.clone()));
                Step::On(node.success, data)
            }
        })
    }

    fn join(&self, _join: JoinActor, edge: Edge, data: Payload) -> Step {
        let node = self.network.node(edge.target);
        let State::Join(state) = &self.states[node.state as usize] else { return Step::Kept };
        let union = lock(state).arrive(node.incoming as usize, data);
        union.map_or(Step::Kept, |union| Step::On(node.success, union))
    }

    fn merge(&self, edge: Edge, data: Payload) -> Step {
        let node = self.network.node(edge.target);
        let (Actor::InputMerge(merge), State::Merge(state)) = (&node.actor, &self.states[node.state as usize]) else {
            return Step::Kept;
        };
        let mut first = None;
        let mut more = Vec::new();
        merge.deliver(&mut lock(state), edge.input, data, |data| {
            if first.is_none() {
                first = Some(data);
            } else {
                more.push(data);
            }
        });
        match first {
            None => Step::Kept,
            Some(data) if more.is_empty() => Step::On(node.success, data),
            Some(data) => {
                more.insert(0, data);
                Step::Several(node.success, more)
            }
        }
    }
}
