//! [`Lane`]: the parent's side of one worker: the calls that it has been sent, and the streams between them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use pushflow_core::error::ErrorKind;
use pushflow_core::interrupt::{Cause, OwnedSubscription};
use pushflow_core::{Execution, Payload, Task, TaskError, Value};

use super::call::Call;
use super::codec::{Encoder, Unsendable};
use super::frame::{FrameReader, Header, Kind};
use super::shared::Shared;
use super::slots::{self, Fate, Slot};
use super::wire::{Outbox, Wire, seal};

/// Number of a lane, unique within its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LaneId(pub(super) u64);

/// An execution that waits for a worker.
pub(super) struct Waiting {
    pub(super) execution: Execution,
    /// Its inputs, once they were asked for: that is done once.
    pub(super) inputs: Option<Payload>,
    /// How many workers have died while it was in their channel.
    pub(super) blame: u32,
}

/// A call that was sent.
pub(super) struct Flight {
    pub(super) call: u64,
    pub(super) waiting: Waiting,
    /// When it is interrupted for taking too long.
    pub(super) soft: Option<Instant>,
    /// When its worker is killed for that.
    pub(super) hard: Option<Instant>,
    /// Why it was told to end, once it was.
    pub(super) asked: Option<Cause>,
    /// Without slots: whether the worker has said that it has begun.
    pub(super) started: bool,
    /// Wakes the supervisor when the mark of the execution is set.
    _subscription: Arc<OwnedSubscription>,
}

/// What a worker does for one pool.
pub(super) struct Lane {
    pub(super) id: LaneId,
    /// Its process, when it is one that this process has started.
    pub(super) pid: Option<u32>,
    pub(super) wire: Wire,
    inbox: Mutex<FrameReader>,
    outgoing: Mutex<Outgoing>,
}

pub(super) struct Outgoing {
    /// Whether calls may be sent: not any more when the worker has ended.
    open: bool,
    outbox: Outbox,
    pub(super) flights: VecDeque<Flight>,
    next_call: u64,
    tasks: Tasks,
    subscription: Option<Arc<OwnedSubscription>>,
}

/// Which tasks the worker knows, by numbers.
#[derive(Default)]
struct Tasks {
    /// Functions, by name.
    named: HashMap<String, u32>,
    /// Tasks with settings, by their place in memory, which is theirs as long as they are held here.
    made: HashMap<usize, (Arc<dyn Task>, u32)>,
}

/// How many tasks with settings a worker remembers. Their numbers are used again, those of functions are not.
const MOST_MADE: usize = 1024;
/// The number of the initializer.
const NO_TASK: usize = MOST_MADE;
/// The number of the first function.
const FIRST_NAMED: usize = MOST_MADE + 1;

/// What came of sending.
#[derive(Default)]
pub(super) struct Sent {
    /// Executions that cannot be sent, and why.
    pub(super) refused: Vec<(Execution, TaskError)>,
    /// Executions that the lane did not take, because its worker has ended.
    pub(super) back: Vec<Waiting>,
    /// The nearest limit of what was sent.
    pub(super) limit: Option<Instant>,
}

/// Limits that hold for all executions of a pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) soft: Option<Duration>,
    pub(super) hard: Option<Duration>,
}

impl Lane {
    pub(super) fn new(id: LaneId, pid: Option<u32>, wire: Wire) -> Lane {
        let outgoing = Outgoing {
            open: true,
            outbox: Outbox::default(),
            flights: VecDeque::new(),
            next_call: 1,
            tasks: Tasks::default(),
            subscription: None,
        };
        Lane { id, pid, wire, inbox: Mutex::new(FrameReader::default()), outgoing: Mutex::new(outgoing) }
    }

    /// Whether calls can be sent ahead: otherwise nobody could tell which were begun.
    pub(super) fn has_slots(&self) -> bool {
        self.slots().is_some()
    }

    fn slots(&self) -> Option<&[AtomicU64]> {
        self.wire.local().map(|local| local.page().slots())
    }

