//! [`Encoder`]: from values to bytes.

use std::time::Duration;

use pushflow_core::error::LostWorker;
use pushflow_core::value::{Array, Buffer, Map, Opaque};
use pushflow_core::{Key, Outcome, Payload, TaskError, Value};

use super::{BESIDE_BYTES, MOST_BESIDE, MOST_DEPTH, Unsendable, tag};

/// Writes at the end of a vector; nothing is allocated but its growth. After a failure, what was written has no meaning.
#[derive(Debug)]
pub(crate) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    beside: Option<&'a mut Vec<Buffer>>,
}

impl<'a> Encoder<'a> {
    /// Writes into a vector. Large buffers go `beside`, if there is such a place, in the order in which the decoder asks for
    /// them.
    pub(crate) fn new(out: &'a mut Vec<u8>, beside: Option<&'a mut Vec<Buffer>>) -> Encoder<'a> {
        Encoder { out, beside }
    }

    /// Writes a value.
    ///
    /// # Errors
    ///
    /// [`Unsendable::TooDeep`], [`Unsendable::Unknown`].
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), Unsendable> {
        self.nested(value, 0)
    }

    /// Writes a payload; errors as [`value`](Encoder::value) has them.
    pub(crate) fn payload(&mut self, payload: &Payload) -> Result<(), Unsendable> {
        self.size(payload.len());
        payload.iter().try_for_each(|(key, value)| {
            self.key(key);
            self.value(value)
        })
    }

    /// Writes an error.
    pub(crate) fn error(&mut self, error: &TaskError) {
        self.u8(error.kind().number());
        self.flag(error.is_explained());
        self.text(error.type_name());
        self.text(error.text());
        self.lines(error.traceback());
        self.flag(error.lost_worker().is_some());
        if let Some(lost) = error.lost_worker() {
            self.lost_worker(lost);
        }
        self.flag(error.instance().is_some());
        if let Some(instance) = error.instance() {
            self.sealed(instance);
        }
    }

    /// Writes an outcome; errors as [`value`](Encoder::value) has them.
    pub(crate) fn outcome(&mut self, outcome: &Outcome) -> Result<(), Unsendable> {
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

    /// Writes one byte.
    pub(crate) fn u8(&mut self, number: u8) {
        self.out.push(number);
    }

    /// Writes four bytes.
    pub(crate) fn u32(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// Writes eight bytes.
    pub(crate) fn u64(&mut self, number: u64) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    /// Writes a time in nanoseconds; all ones for none.
    pub(crate) fn duration(&mut self, duration: Option<Duration>) {
        let nanos = duration.map(|duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - 1));
        self.u64(nanos.unwrap_or(u64::MAX));
    }

    /// Writes a number that is mostly small, in one byte when it is.
    pub(crate) fn size(&mut self, size: usize) {
        self.wide(size as u64);
    }

    /// Writes a text.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.size(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// Writes a buffer here or beside.
    pub(crate) fn buffer(&mut self, buffer: &Buffer) {
        let bytes = buffer.as_bytes();
        match &mut self.beside {
            Some(beside) if bytes.len() >= BESIDE_BYTES && beside.len() < MOST_BESIDE => {
                beside.push(buffer.clone());
                self.u8(tag::BESIDE);
                self.size(bytes.len());
            }
            _ => {
                self.u8(tag::INLINE);
                self.bytes(bytes);
            }
        }
    }

    fn lost_worker(&mut self, lost: &LostWorker) {
        self.optional(lost.pid.map(u64::from));
        self.optional(lost.exit_code.map(|code| code.cast_unsigned().into()));
        self.optional(lost.signal.map(|signal| signal.cast_unsigned().into()));
        self.optional(lost.peak_memory_bytes);
        self.flag(lost.out_of_memory);
        self.lines(&lost.stderr);
    }

    fn lines(&mut self, lines: &[String]) {
        self.size(lines.len());
        lines.iter().for_each(|line| self.text(line));
    }

    fn flag(&mut self, truth: bool) {
        self.u8(truth.into());
    }

    fn optional(&mut self, number: Option<u64>) {
        self.flag(number.is_some());
        if let Some(number) = number {
            self.wide(number);
        }
    }

    fn wide(&mut self, number: u64) {
        if number < u64::from(tag::SIZE_U16) {
            self.out.push(number as u8);
        } else {
            self.wider(number);
        }
    }

    #[inline(never)]
    fn wider(&mut self, number: u64) {
        if let Ok(number) = u16::try_from(number) {
            self.u8(tag::SIZE_U16);
            self.out.extend_from_slice(&number.to_le_bytes());
        } else if let Ok(number) = u32::try_from(number) {
            self.u8(tag::SIZE_U32);
            self.u32(number);
        } else {
            self.u8(tag::SIZE_U64);
            self.u64(number);
        }
    }

    /// A tag and eight bytes, written at once.
    fn word(&mut self, tag: u8, number: u64) {
        let mut bytes = [tag; 9];
        bytes[1..].copy_from_slice(&number.to_le_bytes());
        self.out.extend_from_slice(&bytes);
    }

    fn key(&mut self, key: &Key) {
        match key {
            Key::Name(name) => {
                self.size(name.len() + 1);
                self.out.extend_from_slice(name.as_bytes());
            }
            Key::Position(position) => {
                self.u8(0);
                self.wide(*position);
            }
        }
    }

    /// Writes a value that lies within `depth` others. What recurses takes little of the stack: the rest is in `plain`.
    fn nested(&mut self, value: &Value, depth: usize) -> Result<(), Unsendable> {
        match value {
            Value::List(items) => self.list(items, depth),
            Value::Map(map) => self.map(map, depth),
            _ => self.plain(value),
        }
    }

    fn plain(&mut self, value: &Value) -> Result<(), Unsendable> {
        match value {
            Value::Null => self.u8(tag::NULL),
            Value::Missing => self.u8(tag::MISSING),
            Value::Bool(truth) => self.u8(if *truth { tag::TRUE } else { tag::FALSE }),
            Value::Int(number) => self.word(tag::INT, number.cast_unsigned()),
            Value::Float(number) => self.word(tag::FLOAT, number.to_bits()),
            Value::BigInt(big) => {
                self.u8(tag::BIG_INT);
                self.text(big.digits());
            }
            Value::Str(text) => {
                self.u8(tag::STR);
                self.text(text);
            }
            Value::Bytes(bytes) => {
                self.u8(tag::BYTES);
                self.buffer(bytes);
            }
            Value::Array(array) => self.array(array),
            Value::Opaque(opaque) => {
                self.u8(tag::OPAQUE);
                self.sealed(opaque);
                self.shown(opaque.shown.as_ref())?;
            }
            // Core may get kinds of values that the codec was not told of.
            other => return Err(Unsendable::Unknown { type_name: other.type_name() }),
        }
        Ok(())
    }

    fn sealed(&mut self, opaque: &Opaque) {
        self.text(&opaque.kind);
        self.text(&opaque.type_name);
        self.buffer(&opaque.data);
    }

    /// What an opaque value looks like: a text of its own, so that who reads it need not look inside.
    fn shown(&mut self, shown: Option<&Value>) -> Result<(), Unsendable> {
        self.flag(shown.is_some());
        let Some(shown) = shown else { return Ok(()) };
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, None).value(shown)?;
        self.bytes(&bytes);
        Ok(())
    }

    fn list(&mut self, items: &[Value], depth: usize) -> Result<(), Unsendable> {
        self.open(tag::LIST, items.len(), depth)?;
        for item in items {
            self.nested(item, depth + 1)?;
        }
        Ok(())
    }

    fn map(&mut self, map: &Map, depth: usize) -> Result<(), Unsendable> {
        self.open(tag::MAP, map.len(), depth)?;
        for (key, value) in map {
            self.text(key);
            self.nested(value, depth + 1)?;
        }
        Ok(())
    }

    fn open(&mut self, tag: u8, count: usize, depth: usize) -> Result<(), Unsendable> {
        if depth == MOST_DEPTH {
            return Err(Unsendable::TooDeep);
        }
        self.u8(tag);
        self.size(count);
        Ok(())
    }

    fn array(&mut self, array: &Array) {
        self.u8(tag::ARRAY);
        self.u8(array.dtype().number());
        self.size(array.shape().len());
        for extent in array.shape() {
            self.size(*extent);
        }
        self.buffer(array.data());
    }
}
