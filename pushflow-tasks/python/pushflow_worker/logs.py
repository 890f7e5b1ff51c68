"""Records of `logging`, sent to the parent with the node and the try that they are of."""

import logging

from . import channel, codec

# The levels of the other side, from 1, each with the least level here.
_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG, 1)


class Forwarder(logging.Handler):
    """Sends records; `worker` knows what runs."""

    def __init__(self, worker, most):
        super().__init__(_LEVELS[most - 1])
        self.worker = worker

    def emit(self, record):
        try:
            number = next((number for number, level in enumerate(_LEVELS, 1) if record.levelno >= level), len(_LEVELS))
            writer = codec.Writer()
            writer.u8(number)
            writer.text(record.name)
            writer.text(self.format(record))
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
