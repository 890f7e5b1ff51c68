//! The frames of the wire: a header of fixed size, then a body.
//!
//! ```text
//! bytes  0..4   length of the body
//!        4      version of the wire
//!        5      kind
//!        6..8   number of descriptors beside the frame
//!        8..16  number of the call, or what the kind says
//! ```

use pushflow_core::value::Buffer;

use super::codec::{Encoder, Malformed, Unsendable};

/// The version that this build speaks.
pub(super) const VERSION: u8 = 1;
/// The size of a header.
pub(super) const HEADER_BYTES: usize = 16;
/// The most bytes of a body.
pub(super) const MOST_BODY_BYTES: usize = (1 << 32) - 1;
/// The most buffers that go beside one frame; more are part of it.
pub(super) const MOST_BESIDE: usize = 64;
/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Hello = 1,
    Ready = 2,
    Failed = 3,
    Define = 4,
    Call = 5,
    Started = 6,
    Event = 7,
    Log = 8,
    Reply = 9,
    Interrupt = 10,
    Heartbeat = 11,
    Exit = 12,
}

const KINDS: [Kind; 12] = [
    Kind::Hello,
    Kind::Ready,
    Kind::Failed,
    Kind::Define,
    Kind::Call,
    Kind::Started,
    Kind::Event,
    Kind::Log,
    Kind::Reply,
    Kind::Interrupt,
    Kind::Heartbeat,
    Kind::Exit,
];

/// The beginning of a frame, but for its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// How many descriptors come beside it.
    pub(super) beside: u16,
    pub(super) id: u64,
}

impl Header {
    /// Appends a frame; what goes beside it is added to the header's number. On an error nothing is appended.
    pub(super) fn frame(
        self,
        out: &mut Vec<u8>,
        mut beside: Option<&mut Vec<Buffer>>,
        body: impl FnOnce(&mut Encoder<'_>) -> Result<(), Unsendable>,
    ) -> Result<(), Unsendable> {
        let begin = out.len();
        out.extend_from_slice(&[0; HEADER_BYTES]);
        let written = body(&mut Encoder::new(out, beside.as_deref_mut()));
        let bytes = out.len() - begin - HEADER_BYTES;
        let length = u32::try_from(bytes).map_err(|_| Unsendable::TooLarge { bytes, most: MOST_BODY_BYTES });
        let length = match written.and(length) {
            Ok(length) => length,
            Err(error) => {
                out.truncate(begin);
                return Err(error);
            }
        };
        let count = usize::from(self.beside) + beside.map_or(0, |beside| beside.len());
        let header = &mut out[begin..begin + HEADER_BYTES];
        header[..4].copy_from_slice(&length.to_le_bytes());
        header[4] = VERSION;
        header[5] = self.kind as u8;
        header[6..8].copy_from_slice(&u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes());
        header[8..].copy_from_slice(&self.id.to_le_bytes());
        Ok(())
    }

    /// Reads a header and the length of the body.
    fn read(bytes: &[u8; HEADER_BYTES]) -> Result<(Header, usize), Malformed> {
        let [l0, l1, l2, l3, version, kind, b0, b1, id @ ..] = *bytes;
        let wrong = |at, expected, found: u64| Malformed { at, expected, found: found.to_string() };
        if version != VERSION {
            return Err(wrong(4, "version 1 of the wire", version.into()));
        }
        let known = KINDS.iter().find(|known| **known as u8 == kind);
        let kind = *known.ok_or_else(|| wrong(5, "a kind of frame", kind.into()))?;
        let beside = u16::from_le_bytes([b0, b1]);
        if usize::from(beside) > MOST_BESIDE {
            return Err(wrong(6, "at most 64 descriptors", beside.into()));
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let length = usize::try_from(length).map_err(|_| wrong(0, "a length", length.into()))?;
        Ok((Header { kind, beside, id: u64::from_le_bytes(id) }, length))
    }
}

/// Puts frames together from the bytes that come.
#[derive(Debug)]
pub(super) struct FrameReader {
    /// What came is from `begin` to `end`.
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
}

impl FrameReader {
    pub(super) fn new() -> FrameReader {
        FrameReader { buffer: Vec::new(), begin: 0, end: 0 }
    }

    /// Where to read to; never empty.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.begin == self.end {
            (self.begin, self.end) = (0, 0);
            if self.buffer.len() > READ_BYTES {
                // A large frame has been here.
                self.buffer.truncate(READ_BYTES);
                self.buffer.shrink_to_fit();
            }
        }
        let missing = self.missing();
        let room = self.buffer.len() - self.end;
        let is_tight = room < READ_BYTES / 4 && self.end - self.begin < READ_BYTES / 4;
        if room < missing.min(READ_BYTES) || is_tight {
            self.buffer.copy_within(self.begin..self.end, 0);
            (self.begin, self.end) = (0, self.end - self.begin);
            // What a header announces is believed as far as bytes have come: doubled, and not all at once.
            let wanted = (self.end + missing).min(2 * self.end).max(READ_BYTES).max(self.end + 1);
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
        }
        &mut self.buffer[self.end..]
    }

    /// Says that bytes were read to there.
    pub(super) fn advance(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    /// How many bytes the frame at the beginning still needs, at least 1.
    fn missing(&self) -> usize {
        let have = self.end - self.begin;
        let wanted = match self.header() {
            Some(Ok((_, length))) => length.saturating_add(HEADER_BYTES),
            _ => HEADER_BYTES,
        };
        wanted.saturating_sub(have).max(1)
    }

    fn header(&self) -> Option<Result<(Header, usize), Malformed>> {
        self.buffer[self.begin..self.end].first_chunk().map(Header::read)
    }

    /// Takes a frame that is there as a whole.
    ///
    /// # Errors
    ///
    /// When what is there is no frame: nothing that follows can be understood.
    pub(super) fn next(&mut self) -> Result<Option<(Header, &[u8])>, Malformed> {
        let Some(header) = self.header() else { return Ok(None) };
        let (header, length) = header?;
        let body = self.begin + HEADER_BYTES;
        if self.end - body < length {
            return Ok(None);
        }
        self.begin = body + length;
        Ok(Some((header, &self.buffer[body..self.begin])))
    }
}
