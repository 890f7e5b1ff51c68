"""Frames on the socket to the pool: `pushflow-pools/src/process/frame.rs` on the other side."""

import _socket
import _thread
import os
import select
import struct
import time

(HELLO, READY, FAILED, DEFINE, CALL, STARTED, EVENT, LOG, REPLY, INTERRUPT, HEARTBEAT, EXIT) = range(1, 13)
VERSION = 1

_HEADER = struct.Struct("<IBBHQ")
# What the header can count.
MOST_BYTES = 0xFFFFFFFF
_DESCRIPTOR_BYTES = 4
_AT_ONCE = 1 << 16
# One more than a sender puts beside a frame.
_ANCILLARY = _socket.CMSG_SPACE(65 * _DESCRIPTOR_BYTES)
# How long a worker looks for its next call before it sleeps. In that time others may run.
_PATIENCE_NS = 50000


class Ended(Exception):
    """The other side has gone."""


class Channel:
    """One end of the socket. Only one thread reads; any may write, and each frame is written whole: within `held`."""

    def __init__(self, sock, held):
        self.sock = sock
        self.held = held
        self.pid = os.getpid()
        self.poll = select.poll()
        self.poll.register(sock, select.POLLIN)
        # What has come, and how much of it was read.
        self.data = b""
        self.at = 0
        self.descriptors = []
        # It knows its owner.
        self.writing = _thread.RLock()
        # What a destructor, run amid a frame, has to say after it.
        self.later = []

    def fileno(self):
        return self.sock.fileno()

    def _fill(self, wanted):
        """Has so many bytes that are still to be read, at the front."""
        pieces = [self.data[self.at :]]
        missing = wanted - len(pieces[0])
        while missing > 0:
            try:
                piece, ancillary, flags, _ = self.sock.recvmsg(max(_AT_ONCE, missing), _ANCILLARY, _socket.MSG_CMSG_CLOEXEC)
            except ConnectionResetError:
                raise Ended from None
            for level, kind, rights in ancillary:
                if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                    whole = len(rights) - len(rights) % _DESCRIPTOR_BYTES
                    self.descriptors += struct.unpack("%di" % (whole // _DESCRIPTOR_BYTES), rights[:whole])
            if flags & _socket.MSG_CTRUNC:
                raise OSError("descriptors were lost: too many are open here")
            if not piece:
                raise Ended
            pieces.append(piece)
            missing -= len(piece)
        self.data, self.at = b"".join(pieces), 0

    def look(self):
        """Looks for a frame for a while, without sleeping, since the next call is often on its way."""
        if self.at < len(self.data) or _thread._count():
            # It is there; or others wait for the interpreter, which each look would give to them.
            return
        until = time.perf_counter_ns() + _PATIENCE_NS
        while not self.poll.poll(0) and time.perf_counter_ns() < until:
            os.sched_yield()

    def read(self):
        """Waits for a frame; returns its kind, its number, its body, and the descriptors that came beside it."""
        if len(self.data) - self.at < _HEADER.size:
            self._fill(_HEADER.size)
        length, version, kind, beside, number = _HEADER.unpack_from(self.data, self.at)
        if version != VERSION:
            raise ValueError("a frame of version %d, expected %d" % (version, VERSION))
        if len(self.data) - self.at < _HEADER.size + length:
            self._fill(_HEADER.size + length)
        begin = self.at + _HEADER.size
        self.at = end = begin + length
        body = self.data[begin:end]
        if end == len(self.data):
            self.data, self.at = b"", 0
        if beside > len(self.descriptors):
            raise ValueError("%d descriptors are announced, %d came" % (beside, len(self.descriptors)))
        descriptors = self.descriptors[:beside]
        del self.descriptors[:beside]
        return kind, number, body, descriptors

    def write(self, kind, number, body=b"", beside=()):
        """Writes a frame, and descriptors beside it, which stay open here."""
        if os.getpid() != self.pid:
            # A copy of this process, made by a task, has nothing to say.
            return
        if self.writing._is_owned():
            self.later.append((kind, number, body, beside))
            return
        with self.held, self.writing:
            self._send(kind, number, body, beside)
        while self.later:
            with self.held, self.writing:
                if self.later:
                    self._send(*self.later.pop(0))

    def _send(self, kind, number, body, beside):
        frame = _HEADER.pack(len(body), VERSION, kind, len(beside), number)
        ancillary = []
        if beside:
            ancillary.append((_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("%di" % len(beside), *beside)))
        try:
            sent = self.sock.sendmsg([frame, body], ancillary)
            if sent < len(frame):
                self.sock.sendall(frame[sent:])
                sent = len(frame)
            rest = memoryview(body)[sent - len(frame) :]
            if rest:
                self.sock.sendall(rest)
        except (BrokenPipeError, ConnectionResetError):
            raise Ended from None


def close_all(descriptors):
    for descriptor in descriptors:
        os.close(descriptor)
