//! Frames: how messages follow each other on a stream of bytes.
//!
//! A frame is a header of 16 bytes, little-endian, and a body:
//!
//! ```text
//!  0        4         5      6        8     16
//!  | length | version | kind | beside | id  | body, `length` bytes
//! ```
//!
//! `beside` counts the descriptors that travel next to the stream, `id` says which call it belongs to, or what the kind says.

use pushflow_core::value::Buffer;

use super::codec::{Encoder, MOST_BESIDE, Malformed, Unsendable};

/// What an event frame tells.
pub(super) const PROGRESS: u8 = 0;
pub(super) const MESSAGE: u8 = 1;

/// Size of a header in bytes.
pub(super) const HEADER_BYTES: usize = 16;

/// Largest size of a body in bytes: what the header can count.
pub(super) const MOST_BODY_BYTES: usize = u32::MAX as usize;

/// Version of the protocol, which both ends have to have in common.
const VERSION: u8 = 1;

/// So much is read at once as long as frames are small.
const ROOM_BYTES: usize = 64 << 10;

/// A buffer that grew beyond this size for a huge frame is given back after it.
const KEEP_BYTES: usize = 1 << 20;

/// A frame that announces more gets room for the rest as it comes.
const TRUSTED_BYTES: usize = 16 << 20;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Parent to worker, first: what kind of worker to be.
    Hello = 1,
    /// Worker to parent: it takes calls.
    Ready,
    /// Worker to parent: it cannot take any, and why.
    Failed,
    /// Parent to worker: a task that calls refer to.
    Define,
    /// Parent to worker: an execution.
    Call,
    /// Worker to parent: an execution runs.
    Started,
    /// Worker to parent: an event of an execution.
    Event,
    /// Worker to parent: an event for the log.
    Log,
    /// Worker to parent: the outcome of an execution.
    Reply,
    /// Parent to worker: an execution is to be broken off.
    Interrupt,
    /// Worker to parent: it lives.
    Heartbeat,
    /// Parent to worker: no more calls come.
    Exit,
}

/// All kinds in the order of their numbers, which begin at one.
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

impl Kind {
    fn from_number(number: u8) -> Option<Kind> {
        KINDS.get(usize::from(number).checked_sub(1)?).copied()
    }
}

/// What stands before the body of a frame, but for its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// What the frame is.
    pub(super) kind: Kind,
    /// Number of descriptors beside the stream.
    pub(super) beside: u16,
    /// What the frame belongs to.
    pub(super) id: u64,
}

impl Header {
    /// Appends a frame. What goes beside it is counted in its header, on top of what is counted there already.
    ///
    /// # Errors
    ///
    /// Those of the body, and [`Unsendable::TooLarge`]; nothing is left of the frame then, neither bytes nor buffers.
    pub(super) fn frame(
        mut self,
        out: &mut Vec<u8>,
        mut beside: Option<&mut Vec<Buffer>>,
        body: impl FnOnce(&mut Encoder<'_>) -> Result<(), Unsendable>,
    ) -> Result<(), Unsendable> {
        let start = out.len();
        let buffers = beside.as_ref().map_or(0, |beside| beside.len());
        out.extend_from_slice(&[0; HEADER_BYTES]);
        let written = body(&mut Encoder::new(out, beside.as_deref_mut()));
        let more = beside.as_ref().map_or(0, |beside| beside.len() - buffers);
        self.beside += u16::try_from(more).expect("the encoder puts few buffers beside");
        match written.and_then(|()| self.encode(out.len() - start - HEADER_BYTES)) {
            Ok(header) => {
                out[start..start + HEADER_BYTES].copy_from_slice(&header);
                Ok(())
            }
            Err(error) => {
                out.truncate(start);
                if let Some(beside) = beside {
                    beside.truncate(buffers);
                }
                Err(error)
            }
        }
    }

    /// Returns the bytes before a body of this size.
    pub(super) fn encode(self, body_bytes: usize) -> Result<[u8; HEADER_BYTES], Unsendable> {
        let length = u32::try_from(body_bytes).map_err(|_| Unsendable::TooLarge { bytes: body_bytes })?;
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4] = VERSION;
        bytes[5] = self.kind as u8;
        bytes[6..8].copy_from_slice(&self.beside.to_le_bytes());
        bytes[8..].copy_from_slice(&self.id.to_le_bytes());
        Ok(bytes)
    }

