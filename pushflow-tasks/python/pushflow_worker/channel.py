"""Frames on the socket to the pool: `pushflow-pools/src/process/frame.rs` on the other side."""

import _thread
import os
import socket
import struct

(HELLO, READY, FAILED, DEFINE, CALL, STARTED, EVENT, LOG, REPLY, INTERRUPT, HEARTBEAT, EXIT) = range(1, 13)
VERSION = 1

_HEADER = struct.Struct("<IBBHQ")
# What the header can count.
MOST_BYTES = 0xFFFFFFFF
_DESCRIPTOR_BYTES = 4
_AT_ONCE = 1 << 16
# One more than a sender puts beside a frame.
_ANCILLARY = socket.CMSG_SPACE(65 * _DESCRIPTOR_BYTES)


class Ended(Exception):
    """The other side has gone."""


class Channel:
    """One end of the socket. Only one thread reads; any may write, and each frame is written whole: within `held`."""

    def __init__(self, sock, held):
        self.sock = sock
        self.held = held
        self.pid = os.getpid()
        self.data = bytearray()
        self.descriptors = []
        self.writing = _thread.allocate_lock()

    def fileno(self):
        return self.sock.fileno()

    def _fill(self, wanted):
        while len(self.data) < wanted:
            try:
                piece, ancillary, flags, _ = self.sock.recvmsg(
                    max(_AT_ONCE, wanted - len(self.data)), _ANCILLARY, socket.MSG_CMSG_CLOEXEC
                )
            except ConnectionResetError:
                raise Ended from None
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    whole = len(data) - len(data) % _DESCRIPTOR_BYTES
                    self.descriptors += struct.unpack("%di" % (whole // _DESCRIPTOR_BYTES), data[:whole])
            if flags & socket.MSG_CTRUNC:
                raise OSError("descriptors were lost: too many are open here")
            if not piece:
                raise Ended
            self.data += piece

    def read(self):
        """Waits for a frame; returns its kind, its number, its body, and the descriptors that came beside it."""
        self._fill(_HEADER.size)
        length, version, kind, beside, number = _HEADER.unpack_from(self.data)
        if version != VERSION:
            raise ValueError("a frame of version %d, expected %d" % (version, VERSION))
        end = _HEADER.size + length
        self._fill(end)
        body = bytes(memoryview(self.data)[_HEADER.size : end])
        del self.data[:end]
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
        frame = _HEADER.pack(len(body), VERSION, kind, len(beside), number)
        ancillary = []
        if beside:
            ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("%di" % len(beside), *beside)))
        with self.held, self.writing:
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
