"""Large buffers: files in memory that are sealed, so that whoever has one need not copy it."""

import fcntl
import mmap
import os

_F_ADD_SEALS = getattr(fcntl, "F_ADD_SEALS", 1033)
# SEAL, SHRINK, GROW, WRITE
_ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8
_MFD_CLOEXEC, _MFD_ALLOW_SEALING = 0x1, 0x2
# As many as one call takes. IOV_MAX
_MOST_PIECES = 1024


class Memory:
    """What of it this process has made for the frame that is being written; closed when that is sent."""

    def __init__(self):
        self.made = []

    def seal(self, pieces):
        """Returns the descriptor of a sealed copy of some bytes, in pieces."""
        descriptor = os.memfd_create("pushflow-python", _MFD_CLOEXEC | _MFD_ALLOW_SEALING)
        self.made.append(descriptor)
        rest = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
        while rest:
            count = os.writev(descriptor, rest[:_MOST_PIECES])
            while rest and count >= len(rest[0]):
                count -= len(rest.pop(0))
            if count:
                rest[0] = rest[0][count:]
        fcntl.fcntl(descriptor, _F_ADD_SEALS, _ALL_SEALS)
        return descriptor

    def release(self):
        """Closes what was made."""
        while self.made:
            os.close(self.made.pop())

    @staticmethod
    def map(descriptor, size):
        """Takes over a descriptor; returns its bytes, which may be written to without anybody else seeing it."""
        try:
            return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY))
        finally:
            os.close(descriptor)