    /// Reads the bytes: the header, and the size of the body. `at` is their place in the stream, for errors.
    fn decode(bytes: &[u8; HEADER_BYTES], at: u64) -> Result<(Header, usize), Malformed> {
        let [l0, l1, l2, l3, version, kind, b0, b1, id @ ..] = *bytes;
        if version != VERSION {
            return Err(Malformed::new(at + 4, format!("version {version}"), format!("version {VERSION}")));
        }
        let Some(kind) = Kind::from_number(kind) else {
            let expected = format!("a kind of 1 to {}", KINDS.len());
            return Err(Malformed::new(at + 5, format!("frame of kind {kind}"), expected));
        };
        let beside = u16::from_le_bytes([b0, b1]);
        if usize::from(beside) > MOST_BESIDE {
            return Err(Malformed::new(at + 6, format!("{beside} descriptors"), format!("at most {MOST_BESIDE}")));
        }
        let header = Header { kind, beside, id: u64::from_le_bytes(id) };
        Ok((header, u32::from_le_bytes([l0, l1, l2, l3]) as usize))
    }
}

/// Finds the frames in a stream that arrives in pieces.
///
/// The stream is read into [`spare`](FrameReader::spare) room, and frames are lent from where they came to lie. Room is made
/// for what has come, and not for what is announced, but for [`TRUSTED_BYTES`].
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    /// All of it is initialised; what has been read is in `start..end`.
    room: Vec<u8>,
    start: usize,
    end: usize,
    /// Place of `start` in the stream.
    passed: u64,
}

