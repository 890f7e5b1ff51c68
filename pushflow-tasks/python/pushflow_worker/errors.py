"""Errors: what the other side is told of an exception."""

import os
import pickle
import sys
import traceback

from . import codec

# Kinds of errors, in the order of `ErrorKind`.
RAISED, _, INPUTS, UNAVAILABLE, DELIVERY, _, INTERRUPTED, _ = range(8)

_HERE = "<pushflow>" + os.sep
_MOST_LINES = 400


class TaskExecutionError(RuntimeError):
    """A task has failed, as error handlers see it in an interpreter that has no ewokscore."""


class TaskInputError(ValueError):
    """Inputs of a task are missing."""


class StopPypushflowTask(BaseException):
    """A task was interrupted."""


class SoftTimeLimitExceeded(Exception):
    """The time of a task is over. A task that catches it may still tidy up, for a grace period."""


class Failure(Exception):
    """Why there are no outputs: the kind of failure, and the exception that users should see."""

    def __init__(self, kind, error, message=None, shown=None):
        super().__init__(kind, error)
        self.kind = kind
        self.error = error
        # What the workflow sees: another exception than the one that has the traceback.
        self.shown = error if shown is None else shown
        self.message = str_of(self.shown) if message is None else message


def str_of(error):
    """Returns the text of an exception, also of one that has none."""
    try:
        return str(error)
    except BaseException as other:
        return "<%s, whose text cannot be had: %s>" % (type(error).__name__, type(other).__name__)


def execution_error(label, identifier, message):
    """Makes what the error handlers of a workflow get: the class of ewoks, where it is known."""
    text = "Execution failed for ewoks task %r (id: %r, task: %r): %s" % (label, label, identifier, message)
    return _class("TaskExecutionError", TaskExecutionError)(text)


def input_error(text):
    """As `execution_error`, for inputs that are missing."""
    return _class("TaskInputError", TaskInputError)(text)


def _class(name, otherwise):
    ewoks = sys.modules.get("ewoksutils.exceptions")
    return getattr(ewoks, name, otherwise)


def write_failure(writer, failure):
    """Writes an error, with its traceback and all that caused it."""
    writer.u8(failure.kind)
    # Nothing is to be added about the node.
    writer.u8(1)
    writer.text(type(failure.shown).__name__)
    writer.text(failure.message)
    writer.lines(lines_of(failure.error))
    writer.u8(0)
    sealed = _sealed(failure.shown)
    writer.u8(sealed is not None)
    if sealed is not None:
        writer.sealed(sealed)


def _sealed(instance):
    """Pickles an exception, if it can be pickled and comes back."""
    try:
        data = pickle.dumps(instance, 5)
        pickle.loads(data)
    except BaseException:
        return None
    from . import values

    return values.seal(instance)


def lines_of(error):
    """Returns the lines of a traceback without our own frames."""
    try:
        told = traceback.TracebackException(type(error), error, error.__traceback__)
        _strip(told, set())
        lines = "".join(told.format()).rstrip("\n").split("\n")
    except BaseException as other:
        return ["%s: %s" % (type(error).__name__, str_of(error)), "(its traceback cannot be had: %r)" % (other,)]
    if len(lines) > _MOST_LINES:
        half = _MOST_LINES // 2
        lines[half:-half] = ["  [%d lines]" % (len(lines) - _MOST_LINES)]
    return lines


def _strip(told, seen):
    """Drops the frames of this program from a traceback, and from those of its causes."""
    if told is None or id(told) in seen:
        return
    seen.add(id(told))
    for frame in list(told.stack):
        if frame.filename.startswith(_HERE):
            told.stack.remove(frame)
    for cause in [told.__cause__, told.__context__] + list(getattr(told, "exceptions", None) or ()):
        _strip(cause, seen)
