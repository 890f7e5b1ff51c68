"""How a worker that was forked ends: without destroying what its server has made.

That takes several times as long as forking did, for the system has to copy all that is written to, the counters of references
among it. So it is done only where a task has left something that is destroyed in a way of its own, such as a file.
"""

import atexit
import gc
import io
import os
import sys
from _weakref import ref

_FILES = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
# Those that the server has open, whose workers may write to them.
_files = []


def prepare():
    """Has all written that was said to the files of this server, which each worker would write again."""
    kinds = {kind for kind in set(map(type, gc.get_objects())) if issubclass(kind, _FILES)}
    _files.extend(ref(one) for one in gc.get_objects() if type(one) in kinds)
    flush()


def flush():
    """Has all written that was said to the files of the server."""
    for reference in _files:
        try:
            reference().flush()
        except Exception:
            # It is there no more, it was closed, or nobody takes what it says.
            pass


def leave(known):
    """Ends this process, as an interpreter ends; returns where the interpreter has to do it. `known` are objects of ours."""
    if leaves_something(known):
        thaw()
        return
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    try:
        atexit._run_exitfuncs()
    except BaseException:
        # Older interpreters raise the last exception, of those that the others have printed.
        sys.excepthook(*sys.exc_info())
    if leaves_something(known):
        thaw()
        return
    flush()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    exit_process()


def leaves_something(known):
    """Whether there is an object with a destructor, made in this process: those of the server are frozen. Python 3.7"""
    known = {id(one) for one in known}
    kinds = {type(one) for one in gc.get_objects() if id(one) not in known}
    return any(hasattr(kind, "__del__") for kind in kinds)


def thaw():
    """Has the interpreter find what modules of the server hold, which may be what a task has left."""
    getattr(gc, "unfreeze", int)()


def exit_process():
    """Ends this process as the C library does: libraries have functions for that, too."""
    try:
        import ctypes

        # It keeps the interpreter to itself, so that no thread goes on.
        ctypes.PyDLL(None).exit(0)
    except (ImportError, OSError, AttributeError):
        os._exit(0)
