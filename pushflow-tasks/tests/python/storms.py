"""Tasks of the storm: most of them end well, the others each in its own way."""

import importlib
import os
import signal
import sys
import threading
import time


def echo(value):
    return value


def fail(value):
    raise ValueError(value)


def leave(value):
    sys.exit(value)


def vanish(value):
    os._exit(3)


def crash(value):
    os.kill(os.getpid(), signal.SIGSEGV)


def interrupt_itself(value):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(20)


def wait(value):
    time.sleep(0.02)
    return value


def wait_long(value):
    time.sleep(20)


def stubborn(value):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            time.sleep(20)
        except BaseException:
            pass


def last_byte(data):
    return data[-1:] * len(data)


def copy_itself(value):
    if os.fork() == 0:
        return value
    os.wait()
    return value


def import_again(value):
    for name in ("colorsys", "wave", "sndhdr_of_no_such_name", "chunk"):
        sys.modules.pop(name, None)
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    return value


def print_much(value):
    print("x" * 200000)
    return value


def unpicklable(value):
    return lambda: value


class Leaver:
    def __reduce__(self):
        os._exit(4)


def leave_in_pickle(value):
    return Leaver()


class Interrupter:
    def __reduce__(self):
        os.kill(os.getpid(), signal.SIGINT)
        return Interrupter, ()


def interrupt_in_pickle(value):
    return Interrupter()


def go_on_in_thread(value):
    threading.Thread(target=time.sleep, args=(0.02,)).start()
    return value


def use_progress(value):
    import logging

    for _ in range(20):
        logging.getLogger("storm").error("%s", value)
    return value
