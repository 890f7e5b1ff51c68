//! [`Call`]: what a worker is told of an execution.

use std::time::Duration;

use pushflow_core::Payload;
use pushflow_core::value::Buffer;

use super::codec::{Decoder, Encoder, Malformed, Unsendable};

/// The number of the call that makes the worker ready.
pub(super) const INITIALIZER: u64 = 0;

/// An execution, as it goes to a worker.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call<'a> {
    /// The number under which the task was defined.
    pub(super) task: u32,
    pub(super) attempt: u32,
    pub(super) run: u64,
    pub(super) timeout: Option<Duration>,
    /// How long until it is interrupted.
    pub(super) deadline: Option<Duration>,
    pub(super) node: &'a str,
    pub(super) inputs: Payload,
}

impl<'a> Call<'a> {
    pub(super) fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), Unsendable> {
        encoder.u32(self.task);
        encoder.u32(self.attempt);
        encoder.u64(self.run);
        encoder.duration(self.timeout);
        encoder.duration(self.deadline);
        encoder.text(self.node);
        encoder.payload(&self.inputs)
    }

    pub(super) fn read(body: &'a [u8], beside: Vec<Buffer>) -> Result<Call<'a>, Malformed> {
        let mut decoder = Decoder::new(body, beside);
        let call = Call {
            task: decoder.u32("a task")?,
            attempt: decoder.u32("an attempt")?,
            run: decoder.u64("a run")?,
            timeout: decoder.duration("a timeout")?,
            deadline: decoder.duration("a deadline")?,
            node: decoder.text("a node")?,
            inputs: decoder.payload()?,
        };
        decoder.finish()?;
        Ok(call)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(call: &Call<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        call.write(&mut Encoder::new(&mut bytes, None)).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            (task, attempt, run, input) in any::<(u32, u32, u64, i64)>(),
            limits in any::<[Option<u32>; 2]>(),
            node in ".{0,20}",
        ) {
            let [timeout, deadline] = limits.map(|limit| limit.map(|millis| Duration::from_millis(millis.into())));
            let inputs = Payload::single("x", input);
            let call = Call { task, attempt, run, timeout, deadline, node: &node, inputs };
            let bytes = written(&call);
            prop_assert_eq!(Call::read(&bytes, Vec::new()), Ok(call));
        }

        #[test]
        fn any_bytes_are_a_call_or_malformed(
            numbers in prop::collection::vec(any::<u8>(), 32),
            rest in prop::collection::vec(0_u8..14, 0..40),
        ) {
            let bytes = [numbers, rest].concat();
            if let Ok(call) = Call::read(&bytes, Vec::new()) {
                prop_assert_eq!(written(&call), bytes);
            }
        }
    }
}
