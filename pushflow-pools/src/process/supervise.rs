//! The supervisor: one thread for each pool, which reads replies and looks after the workers, from their start to their
//! reaping.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use pushflow_core::PoolError;
use pushflow_core::interrupt::Cause;
use pushflow_signals::{Event, Interest};

use super::builder::Output;
use super::completing;
use super::frame::Kind;
use super::keeper::{Escalation, Keeper, cause_of};
use super::lane::{Flight, LaneId, Waiting};
use super::part::Part;
use super::prints::Prints;
use super::receive::{Received, receive};
use super::shared::{Completions, NotReady, Shared, no_workers, not_begun};
use super::slots::Fate;
use super::state::Phase;

/// How many workers may die while an execution waits in them.
const BLAME: u32 = 3;
/// How long one that is ended for its time may take to say where it was.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long to look for more after a reply before sleeping, when more is to come soon. In that time others may run.
const PATIENCE: Duration = Duration::from_micros(100);
/// How soon to try again to pass on what nobody took.
const AGAIN: Duration = Duration::from_millis(10);

pub(super) struct Supervisor {
    shared: Arc<Shared>,
    keepers: BTreeMap<LaneId, Keeper>,
    next: u64,
}

impl Supervisor {
    pub(super) fn new(shared: Arc<Shared>) -> Supervisor {
        Supervisor { shared, keepers: BTreeMap::new(), next: 1 }
    }

    /// Starts the workers that there should be; the first that cannot be started is an error.
    pub(super) fn start_workers(&mut self) -> Result<(), PoolError> {
        for _ in 0..self.shared.take_vacancies() {
            self.start_worker(&|| false)?;
        }
        Ok(())
    }

    /// Goes on on a thread of its own.
    pub(super) fn start(self) -> io::Result<JoinHandle<()>> {
        let name = format!("pushflow-{}", self.shared.settings.policy.name);
        Builder::new().name(name).spawn(move || self.run())
    }

    fn run(mut self) {
        let _within = completing::enter(&self.shared);
        let mut events = Vec::new();
        let mut looks_until = None;
        loop {
            self.look();
            if self.shared.try_end(self.keepers.len()) {
                return;
            }
            let looks_on = looks_until.is_some_and(|until| Instant::now() < until);
            let timeout = if !looks_on && self.falls_asleep() {
                self.sleeps_until().map(|until| until.saturating_duration_since(Instant::now()))
            } else {
                Some(Duration::ZERO)
            };
            if let Err(error) = self.shared.poller.wait(&mut events, timeout) {
                // Only a mistake of ours leads here; the workers are looked at in turn then.
                tracing::error!(%error, "cannot wait for workers");
                std::thread::sleep(AGAIN);
            }
            let has_read = self.wakes_up();
            if has_read || !events.is_empty() {
                events.drain(..).for_each(|event| self.take_event(event));
                let patience = Some(PATIENCE).filter(|_| self.shared.is_reply_near());
                looks_until = patience.and_then(|patience| Instant::now().checked_add(patience));
            } else if looks_on {
                std::thread::yield_now();
            }
        }
    }

    /// Says in all lanes that the supervisor sleeps unless there is something to read; returns whether there is nothing.
    fn falls_asleep(&self) -> bool {
        self.keepers.values().filter_map(Keeper::ear).fold(true, |sleeps, local| {
            let is_there = local.falls_asleep();
            sleeps && !is_there
        })
    }

    /// Says in all lanes that it is awake, and reads those that have something; returns whether any had.
    fn wakes_up(&mut self) -> bool {
        let is_ready = |keeper: &&Keeper| {
            keeper.ear().is_some_and(|local| {
                local.wakes_up();
                !local.is_empty()
            })
        };
        let ready: Vec<LaneId> = self.keepers.values().filter(is_ready).map(|keeper| keeper.lane.id).collect();
        ready.iter().for_each(|id| self.read(*id));
        !ready.is_empty()
    }

