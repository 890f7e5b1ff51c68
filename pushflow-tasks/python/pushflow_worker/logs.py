"""Records of `logging`, sent to the parent with the node and the try that they are of."""

import logging
import os

from . import channel, codec

# The levels of the other side, from 1, each with the least level here.
_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG, 1)


class Forwarder(logging.Handler):
    """Sends records; `worker` knows what runs."""

    def __init__(self, worker, most):
        super().__init__(_LEVELS[most - 1])
        self.worker = worker

    def emit(self, record):
        if os.getpid() != self.worker.pid:
            # A copy of the worker, made by a task, has no channel.
            copy = logging.StreamHandler()
            copy.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
            copy.emit(record)
            return
        try:
            number = next((number for number, level in enumerate(_LEVELS, 1) if record.levelno >= level), len(_LEVELS))
            writer = codec.Writer()
            writer.u8(number)
            writer.text(record.name)
            # As standard error does with what cannot be encoded.
            writer.text(self.format(record).encode("utf-8", "backslashreplace").decode())
            context = self.worker.context
            writer.text("" if context is None else "node=%r attempt=%d" % (context.node, context.attempt))
            self.worker.channel.write(channel.LOG, 0, writer.out)
        except Exception:
            self.handleError(record)


def forward(worker, most):
    """Sends what the parent wants to hear, the most detailed level first: 1 for errors to 5 for everything."""
    root = logging.getLogger()
    level = _LEVELS[most - 1]
    if root.level > level:
        root.setLevel(level)
    root.addHandler(Forwarder(worker, most))
