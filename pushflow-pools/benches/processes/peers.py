"""Measures the process pools of Python: peers.py MEASUREMENT.

Prints a line of JSON for each figure: who, case, and the median of the seconds, or null for what never comes. Measurements:
round_trip, throughput, start, payload, lost, memory. Pools whose package is not there are left out.
"""

import concurrent.futures
import json
import multiprocessing
import os
import signal
import socket
import statistics
import struct
import sys
import tempfile
import time
from functools import partial

try:
    import billiard
except ImportError:
    billiard = None
try:
    import loky
except ImportError:
    loky = None

CALLS = 20_000
SIZES = {"64 B": (64, 200), "64 KiB": (64 << 10, 100), "1 MiB": (1 << 20, 20), "100 MiB": (100 << 20, 3)}
LARGEST, PATIENCE = ("1 GiB", 1 << 30), 5.0


def no_op(x):
    return x


def stay(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(struct.pack("<i", os.getpid()))
        connection.recv(1)


class Executor:
    """What is like concurrent.futures."""

    def __init__(self, make, workers):
        self.pool = make(workers)

    def submit(self, function, argument):
        return self.pool.submit(function, argument).result

    def map(self, items, chunk):
        return list(self.pool.map(no_op, items, chunksize=chunk))

    def pids(self):
        return list(self.pool._processes)

    def end(self):
        self.pool.shutdown()


class Pool:
    """What is like multiprocessing.Pool."""

    def __init__(self, make, workers):
        self.pool = make(workers)

    def submit(self, function, argument):
        return self.pool.apply_async(function, (argument,)).get

    def map(self, items, chunk):
        return self.pool.map(no_op, items, chunksize=chunk)

    def pids(self):
        return [process.pid for process in self.pool._pool]

    def end(self):
        self.pool.close()
        self.pool.join()


def pools(method="fork"):
    """The pools by name: functions of the number of workers."""
    context = multiprocessing.get_context(method)
    executor = partial(concurrent.futures.ProcessPoolExecutor, mp_context=context)
    yield "concurrent.futures", partial(Executor, executor)
    yield "multiprocessing.Pool", partial(Pool, context.Pool)
    if billiard:
        yield "billiard.Pool", partial(Pool, billiard.get_context(method).Pool)
    if loky:
        # It starts its workers in its own way, as new programs.
        yield "loky", partial(Executor, loky.ProcessPoolExecutor)


def say(who, case, seconds):
    print(json.dumps({"who": who, "case": case, "seconds": seconds}), flush=True)


def median(count, function):
    def once():
        begin = time.perf_counter()
        function()
        return time.perf_counter() - begin

    return statistics.median(once() for _ in range(count))


def round_trip():
    for workers in (1, 2):
        for name, make in pools():
            pool = make(workers)
            pool.map(range(100), 1)
            say(name, f"workers: {workers}", median(500, lambda: pool.submit(no_op, 7)()))
            pool.end()


def throughput():
    for name, make in pools():
        pool = make(2)
        pool.map(range(100), 1)
        for case, chunk in (("one by one", 1), ("chunks of 100", 100), ("chunks of 1000", 1000)):
            say(name, case, median(1 if chunk == 1 else 3, lambda: pool.map(range(CALLS), chunk)) / CALLS)
        if isinstance(pool, Pool):
            seconds = median(3, lambda: pool.map(range(CALLS), None)) / CALLS
            say(f"{name}, its own chunks", "chunks of 1000", seconds)
        pool.end()


def start():
    def start_and_stop(make):
        pool = make(2)
        results = [pool.submit(no_op, x) for x in (1, 2)]
        assert [result() for result in results] == [1, 2]
        pool.end()

    for method in ("forkserver", "fork", "spawn"):
        for name, make in pools(method):
            if name == "loky" and method != "spawn":
                continue
            # Fork servers and trackers of resources are there.
            start_and_stop(make)
            count = 1 if name == "billiard.Pool" else 5
            say(name, method, median(count, lambda: start_and_stop(make)))


def payload():
    for name, make in pools():
        pool = make(1)
        pool.map(range(100), 1)
        for way in ("there and back", "handed on"):
            for size, (length, count) in SIZES.items():
                seconds = carry(pool, way, length, count)
                say(name, f"{size} {way}", seconds)
            size, length = LARGEST
            if seconds * length / SIZES["100 MiB"][0] < PATIENCE:
                say(name, f"{size} {way}", carry(pool, way, length, 1))
        pool.end()


def carry(pool, way, length, count):
    data = b"\7" * length

    def once():
        nonlocal data
        result = pool.submit(no_op, data)()
        assert len(result) == length and result[-1] == 7
        if way == "handed on":
            data = result

    return median(count, once)


def lost():
    for name, make in pools():
        # What waits ten seconds for a lost worker is asked once.
        losses = [lose(name, make) for _ in range(1 if name == "billiard.Pool" else 5)]
        reported, replaced = zip(*losses)
        say(name, "reported", None if None in reported else statistics.median(reported))
        say(name, "replaced", statistics.median(replaced))


def lose(name, make):
    """Seconds until a call was told lost, and until another one had a result."""
    pool = make(1)
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "gate")
        listener.bind(path)
        listener.listen()
        pending = pool.submit(stay, path)
        connection, _ = listener.accept()
        (pid,) = struct.unpack("<i", connection.recv(4))
        begin = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        reported = replaced = None
        if isinstance(pool, Pool):
            # Its other calls go on, whatever is told.
            assert pool.submit(no_op, 7)() == 7
            replaced = time.perf_counter() - begin
        if name != "multiprocessing.Pool":
            try:
                pending()
            except Exception:
                reported = time.perf_counter() - begin
        if isinstance(pool, Executor):
            # It is broken, and so are all calls; the next pool does better.
            pool.end()
            pool = make(1)
            assert pool.submit(no_op, 7)() == 7
            replaced = time.perf_counter() - begin
        connection.close()
        # Some do not end in good order any more.
        pool.end() if isinstance(pool, Executor) else pool.pool.terminate()
    return reported, replaced


def memory():
    for method in ("fork", "spawn"):
        for name, make in pools(method):
            if name == "loky" and method == "fork":
                continue
            pool = make(2)
            pool.map(range(1000), 1)
            figures = [smaps(pid) for pid in pool.pids()]
            figures = [sum(figure) / len(figures) for figure in zip(*figures)]
            print(json.dumps({"who": f"{name}, {method}", "memory": figures}), flush=True)
            pool.end()


def smaps(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        fields = dict(line.split(":", 1) for line in file if line.endswith("kB\n"))
    rss, pss, clean, dirty = (
        int(fields[name].split()[0]) for name in ("Rss", "Pss", "Private_Clean", "Private_Dirty")
    )
    return rss, pss, clean + dirty


if __name__ == "__main__":
    measurements = (round_trip, throughput, start, payload, lost, memory)
    {function.__name__: function for function in measurements}[sys.argv[1]]()
