//! Reading what a worker says: replies complete executions, the rest is for the supervisor.

use std::io;
use std::sync::Arc;

use pushflow_core::error::ErrorKind;
use pushflow_core::event::{Event, Listener};
use pushflow_core::interrupt::Cause;
use pushflow_core::pool::Outcome;
use pushflow_core::value::Buffer;
use pushflow_core::{Execution, TaskError};

use super::codec::{Decoder, Malformed};
use super::frame::{Header, Kind, MESSAGE, PROGRESS};
use super::lane::{Flight, Lane};
use super::log;
use super::shared::{Completions, Shared};

/// Reads of one lane before the others have their turn.
const TURNS: usize = 16;

/// What was read of a lane.
#[derive(Default)]
pub(super) struct Received {
    pub(super) completions: Completions,
    /// What the worker has resident, as it said last; 0 when it did not.
    pub(super) memory_bytes: u64,
    pub(super) ready: bool,
    /// Why the worker cannot be used.
    pub(super) failed: Option<TaskError>,
    /// Anything at all has come.
    pub(super) heard: bool,
    /// The stream has ended.
    pub(super) ended: bool,
    /// It cannot be understood.
    pub(super) broken: Option<String>,
}

impl Received {
    /// Whether there is something that only the supervisor can deal with.
    pub(super) fn is_for_supervisor(&self) -> bool {
        self.ready || self.failed.is_some() || self.ended || self.broken.is_some()
    }
}

/// Reads what is there, without waiting, and sends what waits for room.
pub(super) fn receive(lane: &Lane, shared: &Shared) -> Received {
    let received = read(lane, shared);
    // In this order: the bell that says that there is room is among what was read, and rings once.
    lane.flush(shared);
    received
}

fn read(lane: &Lane, shared: &Shared) -> Received {
    let mut received = Received::default();
    let mut inbox = lane.inbox();
    for _ in 0..TURNS {
        match lane.wire.read(&mut inbox) {
            Ok(0) => {
                received.ended = true;
                break;
            }
            Ok(_) => received.heard = true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => {
                received.broken = Some(error.to_string());
                break;
            }
        }
        loop {
            let (header, body) = match inbox.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    received.broken = Some(format!("what it wrote is no frame: {error}"));
                    return received;
                }
            };
            let understood = lane
                .wire
                .take_beside(header.beside)
                .map_err(|error| error.to_string())
                .and_then(|beside| take(lane, shared, header, body, beside, &mut received));
            if let Err(why) = understood {
                received.broken = Some(format!("its frame of kind {:?} cannot be read: {why}", header.kind));
                return received;
            }
        }
    }
    received
}

/// Takes one frame.
fn take(
    lane: &Lane,
    shared: &Shared,
    header: Header,
    body: &[u8],
    beside: Vec<Buffer>,
    received: &mut Received,
) -> Result<(), String> {
    let mut decoder = Decoder::new(body, beside);
    match header.kind {
        Kind::Reply => {
            let (memory_bytes, outcome) = read_reply(decoder).map_err(|error| error.to_string())?;
            received.memory_bytes = received.memory_bytes.max(memory_bytes);
            // A copy of the worker, made by its task, may answer a second time: nobody waits for that.
            let Some(flight) = lane.finish(header.id) else { return Ok(()) };
            received.completions.push(judged(flight, outcome));
        }
        Kind::Ready => received.ready = true,
        Kind::Failed => received.failed = Some(decoder.error().map_err(|error| error.to_string())?),
        Kind::Started => lane.note_started(header.id),
        Kind::Event => tell(lane, shared, header.id, &mut decoder).map_err(|error| error.to_string())?,
        Kind::Log => log::emit(lane.pid, &mut decoder).map_err(|error| error.to_string())?,
        Kind::Heartbeat => {}
        Kind::Hello | Kind::Call | Kind::Define | Kind::Interrupt | Kind::Exit => {
            return Err("it is for workers".to_owned());
        }
    }
    Ok(())
}

fn read_reply(mut decoder: Decoder<'_>) -> Result<(u64, Outcome), Malformed> {
    let memory_bytes = decoder.u64("a size of memory")?;
    let outcome = decoder.outcome()?;
    decoder.finish()?;
    Ok((memory_bytes, outcome))
}

/// What an outcome counts for, given what the execution was told meanwhile.
fn judged(flight: Flight, outcome: Outcome) -> (Execution, Outcome) {
    let is_late = || flight.asked == Some(Cause::TimedOut);
    // Its own time and not that of its run, for which outputs that come late are outputs.
    let own_time = || flight.waiting.execution.subject().interruption.cause().is_none();
    let counts = match &outcome {
        Ok(_) => !(is_late() && own_time()),
        Err(error) => error.kind() != ErrorKind::Interrupted || !is_late(),
    };
    let timed_out = || TaskError::new(ErrorKind::TimedOut, "TimeoutError", "the task took longer than its time limit");
    let outcome = match outcome {
        outcome if counts => outcome,
        // Where it was then.
        Err(error) => Err(timed_out().with_traceback(error.traceback().iter().cloned())),
        Ok(_) => Err(timed_out()),
    };
    (flight.waiting.execution, outcome)
}

/// Tells the listener of an execution what its task says.
fn tell(lane: &Lane, shared: &Shared, call: u64, decoder: &mut Decoder<'_>) -> Result<(), Malformed> {
    let tells = decoder.u8("what an event tells")?;
    let heard = lane.outgoing().flights.iter().find(|flight| flight.call == call).and_then(|flight| {
        let subject = flight.waiting.execution.subject();
        listener(&flight.waiting.execution, shared).map(|listener| (listener, subject.node.to_owned()))
    });
    let Some((listener, node)) = heard else { return Ok(()) };
    match tells {
        PROGRESS => listener(&Event::Progress { node: &node, fraction: f64::from_bits(decoder.u64("a fraction")?) }),
        MESSAGE => listener(&Event::Message { node: &node, text: decoder.text("a message")? }),
        // One that this build does not know.
        _ => {}
    }
    Ok(())
}

/// Who hears of an execution.
pub(super) fn listener(execution: &Execution, shared: &Shared) -> Option<Listener> {
    execution.subject().listener.or(shared.settings.listener.as_ref()).map(Arc::clone)
}
