"""Interrupting: SIGINT ends what runs, if it is for that. The protocol is in `pushflow-tasks/src/python/README.md`."""

import _signal
import _thread
import faulthandler
import os
import sys

from . import errors

# Words of the ledger: see `pushflow-pools/src/process/ledger.rs`.
_BEGUN, _HEARD, _ENDING = 0, 1, 8
# Not from `signal`, which makes members of enumerations of all numbers: that takes its time, here and in each call.
_INT, _TERM, _UNBLOCK = _signal.SIGINT, _signal.SIGTERM, _signal.SIG_UNBLOCK
_OURS = (_INT, _TERM)


class Interrupts:
    """The parent writes which call is to end into the ledger, then sends the signal, again until it is heard.

    So one that comes late is not for the next call; one for which nothing is written came from somebody else, and is for
    whatever runs.
    """

    def __init__(self):
        self.pid = os.getpid()
        self.thread = _thread.get_ident()
        self.ledger = None
        self.current = 0
        # The last word whose signal has come.
        self.heard = 0
        self.raised = False
        self.held = Held(self)
        self.handler = self.handle
        self.terminate = None

    def listen(self):
        """Hears SIGINT from now on."""
        _signal.signal(_INT, self.handler)

    def install(self):
        """Has SIGTERM say where this process is, before it ends it."""
        self.terminate = _signal.getsignal(_TERM)
        faulthandler.register(_TERM, file=2, all_threads=True, chain=True)
        os.register_at_fork(after_in_child=self.forked)
        self.unraisable = sys.unraisablehook
        sys.unraisablehook = self.swallowed

    def forked(self):
        """Has a copy, made by a task, end by SIGTERM as any process: so multiprocessing ends its own, and nobody asks where."""
        if _signal.getsignal(_TERM) == self.terminate:
            faulthandler.unregister(_TERM)

    def restore(self):
        """Undoes what a task has done to the signals that end the next one."""
        if _signal.getsignal(_INT) is not self.handler:
            _signal.signal(_INT, self.handler)
        if _signal.getsignal(_TERM) != self.terminate:
            _signal.signal(_TERM, _signal.SIG_DFL if self.terminate is None else self.terminate)
            faulthandler.unregister(_TERM)
            faulthandler.register(_TERM, file=2, all_threads=True, chain=True)
        _signal.pthread_sigmask(_UNBLOCK, _OURS)

    def asked(self):
        """Returns the word of the ledger if it is about what runs, else 0."""
        word = self.ledger[_ENDING]
        return word if self.current and word >> 1 == self.current else 0

    def handle(self, number, frame):
        if os.getpid() != self.pid:
            # A task has forked this process.
            raise KeyboardInterrupt
        word = self.ledger[_ENDING] if self.ledger is not None else 0
        is_late = word != self.heard and word >> 1 != self.current
        self.heard = word
        if self.current and not is_late and not self.raised:
            self.throw()

    def begin(self, call):
        """Begins a call; raises at once if it is to end already."""
        self.restore()
        self.raised = False
        self.current = call
        self.ledger[_BEGUN] = call
        if self.asked() and not self.raised:
            self.throw()

    def throw(self):
        """Raises in what runs what ends it, once; after what is to be done whole."""
        self.raised = True
        self.ledger[_HEARD] = self.current
        self.held.waits = True
        if not self.held.depth:
            self.held.release()

    def is_by(self, error):
        """Whether an exception is the one that was raised here."""
        return self.raised and isinstance(error, (KeyboardInterrupt, errors.SoftTimeLimitExceeded))

    def swallowed(self, unraisable):
        """Tells of an exception that nobody could catch, in a destructor for instance; if it was ours, the signal comes again."""
        if self.is_by(unraisable.exc_value) and self.current and os.getpid() == self.pid:
            self.ledger[_HEARD] = 0
            self.raised = False
        else:
            self.unraisable(unraisable)


class Held:
    """What is done within it is done whole: an interruption is raised afterwards. For any thread; signals are heard in one."""

    def __init__(self, interrupts):
        self.interrupts = interrupts
        self.depth = 0
        self.waits = False

    def __enter__(self):
        if _thread.get_ident() == self.interrupts.thread:
            self.depth += 1

    def __exit__(self, *_):
        if _thread.get_ident() == self.interrupts.thread:
            self.depth -= 1
            if self.waits and not self.depth:
                self.release()

    def release(self):
        """Raises what waits, if that is still for what runs."""
        self.waits = False
        if self.interrupts.current:
            if self.interrupts.asked() & 1:
                raise errors.SoftTimeLimitExceeded("the task took longer than its time limit")
            raise KeyboardInterrupt