    pub(super) fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn inbox(&self) -> MutexGuard<'_, FrameReader> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends calls, all at once.
    pub(super) fn send(&self, all: impl IntoIterator<Item = Waiting>, shared: &Arc<Shared>) -> Sent {
        let mut sent = Sent::default();
        let mut outgoing = self.outgoing();
        for mut waiting in all {
            if !outgoing.open {
                sent.back.push(waiting);
                continue;
            }
            match self.append(&mut outgoing, &mut waiting, shared) {
                Ok(limits) => {
                    sent.limit = [sent.limit, limits.0, limits.1].into_iter().flatten().min();
                    outgoing.take(waiting, limits, shared);
                }
                Err(error) => sent.refused.push((waiting.execution, error)),
            }
        }
        self.flush_locked(&mut outgoing, shared);
        sent
    }

    /// Appends the frames of a call; returns when it is to be interrupted, and killed.
    fn append(
        &self,
        outgoing: &mut Outgoing,
        waiting: &mut Waiting,
        shared: &Shared,
    ) -> Result<(Option<Instant>, Option<Instant>), TaskError> {
        let Waiting { execution, inputs, .. } = waiting;
        let inputs = match inputs {
            Some(inputs) => &*inputs,
            none => none.insert(execution.prepare()?.into_owned()),
        };
        let subject = execution.subject();
        let begin = outgoing.outbox.bytes().len();
        let task = outgoing.tasks.number(subject.task, subject.node, outgoing.outbox.bytes())?;
        let limits = shared.settings.limits();
        let now = Instant::now();
        let soft = [subject.timeout, limits.soft].into_iter().flatten().min();
        let deadline = subject.interruption.deadline();
        let call = slots::free(outgoing.next_call, outgoing.flights.iter().map(|flight| flight.call));
        let at = outgoing.outbox.bytes().len();
        let mut beside = Vec::new();
        let header = Header { kind: Kind::Call, beside: 0, id: call };
        let carries = self.wire.carries_descriptors();
        let told = Call {
            task,
            attempt: execution.attempt(),
            run: subject.run.0,
            timeout: soft,
            deadline: deadline.map(|deadline| deadline.saturating_duration_since(now)),
            node: subject.node,
            inputs: inputs.clone(),
        };
        let framed =
            header.frame(outgoing.outbox.bytes(), carries.then_some(&mut beside), |encoder| told.write(encoder));
        let sealed = framed.map_err(Unsendable::outcome).and_then(|()| {
            seal(beside).map_err(|error| TaskError::from(error).renamed("OSError", "cannot seal the inputs in memory"))
        });
        match sealed {
            Ok(sealed) => outgoing.outbox.attach(at, sealed),
            Err(error) => {
                // What the task is called may stay said.
                outgoing.outbox.bytes().truncate(at.max(begin));
                return Err(error);
            }
        }
        if let Some(slots) = self.slots() {
            Slot::of(slots, call).queue();
        }
        outgoing.next_call = call + 1;
        let soft = soft.and_then(|limit| now.checked_add(limit));
        let soft = [soft, deadline].into_iter().flatten().min();
        Ok((soft, limits.hard.and_then(|limit| now.checked_add(limit))))
    }