    /// Looks at all that others have announced, and at what is due.
    fn look(&mut self) {
        self.take_passed_on();
        for _ in 0..self.shared.take_vacancies() {
            let (shared, given_up) = (Arc::clone(&self.shared), Cell::new(false));
            let is_given_up = || {
                given_up.set(given_up.get() || shared.is_start_vain());
                given_up.get()
            };
            match self.start_worker(&is_given_up) {
                Ok(()) => {}
                Err(_) if given_up.get() => self.shared.start_given_up(),
                Err(error) => self.shared.start_failed(NotReady::NotStarted, || no_workers(&error)),
            }
        }
        for (id, why) in self.shared.take_broken() {
            if let Some(keeper) = self.keepers.get_mut(&id)
                && keeper.deafened.is_none()
            {
                keeper.deafened = Some((Instant::now(), why));
            }
        }
        for (id, wants) in self.shared.take_writers() {
            self.watch_room(id, wants);
        }
        let now = Instant::now();
        let due = self.shared.take_alarm(now);
        if self.shared.take_marks() || due {
            self.review_all(now);
        }
        for lane in self.shared.take_leavers() {
            if let Some(keeper) = self.keepers.get_mut(&lane.id)
                && keeper.leaving.is_none()
            {
                keeper.leaving = Some((now, 0));
                lane.say(Kind::Exit, 0, |_| {}, &self.shared);
            }
        }
        if self.shared.hurries() {
            for keeper in self.keepers.values_mut().filter(|keeper| keeper.leaving.is_some() && !keeper.hurried) {
                // Its time begins now.
                keeper.hurried = true;
                keeper.leaving = keeper.leaving.map(|(_, steps)| (now, steps));
            }
        }
        self.end_the_slow(now);
        for (id, keeper) in &mut self.keepers {
            for prints in keeper.prints.iter_mut().filter(|prints| prints.has_pending()) {
                prints.forward();
                prints.read();
                let _ = prints.watch(&self.shared.poller, *id);
            }
        }
    }

    /// Takes what others have read.
    fn take_passed_on(&mut self) {
        for (id, received) in self.shared.take_passed_on() {
            if self.take_received(id, received) {
                self.end(id, None);
            }
        }
    }

    fn start_worker(&mut self, is_given_up: &dyn Fn() -> bool) -> Result<(), PoolError> {
        let id = LaneId(self.next);
        self.next += 1;
        let mut keeper = Keeper::start(id, &self.shared.settings, is_given_up)?;
        keeper.watch(&self.shared.poller).map_err(PoolError::system("watch a worker"))?;
        keeper.initialize(&self.shared);
        let lane = Arc::clone(&keeper.lane);
        self.keepers.insert(id, keeper);
        self.shared.add(lane);
        Ok(())
    }

    fn watch_room(&self, id: LaneId, wants: bool) {
        let Some(keeper) = self.keepers.get(&id) else { return };
        let wire = &keeper.lane.wire;
        let poller = &self.shared.poller;
        let Some(end) = wire.write_end() else { return };
        // It may be watched already.
        let _ = poller.remove(end);
        let watched = if wants { poller.add(end, Part::Room.token(id), Interest::ReadWrite) } else { Ok(()) };
        if let Err(error) = watched
            && wants
            && keeper.stream_ended.is_none()
        {
            tracing::error!(%error, "cannot watch the stream of a worker");
        }
    }

    /// Until when nothing is due.
    fn sleeps_until(&self) -> Option<Instant> {
        let mut until = self.shared.alarm();
        for keeper in self.keepers.values() {
            let leaving = keeper.leaves_at(&self.shared.settings);
            let is_pending = keeper.prints.iter().any(Prints::has_pending);
            let again = if is_pending { Instant::now().checked_add(AGAIN) } else { None };
            let silent = keeper.silent_at(&self.shared.settings);
            let due = keeper.escalation.and_then(|escalation| escalation.due);
            let unheard = keeper.escalation.and_then(|escalation| escalation.again).map(|(at, _)| at);
            until = [until, leaving, again, silent, due, unheard, keeper.deaf_at()].into_iter().flatten().min();
        }
        until
    }

    fn take_event(&mut self, event: Event) {
        let (id, part) = Part::of(event.token);
        let Some(keeper) = self.keepers.get_mut(&id) else { return };
        match part {
            Part::Stream => self.read(id),
            Part::Room => keeper.lane.flush(&self.shared),
            Part::Process => self.take_end(id),
            Part::Stdout | Part::Stderr => {
                for prints in keeper.prints.iter_mut().filter(|prints| prints.is(part)) {
                    prints.read();
                    // It fails only where there is nothing to watch.
                    let _ = prints.watch(&self.shared.poller, id);
                }
            }
        }
    }

    /// Reads what a worker says.
    fn read(&mut self, id: LaneId) {
        let Some(keeper) = self.keepers.get_mut(&id) else { return };
        let received = receive(&keeper.lane, &self.shared);
        if self.take_received(id, received) {
            self.end(id, None);
        }
    }

