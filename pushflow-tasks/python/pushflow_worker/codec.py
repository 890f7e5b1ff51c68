"""From objects to bytes and back: what the bodies of frames are made of.

The other side is `pushflow-pools/src/process/codec/`, whose module documentation has the table of what is written how.
"""

import struct

NULL, MISSING_TAG, FALSE, TRUE, INT, BIG_INT, FLOAT, STR, BYTES, LIST, MAP, ARRAY, OPAQUE = range(13)
INLINE, BESIDE = 0, 1

# Buffers from this size on go beside the frame, as many as one frame carries; the others stay in it.
BESIDE_BYTES = 64 * 1024
MOST_BESIDE = 64
# So many lists and maps may lie within each other.
MOST_DEPTH = 256

_WORD = struct.Struct("<Bq")
_REAL = struct.Struct("<Bd")
_U16, _U32, _U64 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")
_I64, _F64 = struct.Struct("<q"), struct.Struct("<d")
_NONE = 0xFFFFFFFFFFFFFFFF


class Malformed(Exception):
    """Bytes that mean nothing."""


class MissingData:
    """An output that was declared and not set."""

    _only = None

    def __new__(cls):
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __bool__(self):
        return False

    def __repr__(self):
        return "<MISSING_DATA>"

    def __reduce__(self):
        return "MISSING"


MISSING = MissingData()


class NotPlain(Exception):
    """A value has a part that is sealed, and so is sealed as a whole."""


class Sealed:
    """What is carried and never opened on the other side: bytes in pieces, and what they look like (bytes, or None)."""

    __slots__ = ("type_name", "pieces", "size", "shown", "descriptor")

    def __init__(self, type_name, pieces, shown, descriptor=None):
        self.type_name = type_name
        self.pieces = pieces
        self.size = sum(len(piece) for piece in pieces)
        self.shown = shown
        self.descriptor = descriptor


class Writer:
    """Appends to `out`; `memory` makes descriptors of large buffers, which are gathered in `beside`."""

    def __init__(self, memory=None):
        self.out = bytearray()
        self.beside = []
        self.memory = memory

    def u8(self, number):
        self.out.append(number)

    def u64(self, number):
        self.out += _U64.pack(number)

    def f64(self, number):
        self.out += _F64.pack(number)

    def size(self, number):
        out = self.out
        if number < 0xFD:
            out.append(number)
        elif number <= 0xFFFF:
            out.append(0xFD)
            out += _U16.pack(number)
        elif number <= 0xFFFFFFFF:
            out.append(0xFE)
            out += _U32.pack(number)
        else:
            out.append(0xFF)
            out += _U64.pack(number)

    def text(self, text):
        # Half of a surrogate pair is no text for anybody else.
        data = str.encode(text, "utf-8", "backslashreplace")
        self.size(len(data))
        self.out += data

    def lines(self, lines):
        self.size(len(lines))
        for line in lines:
            self.text(line)

    def key(self, key):
        if isinstance(key, int):
            self.out.append(0)
            self.size(key)
        else:
            data = key.encode("utf-8", "backslashreplace")
            self.size(len(data) + 1)
            self.out += data

    def buffer(self, pieces, size, descriptor=None):
        """Writes bytes that lie in pieces: here, or beside."""
        if size >= BESIDE_BYTES and self.memory is not None and len(self.beside) < MOST_BESIDE:
            self.beside.append(self.memory.seal(pieces) if descriptor is None else descriptor)
            self.out.append(BESIDE)
            self.size(size)
            return
        self.out.append(INLINE)
        self.size(size)
        for piece in pieces:
            self.out += piece

    def array(self, dtype, shape, piece, descriptor=None):
        self.out.append(ARRAY)
        self.out.append(dtype)
        self.size(len(shape))
        for extent in shape:
            self.size(extent)
        self.buffer([piece], len(piece), descriptor)

    def opaque(self, sealed):
        self.out.append(OPAQUE)
        self.sealed(sealed)
        self.out.append(sealed.shown is not None)
        if sealed.shown is not None:
            self.size(len(sealed.shown))
            self.out += sealed.shown

    def sealed(self, sealed):
        self.text("python")
        self.text(sealed.type_name)
        self.buffer(sealed.pieces, sealed.size, sealed.descriptor)

    def plain(self, value, depth=0):
        """Writes a value whose type, and that of all its parts, is one that everybody knows.

        Raises NotPlain at the first other one; what was written until then is to be dropped.
        """
        kind = type(value)
        out = self.out
        if kind is str:
            try:
                data = value.encode()
            except UnicodeEncodeError:
                raise NotPlain from None
            out.append(STR)
            self.size(len(data))
            out += data
        elif kind is int:
            if -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
                out += _WORD.pack(INT, value)
            else:
                out.append(BIG_INT)
                self.text(digits(value))
        elif kind is float:
            out += _REAL.pack(FLOAT, value)
        elif kind is bool:
            out.append(TRUE if value else FALSE)
        elif value is None:
            out.append(NULL)
        elif kind is list or kind is dict:
            if depth == MOST_DEPTH:
                raise NotPlain
            out.append(LIST if kind is list else MAP)
            self.size(len(value))
            if kind is list:
                for item in value:
                    self.plain(item, depth + 1)
            else:
                for key, item in value.items():
                    if type(key) is not str:
                        raise NotPlain
                    try:
                        data = key.encode()
                    except UnicodeEncodeError:
                        raise NotPlain from None
                    self.size(len(data))
                    out += data
                    self.plain(item, depth + 1)
        elif kind is bytes:
            out.append(BYTES)
            self.buffer([value], len(value))
        elif value is MISSING:
            out.append(MISSING_TAG)
        else:
            raise NotPlain


