"""Values: which cross as they are, and which are sealed as pickles that only another Python worker opens.

Numbers, texts, bytes, lists, and dictionaries with texts as keys cross as they are; arrays of numpy as shape and buffer.
Whatever contains anything else is pickled as a whole, its large buffers out of band, together with what it looks like
from outside: that is shown in results, and compared in conditions.
"""

import pickle
import struct
import sys

from . import codec

# In the order of the other side's list.
_DTYPES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128".split()
)
_NUMBER = {name: number for number, name in enumerate(_DTYPES)}
_COUNT = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
# So that the buffers of arrays lie where their elements may be.
_ALIGNED = 64
# What has more parts is not shown.
_MOST_SHOWN = 100000


def write_payload(writer, outputs):
    """Writes named values."""
    writer.size(len(outputs))
    for key, value in outputs.items():
        writer.key(key)
        write_value(writer, value)


class Kept:
    """A value that is kept somewhere: the next task gets `reference`, everybody else sees the value."""

    __slots__ = ("reference", "value")

    def __init__(self, reference, value):
        self.reference = reference
        self.value = value


def write_value(writer, value):
    """Writes a value as it is, if it can be, else sealed. Raises what pickle raises."""
    if type(value) is Kept:
        sealed = seal(value.reference)
        sealed.type_name, sealed.shown = type_name(value.value), _shown(value.value)
        writer.opaque(sealed)
        return
    mark, beside = len(writer.out), len(writer.beside)
    try:
        if not _write_array(writer, value):
            writer.plain(value)
        return
    except codec.NotPlain:
        pass
    del writer.out[mark:]
    del writer.beside[beside:]
    writer.opaque(seal(value))


def write_dictionary(writer, dictionary):
    """Writes a dictionary whose values are told apart by others: each is sealed by itself, if it has to be."""
    for key in dictionary:
        if type(key) is not str:
            write_value(writer, dictionary)
            return
    writer.u8(codec.MAP)
    writer.size(len(dictionary))
    for key, value in dictionary.items():
        writer.text(key)
        write_value(writer, value)


def _write_array(writer, value):
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray:
        return False
    dtype = value.dtype
    number = _NUMBER.get(dtype.name)
    if number is None or not dtype.isnative or not value.flags.c_contiguous or dtype.metadata:
        raise codec.NotPlain
    descriptor = None
    if writer.memory is not None:
        descriptor = writer.memory.find(value.__array_interface__["data"][0], value.nbytes)
    writer.array(number, value.shape, memoryview(value.reshape(-1).view(numpy.uint8)), descriptor)
    return True


def make_array(dtype, shape, data):
    """Makes an array of numpy over a buffer."""
    try:
        import numpy
    except ImportError:
        raise TypeError("an array of numpy is an input, and this interpreter has no numpy") from None
    return numpy.frombuffer(data, dtype=_DTYPES[dtype]).reshape(shape)


def seal(value):
    """Pickles a value: its pickle, then the buffers of what is large in it, each where its elements may be."""
    buffers = []
    data = pickle.dumps(value, 5, buffer_callback=lambda buffer: _is_small(buffer, buffers))
    views = [buffer.raw() for buffer in buffers]
    head = _COUNT.pack(len(views) + 1) + b"".join(_LENGTH.pack(len(view)) for view in [data] + views)
    pieces, at = [], 0
    for piece in [head, data] + views:
        gap = -at % _ALIGNED
        if gap:
            pieces.append(b"\0" * gap)
        pieces.append(piece)
        at += gap + len(piece)
    return codec.Sealed(type_name(value), pieces, _shown(value))


def _is_small(buffer, buffers):
    """Whether a buffer stays in the pickle."""
    view = buffer.raw()
    if len(view) < 1024:
        return True
    buffers.append(buffer)
    return False


def unseal(kind, name, data):
    """Opens what another Python worker has sealed."""
    if kind != "python":
        raise TypeError("an input of type %s was sealed by tasks of another kind: %s" % (name, kind))
    (count,) = _COUNT.unpack_from(data)
    at = _COUNT.size + count * _LENGTH.size
    views = []
    for index in range(count):
        (length,) = _LENGTH.unpack_from(data, _COUNT.size + index * _LENGTH.size)
        at += -at % _ALIGNED
        views.append(data[at : at + length])
        at += length
    return pickle.loads(views[0], buffers=views[1:])


def type_name(value):
    """Returns the name of a value's type, as messages of Python have it."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return "%s.%s" % (kind.__module__, kind.__qualname__)


def _shown(value):
    """Returns what a value looks like from outside, as bytes; None for what looks like nothing in particular."""
    budget = [_MOST_SHOWN]
    try:
        looks = _looks(value, budget, 0)
        if looks is None:
            return None
        writer = codec.Writer()
        writer.plain(looks[0])
        return bytes(writer.out)
    except Exception:
        # It is too deep or too large; or a part of it has methods, and these fail.
        return None


def _looks(value, budget, depth):
    """Returns what a value looks like, in a list; None for what looks like nothing in particular."""
    budget[0] -= 1
    if budget[0] < 0 or depth > 100:
        raise codec.NotPlain
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes) or value is codec.MISSING:
        return [value]
    if kind is tuple or kind is list:
        return [[_part(item, budget, depth) for item in value]]
    if kind is set or kind is frozenset:
        try:
            items = sorted(value)
        except TypeError:
            items = sorted(value, key=repr)
        return [{"__set__": [_part(item, budget, depth) for item in items]}]
    if isinstance(value, dict):
        return [{str(key): _part(item, budget, depth) for key, item in value.items()}]
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        item = value.item()
        return [item] if type(item) in (bool, int, float, str, bytes) else None
    for plain in (bool, int, float, str):
        if isinstance(value, plain):
            return [plain(value)]
    if isinstance(value, tuple):
        return [[_part(item, budget, depth) for item in value]]
    return None


def _part(value, budget, depth):
    looks = _looks(value, budget, depth + 1)
    return {"__repr__": type_name(value)} if looks is None else looks[0]
