//! [`Hello`]: what a worker is told first.

use std::time::Duration;

use super::codec::{Decoder, Encoder, Malformed};

/// What kind of worker to be. Its descriptors come beside the frame, in the order of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) has_slots: bool,
    /// Whether there is a ledger in their place.
    pub(super) has_ledger: bool,
    pub(super) has_stdout: bool,
    pub(super) has_stderr: bool,
    /// Whether replies say how much memory is resident.
    pub(super) reports_memory: bool,
    /// Whether a call comes that has to succeed before the worker is ready.
    pub(super) has_initializer: bool,
    /// The most detailed log events to send; 0 for none.
    pub(super) log_level: u8,
    /// How often to say that it lives; zero for never.
    pub(super) heartbeat: Duration,
}

impl Hello {
    pub(super) fn write(&self, encoder: &mut Encoder<'_>) {
        let flags = [
            self.has_slots,
            self.has_stdout,
            self.has_stderr,
            self.reports_memory,
            self.has_initializer,
            self.has_ledger,
        ];
        encoder.u8(flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag)));
        encoder.u8(self.log_level);
        encoder.duration(Some(self.heartbeat));
    }

    pub(super) fn read(body: &[u8]) -> Result<Hello, Malformed> {
        let mut decoder = Decoder::new(body, Vec::new());
        let flags = decoder.u8("flags")?;
        let has = |bit: u8| flags >> bit & 1 == 1;
        let hello = Hello {
            has_slots: has(0),
            has_stdout: has(1),
            has_stderr: has(2),
            reports_memory: has(3),
            has_initializer: has(4),
            has_ledger: has(5),
            log_level: decoder.u8("a level")?,
            heartbeat: decoder.duration("an interval")?.unwrap_or_default(),
        };
        decoder.finish()?;
        Ok(hello)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for bits in 0_u8..64 {
            let has = |bit: u8| bits >> bit & 1 == 1;
            let hello = Hello {
                has_slots: has(0),
                has_stdout: has(1),
                has_stderr: has(2),
                reports_memory: has(3),
                has_initializer: has(4),
                has_ledger: has(5),
                log_level: bits % 6,
                heartbeat: Duration::from_millis(bits.into()),
            };
            let mut bytes = Vec::new();
            hello.write(&mut Encoder::new(&mut bytes, None));
            assert_eq!(Hello::read(&bytes).unwrap(), hello);
        }
        assert!(Hello::read(&[]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_greeting_or_malformed(bytes in prop::collection::vec(any::<u8>(), 8..12)) {
            if let Ok(hello) = Hello::read(&bytes) {
                let mut again = Vec::new();
                hello.write(&mut Encoder::new(&mut again, None));
                prop_assert_eq!(Hello::read(&again), Ok(hello));
            }
        }
    }
}