    /// Appends a frame that is no call.
    pub(super) fn say(&self, kind: Kind, id: u64, body: impl FnOnce(&mut Encoder<'_>), shared: &Shared) {
        let mut outgoing = self.outgoing();
        let header = Header { kind, beside: 0, id };
        let framed = header.frame(outgoing.outbox.bytes(), None, |encoder| {
            body(encoder);
            Ok(())
        });
        debug_assert!(framed.is_ok(), "frames of the pool itself are small");
        self.flush_locked(&mut outgoing, shared);
    }

    /// Sends the call that makes the worker ready. It is no execution: its outcome is that the worker is ready, or not.
    pub(super) fn initialize(&self, task: &str, inputs: &Payload, call: u64, shared: &Shared) {
        let mut outgoing = self.outgoing();
        let framed = define(NO_TASK, task, &Value::Null, outgoing.outbox.bytes()).and_then(|number| {
            let header = Header { kind: Kind::Call, beside: 0, id: call };
            let inputs = inputs.clone();
            let told = Call { task: number, attempt: 1, run: 0, timeout: None, deadline: None, node: "", inputs };
            header.frame(outgoing.outbox.bytes(), None, |encoder| told.write(encoder)).map_err(Unsendable::outcome)
        });
        if let Err(error) = framed {
            // The worker never becomes ready, and says so.
            tracing::error!(%error, "cannot send the inputs of the initializer");
            let _ = Header { kind: Kind::Exit, beside: 0, id: 0 }.frame(outgoing.outbox.bytes(), None, |_| Ok(()));
        }
        self.flush_locked(&mut outgoing, shared);
    }

    /// Sends what waits to be sent.
    pub(super) fn flush(&self, shared: &Shared) {
        self.flush_locked(&mut self.outgoing(), shared);
    }

    fn flush_locked(&self, outgoing: &mut Outgoing, shared: &Shared) {
        if outgoing.outbox.is_empty() {
            return;
        }
        match outgoing.outbox.flush(&self.wire) {
            Ok(all) => shared.wants_to_write(self, !all),
            // It has ended, or cannot be talked to.
            Err(error) => {
                outgoing.outbox = Outbox::default();
                shared.is_broken(self.id, format!("it cannot be written to: {error}"));
            }
        }
    }

    /// Takes a call out that has an outcome.
    pub(super) fn finish(&self, call: u64) -> Option<Flight> {
        self.outgoing().remove(call)
    }

    /// Notes that a call was begun, where there are no slots.
    pub(super) fn note_started(&self, call: u64) {
        if let Some(flight) = self.outgoing().flights.iter_mut().find(|flight| flight.call == call) {
            flight.started = true;
        }
    }

    /// Takes up to `most` calls back that nobody has begun, the latest first.
    pub(super) fn recall(&self, most: usize) -> Vec<Waiting> {
        let Some(slots) = self.slots() else { return Vec::new() };
        let mut outgoing = self.outgoing();
        let mut recalled = Vec::new();
        while recalled.len() < most
            && let Some(last) = outgoing.flights.back()
            && Slot::of(slots, last.call).recall()
        {
            recalled.extend(outgoing.flights.pop_back().map(|flight| flight.waiting));
        }
        recalled
    }

    /// Takes back one call that nobody has begun.
    pub(super) fn recall_call(&self, outgoing: &mut Outgoing, call: u64) -> Option<Flight> {
        if Slot::of(self.slots()?, call).recall() { outgoing.remove(call) } else { None }
    }

    /// Whether a call runs, as far as one can know.
    pub(super) fn is_running(&self, flight: &Flight) -> bool {
        match self.slots() {
            Some(slots) => Slot::of(slots, flight.call).is_running(),
            None => self.wire.ledger().is_none_or(|ledger| ledger.has_begun(flight.call)),
        }
    }

    /// Claims a call for a signal; `false` when it does not run. One who has a ledger ends also what he has not begun.
    pub(super) fn claim_for_signal(&self, call: u64, cause: Cause) -> bool {
        if let Some(ledger) = self.wire.ledger() {
            ledger.end(call, cause);
            return true;
        }
        self.slots().is_some_and(|slots| Slot::of(slots, call).interrupt())
    }

    /// Whether a signal interrupts what runs, and not a frame.
    pub(super) fn takes_signals(&self) -> bool {
        self.has_slots() || self.wire.ledger().is_some()
    }

    /// Claims all that runs for a signal or a frame, which the supervisor then sends.
    pub(super) fn claim_running(&self, cause: Cause) {
        let mut outgoing = self.outgoing();
        let mut claimed = Vec::new();
        for flight in outgoing.flights.iter_mut().filter(|flight| flight.asked.is_none()) {
            if !self.takes_signals() || self.claim_for_signal(flight.call, cause) {
                flight.asked = Some(cause);
                claimed.push(flight.call);
            }
        }
        claimed.into_iter().for_each(|call| self.ask_to_end(&mut outgoing, call));
    }

    /// Says that a call is to end, where signals do not. Sent with what is flushed next.
    pub(super) fn ask_to_end(&self, outgoing: &mut Outgoing, call: u64) {
        if !self.takes_signals() {
            let header = Header { kind: Kind::Interrupt, beside: 0, id: call };
            // An empty body can always be sent.
            let _ = header.frame(outgoing.outbox.bytes(), None, |_| Ok(()));
        }
    }

    /// Takes no more calls, and gives up those that it has: with what became of each.
    pub(super) fn end(&self) -> Vec<(Flight, Fate)> {
        let mut outgoing = self.outgoing();
        outgoing.open = false;
        let flights = std::mem::take(&mut outgoing.flights);
        let fate = |flight: &Flight| match self.slots() {
            Some(slots) => Slot::of(slots, flight.call).fate(),
            None if self.wire.ledger().is_some_and(|ledger| ledger.has_begun(flight.call)) => Fate::Begun,
            None if flight.started => Fate::Begun,
            None => Fate::Waiting,
        };
        flights
            .into_iter()
            .map(|flight| {
                let fate = fate(&flight);
                (flight, fate)
            })
            .collect()
    }
}

impl Outgoing {
    /// Appends a frame that was made elsewhere.
    pub(super) fn append_bytes(&mut self, frame: &[u8]) {
        self.outbox.bytes().extend_from_slice(frame);
    }

