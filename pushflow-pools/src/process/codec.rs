//! The bytes of values: how payloads and outcomes look inside of frames.
//!
//! Little-endian, without padding. A value is a tag and what the tag says. Buffers of [`BESIDE_BYTES`] and more go beside
//! the frame where the wire carries descriptors: then their place is taken by a tag, and they come in the order of the
//! tags. Reading is total: any bytes give a value or a [`Malformed`], without more memory than a multiple of their number,
//! and without more stack than [`MOST_DEPTH`] values inside of each other take.

use std::time::Duration;
use std::vec;

use pushflow_core::error::{ErrorKind, LostWorker};
use pushflow_core::pool::Outcome;
use pushflow_core::value::{Array, Buffer, Dtype, Map, Opaque};
use pushflow_core::{Key, Payload, TaskError, Value};

use super::frame::MOST_BESIDE;

/// From how many bytes on a buffer goes beside the frame.
pub(super) const BESIDE_BYTES: usize = 64 << 10;
/// How many values may be inside of each other.
pub(super) const MOST_DEPTH: usize = 256;

/// Why something cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    #[error("values are nested more than {MOST_DEPTH} deep, which cannot be sent to a process or back")]
    TooDeep,
    #[error(
        "{bytes} bytes are too many for one frame, which has at most {most}; large arrays and bytes do not count where \
             they go beside it"
    )]
    TooLarge { bytes: usize, most: usize },
    #[error("a value of a kind that this wire does not know")]
    Unknown,
}

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at}: expected {expected}, found {found}")]
pub(crate) struct Malformed {
    pub(super) at: usize,
    pub(super) expected: &'static str,
    pub(super) found: String,
}

/// Tags of values.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const MISSING: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const TRUE: u8 = 3;
    pub(super) const INT: u8 = 4;
    pub(super) const BIG_INT: u8 = 5;
    pub(super) const FLOAT: u8 = 6;
    pub(super) const TEXT: u8 = 7;
    pub(super) const BYTES: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const MAP: u8 = 10;
    pub(super) const ARRAY: u8 = 11;
    pub(super) const OPAQUE: u8 = 12;
    /// Where a buffer is.
    pub(super) const INLINE: u8 = 0;
    pub(super) const BESIDE: u8 = 1;
    /// What a key is.
    pub(super) const NAME: u8 = 0;
    pub(super) const POSITION: u8 = 1;
    /// How an execution ended.
    pub(super) const OUTPUTS: u8 = 0;
    pub(super) const ERROR: u8 = 1;
}

/// Kinds of errors, by their numbers on the wire.
const KINDS: [ErrorKind; 10] = [
    ErrorKind::Raised,
    ErrorKind::Panicked,
    ErrorKind::Inputs,
    ErrorKind::Unavailable,
    ErrorKind::Delivery,
    ErrorKind::Lost,
    ErrorKind::Interrupted,
    ErrorKind::TimedOut,
    ErrorKind::Stopped,
    ErrorKind::Closed,
];

/// Writes values.
pub(crate) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    beside: Option<&'a mut Vec<Buffer>>,
    depth: usize,
}

