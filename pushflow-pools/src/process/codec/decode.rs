//! [`Decoder`]: from bytes to values.

use std::sync::Arc;
use std::time::Duration;

use pushflow_core::error::LostWorker;
use pushflow_core::value::{Array, Buffer, Dtype, Map, Opaque};
use pushflow_core::{ErrorKind, Key, Outcome, Payload, TaskError, Value};

use super::{MOST_DEPTH, Malformed, tag};

/// Reads from the front of a frame's body. After a failure, what is left of it has no meaning.
///
/// Nothing recurses. Lists and maps come together on a stack of items that all share, and each is moved into memory of its
/// size at its end. Every item on the stack was a byte of the input at least, and a number of items that the rest of the
/// input cannot hold is refused, so the stack needs no more places than the input has bytes, however lists that promise more
/// than they hold are nested.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    length: usize,
    beside: std::vec::IntoIter<Buffer>,
    open: Vec<Open>,
    items: Vec<Value>,
    names: Vec<&'a str>,
    /// Whether it is what an opaque value looks like.
    is_shown: bool,
}

/// A list or map that has not got all its items.
#[derive(Debug)]
struct Open {
    /// Where it begins.
    at: usize,
    is_map: bool,
    /// Number of items to come, never zero.
    left: usize,
    /// Where its items begin on the stack.
    items: usize,
    /// Where its keys begin on their stack.
    names: usize,
}

