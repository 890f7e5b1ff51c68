"""Tasks that do what tasks had better not do."""

import os
import signal
import subprocess
import sys
import time
from importlib.machinery import ModuleSpec


def say(path):
    """Says on a named pipe who is there."""
    with open(path, "w") as pipe:
        pipe.write(str(os.getpid()))


def wait(path):
    say(path)
    time.sleep(1000)


class SlowModule:
    """Finds a module whose import does not come to its end."""

    def __init__(self, path):
        self.path = path

    def find_spec(self, name, *_):
        return ModuleSpec(name, self) if name == "slow_module" else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        wait(self.path)


def import_slowly(path):
    finder = SlowModule(path)
    sys.meta_path.insert(0, finder)
    try:
        import slow_module  # noqa: F401
    finally:
        sys.meta_path.remove(finder)


class SlowToPickle:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        wait(self.path)


class SlowToOpen(SlowToPickle):
    def __reduce__(self):
        return wait, (self.path,)


class SlowToDie(SlowToPickle):
    def __del__(self):
        wait(self.path)


def swallow(path):
    """What is raised in a destructor does not reach the function, which goes on."""
    SlowToDie(path)
    time.sleep(1000)


def leave_traces():
    """Makes it hard for the next one."""

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    sys.stdout.close()
    sys.stderr = None
    os.close(1)
    os.open(os.devnull, os.O_WRONLY)
    sys.setprofile(lambda *_: None)
    sys.settrace(lambda *_: None)
    return os.getpid()


def wait_without_traces(value, path):
    print("printed by %s" % ("the same" if value == os.getpid() else "another"), flush=True)
    assert sys.gettrace() is None and sys.getprofile() is None
    wait(path)


def count_descriptors():
    return len(os.listdir("/proc/self/fd"))


class Unopenable:
    def __reduce__(self):
        return int, ("no number",)


def take(**values):
    return len(values)


def fail_while_sending():
    return [bytearray(100000), lambda: None]


class Odd(Exception):
    """An exception that can neither be shown nor pickled."""

    def __str__(self):
        raise KeyError("no text")

    __repr__ = __str__

    def __reduce__(self):
        raise KeyError("no pickle")


def fail_oddly():
    raise Odd


def deep():
    """Lies deeper than an interpreter recurses."""
    value = []
    for _ in range(100000):
        value = [value]
    return value


class Unordered:
    def __lt__(self, other):
        raise ValueError("no order")

    def __repr__(self):
        raise ValueError("no text")


def leave_group(path):
    """Leaves the group by which it is known, in which a child stays, and does not end."""
    subprocess.Popen(["sleep", "20"])
    other = subprocess.Popen(["sleep", "20"], preexec_fn=os.setpgrp)
    os.setpgid(0, other.pid)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    wait(path)
