"""One row of the benchmark of coroutines, for gevent: prints seconds, or bytes."""
import sys
import time

try:
    import gevent
    from gevent.event import Event
except ImportError:
    sys.exit("no gevent here")

ROW, COUNT = sys.argv[1], int(sys.argv[2])


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def nothing():
    pass


def round_trip():
    begin = time.perf_counter()
    for _ in range(COUNT):
        gevent.spawn(nothing).get()
    return (time.perf_counter() - begin) / COUNT


def throughput():
    begin = time.perf_counter()
    gevent.joinall([gevent.spawn(nothing) for _ in range(COUNT)])
    return (time.perf_counter() - begin) / COUNT


def hand_over():
    there, back = Event(), Event()

    def partner():
        for _ in range(COUNT):
            there.wait()
            there.clear()
            back.set()

    other = gevent.spawn(partner)
    begin = time.perf_counter()
    for _ in range(COUNT):
        there.set()
        back.wait()
        back.clear()
    took = (time.perf_counter() - begin) / (2 * COUNT)
    other.join()
    return took


def cancel():
    took = 0.0
    for _ in range(COUNT):
        sleeper = gevent.spawn(gevent.sleep, 3600)
        gevent.sleep(0)
        begin = time.perf_counter()
        sleeper.kill()
        took += time.perf_counter() - begin
    return took / COUNT


def memory():
    before = resident()
    sleepers = [gevent.spawn(gevent.sleep, 3600) for _ in range(COUNT)]
    gevent.sleep(0)
    gevent.sleep(0.5)
    assert not any(sleeper.ready() for sleeper in sleepers)
    return (resident() - before) / COUNT


print(globals()[ROW]())
