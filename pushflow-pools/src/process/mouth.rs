//! [`Mouth`]: how a worker speaks, from whichever of its threads.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pushflow_core::TaskError;
use pushflow_core::error::ErrorKind;
use pushflow_core::pool::Outcome;

use super::codec::{Encoder, Unsendable};
use super::frame::{Header, Kind};
use super::wire::{Outbox, Wire, seal};

/// The worker's end of the stream to its parent.
pub(super) struct Mouth {
    wire: Wire,
    outbox: Mutex<Outbox>,
}

impl Mouth {
    pub(super) fn new(wire: Wire) -> Mouth {
        Mouth { wire, outbox: Mutex::default() }
    }

    pub(super) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Says something small. Nobody may be there any more to hear it, which the next read tells.
    pub(super) fn say(&self, kind: Kind, id: u64, body: impl FnOnce(&mut Encoder<'_>)) {
        let mut outbox = self.lock();
        let header = Header { kind, beside: 0, id };
        let framed = header.frame(outbox.bytes(), None, |encoder| {
            body(encoder);
            Ok(())
        });
        if framed.is_ok() {
            let _ = outbox.flush(&self.wire);
        }
    }

    /// Tells an outcome. One that cannot be sent is told as the error that it is.
    ///
    /// # Errors
    ///
    /// When nobody hears it.
    pub(super) fn reply(&self, call: u64, memory_bytes: u64, outcome: &Outcome) -> io::Result<()> {
        let mut outbox = self.lock();
        if let Err(error) = self.append(&mut outbox, call, memory_bytes, outcome) {
            let told = self.append(&mut outbox, call, memory_bytes, &Err(error));
            if let Err(error) = told {
                return Err(io::Error::other(error.into_error()));
            }
        }
        outbox.flush(&self.wire).map(drop)
    }

    fn append(&self, outbox: &mut Outbox, call: u64, memory_bytes: u64, outcome: &Outcome) -> Result<(), TaskError> {
        let at = outbox.bytes().len();
        let mut beside = Vec::new();
        let carries = self.wire.carries_descriptors();
        let body = |encoder: &mut Encoder<'_>| -> Result<(), Unsendable> {
            encoder.u64(memory_bytes);
            encoder.outcome(outcome)
        };
        let header = Header { kind: Kind::Reply, beside: 0, id: call };
        let framed = header.frame(outbox.bytes(), carries.then_some(&mut beside), body).map_err(Unsendable::outcome);
        let sealed = framed.and_then(|()| {
            seal(beside).map_err(|error| {
                let message = format!("cannot seal the result in memory: {error}");
                TaskError::new(ErrorKind::Delivery, "OSError", message)
            })
        });
        match sealed {
            Ok(sealed) => {
                outbox.attach(at, sealed);
                Ok(())
            }
            Err(error) => {
                outbox.bytes().truncate(at);
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
