"""The worker: reads a call, runs it, writes the reply."""

import faulthandler
import mmap
import os
import signal
import struct
import sys

from . import channel, codec, errors, memory, tasks, values

INITIALIZER = 0
# Words of the ledger: see `pushflow-pools/src/process/ledger.rs`.
_BEGUN, _ENDING, _LEDGER_BYTES = 0, 8, 128

_PROGRESS = 0


class Context:
    """What a task may know of its execution."""

    __slots__ = ("call", "node", "run", "attempt", "worker")

    def __init__(self, call, node, run, attempt, worker):
        self.call = call
        self.node = node
        self.run = run
        self.attempt = attempt
        self.worker = worker


    def progress(self, fraction):
        """Says how far the task is, from 0 to 1."""
        writer = codec.Writer()
        writer.u8(_PROGRESS)
        writer.out += struct.pack("<d", fraction)
        self.worker.channel.write(channel.EVENT, self.call, writer.out)


class Interrupts:
    """SIGINT ends what runs, if it is for that.

    The parent writes which call is to end into the ledger, then sends the signal. So one that comes late is not for the next
    call; one for which nothing is written came from somebody else, and is for whatever runs.
    """

    def __init__(self):
        self.pid = os.getpid()
        self.ledger = None
        self.current = 0
        # The last one whose signal has come.
        self.heard = 0
        self.raised = False

    def install(self):
        signal.signal(signal.SIGINT, self.handle)

    def asked(self):
        """Returns the word of the ledger if it is about what runs, else 0."""
        word = self.ledger[_ENDING]
        return word if self.current and word >> 1 == self.current else 0

    def handle(self, number, frame):
        if os.getpid() != self.pid:
            # A task has forked this process.
            raise KeyboardInterrupt
        word = self.ledger[_ENDING] if self.ledger is not None else 0
        is_late = word != self.heard and word >> 1 != self.current
        self.heard = word
        if self.current and not is_late and not self.raised:
            self.raised = True
            self.throw(self.asked())

    def begin(self, call):
        """Begins a call; raises at once if it is to end already."""
        self.raised = False
        self.current = call
        self.ledger[_BEGUN] = call
        word = self.asked()
        if word and not self.raised:
            self.raised = True
            self.throw(word)

    @staticmethod
    def throw(word):
        if word & 1:
            raise errors.SoftTimeLimitExceeded("the task took longer than its time limit")
        raise KeyboardInterrupt


class Worker:
    """What a worker knows."""

    def __init__(self, sock):
        self.channel = channel.Channel(sock)
        self.interrupts = Interrupts()
        self.memory = memory.Memory()
        self.tasks = {}
        self.pid = os.getpid()
        self.reports_memory = False
        self.has_initializer = False
        # Of what runs.
        self.context = None

    def serve(self):
        """Serves the pool until there is nobody any more, or it says so."""
        self.interrupts.install()
        try:
            while True:
                kind, number, body, beside = self.channel.read()
                if kind == channel.CALL:
                    self.call(number, body, beside)
                elif kind == channel.DEFINE:
                    self.define(number, body, beside)
                elif kind == channel.HELLO:
                    self.hello(body, beside)
                elif kind == channel.EXIT:
                    return
                elif kind not in (channel.INTERRUPT, channel.HEARTBEAT):
                    raise ValueError("a frame of kind %d, which only workers send" % kind)
        except channel.Ended:
            return

    def hello(self, body, descriptors):
        reader = codec.Reader(body)
        flags, level, _ = reader.u8(), reader.u8(), reader.duration()
        has_stdout, has_stderr = flags & 2, flags & 4
        self.reports_memory = bool(flags & 8)
        self.has_initializer = bool(flags & 16)
        ledger = descriptors.pop(0)
        self.interrupts.ledger = memoryview(mmap.mmap(ledger, _LEDGER_BYTES)).cast("Q")
        os.close(ledger)
        for place in ([1] if has_stdout else []) + ([2] if has_stderr else []):
            descriptor = descriptors.pop(0)
            os.dup2(descriptor, place)
            os.close(descriptor)
        # A crash, and SIGTERM, say where it was.
        faulthandler.enable(2)
        faulthandler.register(signal.SIGTERM, file=2, all_threads=True, chain=True)
        if level:
            from . import logs

            logs.forward(self, min(level, 5))
        if not self.has_initializer:
            self.channel.write(channel.READY, self.pid)

    def define(self, number, body, beside):
        reader = codec.Reader(body, beside, self.memory, values.unseal, values.make_array)
        reader.text()
        self.tasks[number] = Defined(reader.value())

    def call(self, number, body, beside):
        reader = codec.Reader(body, beside, self.memory, values.unseal, values.make_array)
        task = self.tasks[reader.u32()]
        attempt, run = reader.u32(), reader.u64()
        reader.duration(), reader.duration()
        context = Context(number, reader.text(), run, attempt, self)
        writer = codec.Writer(self.memory)
        writer.u64(0)
        try:
            try:
                self.context = context
                self.interrupts.begin(number)
                outputs = task.run(reader, context)
            finally:
                self.interrupts.current = 0
            if os.getpid() != self.pid:
                # The task has forked this process, and this is the copy, which nobody waits for.
                os._exit(0)
            mark = len(writer.out)
            writer.u8(0)
            try:
                outputs.write(writer)
            except BaseException as error:
                del writer.out[mark:]
                raise errors.Failure(errors.DELIVERY, error) from None
        except BaseException as error:
            if os.getpid() != self.pid:
                os._exit(1)
            self.interrupts.current = 0
            mark = 8
            del writer.out[mark:]
            writer.beside = []
            writer.u8(1)
            errors.write_failure(writer, task.failure(error, self.interrupts))
        flush()
        if self.reports_memory:
            writer.out[:8] = resident_bytes().to_bytes(8, "little")
        self.channel.write(channel.REPLY, number, writer.out, writer.beside)
        self.memory.release()


class Defined:
    """A task by its settings; it is made by its first execution."""

    def __init__(self, settings):
        self.settings = settings
        self.task = None

    def run(self, reader, context):
        if self.task is None:
            self.task = tasks.make(self.settings)
        return self.task(reader.payload(), context)

    def failure(self, error, interrupts):
        """Returns what an exception is told as."""
        if isinstance(error, errors.Failure):
            return error
        if isinstance(error, (KeyboardInterrupt, errors.SoftTimeLimitExceeded)) and interrupts.raised:
            shown = errors.StopPypushflowTask("the task was interrupted")
            return errors.Failure(errors.INTERRUPTED, error, shown=shown)
        if isinstance(error, SystemExit):
            return tasks.fail(self.settings, error, "the task has exited: SystemExit: %s" % (error.code,))
        return tasks.fail(self.settings, error)


def flush():
    """Sends on what a task has printed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def resident_bytes():
    """Returns how much memory this process has resident. proc_pid_statm(5)"""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