    pub(super) fn flight(&mut self, call: u64) -> Option<&mut Flight> {
        self.flights.iter_mut().find(|flight| flight.call == call)
    }

    fn take(&mut self, waiting: Waiting, limits: (Option<Instant>, Option<Instant>), shared: &Arc<Shared>) {
        let subscription = self.subscribe(&waiting.execution, shared);
        let call = self.next_call - 1;
        let (soft, hard) = limits;
        let flight = Flight { call, waiting, soft, hard, asked: None, started: false, _subscription: subscription };
        self.flights.push_back(flight);
    }

    /// Subscribes to the mark of an execution; the executions of one run share a mark, and the subscription.
    fn subscribe(&mut self, execution: &Execution, shared: &Arc<Shared>) -> Arc<OwnedSubscription> {
        let mark = execution.subject().interruption;
        match &self.subscription {
            Some(known) if known.is_to(mark) => Arc::clone(known),
            _ => {
                let pool: Weak<Shared> = Arc::downgrade(shared);
                let subscription = Arc::new(mark.subscribe_owned(move || {
                    if let Some(shared) = pool.upgrade() {
                        shared.marks_changed();
                    }
                }));
                self.subscription = Some(Arc::clone(&subscription));
                subscription
            }
        }
    }

    fn remove(&mut self, call: u64) -> Option<Flight> {
        // Replies come in the order of the calls, but for those that were recalled.
        if self.flights.front()?.call == call {
            return self.flights.pop_front();
        }
        let place = self.flights.iter().position(|flight| flight.call == call)?;
        self.flights.remove(place)
    }
}

impl Tasks {
    /// Returns the number of a task, and tells the worker what it means if it does not know yet.
    fn number(&mut self, task: &Arc<dyn Task>, node: &str, frames: &mut Vec<u8>) -> Result<u32, TaskError> {
        if let Some(name) = task.name() {
            if let Some(number) = self.named.get(name) {
                return Ok(*number);
            }
            let number = define(FIRST_NAMED + self.named.len(), name, &Value::Null, frames)?;
            self.named.insert(name.to_owned(), number);
            return Ok(number);
        }
        let place = Arc::as_ptr(task).cast::<()>().addr();
        if let Some((_, number)) = self.made.get(&place) {
            return Ok(*number);
        }
        let recipe = task.recipe().ok_or_else(|| unnamed(node))?;
        if self.made.len() >= MOST_MADE {
            self.made.clear();
        }
        let number = define(self.made.len(), &recipe.kind, &recipe.settings, frames)?;
        self.made.insert(place, (Arc::clone(task), number));
        Ok(number)
    }
}

fn define(number: usize, kind: &str, settings: &Value, frames: &mut Vec<u8>) -> Result<u32, TaskError> {
    let number = u32::try_from(number).map_err(|_| TaskError::message("too many tasks"))?;
    let header = Header { kind: Kind::Define, beside: 0, id: number.into() };
    let body = |encoder: &mut Encoder<'_>| {
        encoder.text(kind);
        encoder.value(settings)
    };
    header.frame(frames, None, body).map_err(Unsendable::outcome)?;
    Ok(number)
}

fn unnamed(node: &str) -> TaskError {
    let of = if node.is_empty() { String::new() } else { format!(" of node `{node}`") };
    let message = format!(
        "the task{of} has no name under which a worker process could find it: register it with `register_task!`, or use a \
         pool of threads"
    );
    TaskError::new(ErrorKind::Unavailable, "NotImplementedError", message)
}
