"""Measures a pool of Python, once: gets a case as JSON in its argument, prints figures as JSON.

With --list it prints the names of the pools that can be imported.
"""

import concurrent.futures
import json
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import threading
import time

MOST_AT_ONCE, MOST_VALUES, FEWEST_VALUES = 1_000_000, 10_000, 3


def noop(x):
    return x


def nap(seconds):
    time.sleep(seconds)


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def who(seconds):
    time.sleep(seconds)
    return os.getpid()


class Interrupted(Exception):
    """Raised in a task that is interrupted: an Exception, which all pools hand to who waits."""


def stay(path):
    """Stays until it is interrupted: none of the pools of processes can do that, a signal can."""

    def interrupted(*_):
        raise Interrupted

    signal.signal(signal.SIGUSR2, interrupted)
    with open(path + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".new", path)
    time.sleep(3600)


class Processes:
    """How the tasks of worker processes are interrupted."""

    def interrupt(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "pid")
            get = self.submit(stay, path)
            while not os.path.exists(path):
                time.sleep(0.0002)
            with open(path) as file:
                pid = int(file.read())
        # It has begun to sleep, or is about to.
        time.sleep(0.002)

        def interrupt():
            os.kill(pid, signal.SIGUSR2)
            try:
                get()
            except Interrupted:
                return
            raise AssertionError("an interrupted task has returned")

        return interrupt


class Executor:
    """What is like concurrent.futures."""

    def __init__(self, pool):
        self.pool = pool

    def submit(self, function, argument):
        return self.pool.submit(function, argument).result

    def map(self, function, items):
        return list(self.pool.map(function, items))

    def end(self):
        self.pool.shutdown()


class ThreadExecutor(Executor):
    """ThreadPoolExecutor: its tasks are interrupted by cooperation."""

    def interrupt(self):
        running, interrupted = threading.Event(), threading.Event()

        def stay_here(_):
            running.set()
            interrupted.wait(3600)

        get = self.submit(stay_here, None)
        running.wait()

        def interrupt():
            interrupted.set()
            get()

        return interrupt


class ProcessExecutor(Processes, Executor):
    """ProcessPoolExecutor."""


class Pool(Processes):
    """What is like multiprocessing.Pool."""

    def __init__(self, pool):
        self.pool = pool

    def submit(self, function, argument):
        return self.pool.apply_async(function, (argument,)).get

    def map(self, function, items):
        return self.pool.map(function, items, chunksize=1)

    def end(self):
        self.pool.close()
        self.pool.join()


class Greenlets:
    """gevent.pool.Pool."""

    def __init__(self, pool):
        self.pool = pool

    def submit(self, function, argument):
        return self.pool.spawn(function, argument).get

    def map(self, function, items):
        return self.pool.map(function, items)

    def interrupt(self):
        import gevent

        running = []

        def stay():
            running.append(True)
            gevent.sleep(3600)

        greenlet = self.pool.spawn(stay)
        while not running:
            gevent.sleep(0)
        return lambda: greenlet.kill()

    def end(self):
        self.pool.join()


def make(case):
    name, workers, method = case["pool"], case["workers"], case["start_method"]
    if name == "concurrent.futures.ThreadPoolExecutor":
        return ThreadExecutor(concurrent.futures.ThreadPoolExecutor(workers))
    if name == "concurrent.futures.ProcessPoolExecutor":
        context = multiprocessing.get_context(method)
        return ProcessExecutor(concurrent.futures.ProcessPoolExecutor(workers, mp_context=context))
    if name == "multiprocessing.Pool":
        return Pool(multiprocessing.get_context(method).Pool(workers))
    if name == "billiard.Pool":
        import billiard

        return Pool(billiard.get_context(method).Pool(workers))
    if name == "gevent.pool.Pool":
        import gevent.pool

        return Greenlets(gevent.pool.Pool(workers))
    raise ValueError(f"unknown pool {name!r}")


def names():
    yield "concurrent.futures.ThreadPoolExecutor"
    yield "concurrent.futures.ProcessPoolExecutor"
    yield "multiprocessing.Pool"
    for module, name in [("billiard", "billiard.Pool"), ("gevent", "gevent.pool.Pool")]:
        try:
            __import__(module)
        except ImportError:
            continue
        yield name


def timed(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def median_of(case, once):
    begin, values = time.perf_counter(), []
    while len(values) < FEWEST_VALUES or (
        time.perf_counter() - begin < case["time"] and len(values) < MOST_VALUES
    ):
        values.append(once())
    return statistics.median(values)


def start(case):
    pool = make(case)
    pool.submit(noop, 7)()
    pool.end()


def throughput(case, pool, body, argument):
    count = 4 * case["workers"]
    while True:
        seconds = timed(lambda: pool.map(body, [argument] * count))
        if seconds >= case["time"] or count >= MOST_AT_ONCE:
            return count / seconds
        count = min(4 * count, MOST_AT_ONCE)


def private_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        lines = [line.split() for line in file]
    return 1024 * sum(int(line[1]) for line in lines if line[0] in ("Private_Clean:", "Private_Dirty:"))


def memory(case, pool):
    pids = set()
    for _ in range(20):
        pids.update(pool.map(who, [0.005] * 2 * case["workers"]))
        if len(pids) >= case["workers"]:
            break
    pids.discard(os.getpid())
    return statistics.median(private_bytes(pid) for pid in pids) if pids else None


def measure(case):
    wanted, figures = case["measures"], {}
    first = b"\7" * (case["payloads"][0] if case["payloads"] else 0)
    body, argument = {
        "noop": (noop, 7),
        "sleep": (nap, case["duration"]),
        "cpu": (spin, case["duration"]),
        "echo": (noop, first),
    }[case["task"]]
    if case["pool"] == "gevent.pool.Pool" and case["task"] == "sleep":
        import gevent

        body = gevent.sleep
    if "start" in wanted:
        start(case)
        figures["start"] = median_of(case, lambda: timed(lambda: start(case)))
    pool = make(case)
    pool.map(body, [argument] * 10 * case["workers"])
    if "round_trip" in wanted:
        figures["round_trip"] = median_of(case, lambda: timed(lambda: pool.submit(body, argument)()))
    if "throughput" in wanted:
        figures["throughput"] = throughput(case, pool, body, argument)
    if "payload" in wanted:
        for size in case["payloads"]:

            def echo():
                assert len(pool.submit(noop, b"\7" * size)()) == size

            echo()
            figures[f"payload {size}"] = median_of(case, lambda: timed(echo))
    if "interrupt" in wanted:
        figures["interrupt"] = median_of(case, lambda: timed(pool.interrupt()))
    if "memory" in wanted:
        bytes_ = memory(case, pool)
        if bytes_ is not None:
            figures["memory"] = bytes_
    pool.end()
    return figures


if __name__ == "__main__":
    if sys.argv[1] == "--list":
        print(json.dumps(list(names())))
    else:
        try:
            result = {"figures": measure(json.loads(sys.argv[1]))}
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result))