impl<'a> Encoder<'a> {
    /// Appends to bytes; large buffers go `beside`, if there is such a place.
    pub(crate) fn new(out: &'a mut Vec<u8>, beside: Option<&'a mut Vec<Buffer>>) -> Encoder<'a> {
        Encoder { out, beside, depth: 0 }
    }

    pub(super) fn u8(&mut self, number: u8) {
        self.out.push(number);
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// Nanoseconds, all ones for none.
    pub(super) fn duration(&mut self, duration: Option<Duration>) {
        let nanos = duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - 1));
        self.u64(nanos.unwrap_or(u64::MAX));
    }

    /// A number that is small most of the time: seven bits a byte, the lowest first.
    fn length(&mut self, mut length: usize) {
        while length >= 0x80 {
            self.out.push(0x80 | u8::try_from(length & 0x7F).unwrap_or(0));
            length >>= 7;
        }
        self.out.push(u8::try_from(length).unwrap_or(0));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn buffer(&mut self, buffer: &Buffer) {
        match &mut self.beside {
            Some(beside) if buffer.as_bytes().len() >= BESIDE_BYTES && beside.len() < MOST_BESIDE => {
                beside.push(buffer.clone());
                self.u8(tag::BESIDE);
            }
            _ => {
                self.u8(tag::INLINE);
                self.bytes(buffer.as_bytes());
            }
        }
    }

    /// Writes a value.
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), Unsendable> {
        match value {
            Value::Null => self.u8(tag::NULL),
            Value::Missing => self.u8(tag::MISSING),
            Value::Bool(false) => self.u8(tag::FALSE),
            Value::Bool(true) => self.u8(tag::TRUE),
            Value::Int(number) => {
                self.u8(tag::INT);
                self.out.extend_from_slice(&number.to_le_bytes());
            }
            Value::BigInt(number) => {
                self.u8(tag::BIG_INT);
                self.text(number.digits());
            }
            Value::Float(number) => {
                self.u8(tag::FLOAT);
                self.u64(number.to_bits());
            }
            Value::Str(text) => {
                self.u8(tag::TEXT);
                self.text(text);
            }
            Value::Bytes(buffer) => {
                self.u8(tag::BYTES);
                self.buffer(buffer);
            }
            Value::List(items) => {
                self.u8(tag::LIST);
                self.length(items.len());
                self.deeper(|encoder| items.iter().try_for_each(|item| encoder.value(item)))?;
            }
            Value::Map(map) => {
                self.u8(tag::MAP);
                self.length(map.len());
                self.deeper(|encoder| {
                    map.iter().try_for_each(|(key, value)| {
                        encoder.text(key);
                        encoder.value(value)
                    })
                })?;
            }
            Value::Array(array) => {
                self.u8(tag::ARRAY);
                self.text(array.dtype().name());
                self.length(array.shape().len());
                array.shape().iter().for_each(|extent| self.length(*extent));
                self.buffer(array.data());
            }
            Value::Opaque(opaque) => {
                self.u8(tag::OPAQUE);
                self.text(&opaque.kind);
                self.text(&opaque.type_name);
                self.buffer(&opaque.data);
            }
            _ => return Err(Unsendable::Unknown),
        }
        Ok(())
    }

    fn deeper(&mut self, body: impl FnOnce(&mut Self) -> Result<(), Unsendable>) -> Result<(), Unsendable> {
        if self.depth >= MOST_DEPTH {
            return Err(Unsendable::TooDeep);
        }
        self.depth += 1;
        body(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// Writes named values.
    pub(super) fn payload(&mut self, payload: &Payload) -> Result<(), Unsendable> {
        self.length(payload.len());
        payload.iter().try_for_each(|(key, value)| {
            match key {
                Key::Name(name) => {
                    self.u8(tag::NAME);
                    self.text(name);
                }
                Key::Position(position) => {
                    self.u8(tag::POSITION);
                    self.u64(*position);
                }
            }
            self.value(value)
        })
    }

    /// Writes an error.
    pub(super) fn error(&mut self, error: &TaskError) {
        let kind = KINDS.iter().position(|kind| *kind == error.kind()).unwrap_or(0);
        self.u8(u8::try_from(kind).unwrap_or(0));
        self.text(error.type_name());
        self.text(error.text());
        self.length(error.traceback().len());
        error.traceback().iter().for_each(|line| self.text(line));
        // A nested pool has lost a worker: told on as a whole.
        self.u8(u8::from(error.lost_worker().is_some()));
        if let Some(lost) = error.lost_worker() {
            self.u64(lost.pid.map_or(u64::MAX, u64::from));
            self.number(lost.exit_code);
            self.number(lost.signal);
            self.u64(lost.peak_memory_bytes.unwrap_or(u64::MAX));
            self.u8(u8::from(lost.out_of_memory));
            self.length(lost.stderr.len());
            lost.stderr.iter().for_each(|line| self.text(line));
        }
    }

    fn number(&mut self, number: Option<i32>) {
        self.u8(u8::from(number.is_some()));
        self.out.extend_from_slice(&number.unwrap_or(0).to_le_bytes());
    }

    /// Writes how an execution ended.
    pub(super) fn outcome(&mut self, outcome: &Outcome) -> Result<(), Unsendable> {
        match outcome {
            Ok(outputs) => {
                self.u8(tag::OUTPUTS);
                self.payload(outputs)
            }
            Err(error) => {
                self.u8(tag::ERROR);
                self.error(error);
                Ok(())
            }
        }
    }
}

/// Reads values.
pub(crate) struct Decoder<'a> {
    input: &'a [u8],
    at: usize,
    beside: vec::IntoIter<Buffer>,
    depth: usize,
}

