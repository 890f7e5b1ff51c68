"""The worker: reads a call, runs it, writes the reply."""

import faulthandler
import mmap
import os
import struct
import sys

from . import channel, codec, errors, interrupts, memory, tasks, traces, values

INITIALIZER = 0
# Words of the ledger: see `pushflow-pools/src/process/ledger.rs`.
_LEDGER_BYTES = 128

_PROGRESS = 0
# What a call begins with: the task, the attempt, the run; its time limit and deadline, which the parent keeps.
_CALL = struct.Struct("<IIQQQ")


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
        writer.f64(fraction)
        self.worker.channel.write(channel.EVENT, self.call, writer.out)


class Worker:
    """What a worker knows."""

    def __init__(self, sock, stdout):
        # Where standard output is, until it is known who hears what is printed.
        self.stdout = stdout
        self.interrupts = interrupts.Interrupts()
        self.channel = channel.Channel(sock, self.interrupts.held)
        self.memory = memory.Memory(self.interrupts.held)
        self.traces = None
        self.tasks = {}
        self.pid = os.getpid()
        self.reports_memory = False
        self.has_initializer = False
        # Of what runs.
        self.context = None

    def serve(self):
        """Serves the pool until there is nobody any more, or it says so."""
        self.interrupts.listen()
        try:
            while True:
                kind, number, body, beside = self.channel.read()
                if kind == channel.CALL:
                    self.call(number, body, beside)
                    self.channel.look()
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
        if self.stdout is not None:
            os.dup2(self.stdout, 1)
            os.close(self.stdout)
        for place in ([1] if has_stdout else []) + ([2] if has_stderr else []):
            descriptor = descriptors.pop(0)
            os.dup2(descriptor, place)
            os.close(descriptor)
        # A crash, and SIGTERM, say where it was.
        faulthandler.enable(2)
        self.interrupts.install()
        self.traces = traces.Traces()
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
        place, attempt, run, _, _ = reader.unpack(_CALL)
        task = self.tasks[place]
        self.context = Context(number, reader.text(), run, attempt, self)
        writer = codec.Writer(self.memory)
        writer.u64(0)
        try:
            try:
                self.interrupts.begin(number)
                outputs = task.run(reader, self.context)
                if os.getpid() != self.pid:
                    # The task has forked this process, and this is the copy, which nobody waits for.
                    os._exit(0)
                writer.u8(0)
                self.deliver(outputs, writer)
            finally:
                self.interrupts.current = 0
        except BaseException as error:
            if os.getpid() != self.pid:
                os._exit(1)
            self.interrupts.current = 0
            self.write_failure(writer, task, error)
        self.traces.wipe()
        if self.reports_memory:
            writer.out[:8] = resident_bytes().to_bytes(8, "little")
        self.channel.write(channel.REPLY, number, writer.out, writer.beside)
        self.context = None
        self.memory.release()
        channel.close_all(reader.beside)

    def deliver(self, outputs, writer):
        """Writes the outputs of a task; what that runs may be interrupted as well."""
        try:
            outputs.write(writer)
            if len(writer.out) > channel.MOST_BYTES:
                raise OverflowError("outputs of %d bytes, at most %d can be sent" % (len(writer.out), channel.MOST_BYTES))
        except BaseException as error:
            if self.interrupts.is_by(error):
                raise
            raise errors.Failure(errors.DELIVERY, error) from None

    def write_failure(self, writer, task, error):
        """Writes what became of a task instead of outputs."""
        mark = 8
        try:
            del writer.out[mark:]
            writer.beside = []
            writer.u8(1)
            errors.write_failure(writer, task.failure(error, self.interrupts))
        except BaseException as other:
            # Exceptions are classes of the task: what they say of themselves may fail, too.
            del writer.out[mark:]
            writer.beside = []
            writer.u8(1)
            text = "the task has failed, and its exception cannot be told: %s" % type(other).__name__
            errors.write_failure(writer, errors.Failure(errors.RAISED, RuntimeError(text)))


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
        if interrupts.is_by(error):
            shown = errors.StopPypushflowTask("the task was interrupted")
            return errors.Failure(errors.INTERRUPTED, error, shown=shown)
        if isinstance(error, SystemExit):
            return tasks.fail(self.settings, error, "the task has exited: SystemExit: %s" % (error.code,))
        return tasks.fail(self.settings, error)


def resident_bytes():
    """Returns how much memory this process has resident. proc_pid_statm(5)"""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