def digits(number):
    """Returns the decimal digits of a large integer, of which newer interpreters write only some by themselves."""
    try:
        return str(number)
    except ValueError:
        pass
    sign, number = ("-", -number) if number < 0 else ("", number)
    pieces = []
    step = 10**4000
    while number:
        number, piece = divmod(number, step)
        pieces.append("%0*d" % (4000 if number else 0, piece))
    return sign + "".join(reversed(pieces))


def integer(text):
    """Reads what `digits` writes."""
    try:
        return int(text)
    except ValueError:
        pass
    number, sign = 0, 1
    if text.startswith("-"):
        text, sign = text[1:], -1
    for start in range(0, len(text), 4000):
        piece = text[start : start + 4000]
        number = number * 10 ** len(piece) + int(piece)
    return sign * number


class Reader:
    """Reads from the front of a body; `beside` are the descriptors that came with it, `memory` maps them.

    Those that are left in `beside` are to be closed. Raises `Malformed`, `IndexError` or `struct.error` where the body ends
    too early.
    """

    def __init__(self, body, beside=(), memory=None, unseal=None, make_array=None):
        self.body = body
        self.at = 0
        self.beside = list(beside)
        self.memory = memory
        self.unseal = unseal
        self.make_array = make_array

    def unpack(self, packed):
        """Reads what a `struct` packs."""
        at = self.at
        self.at = at + packed.size
        return packed.unpack_from(self.body, at)

    def take(self, count):
        at = self.at
        self.at = end = at + count
        if end > len(self.body):
            raise Malformed("%d bytes at %d of %d" % (count, at, len(self.body)))
        return self.body[at:end]

    def u8(self):
        at = self.at
        self.at = at + 1
        return self.body[at]

    def u32(self):
        return self.unpack(_U32)[0]

    def u64(self):
        return self.unpack(_U64)[0]

    def duration(self):
        """Reads a time in seconds, or None."""
        nanos = self.u64()
        return None if nanos == _NONE else nanos / 1e9

    def size(self):
        first = self.u8()
        if first < 0xFD:
            return first
        if first == 0xFD:
            return self.unpack(_U16)[0]
        return self.u32() if first == 0xFE else self.u64()

    def text(self):
        # Without a call for each part where it is short: most of what is read are texts.
        body, at = self.body, self.at
        size = body[at]
        if size < 0xFD:
            at += 1
        else:
            size = self.size()
            at = self.at
        self.at = end = at + size
        if end > len(body):
            raise Malformed("a text of %d bytes at %d of %d" % (size, at, len(body)))
        return body[at:end].decode()

    def key(self):
        size = self.size()
        return self.size() if size == 0 else self.take(size - 1).decode()

    def buffer(self):
        """Reads a buffer, as a memoryview that may be written to."""
        place = self.u8()
        size = self.size()
        if place == INLINE:
            return memoryview(bytearray(self.take(size)))
        if place != BESIDE or not self.beside:
            raise Malformed("place %d of a buffer" % place)
        return self.memory.map(self.beside, size)

    def payload(self):
        return {self.key(): self.value() for _ in range(self.size())}

    def value(self):
        at = self.at
        self.at = at + 1
        tag = self.body[at]
        if tag == STR:
            return self.text()
        if tag == INT:
            return self.unpack(_I64)[0]
        if tag == FLOAT:
            return self.unpack(_F64)[0]
        if tag == NULL:
            return None
        if tag == TRUE or tag == FALSE:
            return tag == TRUE
        if tag == LIST:
            return [self.value() for _ in range(self.size())]
        if tag == MAP:
            return {self.text(): self.value() for _ in range(self.size())}
        if tag == BYTES:
            return bytes(self.buffer())
        if tag == MISSING_TAG:
            return MISSING
        if tag == BIG_INT:
            return integer(self.text())
        if tag == ARRAY:
            dtype = self.u8()
            shape = tuple(self.size() for _ in range(self.size()))
            return self.make_array(dtype, shape, self.buffer())
        if tag == OPAQUE:
            kind, type_name, data = self.text(), self.text(), self.buffer()
            if self.u8():
                self.take(self.size())
            return self.unseal(kind, type_name, data)
        raise Malformed("tag %d" % tag)
