"""Large buffers: files in memory that are sealed, so that whoever has one need not copy it."""

import fcntl
import mmap
import os

# That of `weakref`, which has more in it.
from _weakrefset import WeakSet

_F_ADD_SEALS = getattr(fcntl, "F_ADD_SEALS", 1033)
# SEAL, SHRINK, GROW, WRITE
_ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8
_MFD_CLOEXEC, _MFD_ALLOW_SEALING = 0x1, 0x2
# As many as one call takes. IOV_MAX
_MOST_PIECES = 1024
# From this size on looking whether bytes were changed takes less time than copying them.
_WORTH_IT = 1 << 20


class Memory:
    """What of it this process has made for the frame that is being written; closed when that is sent."""

    def __init__(self, held):
        # Within it a descriptor is not lost to an interruption.
        self.held = held
        self.made = []
        # What was received and is still in use.
        self.mapped = WeakSet()

    def seal(self, pieces):
        """Returns the descriptor of a sealed copy of some bytes, in pieces."""
        with self.held:
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

    def map(self, beside, size):
        """Takes over the first of some descriptors; returns its bytes, which may be written to without anybody else seeing it."""
        with self.held:
            mapped = Mapped(beside[0], size, access=mmap.ACCESS_COPY)
            mapped.descriptor = beside.pop(0)
            self.mapped.add(mapped)
        return memoryview(mapped)

    def find(self, address, size):
        """Returns the descriptor of bytes that were received and that nobody has changed; None for others."""
        if size < _WORTH_IT:
            return None
        for mapped in list(self.mapped):
            if len(mapped) == size and mapped.address() == address and is_untouched(address):
                return mapped.descriptor
        return None


class Mapped(mmap.mmap):
    """A private mapping, with the descriptor that it is of."""

    def address(self):
        """Returns where it is."""
        import ctypes

        return ctypes.addressof(ctypes.c_char.from_buffer(self))

    def __del__(self):
        os.close(self.descriptor)


def is_untouched(address):
    """Whether a private mapping has no page of its own, and so is what the file is. proc_pid_smaps(5)"""
    start = b"%x-" % address
    found = False
    with open("/proc/self/smaps", "rb") as file:
        for line in file:
            if line.startswith(start):
                found = True
            elif found and line.startswith((b"Anonymous:", b"Swap:")):
                if int(line.split()[1]):
                    return False
                if line.startswith(b"Swap:"):
                    return True
            elif found and line.startswith(b"VmFlags:"):
                break
    return False
