"""Starts a thread when it is imported, with the name of one that is known to look after forks itself."""

import ctypes
import threading
import time

PR_SET_NAME = 15
has_name = threading.Event()


def wait():
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"jemalloc_bg_thd", 0, 0, 0)
    has_name.set()
    time.sleep(1000)


threading.Thread(target=wait, daemon=True).start()
has_name.wait()