    /// Takes what a worker has said; returns whether that was its end, and its process is not ours to wait for.
    fn take_received(&mut self, id: LaneId, received: Received) -> bool {
        let Received { mut completions, memory_bytes, ready, failed, heard, ended, broken } = received;
        let Some(keeper) = self.keepers.get_mut(&id) else { return false };
        if heard {
            keeper.heard();
        }
        if self.shared.settings.output == Output::Capture {
            for (execution, _) in &completions {
                keeper.tell_prints(execution, &self.shared);
            }
        }
        if failed.is_some() {
            keeper.failed = failed;
        }
        if ended && keeper.stream_ended.is_none() {
            keeper.stream_ended = Some(Instant::now());
            let _ = self.shared.poller.remove(keeper.lane.wire.read_end());
        }
        if let Some(why) = broken
            && keeper.leaving.is_none()
        {
            keeper.unreadable = true;
            keeper.give_up(why);
            let _ = self.shared.poller.remove(keeper.lane.wire.read_end());
            keeper.stream_ended = Some(Instant::now());
        }
        let is_gone = keeper.stream_ended.is_some() && keeper.process.is_none();
        if ready {
            keeper.ready = true;
            keeper.tell_early_prints(&self.shared);
            self.shared.is_ready(id);
        }
        if !completions.is_empty() {
            self.shared.settle(id, std::mem::take(&mut completions), memory_bytes);
        }
        is_gone
    }