impl<'a> Decoder<'a> {
    /// Reads a body with the buffers that came beside it, in their order.
    pub(crate) fn new(body: &'a [u8], beside: Vec<Buffer>) -> Decoder<'a> {
        Decoder {
            rest: body,
            length: body.len(),
            beside: beside.into_iter(),
            open: Vec::new(),
            items: Vec::new(),
            names: Vec::new(),
            is_shown: false,
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when anything is left, bytes or buffers.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if !self.rest.is_empty() {
            return Err(self.fail(self.at(), format!("{} more bytes", self.rest.len()), "the end"));
        }
        match self.beside.len() {
            0 => Ok(()),
            left => Err(self.fail(self.at(), format!("{left} more buffers beside"), "the end")),
        }
    }

    /// Reads a value.
    pub(crate) fn value(&mut self) -> Result<Value, Malformed> {
        loop {
            let at = self.at();
            let mut value = match self.u8("a value")? {
                tag::NULL => Value::Null,
                tag::MISSING => Value::Missing,
                tag::FALSE => Value::Bool(false),
                tag::TRUE => Value::Bool(true),
                tag::INT => Value::Int(self.u64("an integer")?.cast_signed()),
                tag::FLOAT => Value::Float(f64::from_bits(self.u64("a number")?)),
                tag::STR => Value::Str(self.text("a text")?.into()),
                tag @ (tag::LIST | tag::MAP) => match self.open(at, tag == tag::MAP)? {
                    Some(empty) => empty,
                    None => continue,
                },
                tag => self.rare(at, tag)?,
            };
            // The value is the next item of what is open, which may be the next item of what is open around it.
            loop {
                let Some(open) = self.open.last_mut() else { return Ok(value) };
                self.items.push(value);
                open.left -= 1;
                if open.left == 0 {
                    value = self.close()?;
                } else {
                    self.go_on()?;
                    break;
                }
            }
        }
    }

    /// Reads a payload.
    pub(crate) fn payload(&mut self) -> Result<Payload, Malformed> {
        let at = self.at();
        let count = self.count(2, "a number of entries")?;
        if count == 1 {
            let key = self.key()?;
            return Ok(Payload::single(key, self.value()?));
        }
        let mut row = Vec::with_capacity(count);
        for _ in 0..count {
            let key = self.key()?;
            row.push((key, self.value()?));
        }
        Payload::from_row(row.into()).map_err(|key| self.fail(at, format!("key `{key}` twice"), "distinct keys"))
    }

    /// Reads an error.
    pub(crate) fn error(&mut self) -> Result<TaskError, Malformed> {
        let at = self.at();
        let number = self.u8("a kind of error")?;
        let kind = ErrorKind::from_number(number);
        let kind = kind.ok_or_else(|| self.fail(at, format!("number {number}"), "a kind of error"))?;
        let explained = self.flag("whether an error is explained")?;
        let type_name = self.text("the name of an error's type")?;
        let error = TaskError::new(kind, type_name, self.text("the message of an error")?);
        let error = error.with_traceback(self.lines("a line of a traceback")?);
        let lost = if self.flag("whether a worker was lost")? { Some(self.lost_worker()?) } else { None };
        let instance = if self.flag("whether there is the error itself")? { Some(self.sealed()?) } else { None };
        let error = if explained { error.explained() } else { error };
        let error = lost.into_iter().fold(error, TaskError::with_lost_worker);
        Ok(instance.map(Arc::new).into_iter().fold(error, TaskError::with_instance))
    }

    /// Reads an outcome.
    pub(crate) fn outcome(&mut self) -> Result<Outcome, Malformed> {
        let at = self.at();
        match self.u8("an outcome")? {
            tag::OUTPUTS => self.payload().map(Ok),
            tag::ERROR => self.error().map(Err),
            tag => Err(self.fail(at, format!("tag {tag}"), "an outcome")),
        }
    }

    /// Reads one byte; `expected` says in errors what it should be.
    pub(crate) fn u8(&mut self, expected: &'static str) -> Result<u8, Malformed> {
        self.chunk::<1>(expected).map(|[byte]| byte)
    }

    /// Reads four bytes.
    pub(crate) fn u32(&mut self, expected: &'static str) -> Result<u32, Malformed> {
        self.chunk(expected).map(u32::from_le_bytes)
    }

    /// Reads eight bytes.
    pub(crate) fn u64(&mut self, expected: &'static str) -> Result<u64, Malformed> {
        self.chunk(expected).map(u64::from_le_bytes)
    }

    /// Reads a time in nanoseconds; all ones for none.
    pub(crate) fn duration(&mut self, expected: &'static str) -> Result<Option<Duration>, Malformed> {
        let nanos = self.u64(expected)?;
        Ok((nanos != u64::MAX).then(|| Duration::from_nanos(nanos)))
    }

    /// Reads a number that is mostly small.
    pub(crate) fn size(&mut self, expected: &'static str) -> Result<usize, Malformed> {
        let at = self.at();
        let size = self.wide(expected)?;
        usize::try_from(size).map_err(|_| self.fail(at, format!("size {size}"), expected))
    }

    /// Reads a text.
    pub(crate) fn text(&mut self, expected: &'static str) -> Result<&'a str, Malformed> {
        let size = self.size(expected)?;
        self.utf8(size, expected)
    }

    /// Reads bytes.
    pub(crate) fn bytes(&mut self, expected: &'static str) -> Result<&'a [u8], Malformed> {
        let size = self.size(expected)?;
        self.take(size, expected)
    }

    /// Reads a buffer: copies it from here, or takes the next one beside.
    pub(crate) fn buffer(&mut self, expected: &'static str) -> Result<Buffer, Malformed> {
        let at = self.at();
        match self.u8(expected)? {
            tag::INLINE => self.bytes(expected).map(|bytes| Buffer::from(bytes.to_vec())),
            tag::BESIDE => {
                let size = self.size(expected)?;
                let next = self.beside.next();
                let next = next.ok_or_else(|| self.fail(at, "no buffer beside", expected))?;
                match next.as_bytes().len() {
                    found if found == size => Ok(next),
                    found => Err(self.fail(at, format!("a buffer of {found} bytes beside"), format!("{size} bytes"))),
                }
            }
            place => Err(self.fail(at, format!("place {place} of a buffer"), expected)),
        }
    }

    fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    #[cold]
    fn fail(&self, at: usize, found: impl Into<String>, expected: impl Into<String>) -> Malformed {
        Malformed::new(at as u64, found, expected)
    }

    #[cold]
    fn short(&self, wanted: usize, expected: &'static str) -> Malformed {
        self.fail(self.at(), format!("{} bytes of {wanted}", self.rest.len()), expected)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Malformed> {
        let Some((chunk, rest)) = self.rest.split_first_chunk::<N>() else { return Err(self.short(N, expected)) };
        self.rest = rest;
        Ok(*chunk)
    }

    #[inline]
    fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else { return Err(self.short(count, expected)) };
        self.rest = rest;
        Ok(taken)
    }

    fn utf8(&mut self, size: usize, expected: &'static str) -> Result<&'a str, Malformed> {
        let at = self.at();
        let bytes = self.take(size, expected)?;
        std::str::from_utf8(bytes)
            .map_err(|error| self.fail(at + error.valid_up_to(), "bytes that are not UTF-8", expected))
    }

    #[inline]
    fn wide(&mut self, expected: &'static str) -> Result<u64, Malformed> {
        match self.u8(expected)? {
            small if small < tag::SIZE_U16 => Ok(u64::from(small)),
            width => self.wider(width, expected),
        }
    }

    #[inline(never)]
    fn wider(&mut self, width: u8, expected: &'static str) -> Result<u64, Malformed> {
        let at = self.at() - 1;
        let (number, least) = match width {
            tag::SIZE_U16 => (self.chunk(expected).map(u16::from_le_bytes)?.into(), tag::SIZE_U16.into()),
            tag::SIZE_U32 => (self.u32(expected)?.into(), u64::from(u16::MAX) + 1),
            _ => (self.u64(expected)?, u64::from(u32::MAX) + 1),
        };
        if number < least {
            Err(self.fail(at, format!("size {number} in too many bytes"), expected))
        } else {
            Ok(number)
        }
    }

    /// Reads a number of items, each of which takes `least` bytes or more.
    fn count(&mut self, least: usize, expected: &'static str) -> Result<usize, Malformed> {
        let at = self.at();
        let count = self.size(expected)?;
        if count > self.rest.len() / least {
            return Err(self.fail(at, format!("{count} items in {} bytes", self.rest.len()), expected));
        }
        Ok(count)
    }

    fn flag(&mut self, expected: &'static str) -> Result<bool, Malformed> {
        let at = self.at();
        match self.u8(expected)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.fail(at, format!("flag {other}"), expected)),
        }
    }

    fn optional(&mut self, expected: &'static str) -> Result<Option<u64>, Malformed> {
        if self.flag(expected)? { self.wide(expected).map(Some) } else { Ok(None) }
    }

    fn optional_u32(&mut self, expected: &'static str) -> Result<Option<u32>, Malformed> {
        let at = self.at();
        let number = self.optional(expected)?.map(u32::try_from).transpose();
        number.map_err(|_| self.fail(at, "a number of more than 32 bits", expected))
    }

    fn lines(&mut self, expected: &'static str) -> Result<Vec<String>, Malformed> {
        let count = self.count(1, "a number of lines")?;
        (0..count).map(|_| self.text(expected).map(String::from)).collect()
    }

    fn lost_worker(&mut self) -> Result<LostWorker, Malformed> {
        let mut lost = LostWorker::default();
        lost.pid = self.optional_u32("a process id")?;
        lost.exit_code = self.optional_u32("an exit code")?.map(u32::cast_signed);
        lost.signal = self.optional_u32("a signal")?.map(u32::cast_signed);
        lost.peak_memory_bytes = self.optional("a peak of memory")?;
        lost.out_of_memory = self.flag("whether memory was exhausted")?;
        lost.stderr = self.lines("a line of standard error")?;
        Ok(lost)
    }

    fn key(&mut self) -> Result<Key, Malformed> {
        let at = self.at();
        match self.wide("a key")? {
            0 => self.wide("a position").map(Key::Position),
            size => {
                let size = usize::try_from(size - 1).map_err(|_| self.fail(at, "an endless name", "a key"))?;
                self.utf8(size, "a key").map(Key::from)
            }
        }
    }

    /// Opens a list or map; returns one that has no items.
    fn open(&mut self, at: usize, is_map: bool) -> Result<Option<Value>, Malformed> {
        if self.open.len() == MOST_DEPTH {
            return Err(self.fail(at, "one more list or map", format!("at most {MOST_DEPTH} within each other")));
        }
        let left = self.count(if is_map { 2 } else { 1 }, "a number of items")?;
        if left == 0 {
            return Ok(Some(if is_map { Map::new().into() } else { Value::list::<Value>([]) }));
        }
        self.open.push(Open { at, is_map, left, items: self.items.len(), names: self.names.len() });
        self.items.reserve(left);
        self.go_on()?;
        Ok(None)
    }

    /// Reads what stands before the next value of what is open: in a map its key, in a list all numbers but its last item.
    fn go_on(&mut self) -> Result<(), Malformed> {
        if self.open.last().is_some_and(|open| open.is_map) {
            let name = self.text("a key")?;
            self.names.push(name);
        } else {
            self.run_of(tag::INT, |bits| Value::Int(i64::from_le_bytes(bits)));
            self.run_of(tag::FLOAT, |bits| Value::Float(f64::from_le_bytes(bits)));
        }
        Ok(())
    }

    /// Reads numbers of one type as long as they follow each other, but none that closes the list.
    ///
    /// Long lists are mostly of numbers. Counted first, they are written to where they belong; pushed one by one, they go
    /// over the stack of the thread in pieces that do not match how they were written, which stalls: three times as slow.
    fn run_of(&mut self, tag: u8, number: impl Fn([u8; 8]) -> Value) {
        let Some(open) = self.open.last_mut() else { return };
        let (words, _) = self.rest.as_chunks::<9>();
        let count = words.iter().take(open.left - 1).take_while(|word| word[0] == tag).count();
        self.items.extend(words[..count].iter().map(|[_, bits @ ..]| number(*bits)));
        self.rest = &self.rest[9 * count..];
        open.left -= count;
    }

    /// Closes the innermost list or map, which has all its items.
    fn close(&mut self) -> Result<Value, Malformed> {
        let open = self.open.pop().expect("it has just got its last item");
        if !open.is_map {
            // Vectors become shared memory by one copy of all; draining into it moves item by item, four times as slow.
            return Ok(Value::List(self.items.split_off(open.items).into()));
        }
        let items = self.items.drain(open.items..);
        let count = items.len();
        let map: Map = self.names.drain(open.names..).map(Into::into).zip(items).collect();
        match map.len() {
            distinct if distinct == count => Ok(Value::Map(Arc::new(map))),
            distinct => Err(self.fail(open.at, format!("{distinct} keys of {count} entries"), "distinct keys")),
        }
    }

    /// What is no part of small messages, and would only slow down what is.
    #[inline(never)]
    fn rare(&mut self, at: usize, tag: u8) -> Result<Value, Malformed> {
        match tag {
            tag::BIG_INT => {
                let digits = self.text("digits")?;
                match Value::integer(digits) {
                    Some(Value::BigInt(big)) if big.digits() == digits => Ok(Value::BigInt(big)),
                    _ => Err(self.fail(at, "other text", "digits of an integer beyond 64 bits")),
                }
            }
            tag::BYTES => self.buffer("bytes").map(Value::Bytes),
            tag::ARRAY => self.array(at),
            tag::OPAQUE if self.is_shown => Err(self.fail(at, "an opaque value", "what one looks like")),
            tag::OPAQUE => {
                let opaque = self.sealed()?;
                Ok(Value::Opaque(Arc::new(Opaque { shown: self.shown()?, ..opaque })))
            }
            _ => Err(self.fail(at, format!("tag {tag}"), "a value")),
        }
    }

    fn sealed(&mut self) -> Result<Opaque, Malformed> {
        let kind = self.text("the kind of an opaque value")?.into();
        let type_name = self.text("the type of an opaque value")?.into();
        let data = self.buffer("the content of an opaque value")?;
        Ok(Opaque { kind, type_name, data, shown: None })
    }

    /// Reads what an opaque value looks like. There is none within, so this goes no deeper than once.
    fn shown(&mut self) -> Result<Option<Value>, Malformed> {
        const EXPECTED: &str = "what an opaque value looks like";
        if !self.flag(EXPECTED)? {
            return Ok(None);
        }
        let bytes = self.bytes(EXPECTED)?;
        let offset = self.length - self.rest.len() - bytes.len();
        let mut inner = Decoder { is_shown: true, ..Decoder::new(bytes, Vec::new()) };
        let shown = inner.value().and_then(|value| inner.finish().map(|()| value));
        shown.map(Some).map_err(|error| error.behind(offset as u64))
    }

    fn array(&mut self, at: usize) -> Result<Value, Malformed> {
        let number = self.u8("a type of elements")?;
        let dtype = Dtype::from_number(number);
        let dtype = dtype.ok_or_else(|| self.fail(at + 1, format!("number {number}"), "a type of elements"))?;
        let rank = self.count(1, "a number of dimensions")?;
        let shape = (0..rank).map(|_| self.size("the extent of a dimension")).collect::<Result<Box<[usize]>, _>>()?;
        let data = self.buffer("the elements of an array")?;
        let found = data.as_bytes().len();
        Array::new(dtype, shape, data)
            .map(Value::from)
            .map_err(|_| self.fail(at, format!("{found} bytes of {dtype}"), "as many as the shape asks for"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Encoder, Unsendable};
    use super::*;

    fn nested(depth: usize) -> Value {
        (0..depth).fold(Value::Null, |inner, level| {
            if level % 2 == 0 { Value::list([inner]) } else { Value::map([("deeper", inner)]) }
        })
    }

    fn encoded(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes, None).value(value).unwrap();
        bytes
    }

    #[test]
    fn depth_is_bounded_on_a_small_stack() {
        let work = || {
            let deep = nested(MOST_DEPTH);
            let bytes = encoded(&deep);
            assert_eq!(encoded(&Decoder::new(&bytes, Vec::new()).value().unwrap()), bytes);

            let deeper = Value::list([deep]);
            let mut out = Vec::new();
            assert_eq!(Encoder::new(&mut out, None).value(&deeper), Err(Unsendable::TooDeep));

            let lists: Vec<u8> = [9, 1].into_iter().cycle().take(100_000).collect();
            let text = Decoder::new(&lists, Vec::new()).value().unwrap_err().to_string();
            assert_eq!(
                text,
                "malformed message: one more list or map at byte 512, expected at most 256 within each other"
            );
            let mut siblings = Vec::new();
            Encoder::new(&mut siblings, None).value(&Value::list((0..3).map(|_| nested(MOST_DEPTH - 1)))).unwrap();
            assert!(Decoder::new(&siblings, Vec::new()).value().is_ok());
        };
        std::thread::Builder::new().stack_size(256 * 1024).spawn(work).unwrap().join().unwrap();
    }

    #[test]
    fn lists_that_promise_more_than_they_hold_take_little_memory() {
        // Each of the nested lists says that it holds what is left of the input.
        let mut bytes = Vec::new();
        for level in 0..MOST_DEPTH {
            let left = 1_000_000 - 6 * (level as u32 + 1);
            bytes.extend([9, 0xFE]);
            bytes.extend(left.to_le_bytes());
        }
        bytes.resize(1_000_000, 13);
        let mut decoder = Decoder::new(&bytes, Vec::new());
        assert!(decoder.value().is_err());
        assert!(decoder.items.capacity() <= 2 * bytes.len(), "{}", decoder.items.capacity());
    }
}
