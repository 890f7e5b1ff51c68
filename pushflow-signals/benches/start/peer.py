"""Starts processes as asked for, a line each ("METHOD COUNT"), and answers with the nanoseconds that it took."""

import multiprocessing
import os
import sys
import tempfile
import time


def hello(connection):
    connection.send_bytes(b"!")


def measure(context, count):
    begin = time.perf_counter_ns()
    for _ in range(count):
        ours, theirs = context.Pipe()
        process = context.Process(target=hello, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        assert ours.recv_bytes() == b"!"
        process.join()
        ours.close()
    return time.perf_counter_ns() - begin


if __name__ == "__main__":
    # What is started afresh has to import the function from somewhere.
    source = sys.orig_argv[-1]
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "peer.py"), "w") as file:
            file.write(source)
        sys.path.insert(0, folder)
        import peer

        # The program's main module is a text, which cannot be executed again.
        sys.modules["__main__"] = peer
        for line in sys.stdin:
            method, count = line.split()
            context = multiprocessing.get_context(method)
            # The fork server is there, as ours is.
            peer.measure(context, 1)
            print(peer.measure(context, int(count)), flush=True)