    /// A process may have ended.
    fn take_end(&mut self, id: LaneId) {
        let Some(keeper) = self.keepers.get_mut(&id) else { return };
        let Some(process) = &mut keeper.process else { return };
        match process.try_end() {
            Ok(Some(ending)) => self.end(id, Some(ending)),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "cannot reap a worker");
                self.end(id, None);
            }
        }
    }

    /// A worker has ended: what it has said still counts, what it had begun is lost, what it had not goes to others.
    fn end(&mut self, id: LaneId, ending: Option<pushflow_signals::Ending>) {
        // Whether it had become ready, for instance.
        if self.keepers.contains_key(&id) {
            for (id, received) in self.shared.take_passed_on() {
                // Those that somebody reads for the supervisor have processes: their end is another event.
                let _ = self.take_received(id, received);
            }
        }
        loop {
            let Some(keeper) = self.keepers.get(&id) else { return };
            if keeper.unreadable {
                break;
            }
            // What it has written to shared memory outlives it, and its stream.
            let received = receive(&keeper.lane, &self.shared);
            let more = received.heard && received.broken.is_none();
            self.take_received(id, received);
            if !more {
                break;
            }
        }
        let Some(mut keeper) = self.keepers.remove(&id) else { return };
        keeper.unwatch(&self.shared.poller);
        keeper.prints.iter_mut().for_each(Prints::read);
        let remains = keeper.remains(ending);
        let (mut back, mut completions) = (Vec::new(), Completions::new());
        for (mut flight, fate) in keeper.lane.end() {
            match fate {
                Fate::Begun => {
                    keeper.tell_prints(&flight.waiting.execution, &self.shared);
                    let outcome = remains.outcome(flight.asked);
                    completions.push((flight.waiting.execution, Err(outcome)));
                }
                Fate::Waiting => {
                    // Who dies before it is ready has not looked at any.
                    flight.waiting.blame += u32::from(keeper.ready);
                    if flight.waiting.blame >= BLAME {
                        let outcome = remains.blamed(flight.waiting.blame);
                        completions.push((flight.waiting.execution, Err(outcome)));
                    } else {
                        back.push(flight.waiting);
                    }
                }
            }
        }
        keeper.tell_last_prints(&self.shared);
        self.shared.remove(id, back);
        if !keeper.ready && keeper.leaving.is_none() {
            let how = if remains.was_killed() { NotReady::Killed } else { NotReady::Failed };
            let program = self.shared.settings.launcher.as_ref().map(|launcher| launcher.program());
            self.shared.start_failed(how, || remains.not_started(program.as_deref(), keeper.failed.as_ref()));
        }
        self.shared.complete(completions);
    }

    /// Looks at all calls for which something may be due, and says what is next.
    fn review_all(&mut self, now: Instant) {
        let ids: Vec<LaneId> = self.keepers.keys().copied().collect();
        for id in ids {
            self.review(id, now);
        }
    }

    fn review(&mut self, id: LaneId, now: Instant) {
        let Some(keeper) = self.keepers.get_mut(&id) else { return };
        let lane = Arc::clone(&keeper.lane);
        let grace = self.shared.settings.grace;
        let mut ended: Vec<(Flight, Cause)> = Vec::new();
        let mut outgoing = lane.outgoing();
        let calls: Vec<u64> = outgoing.flights.iter().map(|flight| flight.call).collect();
        for call in calls {
            let Some(flight) = outgoing.flight(call) else { continue };
            let is_overdue = flight.hard.is_some_and(|hard| now >= hard);
            if is_overdue && lane.is_running(flight) {
                flight.asked = Some(Cause::TimedOut);
                flight.hard = None;
                keeper.escalation = None;
                match &keeper.process {
                    // It says where it was, if it still can.
                    Some(process) if lane.wire.ledger().is_some() => {
                        process.terminate();
                        keeper.escalation =
                            Some(Escalation { call, sent: 2, due: now.checked_add(LAST_WORDS), again: None });
                    }
                    Some(process) => process.kill(),
                    None => keeper.give_up("its call took too long".to_owned()),
                }
                continue;
            }
            let mark = flight.waiting.execution.subject().interruption.cause();
            let is_late = is_overdue || flight.soft.is_some_and(|soft| now >= soft);
            let Some(cause) = flight.asked.or_else(|| cause_of(mark, is_late)) else {
                [flight.soft, flight.hard].into_iter().flatten().for_each(|at| self.shared.set_alarm(at));
                continue;
            };
            flight.hard.into_iter().for_each(|at| self.shared.set_alarm(at));
            if flight.asked.is_none() {
                if let Some(flight) = lane.recall_call(&mut outgoing, call) {
                    ended.push((flight, cause));
                    continue;
                }
                if lane.takes_signals() && !lane.claim_for_signal(call, cause) {
                    continue;
                }
                if let Some(flight) = outgoing.flight(call) {
                    flight.asked = Some(cause);
                }
                lane.ask_to_end(&mut outgoing, call);
            }
            if keeper.escalation.is_none_or(|escalation| escalation.call != call) {
                keeper.signal(call, grace, now);
            }
        }
        drop(outgoing);
        lane.flush(&self.shared);
        if !ended.is_empty() {
            self.shared.forget(id, ended.len());
        }
        let ended = ended.into_iter().map(|(flight, cause)| (flight.waiting.execution, Err(not_begun(cause))));
        self.shared.complete(ended.collect());
    }

    /// Sends the next signal to whoever has not ended after the one before.
    fn end_the_slow(&mut self, now: Instant) {
        let settings = &self.shared.settings;
        let mut silent = Vec::new();
        for (id, keeper) in &mut self.keepers {
            if let Some(escalation) = keeper.escalation
                && escalation.due.is_some_and(|due| now >= due)
            {
                // It may have ended since. As long as it has not, none that was not sent ahead has begun.
                let lane = Arc::clone(&keeper.lane);
                let mut outgoing = lane.outgoing();
                if outgoing.flight(escalation.call).is_some() {
                    keeper.signal(escalation.call, settings.grace, now);
                } else {
                    keeper.escalation = None;
                }
            }
            keeper.signal_again(now);
            if keeper.deaf_at().is_some_and(|at| now >= at) {
                let why = keeper.deafened.take().map(|(_, why)| why);
                keeper.give_up(why.unwrap_or_else(|| "it closed its stream".to_owned()));
            }
            if keeper.silent_at(settings).is_some_and(|at| now >= at) {
                keeper.give_up(format!("it was silent for {:?}", keeper.patience(settings)));
            }
            if let Some((since, steps)) = keeper.leaving
                && keeper.leaves_at(settings).is_some_and(|due| now >= due)
            {
                match (&keeper.process, steps) {
                    (Some(process), 0) => process.terminate(),
                    (Some(process), _) => process.kill(),
                    (None, _) => silent.push(*id),
                }
                keeper.leaving = Some((since, steps + 1));
            }
            if keeper.process.is_none() && keeper.given_up.is_some() {
                silent.push(*id);
            }
        }
        silent.into_iter().for_each(|id| self.end(id, None));
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Also when it has panicked: nothing waits for ever.
        if self.shared.phase() != Phase::Ended {
            self.shared.abandon();
            let ids: Vec<LaneId> = self.keepers.keys().copied().collect();
            for id in ids {
                if let Some(mut keeper) = self.keepers.remove(&id) {
                    keeper.give_up("its pool has gone".to_owned());
                    let lost = keeper.lane.end().into_iter().map(|(flight, _)| flight.waiting);
                    drop(lost.collect::<Vec<Waiting>>());
                }
            }
            self.shared.try_end(0);
        }
    }
}
