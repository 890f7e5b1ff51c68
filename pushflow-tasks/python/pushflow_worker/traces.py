"""What a task leaves in its interpreter that would be of harm to the next one: outputs elsewhere, a tracer.

What else it changes stays, as in the workers of `concurrent.futures`: modules, the environment, the working directory.
"""

import fcntl
import os
import sys

# Copies of the outputs are above what tasks are likely to close.
_ABOVE = 200


class Traces:
    """Knows what there was before any task, and restores it."""

    def __init__(self):
        self.outputs = [(place, self.copy(place), identity(place)) for place in (1, 2)]
        self.streams = sys.stdout, sys.stderr
        self.tracers = sys.gettrace(), sys.getprofile()

    @staticmethod
    def copy(place):
        try:
            return fcntl.fcntl(place, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
        except OSError:
            # There is no such output, or no room.
            return None

    def wipe(self):
        """Sends on what was printed, and removes what a task has left."""
        for name in ("stdout", "stderr"):
            try:
                getattr(sys, name).flush()
            except Exception:
                # It was closed, or nobody reads it, or it is no stream at all.
                pass
        for place, copy, known in self.outputs:
            if copy is not None and identity(place) != known:
                try:
                    os.dup2(copy, place)
                except OSError:
                    pass
        sys.stdout, sys.stderr = self.streams
        if getattr(sys.stdout, "closed", False):
            sys.stdout = reopened(1, "strict")
        if getattr(sys.stderr, "closed", False):
            sys.stderr = reopened(2, "backslashreplace")
        self.streams = sys.stdout, sys.stderr
        if sys.gettrace() is not self.tracers[0]:
            sys.settrace(self.tracers[0])
        if sys.getprofile() is not self.tracers[1]:
            sys.setprofile(self.tracers[1])


def identity(place):
    """Returns which file a descriptor is of; None for one that is not open."""
    try:
        found = os.fstat(place)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def reopened(place, errors):
    """Returns a new stream over an output, line by line as the one before."""
    return open(place, "w", buffering=1, errors=errors, closefd=False)
