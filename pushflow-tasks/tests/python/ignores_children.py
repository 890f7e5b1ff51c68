"""Ignores the ends of children when it is imported, so that nobody can wait for them."""

import signal

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
