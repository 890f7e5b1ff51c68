"""Tasks of the tests: plain Python."""

import os
import signal
import sys
import time


def add(a, b=10):
    return a + b


def echo(*args, **kwargs):
    return [list(args), kwargs]


def same(value):
    return value


def describe(value):
    return "%s %r" % (type(value).__name__, value)


def make(what):
    return eval(what)


def where(value):
    """Adds its environment to those of the tasks before."""
    return (value if isinstance(value, list) else [value]) + [sys.prefix]


def limit():
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def carry(value=0, **rest):
    return {"value": value + 1, "last": (value,)}


def fail(message="bad"):
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise ValueError(message) from error


def handle(WorkflowException, WorkflowExceptionInstance):
    return [type(WorkflowExceptionInstance).__name__, WorkflowException["errorMessage"]]


def leave(code):
    sys.exit(code)


def vanish():
    os._exit(3)


def crash(depth=0):
    if depth:
        crash(depth - 1)
    os.kill(os.getpid(), signal.SIGSEGV)


def kill_parent():
    assert os.path.samefile("/proc/self/exe", "/proc/%d/exe" % os.getppid()), "that is no interpreter"
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1000)


def unpicklable():
    return lambda: 1


def talk(word):
    print("out", word)
    print("err", word, file=sys.stderr)
    os.system("echo sub " + word)
    return os.getpid()


def wait_for(path, catch=None):
    """Says on a named pipe that it has begun, then waits for ever."""
    try:
        with open(path, "w") as pipe:
            pipe.write(str(os.getpid()))
        while True:
            time.sleep(1000)
    except BaseException as error:
        if catch != type(error).__name__:
            raise
        return catch


def stubborn(path):
    """As `wait_for`, and does not end when it is told to."""
    begun = False
    while True:
        try:
            if not begun:
                begun = True
                with open(path, "w") as pipe:
                    pipe.write(str(os.getpid()))
            while True:
                time.sleep(1000)
        except BaseException:
            pass


def copy_itself():
    if os.fork() == 0:
        return "copy"
    return "original"


def start_child():
    import multiprocessing

    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(0,))
    child.start()
    child.join()
    return child.exitcode


not_callable = 1


def linger(path):
    """Starts a child, says who is there, waits until its parent has gone, says so, and waits for a word."""
    import subprocess

    child = subprocess.Popen(["sleep", "1000"])
    above = os.getppid()
    if os.path.samefile("/proc/self/exe", "/proc/%d/exe" % above):
        server, parent = above, int(open("/proc/%d/stat" % above).read().rsplit(") ", 1)[1].split()[1])
    else:
        server, parent = os.getpid(), above
    with open(path, "w") as pipe:
        pipe.write("%d %d %d" % (os.getpid(), child.pid, server))
    while os.path.exists("/proc/%d" % parent):
        time.sleep(0.01)
    with open(path, "w") as pipe:
        pipe.write("goes on")
    with open(path) as pipe:
        pipe.read()
    child.kill()
    child.wait()


left = []


def leave_for_the_end(what, path):
    """Leaves behind what an interpreter ends, or closes, when it exits."""
    import atexit
    import threading
    import zipfile

    def write():
        with open(path, "w") as file:
            file.write("written")

    def write_and_fail():
        write()
        raise ValueError("on exit")

    def write_at_the_end():
        threading.main_thread().join()
        write()

    def leave_file():
        left.append(open(path, "w"))
        left[0].write("written")

    if what == "file":
        leave_file()
    elif what == "function that leaves a file":
        atexit.register(leave_file)
    elif what == "file of C":
        import ctypes

        library = ctypes.CDLL(None)
        library.fopen.restype = ctypes.c_void_p
        library.fputs(b"written", ctypes.c_void_p(library.fopen(path.encode(), b"w")))
    elif what == "zipfile":
        left.append(zipfile.ZipFile(path, "w"))
        left[0].writestr("name", "written")
    elif what == "thread":
        threading.Thread(target=write_at_the_end).start()
    else:
        atexit.register(write if what == "function" else write_and_fail)


def log_and_fail():
    import logging
    import warnings

    logger = logging.getLogger("test.tasks")
    logger.warning("careful: %d", 7)
    logger.info("by the way")
    logger.debug("not heard")
    warnings.simplefilter("always")
    warnings.warn("odd")
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("went wrong")
    raise ValueError


def log_anywhere():
    import gc
    import logging
    import multiprocessing
    import threading

    def log(times, text):
        for _ in range(times):
            logging.warning(text)

    class Loop:
        def __init__(self):
            self.itself = self

        def __del__(self):
            logging.warning("in a destructor")

    thresholds = gc.get_threshold()
    # At any moment, so also while something is sent.
    for count in range(200):
        gc.collect()
        gc.set_threshold(count + 1)
        Loop()
        logging.warning("between them")
        gc.set_threshold(*thresholds)
    gc.collect()
    threads = [threading.Thread(target=log, args=(100, "in a thread")) for _ in range(4)]
    for thread in threads:
        thread.start()
    logging.warning("odd %s", "\udcff")
    for thread in threads:
        thread.join()
    if not multiprocessing.current_process().daemon:
        copies = [multiprocessing.get_context("fork").Process(target=log, args=(100, "in a copy")) for _ in range(2)]
        for copy in copies:
            copy.start()
        for copy in copies:
            copy.join()
        assert [copy.exitcode for copy in copies] == [0, 0]
    logging.warning("logged in full")


def print_in_any_way():
    import ctypes
    import threading

    thread = threading.Thread(target=print, args=("by a thread",))
    thread.start()
    thread.join()
    os.write(1, b"by a descriptor\n")
    ctypes.CDLL(None).printf(b"by C %d\n", 5)
    os.system("echo by a child")
    sys.stdout.buffer.write(b"\xff\xfe \xc3\xa9\n")
    print("half a line", end="")


def print_much():
    print("x" * (10 << 20), end="end\n")


def print_at_exit():
    import atexit

    print("in the task", end=" ")
    print("in the task", end=" ", file=sys.stderr)
    atexit.register(print, "at the exit")
    atexit.register(lambda: print("at the exit", file=sys.stderr))


def terminate_copies():
    def end_of_copy():
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, b"x")
            # It does not sleep: a handler would not be run when the signal comes just before that.
            while True:
                pass
        os.read(reader, 1)
        os.close(reader)
        os.close(writer)
        os.kill(pid, signal.SIGTERM)
        return os.waitpid(pid, 0)[1]

    assert end_of_copy() == signal.SIGTERM
    before = signal.signal(signal.SIGTERM, lambda number, frame: os._exit(7))
    status = end_of_copy()
    assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7
    signal.signal(signal.SIGTERM, before)