impl<'a> Decoder<'a> {
    /// Reads bytes, and what came beside them.
    pub(crate) fn new(input: &'a [u8], beside: Vec<Buffer>) -> Decoder<'a> {
        Decoder { input, at: 0, beside: beside.into_iter(), depth: 0 }
    }

    /// Says that nothing may be left.
    pub(crate) fn finish(mut self) -> Result<(), Malformed> {
        if self.at < self.input.len() {
            return Err(self.wrong("the end", format!("{} more bytes", self.input.len() - self.at)));
        }
        match self.beside.next() {
            None => Ok(()),
            Some(_) => Err(self.wrong("nothing more beside the frame", format!("{}", self.beside.len() + 1))),
        }
    }

    fn wrong(&self, expected: &'static str, found: impl Into<String>) -> Malformed {
        Malformed { at: self.at, expected, found: found.into() }
    }

    fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], Malformed> {
        let left = &self.input[self.at..];
        let Some(taken) = left.get(..count) else {
            return Err(self.wrong(expected, format!("{} bytes of {count}", left.len())));
        };
        self.at += count;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Malformed> {
        let taken = self.take(N, expected)?;
        Ok(taken.try_into().unwrap_or([0; N]))
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.fixed::<1>("a byte").map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.fixed("four bytes").map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.fixed("eight bytes").map(u64::from_le_bytes)
    }

    pub(super) fn duration(&mut self) -> Result<Option<Duration>, Malformed> {
        let nanos = self.u64()?;
        Ok(if nanos == u64::MAX { None } else { Some(Duration::from_nanos(nanos)) })
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        let mut length = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            length |= bits << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(length).map_err(|_| self.wrong("a length", length.to_string()));
            }
        }
        Err(self.wrong("a length", "more than 64 bits"))
    }

    /// A number of things that take at least a byte each: no more than there are bytes left.
    fn count(&mut self, expected: &'static str) -> Result<usize, Malformed> {
        let count = self.length()?;
        let left = self.input.len() - self.at;
        if count > left { Err(self.wrong(expected, format!("{count} in {left} bytes"))) } else { Ok(count) }
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        self.take(length, "bytes")
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        let begin = self.at;
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|error| Malformed {
            at: begin + error.valid_up_to(),
            expected: "UTF-8",
            found: "other bytes".to_owned(),
        })
    }

    fn buffer(&mut self) -> Result<Buffer, Malformed> {
        match self.u8()? {
            tag::INLINE => Ok(Buffer::from(self.bytes()?.to_vec())),
            tag::BESIDE => match self.beside.next() {
                Some(buffer) => Ok(buffer),
                None => Err(self.wrong("a buffer beside the frame", "none")),
            },
            other => Err(self.wrong("where a buffer is", other.to_string())),
        }
    }

    /// Reads a value.
    pub(crate) fn value(&mut self) -> Result<Value, Malformed> {
        Ok(match self.u8()? {
            tag::NULL => Value::Null,
            tag::MISSING => Value::Missing,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INT => Value::Int(self.fixed("eight bytes").map(i64::from_le_bytes)?),
            tag::BIG_INT => self.big_int()?,
            tag::FLOAT => Value::Float(f64::from_bits(self.u64()?)),
            tag::TEXT => Value::Str(self.text()?.into()),
            tag::BYTES => Value::Bytes(self.buffer()?),
            tag::LIST => {
                let count = self.count("a list")?;
                let items =
                    self.deeper(|decoder| (0..count).map(|_| decoder.value()).collect::<Result<Vec<_>, _>>())?;
                Value::List(items.into())
            }
            tag::MAP => self.map()?,
            tag::ARRAY => self.array()?,
            tag::OPAQUE => {
                let (kind, type_name) = (self.text()?.into(), self.text()?.into());
                Value::Opaque(Opaque { kind, type_name, data: self.buffer()? }.into())
            }
            other => return Err(self.wrong("a value", format!("the tag {other}"))),
        })
    }

    fn deeper<R>(&mut self, body: impl FnOnce(&mut Self) -> Result<R, Malformed>) -> Result<R, Malformed> {
        if self.depth >= MOST_DEPTH {
            return Err(self.wrong("a value", format!("one that is nested more than {MOST_DEPTH} deep")));
        }
        self.depth += 1;
        let result = body(self)?;
        self.depth -= 1;
        Ok(result)
    }

    fn big_int(&mut self) -> Result<Value, Malformed> {
        let digits = self.text()?;
        match Value::integer(digits) {
            Some(Value::BigInt(number)) if number.digits() == digits => Ok(Value::BigInt(number)),
            _ => Err(self.wrong("the digits of an integer of more than 64 bits", format!("{} others", digits.len()))),
        }
    }

    fn map(&mut self) -> Result<Value, Malformed> {
        let count = self.count("a map")?;
        let map = self.deeper(|decoder| {
            let mut map = Map::with_capacity(count.min(1024));
            for _ in 0..count {
                let key = decoder.text()?;
                let value = decoder.value()?;
                if map.insert(key.into(), value).is_some() {
                    return Err(decoder.wrong("each key once", format!("`{key}` twice")));
                }
            }
            Ok(map)
        })?;
        Ok(Value::from(map))
    }

    fn array(&mut self) -> Result<Value, Malformed> {
        let dtype: Dtype = self.text()?.parse().map_err(|_| self.wrong("a dtype", "another name"))?;
        let dimensions = self.count("a shape")?;
        let shape: Vec<usize> = (0..dimensions).map(|_| self.length()).collect::<Result<_, _>>()?;
        let data = self.buffer()?;
        let array = Array::new(dtype, shape, data);
        array.map(Value::from).map_err(|error| self.wrong("a buffer of the array's size", error.to_string()))
    }

    /// Reads named values.
    pub(super) fn payload(&mut self) -> Result<Payload, Malformed> {
        let count = self.count("a payload")?;
        let mut entries = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            let key = match self.u8()? {
                tag::NAME => Key::from(self.text()?),
                tag::POSITION => Key::Position(self.u64()?),
                other => return Err(self.wrong("a key", format!("the tag {other}"))),
            };
            entries.push((key, self.value()?));
        }
        let payload: Payload = entries.into_iter().collect();
        if payload.len() == count { Ok(payload) } else { Err(self.wrong("each key once", "one of them twice")) }
    }

    /// Reads an error.
    pub(super) fn error(&mut self) -> Result<TaskError, Malformed> {
        let kind = self.u8()?;
        let kind = *KINDS.get(usize::from(kind)).ok_or_else(|| self.wrong("a kind of error", kind.to_string()))?;
        let (type_name, text) = (self.text()?, self.text()?);
        let error = TaskError::new(kind, type_name, text).with_traceback(self.lines()?);
        match self.u8()? {
            0 => Ok(error),
            1 => {
                let mut lost = LostWorker::default();
                lost.pid = u32::try_from(self.u64()?).ok();
                lost.exit_code = self.number()?;
                lost.signal = self.number()?;
                lost.peak_memory_bytes = Some(self.u64()?).filter(|bytes| *bytes != u64::MAX);
                lost.out_of_memory = self.u8()? != 0;
                lost.stderr = self.lines()?;
                Ok(error.with_lost_worker(lost))
            }
            other => Err(self.wrong("whether a worker was lost", other.to_string())),
        }
    }

    fn lines(&mut self) -> Result<Vec<String>, Malformed> {
        let count = self.count("lines")?;
        (0..count).map(|_| self.text().map(str::to_owned)).collect()
    }

    fn number(&mut self) -> Result<Option<i32>, Malformed> {
        let is_there = self.u8()? != 0;
        let number = self.fixed("four bytes").map(i32::from_le_bytes)?;
        Ok(is_there.then_some(number))
    }

    /// Reads how an execution ended.
    pub(super) fn outcome(&mut self) -> Result<Outcome, Malformed> {
        match self.u8()? {
            tag::OUTPUTS => self.payload().map(Ok),
            tag::ERROR => self.error().map(Err),
            other => Err(self.wrong("an outcome", format!("the tag {other}"))),
        }
    }
}