impl FrameReader {
    /// Lends room to read into, never empty.
    ///
    /// After it, [`advance`](FrameReader::advance) says how much of it was filled. Take what is complete with
    /// [`next`](FrameReader::next) first, or the room grows.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        let wanted = self.wanted();
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.room.len() > KEEP_BYTES.max(wanted) {
                self.room = Vec::new();
            }
        }
        if wanted > self.room.len() {
            // Memory that comes zeroed from the system is not touched before it is read into. Growing in place would
            // write to all of it.
            let mut room = vec![0; wanted.max(ROOM_BYTES)];
            room[..self.end - self.start].copy_from_slice(&self.room[self.start..self.end]);
            (self.room, self.start, self.end) = (room, 0, self.end - self.start);
        } else if self.start + wanted > self.room.len() {
            self.room.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.room[self.end..]
    }

    /// Counts bytes that were read into the room.
    ///
    /// # Panics
    ///
    /// When they are more than the room has.
    pub(super) fn advance(&mut self, bytes: usize) {
        assert!(bytes <= self.room.len() - self.end, "{bytes} bytes were read into less room");
        self.end += bytes;
    }

    /// Takes the next frame that is complete; `None` when more has to be read first.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for a header that is none. What follows has no meaning then; the same error comes again.
    pub(super) fn next(&mut self) -> Result<Option<(Header, &[u8])>, Malformed> {
        let Some((header, length)) = self.header()? else { return Ok(None) };
        let body = self.start + HEADER_BYTES;
        let end = body + length;
        if end > self.end {
            return Ok(None);
        }
        self.passed += (end - self.start) as u64;
        self.start = end;
        Ok(Some((header, &self.room[body..end])))
    }

    /// Returns the number of bytes that are no complete frame yet; more than zero at the end of a stream that broke off.
    pub(super) fn unfinished(&self) -> usize {
        self.end - self.start
    }

    /// Reads the header in front, and the size of the body.
    fn header(&self) -> Result<Option<(Header, usize)>, Malformed> {
        let bytes = self.room[self.start..self.end].first_chunk();
        bytes.map(|bytes| Header::decode(bytes, self.passed)).transpose()
    }

    /// How much room there should be from `start` on.
    fn wanted(&self) -> usize {
        let frame = match self.header() {
            Ok(Some((_, length))) => HEADER_BYTES + length,
            Ok(None) | Err(_) => HEADER_BYTES,
        };
        // When a complete frame was not taken, there is still to be room for a byte more.
        let least = self.unfinished() + 1;
        frame.min(TRUSTED_BYTES.max(least.next_power_of_two())).max(least)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::codec::BESIDE_BYTES;
    use super::*;

    fn frames() -> impl Strategy<Value = Vec<(Header, Vec<u8>)>> {
        let body = prop_oneof![
            20 => prop::collection::vec(any::<u8>(), 0..200),
            1 => (0_usize..3 * ROOM_BYTES).prop_map(|length| vec![7; length]),
            1 => (0_usize..2).prop_map(|more| vec![9; KEEP_BYTES + more]),
        ];
        let frame = (0..KINDS.len(), 0..=MOST_BESIDE as u16, any::<u64>(), body)
            .prop_map(|(kind, beside, id, body)| (Header { kind: KINDS[kind], beside, id }, body));
        prop::collection::vec(frame, 0..20)
    }

    fn stream(frames: &[(Header, Vec<u8>)]) -> Vec<u8> {
        let parts =
            frames.iter().flat_map(|(header, body)| [header.encode(body.len()).unwrap().to_vec(), body.clone()]);
        parts.collect::<Vec<_>>().concat()
    }

    /// Reads a stream in pieces of these sizes, over and over.
    fn read(
        mut stream: &[u8],
        pieces: &[usize],
        reader: &mut FrameReader,
    ) -> Result<Vec<(Header, Vec<u8>)>, Malformed> {
        let mut found = Vec::new();
        for piece in pieces.iter().cycle() {
            let spare = reader.spare();
            let count = (*piece).min(spare.len()).min(stream.len());
            spare[..count].copy_from_slice(&stream[..count]);
            reader.advance(count);
            stream = &stream[count..];
            while let Some((header, body)) = reader.next()? {
                found.push((header, body.to_vec()));
            }
            if stream.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    proptest! {
        #[test]
        fn frames_arrive_however_the_stream_is_cut(
            frames in frames(),
            pieces in prop::collection::vec(prop_oneof![1_usize..40, 1_usize..2 * KEEP_BYTES], 1..20),
        ) {
            let mut reader = FrameReader::default();
            // Pieces of a byte would take long for the huge ones.
            let pieces: Vec<usize> = pieces.into_iter().chain([ROOM_BYTES]).collect();
            prop_assert_eq!(read(&stream(&frames), &pieces, &mut reader), Ok(frames));
            prop_assert_eq!(reader.unfinished(), 0);
        }

        #[test]
        fn any_bytes_are_frames_or_malformed(bytes in prop::collection::vec(0_u8..16, 0..100)) {
            let mut reader = FrameReader::default();
            if let Err(error) = read(&bytes, &[7], &mut reader) {
                prop_assert!(error.at() < bytes.len() as u64);
                prop_assert_eq!(reader.next(), Err(error));
            }
        }
    }

    #[test]
    fn kinds_are_in_the_order_of_their_numbers() {
        for (index, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, index + 1);
            assert_eq!(Kind::from_number(kind as u8), Some(kind));
        }
        assert_eq!(Kind::from_number(0), None);
        assert_eq!(Kind::from_number(KINDS.len() as u8 + 1), None);
    }

    #[test]
    fn headers_stand_byte_for_byte() {
        let header = Header { kind: Kind::Call, beside: 2, id: 0x0102_0304_0506_0708 };
        let bytes = [0x0B, 0x0A, 0, 0, 1, 5, 2, 0, 8, 7, 6, 5, 4, 3, 2, 1];
        assert_eq!(header.encode(0x0A0B), Ok(bytes));
        assert_eq!(Header::decode(&bytes, 0), Ok((header, 0x0A0B)));
    }

    #[test]
    fn a_frame_has_its_body_and_counts_what_is_beside() {
        let header = Header { kind: Kind::Hello, beside: 1, id: 7 };
        let large = Buffer::from(vec![1; BESIDE_BYTES]);
        let (mut out, mut beside) = (vec![9], vec![large.clone()]);
        let body = |encoder: &mut Encoder<'_>| {
            encoder.buffer(&large);
            Ok(())
        };
        header.frame(&mut out, Some(&mut beside), body).unwrap();
        assert_eq!(beside.len(), 2);
        let whole = (Header { beside: 2, ..header }, vec![1, 0xFE, 0, 0, 1, 0]);
        assert_eq!(read(&out[1..], &[100], &mut FrameReader::default()), Ok(vec![whole]));
    }

    #[test]
    fn nothing_is_left_of_a_frame_that_cannot_be_sent() {
        let header = Header { kind: Kind::Reply, beside: 0, id: 1 };
        let (mut out, mut beside) = (vec![9], Vec::new());
        let body = |encoder: &mut Encoder<'_>| {
            encoder.buffer(&Buffer::from(vec![1; BESIDE_BYTES]));
            Err(Unsendable::TooDeep)
        };
        assert_eq!(header.frame(&mut out, Some(&mut beside), body), Err(Unsendable::TooDeep));
        assert_eq!((out, beside.len()), (vec![9], 0));
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        let good = Header { kind: Kind::Log, beside: 0, id: 1 }.encode(1).unwrap();
        let stream_with = |position: usize, byte: u8| {
            let mut bytes = [good.as_slice(), &[0], &good, &[0]].concat();
            bytes[17 + position] = byte;
            read(&bytes, &[100], &mut FrameReader::default()).unwrap_err().to_string()
        };
        assert_eq!(stream_with(4, 2), "malformed message: version 2 at byte 21, expected version 1");
        assert_eq!(stream_with(5, 13), "malformed message: frame of kind 13 at byte 22, expected a kind of 1 to 12");
        assert_eq!(stream_with(6, 65), "malformed message: 65 descriptors at byte 23, expected at most 64");
    }

    #[test]
    fn a_body_that_cannot_be_counted_is_refused() {
        let header = Header { kind: Kind::Reply, beside: 0, id: 1 };
        assert!(header.encode(MOST_BODY_BYTES).is_ok());
        let bytes = MOST_BODY_BYTES + 1;
        assert_eq!(header.encode(bytes), Err(Unsendable::TooLarge { bytes }));
    }

    #[test]
    fn room_for_a_huge_frame_is_given_back() {
        let huge = (Header { kind: Kind::Reply, beside: 0, id: 1 }, vec![0; 2 * TRUSTED_BYTES + 1]);
        let mut reader = FrameReader::default();
        let frames = vec![huge];
        assert_eq!(read(&stream(&frames), &[1 << 30], &mut reader), Ok(frames));
        assert_eq!(reader.spare().len(), ROOM_BYTES);
    }

    #[test]
    fn a_length_that_is_a_lie_takes_little_memory() {
        let header = Header { kind: Kind::Reply, beside: 0, id: 1 }.encode(MOST_BODY_BYTES).unwrap();
        let mut reader = FrameReader::default();
        assert_eq!(read(&header, &[100], &mut reader), Ok(Vec::new()));
        assert_eq!(reader.spare().len(), TRUSTED_BYTES - HEADER_BYTES);
    }

    #[test]
    fn a_stream_that_breaks_off_is_unfinished() {
        let bytes = Header { kind: Kind::Exit, beside: 0, id: 1 }.encode(5).unwrap();
        let mut reader = FrameReader::default();
        assert_eq!(read(&bytes, &[5], &mut reader), Ok(Vec::new()));
        assert_eq!(reader.unfinished(), HEADER_BYTES);
    }
}
